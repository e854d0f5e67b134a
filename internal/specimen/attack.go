package specimen

import (
	"math/rand/v2"
	"slices"
	"time"

	"ekyc"
	"ekyc/internal/document/mrz"
	"ekyc/internal/vision"
)

// AttackKind is a way to forge a document or to show one that is not there.
type AttackKind string

// The attacks.
const (
	PhotoReplaced   AttackKind = "photo_replaced"   // another portrait pasted over the holder's
	FieldEdited     AttackKind = "field_edited"     // one printed field erased and written anew
	MRZEdited       AttackKind = "mrz_edited"       // characters of the machine readable zone replaced, with or without its digits
	ScreenRecapture AttackKind = "screen_recapture" // a photograph of a screen that shows the document
	PrintRecapture  AttackKind = "print_recapture"  // a photograph of a print of the document
	MonochromeCopy  AttackKind = "monochrome_copy"  // a photograph of a black-and-white copy
	AreaCloned      AttackKind = "area_cloned"      // in the file: a piece of one field copied over another
	FieldRetouched  AttackKind = "field_retouched"  // in the file: one field wiped off and lettered anew
	FieldSpliced    AttackKind = "field_spliced"    // in the file: one field taken out of another photograph
	PortraitPasted  AttackKind = "portrait_pasted"  // in the file: another portrait laid over the holder's
)

// AttackKinds lists all, in a fixed order.
func AttackKinds() []AttackKind {
	return []AttackKind{
		PhotoReplaced, FieldEdited, MRZEdited, ScreenRecapture, PrintRecapture, MonochromeCopy, AreaCloned, FieldRetouched, FieldSpliced, PortraitPasted,
	}
}

// Forgery is what was done, part of the truth. Fields and lines of the truth are as they are seen after it.
type Forgery struct {
	Kind   AttackKind `json:"kind"`
	Field  string     `json:"field,omitempty"`
	Before string     `json:"before,omitempty"`
	After  string     `json:"after,omitempty"`
}

// AttackSide is the side of the document that an attack concerns: the back where the zone is there and the attack is on it.
func (d *Document) AttackSide(kind AttackKind) int {
	if kind == MRZEdited {
		return max(0, slices.IndexFunc(d.sides, func(s *side) bool { return len(s.zone) > 0 }))
	}
	return 0
}

// Attack makes the forgery and photographs it. other is the portrait of a replaced photograph; nil draws a figure. It fails with
// ErrInvalidArgument for a kind that is not known or that the side gives no hold for, such as a zone that is not there.
func (d *Document) Attack(kind AttackKind, spec PhotoSpec, other *Portrait) (*Picture, error) {
	index := d.AttackSide(kind)
	if kind.digital() {
		return d.attackFile(kind, index, spec, other)
	}
	view, err := d.frame(index, &spec)
	if err != nil {
		return nil, err
	}
	r, err := d.Render(index, view.dpi)
	if err != nil {
		return nil, err
	}
	fonts, err := newFontSet()
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the fonts cannot be read").Because(err)
	}
	f := &forger{document: d, side: d.sides[index], canvas: &canvas{r.Image, r.PixelsPerMM, fonts}, rand: chance(spec.Seed, string(kind)), truth: d.truth(r, Forged)}
	f.truth.Forgery = &Forgery{Kind: kind}
	done, s := true, sheet{}
	switch kind {
	case PhotoReplaced:
		done = f.replacePhoto(other)
	case FieldEdited:
		done = f.editField()
	case MRZEdited:
		done = f.editZone()
	case ScreenRecapture:
		s = onScreen(r)
	case PrintRecapture:
		s = onPaper(r, f.rand)
	case MonochromeCopy:
		s = onCopier(r, f.rand)
	default:
		done = false
	}
	if !done {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the attack %q is not possible on this side of the document", kind)
	}
	if s.image == nil {
		s = flat(r)
	}
	return shoot(s, view, spec, f.truth)
}

// forger works on a finished rendering.
type forger struct {
	document *Document
	side     *side
	canvas   *canvas
	rand     *rand.Rand
	truth    Truth
}

// replacePhoto pastes another picture over the portrait: a little off, with hard edges, over the lines that should cross it.
func (f *forger) replacePhoto(other *Portrait) bool {
	box := f.side.portrait
	if box.Area() == 0 {
		return false
	}
	shift := vision.Point{X: 0.7 * (f.rand.Float64() - 0.5), Y: 0.7 * (f.rand.Float64() - 0.5)}
	grow := 0.2 + 0.3*f.rand.Float64()
	box = vision.Rect{X0: box.X0 + shift.X - grow, Y0: box.Y0 + shift.Y - grow, X1: box.X1 + shift.X + grow, Y1: box.Y1 + shift.Y + grow}
	f.canvas.fill(vision.Rect{X0: box.X0, Y0: box.Y0, X1: box.X1 + 0.25, Y1: box.Y1 + 0.3}, solid(0x000000).faint(0.35)) // the edge of the paper
	f.canvas.picture(portraitPicture(other, chance(f.rand.Uint64(), "figure")), box, 0, 1)
	f.truth.Forgery.Field, f.truth.Forgery.Before = regionPortrait, f.truth.Portrait
	f.truth.Portrait = ""
	if other != nil {
		f.truth.Portrait = other.Name
	}
	f.truth.Forgery.After = f.truth.Portrait
	return true
}

// editable are the fields that are worth forging.
var editable = []string{"date_of_birth", "date_of_expiry", "surname", "document_number"}

