package specimen

import (
	"math"
	"math/rand/v2"

	"ekyc"
	"ekyc/internal/vision"
)

// The default size of photographs: twelve megapixels, as telephones take them.
const (
	DefaultWidth  = 4000
	DefaultHeight = 3000
	minPhotoSide  = 320
	maxPhotoSide  = 6000
)

// PhotoSpec says how a document is photographed.
type PhotoSpec struct {
	Seed          uint64
	Width, Height int // pixels; 0: DefaultWidth x DefaultHeight
	// Difficulty from 0 (flat, sharp, evenly lit) to 1 (tilted, blurred, noisy, with glare and shadow). It bounds every defect; the
	// seed draws the amounts.
	Difficulty float64
	// Turn is the rotation of the document in degrees clockwise; nil lets the seed draw: a few degrees, and with growing difficulty
	// any angle.
	Turn *float64
	// Coverage is the share of the frame's width or height, whichever binds, that the document takes; 0: the seed draws 0.6 to 0.9.
	Coverage float64
	Scene    Scene // empty: Plain
}

// Capture is what a camera did, part of the truth.
type Capture struct {
	Difficulty  float64 `json:"difficulty"`
	Turn        float64 `json:"turn_deg"` // clockwise
	TiltX       float64 `json:"tilt_x_deg"`
	TiltY       float64 `json:"tilt_y_deg"`
	Coverage    float64 `json:"coverage"`
	PixelsPerMM float64 `json:"pixels_per_mm"`
	Background  string  `json:"background"`
	Blur        float64 `json:"blur_sigma_px"`
	Motion      float64 `json:"motion_px"`
	Noise       float64 `json:"noise_sigma"` // in grey levels at mid grey
	Exposure    float64 `json:"exposure"`    // factor of the light
	Warmth      float64 `json:"warmth"`      // of the light: red over blue, 1 neutral
	Glare       []Spot  `json:"glare"`
	Shadow      float64 `json:"shadow"` // share of light that the shadow takes, 0 for none
	JPEGQuality int     `json:"jpeg_quality"`
	// Homography maps pixels of the flat sheet to pixels of the photograph.
	Homography vision.Homography `json:"homography"`

	shadowLine [3]float64 // normal and offset of the shadow's edge, in shares of the frame
}

// Spot is a reflection of a lamp.
type Spot struct {
	Center   vision.Point `json:"center"` // pixels
	Radius   float64      `json:"radius"` // pixels at which it has lost 40 %
	Strength float64      `json:"strength"`
}

// sheet is the flat thing in front of the camera: a document, or a screen or paper that shows one.
type sheet struct {
	image    *vision.RGB
	scale    float64     // pixels a millimetre
	corner   float64     // radius in pixels
	document vision.Quad // in pixels of the sheet
	regions  []Region
	gloss    float64 // how strongly lamps show
	lit      bool    // gives its own light: no shadow falls on it
}

// Photograph takes a picture of one side and encodes it as JPEG. It fails with ErrInvalidArgument for a size out of range.
func (d *Document) Photograph(sideIndex int, spec PhotoSpec) (*Picture, error) {
	switch spec.Scene {
	case BothSides:
		return d.photographBoth(spec)
	case TwoDocuments:
		return d.photographTwo(sideIndex, spec)
	case Scan, Page:
		return d.scan(sideIndex, spec)
	}
	view, err := d.frame(sideIndex, &spec)
	if err != nil {
		return nil, err
	}
	r, err := d.Render(sideIndex, view.dpi)
	if err != nil {
		return nil, err
	}
	t := d.truth(r, Photo)
	return shoot(flat(r), view, spec, t)
}

// flat is the rendering as a sheet: laminated card.
func flat(r *Rendering) sheet {
	return sheet{image: r.Image, scale: r.PixelsPerMM, corner: r.corner * r.PixelsPerMM, document: r.Image.Bounds().Quad(), regions: r.Regions, gloss: 1}
}

// view is where the camera stands: where the corners of the document come to lie.
type view struct {
	capture Capture
	size    size
	dpi     float64 // at which a render has about the resolution of the photograph
	rand    *rand.Rand

	quarters int // turns clockwise that the finished picture is given: it was fed to a scanner sideways
}

// frame draws the geometry of the photograph.
func (d *Document) frame(sideIndex int, spec *PhotoSpec) (*view, error) {
	if sideIndex < 0 || sideIndex >= len(d.sides) {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the document has no such side")
	}
	if spec.Width == 0 && spec.Height == 0 {
		spec.Width, spec.Height = DefaultWidth, DefaultHeight
	}
	if min(spec.Width, spec.Height) < minPhotoSide || max(spec.Width, spec.Height) > maxPhotoSide || spec.Difficulty < 0 || spec.Difficulty > 1 {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "a photograph has %d to %d pixels a side and a difficulty of 0 to 1", minPhotoSide, maxPhotoSide)
	}
	r := chance(spec.Seed, "photograph "+string(d.Kind)+d.sides[sideIndex].name)
	v := &view{size: d.sides[sideIndex].size, rand: r}
	v.capture = drawCapture(r, *spec)
	switch extra := chance(spec.Seed, "scene"); spec.Scene {
	case Patterned:
		v.capture.Background = pick(extra, patterns)
	case QuarterTurn:
		v.capture.Turn = (2*extra.Float64()-1)*(2+10*spec.Difficulty) + 90*float64(extra.IntN(4))
	}
	v.aim(*spec)
	return v, nil
}

