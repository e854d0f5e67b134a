package document

import (
	"cmp"
	"slices"
	"sync"

	"ekyc"
	"ekyc/internal/document/layout"
	"ekyc/internal/document/mrz"
	"ekyc/internal/document/ocr/tesseract"
)

// Tested says by what the reading of a document was tested.
type Tested string

// The tests, most telling first.
const (
	TestedReal      Tested = "real_specimens" // pictures of the issuer's own specimens, with their fields
	TestedSynthetic Tested = "synthetic_only" // print and pictures that were generated
	TestedStandard  Tested = "standard_only"  // pictures of other issuers' documents of the same standard
)

// Coverage is what is read of one type of document of one country, and how that was tested. It is computed: from the table of layouts, the
// standards that the reader implements, and the list of specimens that were seen.
type Coverage struct {
	Country   string            `json:"country" doc:"ISO 3166-1 alpha-3; * for any issuer that follows the standard."`
	Type      ekyc.DocumentType `json:"type"`
	Subtype   string            `json:"subtype,omitempty"`
	Documents []CoveredDocument `json:"documents" doc:"National documents of which the print is known."`
	Reads     []CoveredPart     `json:"reads"`
	Tested    Tested            `json:"tested" enum:"real_specimens,synthetic_only,standard_only" doc:"The best of its parts."`
}

// CoveredDocument is a national document whose print is known.
type CoveredDocument struct {
	Layout string   `json:"layout"`
	Name   string   `json:"name"`
	Since  int      `json:"since,omitempty" doc:"First year of issue, where known."`
	Until  int      `json:"until,omitempty"`
	Fields []Key    `json:"fields"`
	Rules  []string `json:"number_rules" doc:"Check digits of its numbers that are verified."`
	Tested Tested   `json:"tested" enum:"real_specimens,synthetic_only"`
}

// CoveredPart is one source of fields on a document.
type CoveredPart struct {
	Source   Source `json:"source" enum:"mrz,barcode,viz"`
	Standard string `json:"standard"`
	Fields   []Key  `json:"fields"`
	Tested   Tested `json:"tested" enum:"real_specimens,synthetic_only,standard_only"`
}

// anyCountry stands for all issuers that follow a standard.
const anyCountry = "*"

// seenSpecimens lists the real specimens whose pictures were read and compared with what is printed on them: whether the machine readable zone
// was, and by which layouts fields of the print were. Print is compared where its fields were written down by eye, or where the zone
// says what they must be.
var seenSpecimens = []struct {
	country string
	kind    ekyc.DocumentType
	zone    bool
	layouts []string
}{
	{"BEL", ekyc.IDCard, true, nil}, {"CHE", ekyc.IDCard, true, nil}, {"ESP", ekyc.IDCard, true, []string{"esp-id_card"}}, {"FRA", ekyc.IDCard, true, []string{"fra-id_card-1988"}},
	{"LIE", ekyc.IDCard, true, nil}, {"MAC", ekyc.IDCard, true, nil}, {"MLT", ekyc.IDCard, true, nil}, {"USA", ekyc.IDCard, true, nil},
	{"NLD", ekyc.ResidencePermit, true, nil},
	{"FIN", ekyc.Passport, true, nil}, {"GBR", ekyc.Passport, true, nil}, {"ISL", ekyc.Passport, true, nil}, {"JPN", ekyc.Passport, true, nil},
	{"LUX", ekyc.Passport, true, nil}, {"POL", ekyc.Passport, true, nil}, {"RUS", ekyc.Passport, true, nil}, {"TWN", ekyc.Passport, true, nil},
	{"UKR", ekyc.Passport, true, nil},
	{"USA", ekyc.DriverLicense, false, []string{"usa-driver_license"}},
}

// europeanLicences are the countries whose licences follow Directive 2006/126/EC: members of the European Economic Area; the others print
// the same by the Vienna Convention.
var europeanLicences = []string{
	"AUT", "BEL", "BGR", "HRV", "CYP", "CZE", "DNK", "EST", "FIN", "FRA", "DEU", "GRC", "HUN", "IRL", "ITA", "LVA", "LTU", "LUX", "MLT", "NLD", "POL", "PRT", "ROU",
	"SVK", "SVN", "ESP", "SWE", "ISL", "LIE", "NOR",
}

