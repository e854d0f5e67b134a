package specimen

import (
	"math"
	"math/rand/v2"
	"slices"

	"ekyc"
	"ekyc/internal/vision"
)

// digital are the attacks that change the file after an honest photograph of an honest document was taken.
func (k AttackKind) digital() bool {
	return slices.Contains([]AttackKind{AreaCloned, FieldRetouched, FieldSpliced, PortraitPasted}, k)
}

// What a forger saves the changed file with: no less than what programs for pictures propose.
const lowestResave, highestResave = 84, 96

// attackFile photographs the side and changes the file. It says with ErrInvalidArgument where the side gives no hold for the attack.
func (d *Document) attackFile(kind AttackKind, index int, spec PhotoSpec, other *Portrait) (*Picture, error) {
	honest, err := d.Photograph(index, spec)
	if err != nil {
		return nil, err
	}
	picture, err := decoded(honest)
	if err != nil {
		return nil, err
	}
	fonts, err := newFontSet()
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the fonts cannot be read").Because(err)
	}
	s := d.sides[index]
	toPhoto, ok := vision.Between(vision.Rect{X1: s.size.width, Y1: s.size.height}.Quad(), honest.Truth.Quad)
	toPage, back := vision.Between(honest.Truth.Quad, vision.Rect{X1: s.size.width, Y1: s.size.height}.Quad())
	if !ok || !back {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the view of the specimen is degenerate")
	}
	r := chance(spec.Seed, string(kind))
	e := &retoucher{
		forger:  &forger{document: d, side: s, canvas: &canvas{scale: 1, fonts: fonts}, rand: r, truth: honest.Truth},
		picture: picture, toPhoto: toPhoto, toPage: toPage, capture: *honest.Truth.Capture,
	}
	e.truth.Form, e.truth.Forgery = Forged, &Forgery{Kind: kind}
	done := false
	switch kind {
	case AreaCloned:
		done = e.clone()
	case FieldRetouched:
		done = e.retouchField()
	case FieldSpliced:
		done, err = e.spliceField(index, spec)
	case PortraitPasted:
		done, err = e.pastePortrait(other)
	}
	if err != nil {
		return nil, err
	}
	if !done {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the attack %q is not possible on this side of the document", kind)
	}
	data, err := vision.EncodeJPEG(e.picture, lowestResave+r.IntN(highestResave-lowestResave+1))
	if err != nil {
		return nil, err
	}
	return &Picture{data, e.truth}, nil
}

// decoded is the picture as a program for pictures opens it.
func decoded(p *Picture) (*vision.RGB, error) {
	d, err := vision.Decode(p.Data, vision.Limits{MaxBytes: math.MaxInt32, MaxSide: maxPhotoSide, MaxPixels: maxPhotoSide * maxPhotoSide, MinSide: 1})
	if err != nil {
		return nil, err
	}
	return d.Native(), nil
}

// retoucher changes a photograph. Places on the document are in millimetres.
type retoucher struct {
	*forger
	picture         *vision.RGB
	toPhoto, toPage vision.Homography
	capture         Capture
}

// each calls f for the pixels of a box of the document, with their place in it.
func (e *retoucher) each(box vision.Rect, f func(p []byte, x, y int, at vision.Point)) {
	b := e.toPhoto.ApplyQuad(box.Quad()).Bounds()
	m := e.picture
	for y := max(0, int(b.Y0)); y <= min(m.Height-1, int(b.Y1)); y++ {
		for x := max(0, int(b.X0)); x <= min(m.Width-1, int(b.X1)); x++ {
			at := e.toPage.Apply(vision.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5})
			if at.X >= box.X0 && at.X < box.X1 && at.Y >= box.Y0 && at.Y < box.Y1 {
				f(m.Pix[3*(y*m.Width+x):][:3:3], x, y, at)
			}
		}
	}
}