// editField erases one printed field and writes another value, in a neighbouring typeface and not quite in line.
func (f *forger) editField() bool {
	t, ok := f.editableText()
	if !ok {
		return false
	}
	before := f.document.Fields[t.field]
	after, shown := f.changed(t.field)
	k := t.style
	box := vision.Rect{X0: t.x - 0.4, Y0: t.y - k.size*ascent - 0.1, X1: t.x + max(f.canvas.width(t.text, k), f.canvas.width(shown, k)) + 0.4, Y1: t.y + k.size*descent}
	f.erase(box)
	k.face, k.ink = bold, solid(0x202020)
	k.size *= 0.97
	f.canvas.text(shown, t.x+0.15*(f.rand.Float64()-0.5), t.y+0.3*(f.rand.Float64()-0.5), k)
	f.truth.Fields[t.field] = after
	f.truth.Forgery.Field, f.truth.Forgery.Before, f.truth.Forgery.After = t.field, before, after
	return true
}

// changed is another value for a field, as the API and as the document write it.
func (f *forger) changed(field string) (value, shown string) {
	d := f.document
	years := 2 + f.rand.IntN(6)
	switch field {
	case "date_of_birth":
		day := d.Holder.Born.AddDate(-years, 0, f.rand.IntN(200))
		return iso(day), d.shown(day)
	case "date_of_expiry":
		day := d.Expires.AddDate(years, 0, 0)
		return iso(day), d.shown(day)
	case "surname":
		for {
			if name := pick(f.rand, d.from.surnames); name != d.Holder.Surname {
				return name, upper(name)
			}
		}
	}
	number := []byte(d.Number)
	for i := len(number) - 1; i >= 0; i-- {
		if number[i] >= '0' && number[i] <= '9' {
			number[i] = '0' + (number[i]-'0'+byte(1+f.rand.IntN(9)))%10
			break
		}
	}
	return string(number), string(number)
}

// erase covers a box in millimetres with the mean of the paper in it, as a retouched scan looks.
func (f *forger) erase(box vision.Rect) {
	m, px := f.canvas.image, box.Scale(f.canvas.scale)
	var sum [3]int
	count := 0
	for y := max(0, int(px.Y0)); y < min(m.Height, int(px.Y1)); y++ {
		for x := max(0, int(px.X0)); x < min(m.Width, int(px.X1)); x++ {
			p := m.Pix[3*(y*m.Width+x):]
			if int(p[0])+int(p[1])+int(p[2]) < 3*150 { // ink of the text
				continue
			}
			sum[0], sum[1], sum[2], count = sum[0]+int(p[0]), sum[1]+int(p[1]), sum[2]+int(p[2]), count+1
		}
	}
	if count == 0 {
		return
	}
	k := ink{opacity: 0.97}
	k.R, k.G, k.B = byte(sum[0]/count), byte(sum[1]/count), byte(sum[2]/count)
	f.canvas.fill(box, k)
}

// editZone gives the holder another date of birth or the document a later expiry in the zone: half the time with new check digits,
// half with the old ones.
func (f *forger) editZone() bool {
	old := f.side.zone
	if len(old) == 0 {
		return false
	}
	zone, err := mrz.Parse(old)
	if err != nil {
		return false
	}
	field, key, day := mrz.FieldBirthDate, "date_of_birth", f.document.Holder.Born.AddDate(-3-f.rand.IntN(5), f.rand.IntN(11), 0)
	if f.rand.IntN(2) == 0 {
		field, key, day = mrz.FieldExpiryDate, "date_of_expiry", f.document.Expires.AddDate(2+f.rand.IntN(5), 0, 0)
	}
	lines, ok := f.zoneWith(zone, field, day)
	if !ok {
		return false
	}
	for i, line := range lines {
		for j := range len(line) {
			if line[j] != old[i][j] {
				f.overprint(line[j], i, j)
			}
		}
	}
	f.truth.MRZ, f.truth.MRZValid = lines, holds(lines)
	f.truth.Forgery.Field, f.truth.Forgery.Before, f.truth.Forgery.After = key, f.truth.Fields[key], iso(day)
	if !slices.ContainsFunc(f.side.texts, func(t printed) bool { return t.field == key }) { // stated by the zone alone
		f.truth.Fields[key] = iso(day)
	}
	return true
}

// zoneWith is the zone with another date; the check digits follow or stay, as chance will have it.
func (f *forger) zoneWith(zone *mrz.Zone, field mrz.Field, day time.Time) ([]string, bool) {
	span, ok := mrz.LayoutOf(zone.Format).Span(field)
	if !ok {
		return nil, false
	}
	lines := slices.Clone(zone.Lines)
	replace := func(s mrz.Span, text string) {
		lines[s.Line] = lines[s.Line][:s.From] + text + lines[s.Line][s.To:]
	}
	replace(span, day.Format("060102"))
	if f.rand.IntN(2) == 0 {
		return lines, true
	}
	for range 2 { // the composite digit covers the others
		z, err := mrz.Parse(lines)
		if err != nil {
			return nil, false
		}
		for _, c := range z.Checks {
			if !c.Holds && len(c.Expected) == c.Digit.To-c.Digit.From {
				replace(c.Digit, c.Expected)
			}
		}
	}
	return lines, true
}

// overprint erases one character of the zone and prints another, a hair out of place.
func (f *forger) overprint(symbol byte, line, column int) {
	s := f.side
	x, y := s.zoneX+zonePitch*float64(column), s.zoneY[line]
	f.erase(vision.Rect{X0: x + 0.1, Y0: y - zoneCapHeight - 0.4, X1: x + zonePitch - 0.1, Y1: y + 0.4})
	k := style{face: ocrB, size: zoneSize * 0.98, ink: solid(0x1C1C22), pitch: zonePitch}
	f.canvas.text(string(symbol), x+0.2*(f.rand.Float64()-0.5), y+0.3*(f.rand.Float64()-0.5), k)
}
