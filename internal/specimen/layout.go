package specimen

import (
	"math/rand/v2"
	"strings"
	"time"

	"ekyc/internal/vision"
)

// size is a document format in millimetres.
type size struct{ width, height float64 }

// The formats of ICAO Doc 9303 (parts 4 to 7) and ISO/IEC 7810.
var (
	id1  = size{85.6, 53.98}
	id2  = size{105, 74}
	id3  = size{125, 88}
	mrva = size{120, 80}
	mrvb = size{105, 74}
)

// Names of regions besides the field keys.
const (
	regionPortrait = "portrait"
	regionMRZ      = "mrz"
	regionBarcode  = "barcode"
)

// side is one face of a document: where everything stands, in millimetres.
type side struct {
	name     string // "front", "back"
	size     size
	corner   float64 // radius of the corners
	colours  palette
	seed     uint64
	portrait vision.Rect // empty for none
	ghost    vision.Rect // the small second portrait
	texts    []printed
	zone     []string // machine readable lines
	zoneY    []float64
	zoneX    float64
	barcode  vision.Rect
	// signature is where the holder has signed; empty for nowhere.
	signature vision.Rect
	strip     bool // a white ground under the machine readable zone
	band      bool // a coloured band behind the title
	flag      string
}

// printed is one line of text with the field that it states; captions state none.
type printed struct {
	field string
	text  string
	x, y  float64
	style style
	// room is the width that the text may take, 0 for up to the edge; follows, where not 0, sets the text that far behind the one before it.
	room, follows float64
}

// Sizes of text in millimetres an em, as data pages have them.
const (
	captionSize = 1.75
	valueSize   = 3.1
)

// write is a caption with its value below it.
func (s *side) write(field, caption, value string, x, y float64, k float64) {
	s.texts = append(s.texts,
		printed{text: caption, x: x, y: y, style: style{face: regular, size: captionSize * k, ink: solid(0x44505A)}},
		printed{field: field, text: value, x: x, y: y + 3.3*k, style: style{face: medium, size: valueSize * k, ink: solid(0x14181C)}})
}

// label is text that states no field.
func (s *side) label(text string, x, y float64, k style) {
	s.texts = append(s.texts, printed{text: text, x: x, y: y, style: k})
}

// value is a field without a caption of its own.
func (s *side) value(field, text string, x, y float64, k style) {
	s.texts = append(s.texts, printed{field: field, text: text, x: x, y: y, style: k})
}

// title is the head of a document: the state, and what the document is.
func (s *side) title(state, document string, x, y, k float64) {
	ink := solid(s.colours.title)
	s.label(state, x, y, style{face: bold, size: 3.4 * k, ink: ink})
	s.label(document, x, y+4*k, style{face: medium, size: 2.6 * k, ink: ink})
}

// specimenMark prints what every document of this package says.
func (s *side) specimenMark(x, y, k float64) {
	s.label("SPECIMEN", x, y, style{face: bold, size: 3.6 * k, ink: ink{rgbOf(0xC0202A), 0.85}, align: 0.5, spread: 0.3})
}

// Pitch of OCR-B size 1 (ICAO Doc 9303-3, 4.3: ten characters an inch) and the distances between lines of the zone.
const (
	zonePitch   = 2.54
	zoneSpacing = 6.35 // TD2, TD3, visas
	cardSpacing = 4.23 // TD1: six lines an inch
)

// machineZone places the lines at the foot of a side.
func (s *side) machineZone(lines []string) {
	spacing, last := zoneSpacing, s.size.height-6.6
	if len(lines) == 3 {
		spacing, last = cardSpacing, s.size.height-4.6
	}
	s.zone = lines
	s.zoneX = (s.size.width - zonePitch*float64(len(lines[0]))) / 2
	for i := range lines {
		s.zoneY = append(s.zoneY, last-spacing*float64(len(lines)-1-i))
	}
}

