package vision

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"

	"golang.org/x/image/webp"

	"ekyc"
)

// Format is the type of an image file by its content.
type Format string

// The formats that are decoded.
const (
	JPEG Format = "jpeg"
	PNG  Format = "png"
	WebP Format = "webp"
)

// Limits bound what is decoded; they are checked before a pixel is.
type Limits struct {
	MaxBytes  int // of the file
	MaxSide   int // pixels
	MaxPixels int
	MinSide   int // pixels, of the shorter side
}

// The limits on uploads: whole scenes, and crops that show only a face.
var (
	SceneLimits    = Limits{MaxBytes: 10 << 20, MaxSide: 12000, MaxPixels: 40_000_000, MinSide: 200}
	FaceCropLimits = Limits{MaxBytes: 10 << 20, MaxSide: 12000, MaxPixels: 40_000_000, MinSide: 48}
)

// maxDecodedBytes bounds the memory of one decode with everything that it holds at once: 40 million pixels of a plain JPEG, PNG or
// WebP in any orientation stay under it, rarer forms (16 bits a channel, progressive, interlaced) reach it with fewer pixels.
const maxDecodedBytes = 400_000_000

// Info is what a file says of itself before it is decoded. Width and Height are as stored, before Orientation is applied.
type Info struct {
	Format        Format `json:"format"`
	Width         int    `json:"width"`
	Height        int    `json:"height"`
	Orientation   int    `json:"orientation"` // EXIF: 1 upright to 8
	FourChannels  bool   `json:"-"`           // CMYK or YCCK JPEG
	BytesPerPixel int    `json:"-"`           // while decoding
}

// Inspect recognises a file by its content and checks it against the limits without decoding it.
// Errors: ErrImageEmpty, ErrImageTooLarge, ErrImageTypeUnsupported, ErrImageCorrupt, ErrImageDimensions.
func Inspect(data []byte, limits Limits) (Info, error) {
	if len(data) == 0 {
		return Info{}, ekyc.Errorf(ekyc.ErrImageEmpty, "the image is empty")
	}
	if len(data) > limits.MaxBytes {
		return Info{}, ekyc.Errorf(ekyc.ErrImageTooLarge, "the image has %d bytes; at most %d are accepted", len(data), limits.MaxBytes).
			With("bytes", len(data)).With("max_bytes", limits.MaxBytes)
	}
	info, err := header(data)
	if err != nil {
		return Info{}, err
	}
	return info, info.check(limits)
}

// header dispatches on the file's first bytes.
func header(data []byte) (Info, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xd8, 0xff}):
		w, h, four, err := jpegHeader(data)
		if err != nil {
			return Info{}, corrupt(err)
		}
		return Info{JPEG, w, h, jpegOrientation(data), four, jpegBytesPerPixel(data, four)}, nil
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		config, err := png.DecodeConfig(bytes.NewReader(data))
		if err != nil {
			return Info{}, corrupt(err)
		}
		return Info{PNG, config.Width, config.Height, pngOrientation(data), false, pngBytesPerPixel(data)}, nil
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		config, err := webp.DecodeConfig(bytes.NewReader(data))
		if err != nil {
			return Info{}, corrupt(err)
		}
		return Info{WebP, config.Width, config.Height, webpOrientation(data), false, webpBytesPerPixel}, nil
	}
	return Info{}, ekyc.Errorf(ekyc.ErrImageTypeUnsupported, "the content is not a JPEG, PNG or WebP image")
}

// rgbCopies is the raster itself and the copy while an orientation is applied, in bytes a pixel.
const rgbCopies = 3 + 3

// pngBytesPerPixel is the most that the decode of a PNG holds: eight bytes for 16 bits a channel, else at most four, half as much
// again where interlacing keeps a pass beside the image, and the raster that is made of it.
func pngBytesPerPixel(data []byte) int {
	const depthAt, interlaceAt = 24, 28 // in the IHDR chunk, which must come first
	n := 4
	if len(data) > interlaceAt && data[depthAt] == 16 {
		n = 8
	}
	if len(data) > interlaceAt && data[interlaceAt] != 0 {
		n += n / 2
	}
	return n + rgbCopies
}