// mean is the mean colour of a box of the document.
func (e *retoucher) mean(box vision.Rect) (c [3]float64) {
	n := 0.0
	e.each(box, func(p []byte, _, _ int, _ vision.Point) {
		for i := range c {
			c[i] += float64(p[i])
		}
		n++
	})
	for i := range c {
		c[i] /= max(1, n)
	}
	return c
}

// editableText chooses a printed field that is worth forging.
func (f *forger) editableText() (printed, bool) {
	var able []printed
	for _, t := range f.side.placed(f.canvas) {
		if slices.Contains(editable, t.field) {
			able = append(able, t)
		}
	}
	if len(able) == 0 {
		return printed{}, false
	}
	return pick(f.rand, able), true
}

// boxOf is the place of a line of print, wide enough for another text too.
func (f *forger) boxOf(t printed, shown string) vision.Rect {
	k := t.style
	width := max(f.canvas.width(t.text, k), f.canvas.width(shown, k))
	return vision.Rect{X0: t.x - 0.3, Y0: t.y - k.size*ascent - 0.1, X1: t.x + width + 0.3, Y1: t.y + k.size*descent}
}

// retouchField wipes a value off the photograph with a soft brush and sets another in a typeface much like it. How well the forger
// matches ink, sharpness and noise is left to chance.
func (e *retoucher) retouchField() bool {
	t, ok := e.editableText()
	if !ok {
		return false
	}
	before := e.document.Fields[t.field]
	after, shown := e.changed(t.field)
	box := e.boxOf(t, shown)
	ink := e.darkest(e.boxOf(t, t.text))
	e.wipe(box)
	k := t.style
	k.face = pick(e.rand, []typeface{regular, medium, medium, bold})
	k.size *= 0.97 + 0.06*e.rand.Float64()
	for i := range ink {
		ink[i] = max(0, ink[i]+30*(e.rand.Float64()-0.5))
	}
	e.letter(shown, t.x+0.1*(e.rand.Float64()-0.5), t.y+0.16*(e.rand.Float64()-0.5), k, ink, e.capture.Blur*e.rand.Float64(), e.capture.Noise*max(0, 1.4*e.rand.Float64()-0.4), box)
	e.truth.Fields[t.field] = after
	e.truth.Forgery.Field, e.truth.Forgery.Before, e.truth.Forgery.After = t.field, before, after
	return true
}

// darkest is the colour of the ink in a box.
func (e *retoucher) darkest(box vision.Rect) [3]float64 {
	var found [][3]byte
	e.each(box, func(p []byte, _, _ int, _ vision.Point) { found = append(found, [3]byte{p[0], p[1], p[2]}) })
	if len(found) == 0 {
		return [3]float64{30, 30, 30}
	}
	slices.SortFunc(found, func(a, b [3]byte) int {
		return int(a[0]) + int(a[1]) + int(a[2]) - int(b[0]) - int(b[1]) - int(b[2])
	})
	c := found[len(found)/50]
	return [3]float64{float64(c[0]), float64(c[1]), float64(c[2])}
}

// wipe paints a box with the colours above and below it, as a healing brush does.
func (e *retoucher) wipe(box vision.Rect) {
	const step = 1.0 // millimetres over which the brush takes its colour
	n := int(box.Width()/step) + 2
	above, below := make([][3]float64, n), make([][3]float64, n)
	for i := range n {
		x := box.X0 + step*float64(i)
		above[i] = e.mean(vision.Rect{X0: x - step, Y0: box.Y0 - 0.35, X1: x + step, Y1: box.Y0})
		below[i] = e.mean(vision.Rect{X0: x - step, Y0: box.Y1, X1: x + step, Y1: box.Y1 + 0.35})
	}
	e.each(box, func(p []byte, _, _ int, at vision.Point) {
		u, v := (at.X-box.X0)/step, (at.Y-box.Y0)/box.Height()
		i := int(u)
		for c := range p {
			top := above[i][c] + (above[i+1][c]-above[i][c])*(u-float64(i))
			low := below[i][c] + (below[i+1][c]-below[i][c])*(u-float64(i))
			p[c] = level(float32(top + (low-top)*v))
		}
	})
}