// shown is a date as the issuer prints it.
func (d *Document) shown(t time.Time) string {
	switch {
	case d.Kind == LicenceAAMVA:
		return t.Format("01/02/2006")
	case d.Kind == LicenceEU:
		return t.Format("02.01.2006")
	case d.from.language == english:
		return strings.ToUpper(t.Format("02 Jan 2006"))
	case d.from.language == french || d.from.language == italian || d.from.language == portuguese:
		return t.Format("02/01/2006")
	case d.from.language == spanish:
		return t.Format("02 01 2006")
	case d.from.language == swedish:
		return t.Format("2006-01-02")
	}
	return t.Format("02.01.2006")
}

// upper is capitals, as documents print names.
func upper(s string) string { return strings.ToUpper(s) }

// layOut places everything on the sides.
func (d *Document) layOut(r *rand.Rand) {
	national := d.Kind == IDCardNational || d.Kind == LicenceNational // which the house has not
	if !d.house(r) || national {
		d.layOutDesigned(r)
	} else {
		d.layOutHouse()
	}
	d.placeLicenceZone()
	for i, s := range d.sides {
		s.name = []string{"front", "back"}[i]
		s.seed = r.Uint64()
		if s.colours == (palette{}) {
			s.colours = d.from.colours
		}
	}
}

// layOutDesigned places everything in a design of the issuer.
func (d *Document) layOutDesigned(r *rand.Rand) {
	g := newDesign(r, d.from)
	switch d.Kind {
	case Passport:
		d.sides = []*side{d.designedPassport(g)}
	case IDCardTD1:
		d.sides = []*side{d.designedCard(g, "identity_card"), d.designedBack(g)}
	case ResidencePermit:
		d.sides = []*side{d.designedCard(g, "residence_permit"), d.designedBack(g)}
	case IDCardTD2:
		d.sides = []*side{d.designedTD2(g)}
	case IDCardNational, LicenceNational:
		d.sides = []*side{d.nationalFront(r)}
	case LicenceEU:
		d.sides = []*side{d.designedLicence(r), d.licenceBack()}
	case LicenceAAMVA:
		d.sides = []*side{d.designedAmerican(r), d.americanBack()}
	default:
		d.layOutHouse()
	}
}

// layOutHouse places everything as documents of Utopia have it.
func (d *Document) layOutHouse() {
	switch d.Kind {
	case Passport:
		d.sides = []*side{d.passportPage()}
	case IDCardTD1:
		d.sides = []*side{d.cardFront("identity_card"), d.cardBack()}
	case ResidencePermit:
		d.sides = []*side{d.cardFront("residence_permit"), d.cardBack()}
	case IDCardTD2:
		d.sides = []*side{d.cardTD2()}
	case VisaA:
		d.sides = []*side{d.visa(mrva)}
	case VisaB:
		d.sides = []*side{d.visa(mrvb)}
	case LicenceEU:
		d.sides = []*side{d.licenceFront(), d.licenceBack()}
	case LicenceAAMVA:
		d.sides = []*side{d.americanFront(), d.americanBack()}
	}
}