// webpBytesPerPixel: four bytes decoded at most, and the raster.
const webpBytesPerPixel = 4 + rgbCopies

func (i Info) check(limits Limits) error {
	var problem string
	switch {
	case i.Width <= 0 || i.Height <= 0:
		problem = "the image has no pixels"
	case i.Width > limits.MaxSide || i.Height > limits.MaxSide:
		problem = "a side of the image is too long"
	case i.Width*i.Height > limits.MaxPixels || i.Width*i.Height > maxDecodedBytes/i.BytesPerPixel:
		problem = "the image has too many pixels"
	case min(i.Width, i.Height) < limits.MinSide:
		problem = "a side of the image is too short"
	default:
		return nil
	}
	return ekyc.Errorf(ekyc.ErrImageDimensions, "%s: it is %d x %d; at least %d and at most %d a side and %d pixels are accepted",
		problem, i.Width, i.Height, limits.MinSide, limits.MaxSide, limits.MaxPixels).
		With("width", i.Width).With("height", i.Height).With("min_side", limits.MinSide).
		With("max_side", limits.MaxSide).With("max_pixels", limits.MaxPixels)
}

// Picture is a decoded image, upright by its orientation tag, free of metadata, with its smaller copies.
type Picture struct {
	*Pyramid
	Info Info
}

// Decode checks a file against the limits and decodes it. Errors: those of Inspect, and ErrImageCorrupt for data that do not
// decode to the end.
func Decode(data []byte, limits Limits) (*Picture, error) {
	info, err := Inspect(data, limits)
	if err != nil {
		return nil, err
	}
	m, err := decode(data, info)
	if err != nil {
		return nil, corrupt(err)
	}
	return &Picture{NewPyramid(m.Orient(info.Orientation)), info}, nil
}

func decode(data []byte, info Info) (*RGB, error) {
	switch info.Format {
	case JPEG:
		return decodeJPEG(data, info.Width, info.Height, info.FourChannels)
	case PNG:
		m, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		return FromImage(m), nil
	default:
		m, err := webp.Decode(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		return FromImage(m), nil
	}
}

func corrupt(cause error) error {
	return ekyc.Errorf(ekyc.ErrImageCorrupt, "the image is damaged or cut off and cannot be decoded").Because(cause)
}

// FromImage converts any standard library image; transparent parts are laid over white, as paper is.
func FromImage(m image.Image) *RGB {
	b := m.Bounds()
	out := NewRGB(b.Dx(), b.Dy())
	if n, ok := m.(*image.NRGBA); ok && n.Opaque() {
		for y := range out.Height {
			row := n.Pix[y*n.Stride:]
			for x := range out.Width {
				copy(out.Pix[3*(y*out.Width+x):3*(y*out.Width+x)+3], row[4*x:4*x+3])
			}
		}
		return out
	}
	strip := image.NewRGBA(image.Rect(0, 0, b.Dx(), 1))
	for y := range out.Height {
		draw.Draw(strip, strip.Bounds(), image.White, image.Point{}, draw.Src)
		draw.Draw(strip, strip.Bounds(), m, image.Pt(b.Min.X, b.Min.Y+y), draw.Over)
		for x := range out.Width {
			copy(out.Pix[3*(y*out.Width+x):3*(y*out.Width+x)+3], strip.Pix[4*x:4*x+3])
		}
	}
	return out
}

// Sanitise gives the image as a JPEG of the given quality, upright, with no metadata and nothing appended to it.
// Errors: those of Decode.
func Sanitise(data []byte, limits Limits, quality int) ([]byte, error) {
	p, err := Decode(data, limits)
	if err != nil {
		return nil, err
	}
	out, err := EncodeJPEG(p.Native(), quality)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the image could not be written").Because(err)
	}
	return out, nil
}