// letter sets a text on the photograph, drawn sharp and then softened by sigma pixels, with noise in the whole box.
func (e *retoucher) letter(text string, x, y float64, k style, ink [3]float64, sigma, noise float64, box vision.Rect) {
	const scale = 40.0 // pixels a millimetre of the drawing
	sheet := &canvas{image: vision.NewRGB(int(box.Width()*scale)+1, int(box.Height()*scale)+1), scale: scale, fonts: e.canvas.fonts}
	k.ink = solid(0xFFFFFF)
	sheet.text(text, x-box.X0, y-box.Y0, k)
	blur(sheet.image, max(0.45, sigma)*scale/e.capture.PixelsPerMM)
	e.each(box, func(p []byte, _, _ int, at vision.Point) {
		i, j := min(int((at.X-box.X0)*scale), sheet.image.Width-1), min(int((at.Y-box.Y0)*scale), sheet.image.Height-1)
		cover := float64(sheet.image.Pix[3*(j*sheet.image.Width+i)]) / 255
		common := e.rand.NormFloat64() * noise
		for c := range p {
			p[c] = level(float32(float64(p[c])*(1-cover) + ink[c]*cover + common))
		}
	})
}

// clone copies characters of one field over another, or unprinted ground over the end of one, shifted by whole pixels.
func (e *retoucher) clone() bool {
	var able []printed
	for _, t := range e.side.placed(e.canvas) {
		if t.field != "" && len(t.text) >= 4 && t.style.align == 0 {
			able = append(able, t)
		}
	}
	if len(able) < 2 {
		return false
	}
	at := e.rand.IntN(len(able))
	to, from := able[at], able[(at+1+e.rand.IntN(len(able)-1))%len(able)]
	height := to.style.size*ascent + 0.2
	width := min(e.canvas.width(to.text, to.style), e.canvas.width(from.text, from.style), 6+6*e.rand.Float64())
	start := (e.canvas.width(from.text, from.style) - width) * e.rand.Float64()
	source := vision.Rect{X0: from.x + start - 0.1, Y0: from.y - height, X1: from.x + start + width + 0.1, Y1: from.y + 0.35}
	shift := e.toPhoto.Apply(vision.Point{X: to.x, Y: to.y}).Sub(e.toPhoto.Apply(vision.Point{X: from.x + start, Y: from.y}))
	e.copyBox(e.picture, source, int(math.Round(shift.X)), int(math.Round(shift.Y)))
	e.truth.Forgery.Field, e.truth.Forgery.Before = to.field, e.truth.Fields[to.field]
	delete(e.truth.Fields, to.field) // what it shows now is two halves of two fields
	return true
}

// copyBox copies what a picture of the same size shows in a box of the document to a place shifted by whole pixels.
func (e *retoucher) copyBox(from *vision.RGB, box vision.Rect, dx, dy int) {
	type pixel struct {
		at int
		c  [3]byte
	}
	var copied []pixel
	m := e.picture
	e.each(box, func(_ []byte, x, y int, _ vision.Point) {
		if x+dx >= 0 && y+dy >= 0 && x+dx < m.Width && y+dy < m.Height {
			p := from.Pix[3*(y*m.Width+x):]
			copied = append(copied, pixel{3 * ((y+dy)*m.Width + x + dx), [3]byte{p[0], p[1], p[2]}})
		}
	})
	for _, p := range copied {
		copy(m.Pix[p.at:], p.c[:])
	}
}

