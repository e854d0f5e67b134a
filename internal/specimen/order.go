package specimen

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"ekyc"
	"ekyc/internal/document/barcode"
	"ekyc/internal/vision"
)

// Order asks for a folder of specimens. Every item depends on the order's seed and its own number alone.
type Order struct {
	Seed   uint64
	Kinds  []Kind  // taken in turn; empty: all
	Forms  []Form  // taken in turn, one for each round of the kinds; empty: all
	Scenes []Scene // of the photographs, taken in turn, one for each round of the kinds and forms; empty: Plain
	// Attacks are the forgeries, taken in turn; empty: all.
	Attacks []AttackKind
	Issuer  string // "" for any; kinds that it does not issue are left out
	// Difficulty of the photographs; nil lets each item draw its own from 0 to 1.
	Difficulty    *float64
	Width, Height int // of the photographs; 0: twelve megapixels
	At            time.Time
	Gallery       *Gallery // nil: drawn figures
}

// Validate completes the order, or says with ErrInvalidArgument what is wrong with it.
func (o *Order) Validate() error {
	if len(o.Kinds) == 0 {
		o.Kinds = Kinds()
	}
	if len(o.Forms) == 0 {
		o.Forms = []Form{Clean, Photo, Forged}
	}
	for _, k := range o.Kinds {
		if !slices.Contains(Kinds(), k) {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "there is no specimen of kind %q; there are %s", k, joined(Kinds()))
		}
	}
	for _, f := range o.Forms {
		if f != Clean && f != Photo && f != Forged {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "there is no form %q; there are clean, photo and attack", f)
		}
	}
	if len(o.Scenes) == 0 {
		o.Scenes = []Scene{Plain}
	}
	for _, s := range o.Scenes {
		if !slices.Contains(Scenes(), s) {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "there is no scene %q; there are %s", s, joined(Scenes()))
		}
	}
	for _, a := range o.Attacks {
		if !slices.Contains(AttackKinds(), a) {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "there is no attack %q; there are %s", a, joined(AttackKinds()))
		}
	}
	if d := o.Difficulty; d != nil && !(*d >= 0 && *d <= 1) {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "the difficulty must be from 0 to 1")
	}
	if o.Issuer != "" {
		o.Kinds = slices.DeleteFunc(slices.Clone(o.Kinds), func(k Kind) bool { return issuerOf(o.Issuer, k) == nil })
		if len(o.Kinds) == 0 {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "%q issues none of the kinds asked for", o.Issuer)
		}
	}
	return nil
}