// aim sets the camera so that what v.size spans fills the wanted share of the frame.
func (v *view) aim(spec PhotoSpec) {
	place := v.projection(spec)
	v.capture.PixelsPerMM = place.Width() / v.size.width
	v.dpi = min(maxRenderDPI, max(MinDPI, v.capture.PixelsPerMM*millimetresPerInch*1.15))
}

// maxRenderDPI bounds the render behind a photograph: finer detail than this is lost to the lens.
const maxRenderDPI = 600

// drawCapture draws every defect within what the difficulty allows.
func drawCapture(r *rand.Rand, spec PhotoSpec) Capture {
	hard := spec.Difficulty
	c := Capture{Difficulty: hard, Coverage: spec.Coverage}
	if c.Coverage == 0 {
		c.Coverage = 0.6 + 0.3*r.Float64()
	}
	c.Turn = (2*r.Float64() - 1) * (2 + 10*hard)
	anyway := r.Float64() // drawn in any case, so that the rest does not depend on the branch
	if turn := 360*r.Float64() - 180; anyway < hard*hard {
		c.Turn = turn
	} else if quarter := float64(r.IntN(4)) * 90; anyway < hard {
		c.Turn += quarter
	}
	if spec.Turn != nil {
		c.Turn = *spec.Turn
	}
	const steepest = 26 // degrees
	c.TiltX, c.TiltY = (2*r.Float64()-1)*(1+hard*steepest), (2*r.Float64()-1)*(1+hard*steepest)
	detail := float64(max(spec.Width, spec.Height)) / DefaultWidth // defects of the lens scale with the picture
	c.Background = pick(r, backgrounds)
	c.Blur = detail * (0.5 + hard*2.2*r.Float64())
	if r.Float64() < hard*0.4 {
		c.Motion = detail * 8 * r.Float64()
	}
	c.Noise = 1 + hard*6*r.Float64()
	c.Exposure = 0.91 + (2*r.Float64()-1)*(0.05+0.26*hard) // cameras keep white paper a little below their limit
	c.Warmth = 1 + (2*r.Float64()-1)*(0.04+0.16*hard)
	for range r.IntN(3) {
		s := Spot{Center: vision.Point{X: float64(spec.Width) * r.Float64(), Y: float64(spec.Height) * r.Float64()}}
		s.Radius, s.Strength = detail*(120+380*r.Float64()), 1.1*hard*r.Float64()
		if s.Strength > 0.08 {
			c.Glare = append(c.Glare, s)
		}
	}
	angle := 2 * math.Pi * r.Float64()
	c.shadowLine = [3]float64{math.Cos(angle), math.Sin(angle), 0.5 * (r.Float64() - 0.2)}
	if depth := r.Float64(); r.Float64() < 0.25+0.6*hard {
		c.Shadow = depth * (0.1 + 0.5*hard)
	}
	c.JPEGQuality = 94 - int(hard*34*r.Float64())
	return c
}

// cameraDistance is how far the camera is from the document, in document widths: a telephone held over a table.
const cameraDistance = 2.6

// projection gives the corners of the document in the photograph: turned and tilted in space, seen through a pinhole, then scaled
// to the wanted coverage and set near the middle.
func (v *view) projection(spec PhotoSpec) vision.Quad {
	c := &v.capture
	w, h := v.size.width/2, v.size.height/2
	turn, tx, ty := c.Turn*math.Pi/180, c.TiltX*math.Pi/180, c.TiltY*math.Pi/180
	var q vision.Quad
	for i, p := range [4]vision.Point{{X: -w, Y: -h}, {X: w, Y: -h}, {X: w, Y: h}, {X: -w, Y: h}} {
		x, y := p.X*math.Cos(turn)-p.Y*math.Sin(turn), p.X*math.Sin(turn)+p.Y*math.Cos(turn)
		y, z := y*math.Cos(tx), y*math.Sin(tx)
		x, z = x*math.Cos(ty)+z*math.Sin(ty), z*math.Cos(ty)-x*math.Sin(ty)
		depth := cameraDistance*v.size.width + z
		q[i] = vision.Point{X: x / depth, Y: y / depth}
	}
	box := q.Bounds()
	k := c.Coverage * min(float64(spec.Width)/box.Width(), float64(spec.Height)/box.Height())
	roomX, roomY := float64(spec.Width)-k*box.Width(), float64(spec.Height)-k*box.Height()
	shiftX, shiftY := roomX*(0.5+0.5*(v.rand.Float64()-0.5)), roomY*(0.5+0.5*(v.rand.Float64()-0.5))
	for i, p := range q {
		q[i] = vision.Point{X: (p.X-box.X0)*k + shiftX, Y: (p.Y-box.Y0)*k + shiftY}
	}
	c.Homography, _ = vision.Between(vision.Rect{X1: v.size.width, Y1: v.size.height}.Quad(), q) // of millimetres, until the sheet is known
	return q
}