// passportPage is the data page of a passport (Doc 9303-4): portrait on the left, two lines of 44 at the foot.
func (d *Document) passportPage() *side {
	s := &side{size: id3, corner: 3, colours: d.from.colours, band: true}
	p := d.Holder
	s.title(d.from.name, d.from.word("passport"), 46, 6.4, 1)
	s.specimenMark(22.5, 9.5, 1)
	s.portrait = vision.Rect{X0: 5.5, Y0: 16, X1: 40.5, Y1: 61}
	s.ghost = vision.Rect{X0: 107.5, Y0: 21, X1: 119, Y1: 35.8}
	const left, middle, right, top, step = 46.0, 76.0, 96.0, 16.2, 7.0
	row := func(i int) float64 { return top + step*float64(i) }
	s.write("", d.from.captionShort("type"), "P", left, row(0), 1)
	s.write("issuing_country", d.from.captionShort("code"), d.from.code, left+14, row(0), 1)
	s.write("document_number", d.from.caption("passport_number"), d.Number, middle+9, row(0), 1)
	s.write("surname", d.from.caption("surname"), upper(p.Surname), left, row(1), 1)
	s.write("given_names", d.from.caption("given_names"), upper(p.GivenNames), left, row(2), 1)
	s.write("nationality", d.from.caption("nationality"), d.citizen(), left, row(3), 1)
	s.write("date_of_birth", d.from.caption("date_of_birth"), d.shown(p.Born), left, row(4), 1)
	s.write("sex", d.from.captionShort("sex"), p.Sex, middle+9, row(4), 1)
	s.write("place_of_birth", d.from.captionShort("place_of_birth"), upper(p.PlaceOfBirth), right, row(5), 1)
	s.write("date_of_issue", d.from.caption("date_of_issue"), d.shown(d.Issued), left, row(5), 1)
	s.write("date_of_expiry", d.from.caption("date_of_expiry"), d.shown(d.Expires), left, row(6), 1)
	s.write("issuing_authority", d.from.captionShort("issuing_authority"), d.office, middle+9, row(6), 0.92)
	if d.Personal != "" {
		s.write("personal_number", d.from.captionShort("personal_number"), d.Personal, right, row(3), 0.9)
	}
	s.signature = vision.Rect{X0: 101, Y0: 41.5, X1: 120, Y1: 49}
	s.machineZone(d.MRZ)
	return s
}

// captionShort is the caption in the issuer's language alone, for narrow places.
func (i *issuer) captionShort(key string) string { return say(i.language, key) }

// citizen is the nationality as printed beside the portrait.
func (d *Document) citizen() string {
	for _, i := range issuers() {
		if i.code == d.Holder.Nationality {
			return i.citizen
		}
	}
	return d.Holder.Nationality
}

// cardFront is the front of an identity card or a residence permit in TD1 size.
func (d *Document) cardFront(title string) *side {
	s := &side{size: id1, corner: 3.18, colours: d.from.colours, band: true}
	p := d.Holder
	s.title(d.from.name, d.from.word(title), 5, 4.6, 0.86)
	s.portrait = vision.Rect{X0: 4.5, Y0: 12.5, X1: 26.5, Y1: 40.5}
	s.ghost = vision.Rect{X0: 72, Y0: 34, X1: 81.5, Y1: 46.2}
	s.specimenMark(15.5, 45.4, 0.8)
	const left, middle, right, top, step, k = 30.0, 52.0, 66.0, 12.6, 6.0, 0.84
	row := func(i int) float64 { return top + step*float64(i) }
	s.write("surname", d.from.caption("surname"), upper(p.Surname), left, row(0), k)
	s.write("given_names", d.from.caption("given_names"), upper(p.GivenNames), left, row(1), k)
	s.write("date_of_birth", d.from.captionShort("date_of_birth"), d.shown(p.Born), left, row(2), k)
	s.write("sex", d.from.captionShort("sex"), p.Sex, middle, row(2), k)
	s.write("nationality", d.from.captionShort("nationality"), d.citizen(), right-3, row(2), k*0.94)
	s.write("place_of_birth", d.from.captionShort("place_of_birth"), upper(p.PlaceOfBirth), left, row(3), k)
	s.write("document_number", d.from.caption("document_number"), d.Number, left, row(4), k)
	s.write("date_of_expiry", d.from.caption("date_of_expiry"), d.shown(d.Expires), left, row(5), k)
	if d.Kind == ResidencePermit {
		s.write("", d.from.captionShort("type_of_permit"), d.from.word("unlimited_residence"), left, row(6)-0.6, k*0.9)
	} else {
		s.label(d.from.captionShort("signature"), middle+4, row(6)+3.6, style{face: regular, size: captionSize * k, ink: solid(0x44505A)})
		s.signature = vision.Rect{X0: middle - 2, Y0: row(6) - 3.5, X1: middle + 20, Y1: row(6) + 2}
	}
	return s
}

