package specimen

import (
	"math"
	"math/rand/v2"

	"ekyc/internal/vision"
)

// Scene is what a photograph shows besides one document on a plain table.
type Scene string

// The scenes. Scan and Page come from a flat scanner: nothing is tilted, blurred or unevenly lit there.
const (
	Plain        Scene = "plain"
	Fingers      Scene = "fingers"       // over an edge, clear of the machine readable zone and the bar code
	Patterned    Scene = "patterned"     // a chequered, striped or tiled table, or one of boards
	QuarterTurn  Scene = "quarter_turn"  // the camera was held sideways or upside down
	Mirrored     Scene = "mirrored"      // as selfie cameras show it
	TwoDocuments Scene = "two_documents" // another person's document beside it
	BothSides    Scene = "both_sides"    // front above back in one picture; one-sided documents are shown plainly
	Scan         Scene = "scan"          // the document fills the picture
	Page         Scene = "page"          // somewhere on a white A4 page
)

// Scenes lists all, in a fixed order.
func Scenes() []Scene {
	return []Scene{Plain, Fingers, Patterned, QuarterTurn, Mirrored, TwoDocuments, BothSides, Scan, Page}
}

// Neighbour is another sheet in the same picture: the back of the same document, or a second document.
type Neighbour struct {
	Same bool        `json:"same"` // of the same document
	Side string      `json:"side"`
	Kind Kind        `json:"kind"`
	Quad vision.Quad `json:"quad"`
	MRZ  []string    `json:"mrz,omitempty"`
}

// lying is a sheet on the table: document is where the corners of the document lie, in millimetres of the table.
type lying struct {
	sheet    sheet
	document vision.Quad
}

// laid is a rectangle of the table turned about its middle by some degrees.
func laid(x, y float64, s size, degrees float64) vision.Quad {
	q := vision.Rect{X0: x, Y0: y, X1: x + s.width, Y1: y + s.height}.Quad()
	c := q.Center()
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	for i, p := range q {
		d := p.Sub(c)
		q[i] = vision.Point{X: c.X + d.X*cos - d.Y*sin, Y: c.Y + d.X*sin + d.Y*cos}
	}
	return q
}

const (
	sheetGap   = 9.0 // millimetres between two sheets on a table
	sheetAskew = 4.0 // degrees by which neighbours lie askew
)

// photographBoth takes front and back of the document in one picture.
func (d *Document) photographBoth(spec PhotoSpec) (*Picture, error) {
	s := d.sides[0].size
	back := -1
	for i := range d.sides[1:] {
		if d.sides[i+1].says() {
			back = i + 1
		}
	}
	if back < 0 {
		spec.Scene = Plain
		return d.Photograph(0, spec)
	}
	view, err := d.frame(0, &spec)
	if err != nil {
		return nil, err
	}
	view.size = size{s.width, 2*s.height + sheetGap}
	view.aim(spec)
	r := chance(spec.Seed, "both sides")
	askew := func() float64 { return (2*r.Float64() - 1) * sheetAskew }
	front, err := d.Render(0, view.dpi)
	if err != nil {
		return nil, err
	}
	other, err := d.Render(back, view.dpi)
	if err != nil {
		return nil, err
	}
	things := []lying{{flat(front), laid(0, 0, s, askew())}, {flat(other), laid(0, s.height+sheetGap, s, askew())}}
	t, second := d.truth(front, Photo), d.truth(other, Photo)
	for key, value := range second.Fields {
		if t.Fields[key] == "" {
			t.Fields[key] = value
		}
	}
	if second.MRZ != nil {
		t.MRZ, t.MRZFormat, t.MRZValid = second.MRZ, second.MRZFormat, second.MRZValid
	}
	if second.Barcode != nil {
		t.Barcode = second.Barcode
	}
	t.Neighbour = &Neighbour{Same: true, Side: second.Side, Kind: d.Kind, MRZ: second.MRZ}
	return view.take(things, spec, t)
}