// shoot photographs a sheet that fills the view and completes the truth.
func shoot(s sheet, v *view, spec PhotoSpec, t Truth) (*Picture, error) {
	return v.take([]lying{{s, vision.Rect{X1: v.size.width, Y1: v.size.height}.Quad()}}, spec, t)
}

// take photographs what lies on the table and completes the truth, which is of the first sheet.
func (v *view) take(things []lying, spec PhotoSpec, t Truth) (*Picture, error) {
	toPhoto := v.capture.Homography // from millimetres of the table
	table := vision.Rect{X1: v.size.width, Y1: v.size.height}.Quad()
	toTable, ok := vision.Between(toPhoto.ApplyQuad(table), table)
	onPhoto, onSheet := make([]vision.Homography, len(things)), make([]vision.Homography, len(things))
	for i, l := range things {
		var there, back bool
		place := toPhoto.ApplyQuad(l.document)
		onPhoto[i], there = vision.Between(l.sheet.document, place)
		onSheet[i], back = vision.Between(place, l.sheet.document)
		ok = ok && there && back
	}
	if !ok {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the view of the specimen is degenerate")
	}
	picture := v.expose(things, onSheet, spec)
	if spec.Scene == Fingers {
		r := chance(spec.Seed, "fingers")
		v.cover(picture, toTable, hold(r, table, hidden(things[0])), pick(r, skins))
	}
	v.capture.Homography = onPhoto[0]
	blur(picture, v.capture.Blur)
	smear(picture, v.capture.Motion)
	grain(picture, v.capture.Noise, spec.Seed)
	t.Width, t.Height, t.Capture, t.Scene = spec.Width, spec.Height, &v.capture, spec.Scene
	if t.Scene == "" {
		t.Scene = Plain
	}
	t.place(things, onPhoto)
	switch {
	case spec.Scene == Mirrored:
		picture = picture.Mirror()
		t.move(func(p vision.Point) vision.Point { return vision.Point{X: float64(spec.Width) - p.X, Y: p.Y} })
	case v.quarters > 0:
		for range v.quarters {
			height := float64(picture.Height)
			picture = picture.Rotate90(1)
			t.move(func(p vision.Point) vision.Point { return vision.Point{X: height - p.Y, Y: p.X} })
		}
		t.Width, t.Height = picture.Width, picture.Height
		v.capture.Turn += 90 * float64(v.quarters)
	}
	data, err := vision.EncodeJPEG(picture, v.capture.JPEGQuality)
	if err != nil {
		return nil, err
	}
	return &Picture{data, t}, nil
}

// place states where the sheets and their parts came to lie.
func (t *Truth) place(things []lying, onPhoto []vision.Homography) {
	t.Quad = onPhoto[0].ApplyQuad(things[0].sheet.document)
	t.Regions = nil
	for i, l := range things {
		if i > 0 && !t.Neighbour.Same {
			break
		}
		for _, r := range l.sheet.regions {
			t.Regions = append(t.Regions, Region{r.Name, onPhoto[i].ApplyQuad(r.Quad)})
		}
	}
	if t.Neighbour != nil {
		t.Neighbour.Quad = onPhoto[1].ApplyQuad(things[1].sheet.document)
	}
}

// move carries every place of the truth along when the picture is mirrored or turned.
func (t *Truth) move(by func(vision.Point) vision.Point) {
	quad := func(q *vision.Quad) {
		for i := range q {
			q[i] = by(q[i])
		}
	}
	quad(&t.Quad)
	for i := range t.Regions {
		quad(&t.Regions[i].Quad)
	}
	if t.Neighbour != nil {
		quad(&t.Neighbour.Quad)
	}
	for i := range t.Capture.Glare {
		t.Capture.Glare[i].Center = by(t.Capture.Glare[i].Center)
	}
	bounds := vision.Rect{X1: 1000, Y1: 1000}.Quad()
	moved := t.Capture.Homography.ApplyQuad(bounds)
	quad(&moved)
	t.Capture.Homography, _ = vision.Between(bounds, moved)
}

// hidden are the parts of a sheet that no finger may hide, in millimetres of the table.
func hidden(l lying) []vision.Quad {
	toTable, ok := vision.Between(l.sheet.document, l.document)
	var out []vision.Quad
	for _, r := range l.sheet.regions {
		if ok && (r.Name == regionMRZ || r.Name == regionBarcode || r.Name == regionPortrait) {
			out = append(out, toTable.ApplyQuad(r.Quad))
		}
	}
	return out
}