// Names of the standards that the reader implements, as the coverage gives them.
const (
	standardPassport  = "ICAO Doc 9303-4 (TD3)"
	standardCard      = "ICAO Doc 9303-5, -6 (TD1, TD2)"
	standardVisa      = "ICAO Doc 9303-7 (MRV-A, MRV-B)"
	standardAAMVA     = "AAMVA DL/ID Card Design Standard"
	standardEurope    = "Directive 2006/126/EC, ISO/IEC 18013-1"
	standardCaptions  = "printed captions of ICAO Doc 9303"
	standardNationals = "national layout"
)

// Covered gives the coverage, ordered by country and type, entries for any country first. It is computed once, and not to be changed.
var Covered = sync.OnceValue(covered)

func covered() []Coverage {
	c := coverage{}
	c.byStandard()
	for _, l := range layout.Default().All() {
		c.layout(l)
	}
	for _, s := range seenSpecimens {
		c.seen(s.country, s.kind, s.zone, s.layouts)
	}
	var out []Coverage
	for _, entry := range c {
		entry.finish()
		out = append(out, *entry)
	}
	slices.SortFunc(out, func(a, b Coverage) int {
		return cmp.Or(cmp.Compare(a.Country, b.Country), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Subtype, b.Subtype))
	})
	return out
}

type coverageKey struct {
	country, subtype string
	kind             ekyc.DocumentType
}

type coverage map[coverageKey]*Coverage

func (c coverage) entry(country string, kind ekyc.DocumentType, subtype string) *Coverage {
	key := coverageKey{country, subtype, kind}
	if c[key] == nil {
		c[key] = &Coverage{Country: country, Type: kind, Subtype: subtype, Documents: []CoveredDocument{}, Reads: []CoveredPart{}}
	}
	return c[key]
}

// byStandard enters what standards define wherever they apply: every State's passport, cards and visas with a zone, licences.
func (c coverage) byStandard() {
	card := func(kind ekyc.DocumentType) {
		c.entry(anyCountry, kind, "").add(CoveredPart{FromMRZ, standardCard, zoneKeys(mrz.TD1), TestedStandard})
	}
	card(ekyc.IDCard)
	card(ekyc.ResidencePermit)
	c.entry(anyCountry, ekyc.OtherDocument, "visa").add(CoveredPart{FromMRZ, standardVisa, zoneKeys(mrz.MRVA), TestedStandard})
	for _, country := range ekyc.Countries() {
		if country.Kind != ekyc.CountryISO {
			continue
		}
		e := c.entry(country.Alpha3, ekyc.Passport, "")
		e.add(CoveredPart{FromMRZ, standardPassport, zoneKeys(mrz.TD3), TestedStandard})
		e.add(CoveredPart{FromVisual, standardCaptions, captionKeys(), TestedStandard})
		if script, ok := tesseract.ScriptOf(country.Alpha3); ok {
			e.add(CoveredPart{FromVisual, "names as printed in " + string(script), []Key{KeySurname, KeyGivenNames, KeyPlaceOfBirth}, TestedStandard})
		}
	}
	for _, country := range europeanLicences {
		c.entry(country, ekyc.DriverLicense, "").add(CoveredPart{FromVisual, standardEurope, keysOf(europeanNumbers), TestedStandard})
	}
	for _, country := range []string{"USA", "CAN"} {
		for _, kind := range []ekyc.DocumentType{ekyc.DriverLicense, ekyc.IDCard} {
			e := c.entry(country, kind, "")
			e.add(CoveredPart{FromBarcode, standardAAMVA, barcodeKeys(), TestedStandard})
			e.add(CoveredPart{FromVisual, standardAAMVA, keysOf(americanNumbers), TestedStandard})
		}
	}
}

// layout enters a national document.
func (c coverage) layout(l *layout.Layout) {
	e := c.entry(l.Country, l.Type, "")
	d := CoveredDocument{Layout: l.ID, Name: l.Name, Since: l.Since, Until: l.Until, Fields: layoutKeys(l), Rules: []string{}, Tested: TestedSynthetic}
	for _, key := range layout.Keys {
		if f := l.Fields[key]; f != nil && f.Rule != "" && !slices.Contains(d.Rules, string(f.Rule)) {
			d.Rules = append(d.Rules, string(f.Rule))
		}
	}
	e.Documents = append(e.Documents, d)
	e.add(CoveredPart{FromVisual, standardNationals, d.Fields, TestedSynthetic})
	switch l.MRZ {
	case "", "none", "TD3":
	case "TD1", "TD2":
		e.add(CoveredPart{FromMRZ, standardCard, zoneKeys(mrz.Format(l.MRZ)), TestedStandard})
	default:
		e.add(CoveredPart{FromMRZ, "the issuer's own zone, " + l.MRZ, zoneKeys(mrz.Format(l.MRZ)), TestedSynthetic})
	}
}

