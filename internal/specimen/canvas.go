package specimen

import (
	_ "embed"
	"fmt"
	"image"
	"image/color"
	"math"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"

	"ekyc/internal/vision"
)

//go:embed fonts/ocr-b.otf
var ocrBFile []byte

// Parts of freely licensed typefaces; fonts/README.md says which characters they have and how they were cut out.
var (
	//go:embed fonts/roboto.ttf
	robotoFile []byte
	//go:embed fonts/roboto-condensed.ttf
	condensedFile []byte
	//go:embed fonts/dejavu-serif.ttf
	serifFile []byte
	//go:embed fonts/dejavu-arabic.ttf
	arabicFile []byte
	//go:embed fonts/wqy-han.ttf
	hanFile []byte
)

// typeface names one of the fonts that documents are set in.
type typeface int

const (
	regular typeface = iota
	medium
	bold
	italic
	monospaced
	ocrB
	roman
	condensed
	serif
	arabicFace
	han
	typefaces // their number
)

// fontUnits is the size at which outlines are loaded, in pixels an em; they are scaled from there.
const fontUnits = 1000

// fontSet is every parsed font. It is not safe for concurrent use, since sfnt keeps its scratch memory in buffer.
type fontSet struct {
	fonts  [typefaces]*sfnt.Font
	buffer sfnt.Buffer
}

func newFontSet() (*fontSet, error) {
	set := &fontSet{}
	for i, data := range [typefaces][]byte{goregular.TTF, gomedium.TTF, gobold.TTF, goitalic.TTF, gomono.TTF, ocrBFile, robotoFile, condensedFile, serifFile, arabicFile, hanFile} {
		font, err := sfnt.Parse(data)
		if err != nil {
			return nil, fmt.Errorf("font %d: %w", i, err)
		}
		set.fonts[i] = font
	}
	return set, nil
}

// canvas draws on a raster in millimetres of the document.
type canvas struct {
	image *vision.RGB
	scale float64 // pixels a millimetre
	fonts *fontSet
}

func newCanvas(widthMM, heightMM, pixelsPerMM float64, fonts *fontSet) *canvas {
	return &canvas{vision.NewRGB(int(math.Round(widthMM*pixelsPerMM)), int(math.Round(heightMM*pixelsPerMM))), pixelsPerMM, fonts}
}

// ink is a colour with its opacity, 0 to 1.
type ink struct {
	color.RGBA
	opacity float64
}

func solid(rgb uint32) ink { return ink{rgbOf(rgb), 1} }

func (k ink) faint(opacity float64) ink { return ink{k.RGBA, opacity} }

// rgbOf reads 0xRRGGBB.
func rgbOf(v uint32) color.RGBA { return color.RGBA{byte(v >> 16), byte(v >> 8), byte(v), 0xff} }

// mix is the colour at share t between a and b.
func mix(a, b color.RGBA, t float64) color.RGBA {
	part := func(x, y byte) byte { return byte(math.Round(float64(x) + (float64(y)-float64(x))*t)) }
	return color.RGBA{part(a.R, b.R), part(a.G, b.G), part(a.B, b.B), 0xff}
}

// blend lays ink of the given coverage (0 to 255) over one pixel.
func (c *canvas) blend(x, y int, k ink, coverage uint32) {
	if x < 0 || y < 0 || x >= c.image.Width || y >= c.image.Height {
		return
	}
	a := uint32(k.opacity*256) * coverage / 255
	p := c.image.Pix[3*(y*c.image.Width+x):][:3:3]
	p[0] = byte((uint32(p[0])*(256-a) + uint32(k.R)*a) >> 8)
	p[1] = byte((uint32(p[1])*(256-a) + uint32(k.G)*a) >> 8)
	p[2] = byte((uint32(p[2])*(256-a) + uint32(k.B)*a) >> 8)
}

