package specimen

import (
	"math"
	"slices"

	"ekyc"
	"ekyc/internal/document/barcode"
	"ekyc/internal/vision"
)

// Resolutions of a render in dots an inch: below the first the zone cannot be read, above the second nothing is added.
const (
	MinDPI     = 150
	MaxDPI     = 900
	DefaultDPI = 400
)

const millimetresPerInch = 25.4

// Rendering is one side of a document as an exact picture, without any camera.
type Rendering struct {
	Side        string // "front" or "back"
	Image       *vision.RGB
	PixelsPerMM float64
	Regions     []Region

	corner float64 // radius of the corners in millimetres
}

// Region is where something stands, in pixels of its picture, corners from the top left clockwise as the content is read.
type Region struct {
	Name string      `json:"name"` // a field key, "portrait", "mrz" or "barcode"
	Quad vision.Quad `json:"quad"`
}

// Sides is how many sides the document has.
func (d *Document) Sides() int { return len(d.sides) }

// Render draws side 0 (front) or 1 (back) at the resolution given, or DefaultDPI for 0. It fails with ErrInvalidArgument for a side
// that is not there or a resolution out of range.
func (d *Document) Render(sideIndex int, dpi float64) (*Rendering, error) {
	if sideIndex < 0 || sideIndex >= len(d.sides) {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the document has no such side")
	}
	if dpi == 0 {
		dpi = DefaultDPI
	}
	if dpi < MinDPI || dpi > MaxDPI {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the resolution must be %d to %d dots an inch", MinDPI, MaxDPI)
	}
	fonts, err := newFontSet()
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the fonts cannot be read").Because(err)
	}
	s := d.sides[sideIndex]
	c := newCanvas(s.size.width, s.size.height, dpi/millimetresPerInch, fonts)
	out := &Rendering{Side: s.name, Image: c.image, PixelsPerMM: c.scale, corner: s.corner}
	s.ground(c)
	if s.portrait.Area() > 0 {
		d.placePortrait(c, s, d.spec.Portrait)
		out.add(c, regionPortrait, s.portrait)
	}
	for _, t := range s.placed(c) {
		box := c.text(t.text, t.x, t.y, t.style)
		if t.field != "" {
			out.add(c, t.field, box)
		}
	}
	if s.signature.Area() > 0 {
		s.sign(c)
	}
	if len(s.zone) > 0 {
		out.add(c, regionMRZ, s.machineLines(c))
	}
	if s.barcode.Area() > 0 {
		if err := d.placeBarcode(c, s, out); err != nil {
			return nil, err
		}
	}
	s.overlay(c)
	return out, nil
}

// placed gives the texts where and as large as they stand: some follow the one before, some are narrowed.
func (s *side) placed(c *canvas) []printed {
	out := slices.Clone(s.texts)
	var box vision.Rect
	for i, t := range out {
		if t.follows > 0 {
			t.x, t.room = box.X1+t.follows, max(t.room-box.Width(), t.room/4)
		}
		t.style = s.narrowed(c, t)
		width := c.width(t.text, t.style)
		box.X0 = t.x - width*t.style.align
		box.X1 = box.X0 + width
		out[i] = t
	}
	return out
}

// narrowed is the style of a line, made smaller where the line would run over the edge of the side
// or over the room that it has.
func (s *side) narrowed(c *canvas, t printed) style {
	const margin = 3
	k := t.style
	room := s.size.width - margin - t.x
	if t.room > 0 {
		room = min(room, t.room)
	}
	if k.align == 0 {
		if width := c.width(t.text, k); width > room {
			k.size *= room / width
		}
	}
	return k
}

func (r *Rendering) add(c *canvas, name string, box vision.Rect) {
	r.Regions = append(r.Regions, Region{name, box.Scale(c.scale).Quad()})
}

// zoneSize is the size of OCR-B in millimetres an em at which its own advance (0.723 em) is the pitch of ten characters an inch;
// its capitals are then zoneCapHeight high, as in size 1 of ISO 1073-2.
const (
	zoneSize      = zonePitch / 0.723
	zoneCapHeight = 2.5
)