// seen enters that real specimens of a type were read: their zone, and their print by these layouts.
func (c coverage) seen(country string, kind ekyc.DocumentType, zone bool, layouts []string) {
	e := c.entry(country, kind, "")
	if zone && !slices.ContainsFunc(e.Reads, func(p CoveredPart) bool { return p.Source == FromMRZ }) {
		e.add(CoveredPart{FromMRZ, standardCard, zoneKeys(mrz.TD1), TestedReal})
	}
	for i := range e.Reads {
		p := &e.Reads[i]
		if p.Source == FromMRZ && zone || p.Standard == standardNationals && len(layouts) > 0 {
			p.Tested = TestedReal
		}
	}
	for i := range e.Documents {
		if slices.Contains(layouts, e.Documents[i].Layout) {
			e.Documents[i].Tested = TestedReal
		}
	}
}

// add enters a part, or adds its fields to the part of the same standard.
func (e *Coverage) add(p CoveredPart) {
	for i := range e.Reads {
		if known := &e.Reads[i]; known.Source == p.Source && known.Standard == p.Standard {
			for _, key := range p.Fields {
				if !slices.Contains(known.Fields, key) {
					known.Fields = append(slices.Clone(known.Fields), key)
				}
			}
			return
		}
	}
	e.Reads = append(e.Reads, p)
}

// finish orders an entry's parts and says how it was tested at best.
func (e *Coverage) finish() {
	order := []Tested{TestedReal, TestedSynthetic, TestedStandard}
	e.Tested = TestedStandard
	for _, p := range e.Reads {
		if slices.Index(order, p.Tested) < slices.Index(order, e.Tested) {
			e.Tested = p.Tested
		}
		slices.SortFunc(p.Fields, func(a, b Key) int { return cmp.Compare(slices.Index(Keys, a), slices.Index(Keys, b)) })
	}
}

// layoutKeys are the fields of a layout in the contract's order.
func layoutKeys(l *layout.Layout) []Key {
	return slices.DeleteFunc(slices.Clone(Keys), func(key Key) bool { return !l.Has(string(key)) })
}

// zoneKeys are the fields that a zone of a format holds.
func zoneKeys(format mrz.Format) []Key {
	zone := mrz.LayoutOf(format)
	has := func(fields ...mrz.Field) bool {
		return zone != nil && slices.ContainsFunc(fields, func(f mrz.Field) bool { _, ok := zone.Span(f); return ok })
	}
	held := map[Key]bool{
		KeyDocumentNumber: has(mrz.FieldDocumentNumber), KeySurname: has(mrz.FieldNames, mrz.FieldSurname), KeyGivenNames: has(mrz.FieldNames, mrz.FieldGivenNames),
		KeyDateOfBirth: has(mrz.FieldBirthDate), KeyDateOfExpiry: has(mrz.FieldExpiryDate), KeySex: has(mrz.FieldSex), KeyNationality: has(mrz.FieldNationality),
		KeyIssuingCountry: has(mrz.FieldIssuer), KeyOptionalData: has(mrz.FieldOptional1, mrz.FieldOptional2),
	}
	held[KeyFullName] = held[KeySurname] && held[KeyGivenNames]
	return slices.DeleteFunc(slices.Clone(Keys), func(key Key) bool { return !held[key] })
}

// barcodeKeys are the fields that the bar code of a licence gives.
func barcodeKeys() []Key {
	return []Key{
		KeyDocumentNumber, KeySurname, KeyGivenNames, KeyFullName, KeyDateOfBirth, KeyDateOfIssue, KeyDateOfExpiry, KeySex, KeyIssuingCountry,
		KeyIssuingAuthority, KeyAddress, KeyLicenceCategories,
	}
}

// captionKeys are the fields whose captions the reader knows in the languages of issue.
func captionKeys() []Key {
	return slices.DeleteFunc(slices.Clone(Keys), func(key Key) bool { _, known := captionWords[key]; return !known })
}

func keysOf(numbers map[string]Key) []Key {
	var out []Key
	for _, key := range numbers {
		if !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	return out
}