// fill covers a rectangle in millimetres, its edges rounded to pixels.
func (c *canvas) fill(r vision.Rect, k ink) {
	r = r.Scale(c.scale)
	for y := int(math.Round(r.Y0)); y < int(math.Round(r.Y1)); y++ {
		for x := int(math.Round(r.X0)); x < int(math.Round(r.X1)); x++ {
			c.blend(x, y, k, 255)
		}
	}
}

// style is how a line of text is set. Zero alignment is left, zero width is the font's own.
type style struct {
	face   typeface
	size   float64 // millimetres an em
	ink    ink
	angle  float64 // degrees clockwise about the start of the baseline
	align  float64 // 0 left, 0.5 centred, 1 right
	pitch  float64 // millimetres between the centres of characters; 0: proportional
	spread float64 // additional millimetres after each character
}

// glyphRun is text laid out along a baseline that starts at 0, 0.
type glyphRun struct {
	index  []sfnt.GlyphIndex
	face   []typeface
	offset []float64 // millimetres from the start
	width  float64
}

// glyph finds a character in a typeface, else in those that have what most lack; a question mark where none has it.
func (f *fontSet) glyph(r rune, face typeface) (typeface, sfnt.GlyphIndex) {
	for _, at := range []typeface{face, roman, regular, serif, han, arabicFace} {
		if index, err := f.fonts[at].GlyphIndex(&f.buffer, r); err == nil && index != 0 {
			return at, index
		}
	}
	index, _ := f.fonts[face].GlyphIndex(&f.buffer, '?')
	return face, index
}

func (c *canvas) layOut(text string, s style) glyphRun {
	var run glyphRun
	for _, r := range text {
		face, index := c.fonts.glyph(r, s.face)
		advance, err := c.fonts.fonts[face].GlyphAdvance(&c.fonts.buffer, index, fixed.I(fontUnits), 0)
		if err != nil {
			continue
		}
		width := float64(advance) / 64 / fontUnits * s.size
		offset := run.width
		if s.pitch > 0 {
			offset += (s.pitch - width) / 2
			width = s.pitch
		}
		run.index, run.face = append(run.index, index), append(run.face, face)
		run.offset = append(run.offset, offset)
		run.width += width + s.spread
	}
	return run
}

// width is how wide a text would be, in millimetres.
func (c *canvas) width(text string, s style) float64 { return c.layOut(text, s).width }

// text sets a line with its baseline at x, y millimetres and gives the box around it (of the unturned line).
func (c *canvas) text(text string, x, y float64, s style) vision.Rect {
	run := c.layOut(text, s)
	x -= run.width * s.align
	box := vision.Rect{X0: x, Y0: y - s.size*ascent, X1: x + run.width, Y1: y + s.size*descent}
	sin, cos := math.Sincos(s.angle * math.Pi / 180)
	k := s.size / fontUnits / 64
	for i, index := range run.index {
		segments, err := c.fonts.fonts[run.face[i]].LoadGlyph(&c.fonts.buffer, index, fixed.I(fontUnits), nil)
		if err != nil || len(segments) == 0 {
			continue
		}
		c.outline(segments, s.ink, func(p fixed.Point26_6) (float32, float32) {
			u, v := run.offset[i]+float64(p.X)*k, float64(p.Y)*k
			return float32((x + u*cos - v*sin) * c.scale), float32((y + u*sin + v*cos) * c.scale)
		})
	}
	return box
}

// ascent and descent of capitals and lower-case letters above and below the baseline, in ems.
const (
	ascent  = 0.78
	descent = 0.22
)

