package capture

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"math/rand/v2"
	"testing"

	"golang.org/x/image/draw"
)

// film is pictures one after the other in JPEG, which Chromium takes for a camera of 30 pictures a second.
func film(t testing.TB, pictures ...image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, picture := range pictures {
		if err := jpeg.Encode(&out, picture, &jpeg.Options{Quality: 92}); err != nil {
			t.Error(err) // films are made beside the test's own goroutine
		}
	}
	return out.Bytes()
}

func white(width, height int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	return out
}

// animation is a picture of a type that browsers read and the service does not.
func animation(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, gif.Encode(&out, white(400, 300), nil))
	return out.Bytes()
}

func decodeJPEG(t testing.TB, file []byte) image.Image {
	t.Helper()
	out, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		t.Error(err)
	}
	return out
}

// place draws a part of a picture into a grey view of a camera.
func place(width, height int, picture image.Image, part, at image.Rectangle) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(out, out.Bounds(), image.NewUniform(color.Gray{96}), image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(out, at, picture, part, draw.Src, nil)
	return out
}

// swaying is a person who sits before the camera: the photograph moves a little, and no picture is quite like another. Nothing else of it is
// like life, and what liveness says of it is not looked at.
func swaying(t testing.TB, selfie []byte, seconds int) []byte {
	t.Helper()
	const width, height, perSecond = 640, 480, 30
	source := decodeJPEG(t, selfie)
	chance := rand.New(rand.NewPCG(5, 4))
	var pictures []image.Image
	x, y := 0.0, 0.0
	for range seconds * perSecond {
		x, y = 0.9*x+2*chance.NormFloat64(), 0.9*y+1.2*chance.NormFloat64()
		wide := height * source.Bounds().Dx() / source.Bounds().Dy()
		left, top := (width-wide)/2+int(x), int(y)
		view := place(width, height, source, source.Bounds(), image.Rect(left, top, left+wide, top+height))
		for i := 0; i+3 < len(view.Pix); i += 4 {
			noise := int(chance.Uint64()&3) - 2
			for j := i; j < i+3; j++ {
				view.Pix[j] = uint8(min(255, max(0, int(view.Pix[j])+noise)))
			}
		}
		pictures = append(pictures, view)
	}
	return film(t, pictures...)
}

// lying is a document before the camera. The sample's photograph has 2400 by 1800 pixels and the document in its middle; the camera sees it
// fill its frame.
func lying(t testing.TB, front []byte) image.Image {
	t.Helper()
	source := decodeJPEG(t, front)
	b := source.Bounds()
	part := image.Rect(b.Dx()*5/100, b.Dy()*7/100, b.Dx()*95/100, b.Dy()*93/100) // 2160 by 1548
	wide := part.Dx() * 1080 / part.Dy()
	return place(1920, 1080, source, part, image.Rect((1920-wide)/2, 0, (1920+wide)/2, 1080))
}

// dimmed is a picture in bad light.
func dimmed(picture image.Image, share float64) image.Image {
	b := picture.Bounds()
	out := image.NewRGBA(b)
	draw.Draw(out, b, picture, b.Min, draw.Src)
	for i := range out.Pix {
		if i%4 != 3 {
			out.Pix[i] = uint8(float64(out.Pix[i]) * share)
		}
	}
	return out
}