// says whether a side says something of the holder that is worth a photograph of its own.
func (s *side) says() bool { return len(s.zone) > 0 || s.barcode.Area() > 0 }

// photographTwo takes the side with the front of a second document beside it.
func (d *Document) photographTwo(sideIndex int, spec PhotoSpec) (*Picture, error) {
	view, err := d.frame(sideIndex, &spec)
	if err != nil {
		return nil, err
	}
	r := chance(spec.Seed, "second document")
	second, err := Generate(Spec{Kind: pick(r, Kinds()), Seed: r.Uint64() >> 11, At: d.spec.At})
	if err != nil {
		return nil, err
	}
	one, two := d.sides[sideIndex].size, second.sides[0].size
	view.size = size{one.width + sheetGap + two.width, max(one.height, two.height)}
	view.aim(spec)
	askew := func() float64 { return (2*r.Float64() - 1) * sheetAskew }
	main, err := d.Render(sideIndex, view.dpi)
	if err != nil {
		return nil, err
	}
	other, err := second.Render(0, view.dpi)
	if err != nil {
		return nil, err
	}
	places := []vision.Quad{laid(0, 0, one, askew()), laid(one.width+sheetGap, view.size.height-two.height, two, askew())}
	if r.IntN(2) == 0 {
		places = []vision.Quad{laid(two.width+sheetGap, 0, one, askew()), laid(0, view.size.height-two.height, two, askew())}
	}
	t := d.truth(main, Photo)
	t.Neighbour = &Neighbour{Side: other.Side, Kind: second.Kind, MRZ: second.truth(other, Photo).MRZ}
	return view.take([]lying{{flat(main), places[0]}, {flat(other), places[1]}}, spec, t)
}

// The flat scanner: its page and its resolutions in dots an inch.
const (
	pageWidth, pageHeight = 210.0, 297.0 // A4
	leastScanDPI, pageDPI = 200, 220
	moreScanDPI           = 120
	scanAskew             = 1.2 // degrees that a document lies askew on the glass at difficulty 1
)

// scan lays the side on the glass: alone, so that it fills the picture, or somewhere on a page.
func (d *Document) scan(sideIndex int, spec PhotoSpec) (*Picture, error) {
	if _, err := d.frame(sideIndex, &spec); err != nil { // the checks of the request
		return nil, err
	}
	r := chance(spec.Seed, "scan")
	s, dpi := d.sides[sideIndex].size, float64(leastScanDPI+r.IntN(moreScanDPI))
	width, height, x, y := s.width, s.height, 0.0, 0.0
	if spec.Scene == Page {
		width, height, dpi = pageWidth, pageHeight, pageDPI
		x, y = 10+r.Float64()*(pageWidth-s.width-20), 10+r.Float64()*(pageHeight-s.height-20)
	}
	render, err := d.Render(sideIndex, dpi)
	if err != nil {
		return nil, err
	}
	k := dpi / millimetresPerInch
	turn := (2*r.Float64() - 1) * scanAskew * spec.Difficulty
	spec.Width, spec.Height = int(math.Round(width*k)), int(math.Round(height*k))
	v := &view{size: size{width, height}, rand: r}
	v.capture = Capture{
		Difficulty: spec.Difficulty, Turn: turn, Coverage: 1, PixelsPerMM: k, Background: scannerLid, Exposure: 1, Warmth: 1,
		Noise: 0.5 + 2*spec.Difficulty*r.Float64(), JPEGQuality: 92 - int(spec.Difficulty*25*r.Float64()),
	}
	v.capture.Homography, _ = vision.Between(vision.Rect{X1: width, Y1: height}.Quad(), vision.Rect{X1: float64(spec.Width), Y1: float64(spec.Height)}.Quad())
	glass := flat(render)
	glass.corner, glass.gloss = 0, 0
	if spec.Scene == Page {
		glass.corner = render.corner * render.PixelsPerMM
	}
	v.quarters = r.IntN(4)
	return v.take([]lying{{glass, laid(x, y, s, turn)}}, spec, d.truth(render, Photo))
}