// outline fills the path of a glyph, placed by the given map to pixels.
func (c *canvas) outline(segments sfnt.Segments, k ink, place func(fixed.Point26_6) (float32, float32)) {
	x0, y0, x1, y1 := float32(math.Inf(1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Inf(-1))
	for _, s := range segments {
		for _, p := range s.Args[:arguments(s.Op)] {
			x, y := place(p)
			x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x), max(y1, y)
		}
	}
	left, top := int(math.Floor(float64(x0))), int(math.Floor(float64(y0)))
	r := vector.NewRasterizer(int(math.Ceil(float64(x1)))-left+1, int(math.Ceil(float64(y1)))-top+1)
	at := func(p fixed.Point26_6) (float32, float32) {
		x, y := place(p)
		return x - float32(left), y - float32(top)
	}
	for i, s := range segments {
		ax, ay := at(s.Args[0])
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			if i > 0 {
				r.ClosePath()
			}
			r.MoveTo(ax, ay)
		case sfnt.SegmentOpLineTo:
			r.LineTo(ax, ay)
		case sfnt.SegmentOpQuadTo:
			bx, by := at(s.Args[1])
			r.QuadTo(ax, ay, bx, by)
		case sfnt.SegmentOpCubeTo:
			bx, by := at(s.Args[1])
			cx, cy := at(s.Args[2])
			r.CubeTo(ax, ay, bx, by, cx, cy)
		}
	}
	r.ClosePath()
	c.cover(r, left, top, k)
}

// arguments is how many points a segment has.
func arguments(op sfnt.SegmentOp) int {
	switch op {
	case sfnt.SegmentOpQuadTo:
		return 2
	case sfnt.SegmentOpCubeTo:
		return 3
	}
	return 1
}

// cover inks what the rasterizer holds, its origin at the pixel left, top.
func (c *canvas) cover(r *vector.Rasterizer, left, top int, k ink) {
	mask := image.NewAlpha(r.Bounds())
	r.Draw(mask, mask.Bounds(), image.Opaque, image.Point{})
	for y := range mask.Rect.Dy() {
		for x, a := range mask.Pix[y*mask.Stride : y*mask.Stride+mask.Rect.Dx()] {
			if a != 0 {
				c.blend(left+x, top+y, k, uint32(a))
			}
		}
	}
}

// polygon fills a closed path of points in millimetres.
func (c *canvas) polygon(points []vision.Point, k ink) {
	box := vision.Rect{X0: math.Inf(1), Y0: math.Inf(1), X1: math.Inf(-1), Y1: math.Inf(-1)}
	for _, p := range points {
		box = vision.Rect{X0: min(box.X0, p.X), Y0: min(box.Y0, p.Y), X1: max(box.X1, p.X), Y1: max(box.Y1, p.Y)}
	}
	box = box.Scale(c.scale)
	left, top := int(math.Floor(box.X0)), int(math.Floor(box.Y0))
	r := vector.NewRasterizer(int(math.Ceil(box.X1))-left+1, int(math.Ceil(box.Y1))-top+1)
	for i, p := range points {
		x, y := float32(p.X*c.scale-float64(left)), float32(p.Y*c.scale-float64(top))
		if i == 0 {
			r.MoveTo(x, y)
		} else {
			r.LineTo(x, y)
		}
	}
	r.ClosePath()
	c.cover(r, left, top, k)
}

// ellipse fills an ellipse in millimetres.
func (c *canvas) ellipse(center vision.Point, rx, ry float64, k ink) {
	const corners = 96
	points := make([]vision.Point, corners)
	for i := range points {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		points[i] = vision.Point{X: center.X + rx*cos, Y: center.Y + ry*sin}
	}
	c.polygon(points, k)
}

// wave draws y(x) as a thin line over the given range of x: for each column of pixels the few that the line covers.
func (c *canvas) wave(x0, x1, thickness float64, k ink, y func(x float64) float64) {
	half := thickness * c.scale / 2
	for px := int(x0 * c.scale); px < int(x1*c.scale); px++ {
		at := (float64(px) + 0.5) / c.scale
		here, next := y(at)*c.scale, y(at+1/c.scale)*c.scale
		slope := math.Hypot(1, next-here)
		top, bottom := here-half*slope, here+half*slope
		for py := int(math.Floor(top)); py <= int(math.Floor(bottom)); py++ {
			covered := min(bottom, float64(py+1)) - max(top, float64(py))
			c.blend(px, py, k, uint32(255*max(0, min(1, covered))))
		}
	}
}