// machineLines prints the zone and gives the box around its characters.
func (s *side) machineLines(c *canvas) vision.Rect {
	k := style{face: ocrB, size: zoneSize, ink: solid(0x101214), pitch: zonePitch}
	var box vision.Rect
	for i, line := range s.zone {
		c.text(line, s.zoneX, s.zoneY[i], k)
		b := vision.Rect{X0: s.zoneX, Y0: s.zoneY[i] - zoneCapHeight - 0.3, X1: s.zoneX + zonePitch*float64(len(line)), Y1: s.zoneY[i] + 0.4}
		if i == 0 {
			box = b
		}
		box = box.Union(b)
	}
	return box
}

// placeBarcode draws the symbol with modules of whole pixels, as large as its place allows.
func (d *Document) placeBarcode(c *canvas, s *side, out *Rendering) error {
	symbol, err := barcode.EncodePDF417(d.Payload, 0)
	if err != nil {
		return err
	}
	place := s.barcode.Scale(c.scale)
	one := symbol.Gray(1)
	module := int(min(place.Width()/float64(one.Width), place.Height()/float64(one.Height)))
	if module < 1 {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "the resolution is too low for the bar code")
	}
	m := symbol.Gray(module)
	left, top := int(place.X0+(place.Width()-float64(m.Width))/2), int(place.Y0+(place.Height()-float64(m.Height))/2)
	white, black := solid(0xFCFCFC), solid(0x16181A)
	for y := range m.Height {
		for x := range m.Width {
			k := white
			if m.Pix[y*m.Width+x] < 128 {
				k = black
			}
			c.blend(left+x, top+y, k, 255)
		}
	}
	box := vision.Rect{X0: float64(left), Y0: float64(top), X1: float64(left + m.Width), Y1: float64(top + m.Height)}
	out.Regions = append(out.Regions, Region{regionBarcode, box.Quad()})
	return nil
}

// placePortrait prints the photograph, its edges fading into the ground as laser engraving does, and the small second one.
func (d *Document) placePortrait(c *canvas, s *side, p *Portrait) {
	picture := portraitPicture(p, chance(s.seed, "figure"))
	c.picture(picture, s.portrait, 0.6, 1)
	if s.ghost.Area() > 0 {
		c.picture(picture.Gray().RGB(), s.ghost, 1.4, 0.42)
	}
}

// picture lays an image into a box, filling it by cutting what is too much, edges faded over the given millimetres.
func (c *canvas) picture(m *vision.RGB, box vision.Rect, fade, opacity float64) {
	px := box.Scale(c.scale)
	width, height := int(math.Round(px.Width())), int(math.Round(px.Height()))
	left, top := int(math.Round(px.X0)), int(math.Round(px.Y0))
	scaled := fitted(m, width, height)
	margin := max(1, fade*c.scale)
	for y := range height {
		for x := range width {
			edge := float64(min(min(x, width-1-x), min(y, height-1-y))) + 0.5
			p := scaled.Pix[3*(y*width+x):]
			k := ink{opacity: opacity * min(1, edge/margin)}
			k.R, k.G, k.B = p[0], p[1], p[2]
			c.blend(left+x, top+y, k, 255)
		}
	}
}

// fitted scales an image to cover width x height, cutting evenly what sticks out.
func fitted(m *vision.RGB, width, height int) *vision.RGB {
	want, have := float64(width)/float64(height), float64(m.Width)/float64(m.Height)
	r := m.Bounds()
	if have > want {
		cut := (float64(m.Width) - float64(m.Height)*want) / 2
		r.X0, r.X1 = cut, float64(m.Width)-cut
	} else {
		cut := float64(m.Height) - float64(m.Width)/want
		r.Y0, r.Y1 = cut*0.3, float64(m.Height)-cut*0.7
	}
	return vision.NewPyramid(m).Sample(r, width, height)
}