// Fingers: their half width in millimetres, how far they reach over the edge, and colours of skin.
const (
	leastFinger, moreFinger = 7.0, 2.5
	leastReach, moreReach   = 3.0, 8.0
	fingerLength            = 90.0
)

var skins = []uint32{0xF1C9A5, 0xD9A27A, 0xB57A4F, 0x8A5634, 0x5A3824}

// finger is a capsule in millimetres of the table.
type finger struct {
	tip, root vision.Point
	radius    float64
}

// hold draws one to three fingers at the edges of the document that hide none of the given parts.
func hold(r *rand.Rand, document vision.Quad, hidden []vision.Quad) []finger {
	const most, tries = 3, 40
	var out []finger
	want := 1 + r.IntN(most)
	for range tries {
		if len(out) == want {
			break
		}
		edge := r.IntN(4)
		a, b := document[edge], document[(edge+1)%4]
		at := a.Add(b.Sub(a).Scale(0.15 + 0.7*r.Float64()))
		inward := document.Center().Sub(a.Midpoint(b))
		inward = inward.Scale(1 / math.Hypot(inward.X, inward.Y))
		f := finger{radius: leastFinger + moreFinger*r.Float64()}
		lean := (2*r.Float64() - 1) * 0.5
		sin, cos := math.Sincos(lean)
		along := vision.Point{X: inward.X*cos - inward.Y*sin, Y: inward.X*sin + inward.Y*cos}
		f.tip = at.Add(inward.Scale(leastReach + moreReach*r.Float64() - f.radius))
		f.root = f.tip.Sub(along.Scale(fingerLength))
		if !f.hides(hidden) {
			out = append(out, f)
		}
	}
	return out
}

// hides says whether the finger comes near any of the quadrilaterals.
func (f finger) hides(parts []vision.Quad) bool {
	const samples, margin = 24, 1.5
	for _, q := range parts {
		for i := range samples + 1 {
			u := float64(i) / samples
			for j := range samples + 1 {
				v := float64(j) / samples
				top, bottom := q[0].Add(q[1].Sub(q[0]).Scale(u)), q[3].Add(q[2].Sub(q[3]).Scale(u))
				if f.distance(top.Add(bottom.Sub(top).Scale(v))) < margin {
					return true
				}
			}
		}
	}
	return false
}

// distance of a point from the finger's surface, negative inside.
func (f finger) distance(p vision.Point) float64 {
	d := f.root.Sub(f.tip)
	t := ((p.X-f.tip.X)*d.X + (p.Y-f.tip.Y)*d.Y) / (d.X*d.X + d.Y*d.Y)
	return p.Distance(f.tip.Add(d.Scale(max(0, min(1, t))))) - f.radius
}

// cover paints the fingers into the exposed picture: round, darker towards their sides, with a soft shadow beside them.
func (v *view) cover(m *vision.RGB, toTable vision.Homography, fingers []finger, skin uint32) {
	const shadow, shade = 4.0, 0.35 // millimetres, and how much light it takes
	colour := rgbOf(skin)
	tone := [3]float64{float64(colour.R), float64(colour.G), float64(colour.B)}
	rows(m.Height, func(from, to int) {
		for y := from; y < to; y++ {
			for x := range m.Width {
				p := toTable.Apply(vision.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5})
				near, radius := math.Inf(1), 1.0
				for _, f := range fingers {
					if d := f.distance(p); d < near {
						near, radius = d, f.radius
					}
				}
				if near > shadow {
					continue
				}
				pixel := m.Pix[3*(y*m.Width+x):][:3]
				if near > 0 {
					for c := range pixel {
						pixel[c] = byte(float64(pixel[c]) * (1 - shade*(1-near/shadow)))
					}
					continue
				}
				across := 1 + near/radius // 0 in the middle, 1 at the side
				light := v.capture.Exposure * (0.55 + 0.4*math.Sqrt(max(0, 1-across*across)))
				for c := range pixel {
					pixel[c] = level(float32(tone[c] * light))
				}
			}
		}
	})
}
