// Package specimen makes identity documents of invented people for tests, demonstrations and measurements: as clean renders, as
// photographs of them and as attacks, each with its complete truth. Every document is marked SPECIMEN. The same Spec gives the
// same bytes: all chance comes from seeded generators, no clock is read, and no map is walked in its own order.
//
// Sizes are ICAO Doc 9303's and ISO/IEC 7810's: ID-3 125 x 88 mm, ID-2 105 x 74 mm, ID-1 85.6 x 54 mm.
package specimen

import (
	"math/rand/v2"
	"strings"
	"time"

	"ekyc"
	"ekyc/internal/document/mrz"
	"ekyc/internal/document/number"
	"ekyc/internal/vision"
)

// Kind is what can be generated.
type Kind string

// The kinds of specimens.
const (
	Passport        Kind = "passport"
	IDCardTD1       Kind = "id_card_td1"
	IDCardTD2       Kind = "id_card_td2"
	VisaA           Kind = "visa_a"
	VisaB           Kind = "visa_b"
	ResidencePermit Kind = "residence_permit"
	LicenceEU       Kind = "driving_licence_eu"
	LicenceAAMVA    Kind = "driving_licence_aamva"
	IDCardNational  Kind = "id_card_national"         // by no standard, without a machine readable zone
	LicenceNational Kind = "driving_licence_national" // likewise
)

// Kinds lists all, in a fixed order.
func Kinds() []Kind {
	return []Kind{Passport, IDCardTD1, IDCardTD2, VisaA, VisaB, ResidencePermit, LicenceEU, LicenceAAMVA, IDCardNational, LicenceNational}
}

// Epoch is the reference date where a Spec names none: ages and validity are reckoned from it, so that the same seed gives the same
// document on any day.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Spec says which document to make. Kind is required; the seed chooses what is left empty.
type Spec struct {
	Kind   Kind
	Seed   uint64
	Issuer string    // as in a machine readable zone: "UTO", "D", "FRA", …
	Sex    string    // "F", "M" or "X"
	At     time.Time // reference date; zero: Epoch
	// Expired asks for a document whose validity ended before the reference date.
	Expired bool
	// Portrait is the holder's photograph; nil draws a figure that is no person.
	Portrait *Portrait
}

// Portrait is a photograph of one person, cut as documents show them: head and shoulders, face in the middle.
type Portrait struct {
	Name  string // of the person in the gallery
	Sex   string // as it appears; "" for unknown
	Image *vision.RGB
}

// Document is one invented document: what it says, and how it looks.
type Document struct {
	Kind      Kind
	Issuer    string
	Holder    Person
	Number    string
	Personal  string
	Issued    time.Time
	Expires   time.Time
	Fields    map[string]string // by the field keys of the API; dates ISO 8601
	MRZ       []string
	MRZFormat string
	Payload   []byte // of the PDF417, nil for none

	spec   Spec
	from   *issuer
	office string
	state  string // jurisdiction of a North American licence
	sides  []*side
}

// generator of chance for one purpose, so that adding a draw to one does not change another.
func chance(seed uint64, purpose string) *rand.Rand {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset)
	for _, c := range []byte(purpose) {
		h = (h ^ uint64(c)) * prime
	}
	return rand.New(rand.NewPCG(seed, h))
}

// Generate invents a document. It fails with ErrInvalidArgument for a kind or issuer that is not known, or an issuer that gives out
// no such kind.
func Generate(spec Spec) (*Document, error) {
	r := chance(spec.Seed, "document "+string(spec.Kind))
	d := &Document{Kind: spec.Kind, spec: spec}
	if d.from = chooseIssuer(r, spec); d.from == nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "no specimen of kind %q is issued by %q", spec.Kind, spec.Issuer)
	}
	if d.spec.At.IsZero() {
		d.spec.At = Epoch
	}
	sex := spec.Sex
	if sex == "" && spec.Portrait != nil {
		sex = spec.Portrait.Sex
	}
	d.Issuer = d.from.code
	d.Holder = invent(r, d.from, sex, d.spec.At)
	d.office = pick(r, d.from.offices)
	d.Number = pattern(r, d.from.number[spec.Kind])
	if d.from.personal != "" && spec.Kind != VisaA && spec.Kind != VisaB {
		d.Personal = personalNumber(r, d.from)
	}
	d.validity(r)
	switch spec.Kind {
	case VisaA, VisaB, ResidencePermit:
		d.foreignHolder(r)
	case LicenceAAMVA:
		d.state = pick(r, d.from.states)
	}
	d.describe()
	if err := d.encode(); err != nil {
		return nil, err
	}
	d.layOut(r)
	if spec.Kind == IDCardNational || spec.Kind == LicenceNational {
		d.keepPrinted()
	}
	return d, nil
}

// keepPrinted drops the fields that a card of no standard does not print.
func (d *Document) keepPrinted() {
	printed := map[string]bool{"issuing_country": true}
	for _, s := range d.sides {
		for _, t := range s.texts {
			printed[t.field] = true
		}
	}
	for key := range d.Fields {
		if !printed[key] {
			delete(d.Fields, key)
		}
	}
}

