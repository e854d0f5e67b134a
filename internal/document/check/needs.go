package check

import (
	"slices"

	"ekyc"
	"ekyc/internal/document/layout"
	"ekyc/internal/document/mrz"
)

// need says whether a class of documents has a feature.
type need int

const (
	needNone     need = iota // the class has none
	needOptional             // some have it; where it is seen, it must be read
	needRequired             // all have it; without it the document is not valid
)

// needs is what a class of documents must show.
type needs struct {
	zone    need
	formats []mrz.Format // of the machine readable zone; empty: any
	barcode need
	// fields must be read; each entry is satisfied by any of its keys.
	fields [][]Key
	// years is the longest validity that the class has.
	years int
}

// Longest validities in years. Passports: 10 years (EU Regulation 2252/2004 and most others), and up to nine months carried over
// from the one before (United Kingdom until 2018). Cards: 10 to 15, and longer for the old (Belgium 30). Licences: 15 (Directive 2006/126/EC article 7).
const (
	passportYears  = 11
	cardYears      = 30
	licenceYears   = 16
	permitYears    = 11
	visaYears      = 10
	anythingsYears = 30
)

// needsOf gives the needs of the input's class of documents. A class that is not known needs a machine readable zone: nothing
// else could tell a document from a picture of one. noExpiry says that the zone leaves the date of expiry open.
func needsOf(in Input, noExpiry bool) needs {
	names := []Key{Surname, GivenNames, FullName}
	fields := [][]Key{{DocumentNumber}, names, {DateOfBirth}}
	if !noExpiry {
		fields = append(fields, []Key{DateOfExpiry})
	}
	switch {
	case in.Type == ekyc.Passport:
		return needs{
			zone: needRequired, formats: []mrz.Format{mrz.TD3}, years: passportYears,
			fields: append(fields, []Key{Nationality}, []Key{IssuingCountry}),
		}
	case in.Type == ekyc.IDCard:
		n := needs{zone: needRequired, formats: []mrz.Format{mrz.TD1, mrz.TD2, mrz.FRAID}, years: cardYears, fields: fields}
		if country := isoCountry(in.Country); slices.Contains(cardsWithoutZone(), country) || layout.Default().LeavesZoneOpen(country, in.Type) {
			n.zone = needOptional
		}
		if slices.Contains(cardsWithoutExpiry(), isoCountry(in.Country)) {
			n.fields = [][]Key{{DocumentNumber, PersonalNumber}, names, {DateOfBirth}}
			if !noExpiry && showsExpiry(in) {
				n.fields = append(n.fields, []Key{DateOfExpiry})
			}
		}
		if american(in) && (in.MRZ == nil || len(in.MRZ.Lines) == 0) { // a state's or province's; the passport card of the USA has a zone
			n.zone, n.barcode = needOptional, barcodeNeed(in)
		}
		return n
	case in.Type == ekyc.ResidencePermit:
		n := needs{
			zone: needRequired, formats: []mrz.Format{mrz.TD1, mrz.TD2, mrz.MRVB, mrz.MRVA}, years: permitYears, fields: fields,
		}
		if layout.Default().LeavesZoneOpen(isoCountry(in.Country), in.Type) { // Japan's says all in print
			n.zone = needOptional
		}
		return n
	case in.Type == ekyc.DriverLicense:
		if slices.Contains([]string{"CHE", "SGP"}, isoCountry(in.Country)) { // theirs print a date of expiry on probation only, or never
			fields = [][]Key{{DocumentNumber}, names, {DateOfBirth}}
		}
		n := needs{zone: needOptional, barcode: needNone, years: licenceYears, fields: fields}
		if american(in) {
			n.barcode = barcodeNeed(in)
		}
		return n
	case in.Type == ekyc.OtherDocument && in.Subtype == "visa":
		return needs{zone: needRequired, formats: []mrz.Format{mrz.MRVA, mrz.MRVB}, years: visaYears, fields: fields}
	default:
		return needs{zone: needRequired, years: anythingsYears, fields: fields}
	}
}

// showsExpiry says that a card is of an edition that has a date of expiry, where others of its country have none: by its machine readable zone, or by its
// captions. So the date of Colombia's newer card is asked for when it is covered.
func showsExpiry(in Input) bool {
	zoned := in.MRZ != nil && (in.MRZ.Seen || len(in.MRZ.Lines) > 0)
	return zoned || layout.Default().ShowsExpiry(isoCountry(in.Country), in.Type, in.Text)
}

// american says that states or provinces issue licences and identification cards by the AAMVA standard.
func american(in Input) bool { return slices.Contains([]string{"USA", "CAN"}, isoCountry(in.Country)) }

// barcodeNeed is that of a card by the AAMVA standard, which has its bar code on the back.
func barcodeNeed(in Input) need {
	if in.Back != nil {
		return needRequired
	}
	return needOptional
}

// cardsWithoutZone lists countries whose identity cards in circulation have no machine readable zone, or not all of them (PRADO, issuers'
// own descriptions), beside those of which the table of layouts has such a card. Where a zone is on the card it counts all the same.
func cardsWithoutZone() []string {
	return []string{
		"AGO", "ARG", "BOL", "BRA", "CYP", "EGY", "GHA", "GRC", "IRN", "ISR", "ITA", "JOR", "KEN", "KOR", "KWT", "LBN", "LKA", "MAR", "MEX", "NPL", "RUS",
		"SAU", "SEN", "TUN", "VEN",
	}
}

// cardsWithoutExpiry lists countries whose identity cards print no date of expiry, or not all in circulation (issuers' own descriptions); they have the
// number of the holder, some of them no other. A date that is printed counts all the same, and is asked for where showsExpiry says that the card has one.
func cardsWithoutExpiry() []string {
	return []string{"BGD", "COL", "HKG", "IDN", "IND", "KOR", "LKA", "MYS", "PHL", "SGP", "TWN", "ZAF"}
}
