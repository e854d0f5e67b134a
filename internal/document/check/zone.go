package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ekyc"
	"ekyc/internal/document/mrz"
)

// zone is a parsed machine readable zone with its fields under the contract's names.
type zone struct {
	*mrz.Zone
	fields map[Key]string
	blind  []mrz.BlindSpot
}

func newZone(z *mrz.Zone, at time.Time, permanent bool) *zone {
	expiry := z.ExpiryDate.Expiry(at).Value
	// The holder was born before the document ran out: that decides the century of a birth that could lie in either.
	if d, ok := parseDate(expiry); ok && d.first().Before(at) {
		at = d.first()
	}
	birth := z.BirthDate.Birth(at).Value
	if !z.BirthDate.WellFormed {
		birth = z.BirthDate.Raw
	}
	if !z.ExpiryDate.WellFormed {
		expiry = z.ExpiryDate.Raw
	}
	if permanent && z.ExpiryDate.WellFormed && z.ExpiryDate.Year == 99 {
		expiry = permanentYear + fmt.Sprintf("-%02d-%02d", max(0, z.ExpiryDate.Month), max(0, z.ExpiryDate.Day))
	}
	return &zone{Zone: z, blind: z.BlindSpots(), fields: map[Key]string{
		DocumentNumber: z.DocumentNumber, Surname: z.Surname, GivenNames: z.GivenNames, DateOfBirth: birth, DateOfExpiry: expiry,
		Sex: z.Sex, Nationality: z.Nationality, IssuingCountry: z.Issuer, OptionalData: strings.TrimSpace(z.Optional1 + " " + z.Optional2),
	}}
}

// leavesExpiryOpen says that the zone has no date of expiry: the old French card's has no place for one, and Russia's internal
// passport and some permanent cards leave it blank. Licences print theirs beside the zone, and a lost line leaves nothing open.
func (z *zone) leavesExpiryOpen() bool {
	return z != nil && len(z.Lost) == 0 && !z.licence() && strings.Trim(z.ExpiryDate.Raw, string(mrz.Filler)) == ""
}

// licence says that the zone is a driving licence's.
func (z *zone) licence() bool {
	return slices.Contains([]mrz.Format{mrz.FRADL, mrz.NLDDL, mrz.ISODL, mrz.CHEDL}, z.Format)
}

// has says whether the format has a place for the field.
func (z *zone) has(field mrz.Field) bool {
	_, has := mrz.LayoutOf(z.Format).Span(field)
	return has
}

// permanentYear is printed on cards that never expire (Spain: 01 01 9999); their zone has 99 for the year.
const permanentYear = "9999"

func printsPermanent(fields map[Key][]Field) bool {
	return slices.ContainsFunc(fields[DateOfExpiry], func(f Field) bool {
		return f.Source == SourceVIZ && f.Confidence >= readingTrusted && strings.HasPrefix(f.Value, permanentYear)
	})
}

// misplaced lists the fields whose characters are not those that their places permit; dates and sex have checks of their own.
func (z *zone) misplaced() []string {
	return slices.DeleteFunc(slices.Clone(z.Faults), func(field string) bool {
		return slices.Contains([]string{string(mrz.FieldBirthDate), string(mrz.FieldExpiryDate), string(mrz.FieldSex)}, field)
	})
}

// foreignCharacters counts characters outside the alphabet of machine readable zones.
func foreignCharacters(lines []string) int {
	n := 0
	for _, r := range strings.Join(lines, "") {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != mrz.Filler {
			n++
		}
	}
	return n
}

// held and refuted name the check digits that hold and those that do not.
func (z *zone) held() []string { return z.digits(true) }

func (z *zone) refuted() []string { return z.digits(false) }

func (z *zone) digits(hold bool) []string {
	names := []string{}
	for _, c := range z.Checks {
		if c.Holds == hold {
			names = append(names, string(c.Name))
		}
	}
	return names
}

// blindSpots describes the characters among those that a digit covers that have a lookalike of the same value modulo 10.
func (z *zone) blindSpots(covers []mrz.Span) []string {
	list := []string{}
	for _, spot := range z.blind {
		if slices.ContainsFunc(covers, func(s mrz.Span) bool { return s.Contains(spot.Line, spot.Column) }) {
			list = append(list, fmt.Sprintf("line %d character %d: %s or %s", spot.Line+1, spot.Column+1, spot.Read, spot.Alternatives))
		}
	}
	return list
}

// exchanges describes the neighbours of a field that could stand the other way round without its digit noticing.
func (z *zone) exchanges(field mrz.Field) []string {
	list := []string{}
	for _, e := range z.Evidence() {
		for _, x := range e.Exchanges {
			if e.By == field && e.Field == field {
				list = append(list, fmt.Sprintf("line %d characters %d and %d: %s or %s", x.Line+1, x.Column+1, x.Column+2, x.Read, x.Read[1:]+x.Read[:1]))
			}
		}
	}
	return list
}

// zoneField gives a field as the zone's own lines have it.
func (s *subject) zoneField(key Key) (Field, bool) {
	if s.zone == nil || s.zone.fields[key] == "" {
		return Field{}, false
	}
	confidence := s.in.MRZ.Confidence
	if s.in.MRZ.Given {
		confidence = 1
	}
	value := s.zone.fields[key]
	return Field{Value: value, Raw: value, Source: SourceMRZ, Confidence: confidence, Side: s.in.MRZ.Side}, true
}

// zoneDoubted says that the zone may be misread: its reader does not vouch for it, or a second one read something else. A check digit
// that does not hold is itself a sign of a misreading, so then the reading must be the surer.
func (s *subject) zoneDoubted() bool {
	m := s.in.MRZ
	if m == nil || m.Given {
		return false
	}
	if m.Agreement == Outweighed && s.zone != nil && len(s.zone.refuted()) == 0 { // the second reader's doubt is in the confidence already
		return m.Weak
	}
	sure := readingDoubted
	if s.zone != nil && len(s.zone.refuted()) > 0 {
		sure = readingTrusted
	}
	return m.Weak || m.Confidence < sure || m.Agreement == Differs || m.Agreement == Outweighed
}

// zoneProven says that everything by which a zone can prove itself holds: structure, every check digit of its format, days that exist,
// and a reading that its readers vouch for.
func (s *subject) zoneProven() bool {
	return s.zone != nil && !s.zoneDoubted() && len(s.zone.Checks) > 0 && s.zone.Valid()
}

// knownCode says whether a code is one of ISO 3166-1 or ICAO Doc 9303-3.
func knownCode(code string) bool {
	_, known := ekyc.CountryByCode(code)
	return known
}

// isoCountry gives the ISO 3166-1 alpha-3 code of a country, ICAO's own code for an issuer without one, and "" for an unknown code.
func isoCountry(code string) string {
	c, known := ekyc.CountryByCode(code)
	switch {
	case !known:
		return ""
	case c.Alpha3 != "":
		return c.Alpha3
	}
	return c.Code
}