func joined[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

// Make produces item number i of a validated order: one picture, or front and back where the document says something on both.
func (o *Order) Make(i int) ([]*Picture, error) {
	r := chance(o.Seed+uint64(i)*0x9E3779B97F4A7C15, "item")
	seed, difficulty := r.Uint64()>>11, r.Float64() // 53 bits of seed: JSON readers keep them
	if o.Difficulty != nil {
		difficulty = *o.Difficulty
	}
	kind, form := o.Kinds[i%len(o.Kinds)], o.Forms[i/len(o.Kinds)%len(o.Forms)]
	spec := Spec{Kind: kind, Seed: seed, Issuer: o.Issuer, At: o.At}
	var other *Portrait
	if o.Gallery != nil {
		var err error
		people := o.Gallery.People()
		n := r.IntN(len(people))
		if spec.Portrait, err = o.Gallery.Portrait(people[n], r.IntN(o.Gallery.Photographs(people[n]))); err != nil {
			return nil, err
		}
		if other, err = o.Gallery.Portrait(people[(n+1)%len(people)], 0); err != nil {
			return nil, err
		}
	}
	d, err := Generate(spec)
	if err != nil {
		return nil, err
	}
	photo := PhotoSpec{Seed: seed, Width: o.Width, Height: o.Height, Difficulty: difficulty}
	if form == Photo {
		photo.Scene = o.Scenes[i/(len(o.Kinds)*len(o.Forms))%len(o.Scenes)]
	}
	var pictures []*Picture
	if form == Forged {
		pictures, err = o.forge(d, photo, other, i)
	} else {
		pictures, err = show(d, form, photo)
	}
	if err != nil {
		return nil, err
	}
	for _, p := range pictures {
		p.Truth.File = fileName(i, p.Truth, len(pictures) > 1)
	}
	return pictures, nil
}

// show makes the sides that say something about the holder.
func show(d *Document, form Form, photo PhotoSpec) ([]*Picture, error) {
	var out []*Picture
	for side, s := range d.sides {
		if side > 0 && (!s.says() || photo.Scene == BothSides) {
			continue
		}
		var p *Picture
		var err error
		if form == Clean {
			p, err = d.Clean(side, 0)
		} else {
			p, err = d.Photograph(side, photo)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// forge makes the attack that is the item's turn, or the next one that the document gives a hold for. The other side is as it was, where it says
// something on the holder: what was changed on one side may be stated on the other.
func (o *Order) forge(d *Document, photo PhotoSpec, other *Portrait, i int) ([]*Picture, error) {
	kinds := o.Attacks
	if len(kinds) == 0 {
		kinds = AttackKinds()
	}
	turn := i/(len(o.Kinds)*len(o.Forms)) + i%len(o.Kinds)
	kind := kinds[turn%len(kinds)]
	if kind == MRZEdited && len(d.MRZ) == 0 {
		kind = kinds[(turn+1)%len(kinds)]
	}
	forged := d.AttackSide(kind)
	var out []*Picture
	for side, s := range d.sides {
		var p *Picture
		var err error
		switch {
		case side == forged:
			p, err = d.Attack(kind, photo, other)
		case side == 0 || s.says():
			p, err = d.Photograph(side, photo)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// fileName names a picture by number, kind and form: "0001_id_card_td1_photo_back.jpg".
func fileName(i int, t Truth, sides bool) string {
	name := fmt.Sprintf("%04d_%s_%s", i+1, t.Kind, t.Form)
	if t.Forgery != nil {
		name = fmt.Sprintf("%04d_%s_%s", i+1, t.Kind, t.Forgery.Kind)
	}
	if sides {
		name += "_" + t.Side
	}
	return name + ".jpg"
}

// Label is an entry of labels.json as `ekyc bench` reads it in documents/ (docs/bench.md).
type Label struct {
	File        string            `json:"file"`
	Back        string            `json:"back,omitempty"`
	Type        string            `json:"type"`
	Country     string            `json:"country"`
	MRZFormat   string            `json:"mrz_format,omitempty"`
	MRZ         []string          `json:"mrz"` // null when neither side has one
	MRZValid    bool              `json:"mrz_valid"`
	Fields      map[string]string `json:"fields"`
	Holder      string            `json:"holder"`
	Truth       string            `json:"truth"`
	Kind        Kind              `json:"kind"`
	Printed     []string          `json:"printed"` // keys of the fields that are printed for people
	Attack      string            `json:"attack,omitempty"`
	AttackField string            `json:"attack_field,omitempty"` // which it concerns
	Places      []Place           `json:"places,omitempty"`       // of the pictures of File and Back
}

// Place is where the document of one generated picture lies, and what machines can read on it.
type Place struct {
	Scene      Scene       `json:"scene,omitempty"` // empty for a clean render
	Difficulty float64     `json:"difficulty"`
	Quad       vision.Quad `json:"quad"`     // from the document's own top left clockwise as it is read
	Mirrored   bool        `json:"mirrored"` // the picture shows it so
	MRZ        []string    `json:"mrz,omitempty"`
	Barcode    []byte      `json:"barcode,omitempty"`   // its bytes
	Module     float64     `json:"module_px,omitempty"` // width of one of its modules
	Tilt       float64     `json:"tilt_deg,omitempty"`  // the larger of the camera's two
	Blur       float64     `json:"blur_px,omitempty"`   // sigma of the lens and length of the hand's movement together
	Neighbour  *Neighbour  `json:"neighbour,omitempty"` // what else lies in the picture
}

// placeOf states the place of a picture.
func placeOf(t Truth) Place {
	p := Place{Scene: t.Scene, Quad: t.Quad, Mirrored: t.Scene == Mirrored, MRZ: t.MRZ, Neighbour: t.Neighbour}
	if c := t.Capture; c != nil {
		p.Difficulty, p.Tilt, p.Blur = c.Difficulty, max(math.Abs(c.TiltX), math.Abs(c.TiltY)), c.Blur+c.Motion/2
	}
	if t.Barcode == nil {
		return p
	}
	p.Barcode = t.Barcode.Payload
	for _, r := range t.Regions {
		if symbol, err := barcode.EncodePDF417(t.Barcode.Payload, 0); r.Name == regionBarcode && err == nil {
			p.Module = r.Quad.Width() / float64(symbol.Gray(1).Width)
		}
	}
	return p
}

// labelNames are fields whose names in the labels differ from those of the API.
var labelNames = map[string]string{"date_of_birth": "birth_date", "date_of_issue": "issue_date", "date_of_expiry": "expiry_date"}

// LabelOf is the label of an item's pictures, front first.
func LabelOf(pictures []*Picture) Label {
	front := pictures[0].Truth
	l := Label{
		File: front.File, Country: front.Country, Fields: map[string]string{}, Truth: "generated", Kind: front.Kind, Printed: []string{},
		Holder: fmt.Sprintf("%s %s %d", front.Holder.Surname, front.Holder.GivenNames, front.Seed),
	}
	switch front.Kind {
	case Passport, ResidencePermit:
		l.Type = string(front.Kind)
	case IDCardTD1, IDCardTD2, IDCardNational:
		l.Type = "id_card"
	case VisaA, VisaB:
		l.Type = "visa"
	default:
		l.Type = "driving_licence"
	}
	if len(pictures) > 1 {
		l.Back = pictures[1].Truth.File
	}
	for _, p := range pictures {
		if f := p.Truth.Forgery; f != nil {
			l.Attack, l.AttackField = string(f.Kind), f.Field
		}
		l.Places = append(l.Places, placeOf(p.Truth))
		for _, g := range p.Truth.Regions {
			if p.Truth.Fields[g.Name] != "" && !slices.Contains(l.Printed, g.Name) {
				l.Printed = append(l.Printed, g.Name)
			}
		}
		if p.Truth.MRZ != nil {
			l.MRZ, l.MRZFormat, l.MRZValid = p.Truth.MRZ, p.Truth.MRZFormat, p.Truth.MRZValid
		}
		for key, value := range p.Truth.Fields {
			if name := labelNames[key]; name != "" {
				key = name
			}
			if _, stated := l.Fields[key]; !stated {
				l.Fields[key] = value
			}
		}
	}
	return l
}