// spliceField takes a field out of another photograph of a document of the same kind: print, light and place are right, and only the
// camera's sharpness and noise and the file's compression are another's.
func (e *retoucher) spliceField(index int, spec PhotoSpec) (bool, error) {
	t, ok := e.editableText()
	if !ok {
		return false, nil
	}
	before := e.document.Fields[t.field]
	after, shown := e.changed(t.field)
	twin := *e.document
	twin.sides = slices.Clone(e.document.sides)
	s := *e.side
	s.texts = slices.Clone(s.texts)
	for i, p := range s.texts {
		if p.field == t.field && p.text == t.text {
			s.texts[i].text = shown
		}
	}
	twin.sides[index] = &s
	lens := chance(e.rand.Uint64(), "lens")
	donor, err := twin.photographLike(index, spec, lens)
	if err != nil {
		return false, err
	}
	box := e.boxOf(t, shown)
	dx, dy := lens.IntN(8)-4, lens.IntN(4)-2 // what the eye does not see
	e.copyBox(donor, box, dx, dy)
	e.truth.Fields[t.field] = after
	e.truth.Forgery.Field, e.truth.Forgery.Before, e.truth.Forgery.After = t.field, before, after
	return true, nil
}

// photographLike is the same view through another lens and file: other blur, other grain, other compression.
func (d *Document) photographLike(index int, spec PhotoSpec, r *rand.Rand) (*vision.RGB, error) {
	view, err := d.frame(index, &spec)
	if err != nil {
		return nil, err
	}
	rendering, err := d.Render(index, view.dpi)
	if err != nil {
		return nil, err
	}
	c := &view.capture
	c.Blur *= 0.6 + 1.2*r.Float64()
	c.Noise *= 0.3 + 1.7*r.Float64()
	c.JPEGQuality = 45 + r.IntN(46)
	spec.Seed = r.Uint64() // other grain
	p, err := shoot(flat(rendering), view, spec, d.truth(rendering, Photo))
	if err != nil {
		return nil, err
	}
	return decoded(p)
}

// pastePortrait lays another portrait over the holder's in the file. How well its light, edge and noise fit is left to chance.
func (e *retoucher) pastePortrait(other *Portrait) (bool, error) {
	box := e.side.portrait
	if box.Area() == 0 {
		return false, nil
	}
	k := e.capture.PixelsPerMM * (0.5 + 0.7*e.rand.Float64()) // its own resolution
	face := fitted(portraitPicture(other, chance(e.rand.Uint64(), "figure")), int(box.Width()*k), int(box.Height()*k))
	data, err := vision.EncodeJPEG(face, 55+e.rand.IntN(41)) // as it was found
	if err != nil {
		return false, err
	}
	if face, err = decoded(&Picture{Data: data}); err != nil {
		return false, err
	}
	mine, theirs := e.mean(box), meanOf(face)
	match, feather, noise := e.rand.Float64(), 0.05+0.6*e.rand.Float64(), e.capture.Noise*max(0, 1.4*e.rand.Float64()-0.4)
	e.each(box, func(p []byte, _, _ int, at vision.Point) {
		x, y := (at.X-box.X0)/box.Width()*float64(face.Width), (at.Y-box.Y0)/box.Height()*float64(face.Height)
		var c [3]float32
		(&sheet{image: face}).sample(vision.Point{X: x, Y: y}, &c)
		edge := min(1, min(at.X-box.X0, box.X1-at.X, at.Y-box.Y0, box.Y1-at.Y)/feather)
		common := e.rand.NormFloat64() * noise
		for i := range p {
			gain := 1 + match*(mine[i]/max(1, theirs[i])-1)
			p[i] = level(float32(float64(p[i])*(1-edge) + (float64(c[i])*gain+common)*edge))
		}
	})
	e.truth.Forgery.Field, e.truth.Forgery.Before, e.truth.Portrait = regionPortrait, e.truth.Portrait, ""
	if other != nil {
		e.truth.Portrait = other.Name
	}
	e.truth.Forgery.After = e.truth.Portrait
	return true, nil
}

func meanOf(m *vision.RGB) (c [3]float64) {
	for i, v := range m.Pix {
		c[i%3] += float64(v)
	}
	for i := range c {
		c[i] /= float64(max(1, len(m.Pix)/3))
	}
	return c
}