// personalNumber draws a number of the issuer's shape whose check digit holds, where it has one.
func personalNumber(r *rand.Rand, from *issuer) string {
	const most = 5000 // the rarest check, of three digits, holds for one in 1000
	iso := from.code
	if iso == "D" {
		iso = "DEU"
	}
	rule, known := number.Of(iso)
	for range most {
		if p := pattern(r, from.personal); !known || rule.Check(number.Compact(p)) != number.Refuted {
			return p
		}
	}
	return pattern(r, from.personal)
}

func chooseIssuer(r *rand.Rand, spec Spec) *issuer {
	if spec.Issuer != "" {
		return issuerOf(spec.Issuer, spec.Kind)
	}
	var able []*issuer
	for _, i := range issuers() {
		if i.number[spec.Kind] != "" {
			able = append(able, i)
		}
	}
	if len(able) == 0 {
		return nil
	}
	return pick(r, able)
}

// validity draws the dates of issue and expiry around the reference date.
func (d *Document) validity(r *rand.Rand) {
	years, at := 10, d.spec.At
	if d.Kind == VisaA || d.Kind == VisaB {
		years = 5
	}
	if d.spec.Expired {
		d.Issued = at.AddDate(-years, 0, -1-r.IntN(700))
	} else { // at least two years are left, so that generated folders stay valid for a while
		d.Issued = at.AddDate(0, 0, -30-r.IntN((years-2)*365-30))
	}
	d.Expires = d.Issued.AddDate(years, 0, 0)
	if grown := d.Holder.Born.AddDate(16, 0, 0); d.Issued.Before(grown) { // nobody under 16 holds a document of ten years
		d.Holder.Born = d.Issued.AddDate(-16, 0, -r.IntN(900))
	}
}

// foreignHolder makes the holder of a visa or permit a citizen of another state.
func (d *Document) foreignHolder(r *rand.Rand) {
	list := issuers()
	for {
		if home := pick(r, list); home != d.from {
			address := d.Holder.Address
			born := d.Holder.Born
			d.Holder = invent(r, home, d.Holder.Sex, d.spec.At)
			d.Holder.Address, d.Holder.Born = address, born
			return
		}
	}
}

// describe fills Fields.
func (d *Document) describe() {
	p := d.Holder
	d.Fields = map[string]string{
		"document_number": d.Number, "surname": p.Surname, "given_names": p.GivenNames, "full_name": p.FullName(), "date_of_birth": iso(p.Born),
		"date_of_issue": iso(d.Issued), "date_of_expiry": iso(d.Expires), "sex": p.Sex, "nationality": p.Nationality,
		"issuing_country": d.Issuer, "issuing_authority": d.office,
	}
	if d.Personal != "" {
		d.Fields["personal_number"] = d.Personal
	}
	switch d.Kind {
	case Passport, IDCardTD1, IDCardTD2, ResidencePermit, LicenceEU, IDCardNational, LicenceNational:
		d.Fields["place_of_birth"] = p.PlaceOfBirth
	}
	switch d.Kind {
	case IDCardTD1, ResidencePermit, LicenceAAMVA, LicenceEU, IDCardNational, LicenceNational:
		d.Fields["address"] = p.Address
	}
	switch d.Kind {
	case IDCardNational:
		if d.Issuer == "CHN" {
			d.Fields["full_name"] = p.nationalSurname + p.nationalGiven
		}
	case LicenceNational:
		d.Fields["licence_categories"] = "B"
	case LicenceEU:
		d.Fields["licence_categories"] = "AM B"
		delete(d.Fields, "sex")
		delete(d.Fields, "nationality")
	case LicenceAAMVA:
		d.Fields["licence_categories"] = "C"
		delete(d.Fields, "nationality")
		delete(d.Fields, "issuing_authority")
	}
}

func iso(t time.Time) string { return t.Format(time.DateOnly) }

// encode composes the machine readable zone or the bar code.
func (d *Document) encode() error {
	if d.Kind == LicenceAAMVA {
		return d.composePayload()
	}
	code, format := "", mrz.Format("")
	switch d.Kind {
	case Passport:
		code, format = "P", mrz.TD3
	case IDCardTD1:
		code, format = "ID", mrz.TD1
	case IDCardTD2:
		code, format = "I", mrz.TD2
	case VisaA:
		code, format = "V", mrz.MRVA
	case VisaB:
		code, format = "V", mrz.MRVB
	case ResidencePermit:
		code, format = "IR", mrz.TD1
	case LicenceEU:
		return d.licenceZone()
	default:
		return nil
	}
	zone := mrz.Document{
		Code: code, Issuer: d.from.code, Surname: d.Holder.Surname, GivenNames: d.Holder.GivenNames, Number: mrzNumber(d.Number), Nationality: d.Holder.Nationality,
		BirthDate: iso(d.Holder.Born), ExpiryDate: iso(d.Expires), Sex: d.Holder.Sex,
	}
	if d.Kind == Passport || d.Kind == IDCardTD1 {
		if number := mrzNumber(d.Personal); len(number) <= mostOptional {
			zone.Optional1 = number
		}
	}
	lines, err := mrz.Compose(zone, format)
	if err != nil {
		return err
	}
	d.MRZ, d.MRZFormat = lines, string(format)
	if zone.Optional1 != "" {
		d.Fields["optional_data"] = zone.Optional1
	}
	return nil
}

// mostOptional is the room for a personal number in a passport's zone (Doc 9303-4, 4.2.2).
const mostOptional = 14

// mrzNumber keeps of a number what a machine readable zone can say.
func mrzNumber(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