// cardBack carries the address, the authority and three lines of thirty.
func (d *Document) cardBack() *side {
	s := &side{size: id1, corner: 3.18, colours: d.from.colours, strip: true}
	const k = 0.82
	s.write("address", d.from.caption("address"), upper(d.Holder.Address), 5, 6, k)
	s.write("date_of_issue", d.from.caption("date_of_issue"), d.shown(d.Issued), 5, 13, k)
	s.write("issuing_authority", d.from.caption("issuing_authority"), d.office, 5, 20, k)
	if d.Personal != "" {
		s.write("personal_number", d.from.caption("personal_number"), d.Personal, 48, 13, k)
	}
	s.specimenMark(70, 8, 0.8)
	s.machineZone(d.MRZ)
	return s
}

// cardTD2 is an identity card in the larger size, with two lines of 36.
func (d *Document) cardTD2() *side {
	s := &side{size: id2, corner: 3, colours: d.from.colours, band: true, strip: true}
	p := d.Holder
	s.title(d.from.name, d.from.word("identity_card"), 5, 5.6, 0.95)
	s.specimenMark(89, 13.4, 0.95)
	s.portrait = vision.Rect{X0: 5, Y0: 13.5, X1: 33, Y1: 49.5}
	const left, middle, top, step, k = 38.0, 72.0, 14.6, 6.2, 0.88
	row := func(i int) float64 { return top + step*float64(i) }
	s.write("surname", d.from.caption("surname"), upper(p.Surname), left, row(0), k)
	s.write("given_names", d.from.caption("given_names"), upper(p.GivenNames), left, row(1), k)
	s.write("date_of_birth", d.from.caption("date_of_birth"), d.shown(p.Born), left, row(2), k)
	s.write("sex", d.from.captionShort("sex"), p.Sex, middle+6, row(2), k)
	s.write("nationality", d.from.caption("nationality"), d.citizen(), left, row(3), k)
	s.write("place_of_birth", d.from.captionShort("place_of_birth"), upper(p.PlaceOfBirth), middle+6, row(3), k)
	s.write("document_number", d.from.captionShort("document_number"), d.Number, left, row(4), k)
	s.write("date_of_issue", d.from.captionShort("date_of_issue"), d.shown(d.Issued), middle+6, row(4), k)
	s.write("date_of_expiry", d.from.captionShort("date_of_expiry"), d.shown(d.Expires), left, row(5), k)
	s.write("issuing_authority", d.from.captionShort("issuing_authority"), d.office, middle-8, row(5), k*0.9)
	s.machineZone(d.MRZ)
	return s
}

// visa is a sticker of either size (Doc 9303-7).
func (d *Document) visa(of size) *side {
	s := &side{size: of, corner: 0.6, colours: d.from.colours, band: true}
	k, p := of.width/120, d.Holder
	s.title(d.from.name, d.from.word("visa"), 40*k, 6*k, k)
	s.specimenMark(of.width-22, 13.5*k, k)
	s.portrait = vision.Rect{X0: 6 * k, Y0: 13 * k, X1: 34 * k, Y1: 49 * k}
	left, middle := 40*k, 80*k
	row := func(i int) float64 { return (15.4 + 6.9*float64(i)) * k }
	s.write("", d.from.caption("valid_from"), d.shown(d.Issued), left, row(0), k)
	s.write("date_of_expiry", d.from.caption("date_of_expiry"), d.shown(d.Expires), middle, row(1), k)
	s.write("document_number", d.from.caption("document_number"), d.Number, left, row(1), k)
	s.write("", d.from.captionShort("number_of_entries"), "MULT", middle, row(2), k)
	s.write("surname", d.from.caption("surname"), upper(p.Surname), left, row(2), k)
	s.write("given_names", d.from.caption("given_names"), upper(p.GivenNames), left, row(3), k)
	s.write("date_of_birth", d.from.captionShort("date_of_birth"), d.shown(p.Born), left, row(4), k)
	s.write("sex", d.from.captionShort("sex"), p.Sex, 68*k, row(4), k)
	s.write("nationality", d.from.captionShort("nationality"), p.Nationality, middle, row(4), k)
	s.write("issuing_authority", d.from.captionShort("issuing_authority"), d.office, left, row(5), k*0.9)
	s.machineZone(d.MRZ)
	return s
}
