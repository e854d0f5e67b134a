package barcode

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"ekyc"
)

// interpret fills the licence's fields from its elements.
func (l *Licence) interpret() {
	l.DocumentNumber = l.element("DAQ", "DBJ")
	l.interpretNames()
	l.interpretPlace()
	for _, date := range []struct {
		id      string
		to      *string
		needful bool
	}{{"DBB", &l.BirthDate, true}, {"DBD", &l.IssueDate, false}, {"DBA", &l.ExpiryDate, false}, {"DDB", &l.RevisionDate, false}} {
		raw := l.element(date.id)
		*date.to = isoDate(raw)
		if *date.to == "" && date.needful && raw != "" {
			l.Faults = append(l.Faults, "date:"+date.id)
		}
	}
	switch strings.ToUpper(l.element("DBC")) {
	case "1", "M":
		l.Sex = "M"
	case "2", "F":
		l.Sex = "F"
	case "9", "X":
		l.Sex = "X"
	}
	l.EyeColour, l.HairColour = l.element("DAY"), l.element("DAZ")
	l.HeightCM = l.height()
	l.WeightKG = l.weight()
	l.Class, l.Restrictions, l.Endorsements = l.element("DCA", "DAR"), l.element("DCB", "DAS"), l.element("DCD", "DAT")
	l.Discriminator, l.Inventory, l.Compliance = l.element("DCF"), l.element("DCK"), l.element("DDA")
	l.OrganDonor = l.element("DDK") == "1" || l.element("DBH") == "Y" && l.Header.Version == 1
	l.Veteran, l.LimitedDuration = l.element("DDL") == "1", l.element("DDD") == "1"
	l.Commercial, l.NonDomiciled, l.Permit = l.element("DDM") == "1", l.element("DDN") == "1", l.element("DDP") == "1"
	l.Enhanced = l.element("DDO") == "1" || l.CardType == "EN"
	for _, needful := range []struct{ id, value string }{{"DAQ", l.DocumentNumber}, {"DCS", l.Surname + l.GivenName}, {"DBB", l.element("DBB")}} {
		if needful.value == "" {
			l.Faults = append(l.Faults, "missing:"+needful.id)
		}
	}
	if l.Surname == "" && l.GivenName != "" {
		l.Faults = append(l.Faults, "one_name")
	}
}

// element gives the first of the elements that says something.
func (l *Licence) element(ids ...string) string {
	for _, id := range ids {
		switch v := l.Elements[id]; strings.ToUpper(v) {
		case "", "NONE", "UNAVL", "UNAVAIL", "N/A", "UNK":
		default:
			return v
		}
	}
	return ""
}

// interpretNames: version 1 has all names in DAA, 2 and 3 all given names in DCT, later ones each in its own element. Issuers mix them.
func (l *Licence) interpretNames() {
	l.Surname, l.GivenName, l.MiddleName, l.Suffix = l.element("DCS", "DAB"), l.element("DAC"), l.element("DAD"), l.element("DCU", "DAE")
	if l.GivenName == "" {
		l.GivenName, l.MiddleName = splitGiven(l.element("DCT"), l.MiddleName)
	}
	if l.Surname == "" {
		l.splitFullName(l.element("DAA"))
	}
	for _, id := range []string{"DDE", "DDF", "DDG"} {
		l.NameTruncated = l.NameTruncated || l.Elements[id] == "T"
	}
}

// splitGiven separates the first given name from the others, which a comma or a blank divides.
func splitGiven(given, middle string) (string, string) {
	first, others, _ := strings.Cut(strings.NewReplacer(",", " ", "$", " ").Replace(given), " ")
	if others = strings.Join(strings.Fields(others), " "); middle == "" {
		middle = others
	}
	return strings.TrimSpace(first), middle
}

// splitFullName reads "SURNAME,GIVEN,MIDDLE,SUFFIX" of version 1, or "GIVEN MIDDLE SURNAME" where no comma is in it. Magnetic
// stripes have "$" for the comma.
func (l *Licence) splitFullName(full string) {
	full = strings.ReplaceAll(full, "$", ",")
	if !strings.Contains(full, ",") {
		words := strings.Fields(full)
		if len(words) > 0 {
			l.Surname = words[len(words)-1]
			l.GivenName, l.MiddleName = splitGiven(strings.Join(words[:len(words)-1], " "), "")
		}
		return
	}
	parts := append(strings.Split(full, ","), "", "", "")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	l.Surname = parts[0]
	l.GivenName, l.MiddleName = splitGiven(parts[1], parts[2])
	if l.Suffix == "" {
		l.Suffix = parts[3]
	}
}

func (l *Licence) interpretPlace() {
	l.Street, l.Street2, l.City = l.element("DAG", "DAL"), l.element("DAH", "DAM"), l.element("DAI", "DAN")
	l.Jurisdiction = strings.ToUpper(l.element("DAJ", "DAO"))
	l.PostalCode = postalCode(l.element("DAK", "DAP"))
	issuer, known := issuers()[l.Header.IIN]
	l.IssuingJurisdiction = issuer
	if !known {
		l.IssuingJurisdiction = l.Jurisdiction
	}
	l.Country = countryOf(l.IssuingJurisdiction)
	if c, ok := ekyc.CountryByCode(l.element("DCG")); ok && c.Alpha3 != "" {
		stated := c.Alpha3
		if slices.Contains([]string{"ASM", "GUM", "MNP", "PRI", "VIR"}, stated) { // territories of the United States
			stated = "USA"
		}
		if known && stated != l.Country {
			l.Faults = append(l.Faults, "issuer")
		}
		l.Country = stated
	}
}

// postalCode normalises a postal code: what follows a run of blanks is padding, four zeros after five digits say "not known".
func postalCode(s string) string {
	s, _, _ = strings.Cut(s, "  ")
	s = strings.NewReplacer(" ", "", "-", "").Replace(s)
	if base, padded := strings.CutSuffix(s, "0000"); padded && len(base) >= 5 {
		return base
	}
	return s
}

// isoDate reads a date: MMDDYYYY in the United States, YYYYMMDD in Canada and in version 1. No month is 19 or 20, so the two are
// told apart by themselves, which also serves issuers that use the other one. Some issuers write dashes.
func isoDate(s string) string {
	s = strings.ReplaceAll(s, "-", "")
	if len(s) < 8 {
		return ""
	}
	layout := "01022006"
	if s[:2] == "19" || s[:2] == "20" {
		layout = "20060102"
	}
	t, err := time.Parse(layout, s[:8])
	if err != nil || t.Year() < 1900 || t.Year() > 2199 || len(s) > 8 && s[8] >= '0' && s[8] <= '9' {
		return ""
	}
	return t.Format(time.DateOnly)
}

const (
	centimetresPerInch = 2.54
	kilogramsPerPound  = 0.45359237
)

// height in centimetres: "068 IN" and "173 CM", in version 1 feet and inches in three digits ("508"), DAV in centimetres.
func (l *Licence) height() int {
	number, unit := quantity(l.element("DAU"))
	switch {
	case number == 0:
		centimetres, _ := quantity(l.element("DAV"))
		return centimetres
	case unit == "CM":
		return number
	case unit == "" && number >= 300 && number%100 < 12:
		number = number/100*12 + number%100
	case unit == "" && number > 100:
		return number // no person is so many inches high
	}
	return int(math.Round(float64(number) * centimetresPerInch))
}

// weight in kilograms: DAW in pounds, or in kilograms where it says so; DAX in kilograms.
func (l *Licence) weight() int {
	number, unit := quantity(l.element("DAW"))
	if number == 0 {
		kilograms, _ := quantity(l.element("DAX"))
		return kilograms
	}
	if unit == "KG" {
		return number
	}
	return int(math.Round(float64(number) * kilogramsPerPound))
}

// quantity splits "068 in" into 68 and "IN"; 0 for what is no number of three digits.
func quantity(s string) (int, string) {
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	number, err := strconv.Atoi(s[:end])
	if err != nil || end > 3 {
		return 0, ""
	}
	return number, strings.ToUpper(strings.TrimSpace(s[end:]))
}

// countryOf gives the country of a jurisdiction, "" for one that is not known.
func countryOf(jurisdiction string) string {
	switch {
	case jurisdiction == "":
		return ""
	case strings.Contains(" AB BC MB NB NL NS NT NU ON PE QC SK YT ", " "+jurisdiction+" "):
		return "CAN"
	case strings.Contains(" COA HID ", " "+jurisdiction+" "):
		return "MEX"
	}
	for _, known := range issuers() {
		if known == jurisdiction {
			return "USA"
		}
	}
	return ""
}

// issuers gives the jurisdictions by their issuer identification numbers, as AAMVA publishes them.
func issuers() map[string]string {
	const assigned = "VA NY MA MD NC SC CT LA MT NM FL DE ON NS CA TX NL NB IA GU CO AR KS OH VT PA AZ US BC OR MO WI MI AL ND IL NJ IN MN NH UT ME SD DC SK WA KY HI MB NV ID MS RI TN NE GA COA HID OK AK WY WV VI"
	const later = "PE AS QC YT MP PR AB NU NT"
	const firstNumber, laterNumber = 636000, 604426
	numbers := map[string]string{}
	for i, jurisdiction := range strings.Fields(assigned) {
		numbers[strconv.Itoa(firstNumber+i)] = jurisdiction
	}
	for i, jurisdiction := range strings.Fields(later) {
		numbers[strconv.Itoa(laterNumber+i)] = jurisdiction
	}
	return numbers
}

// issuerNumber gives the issuer identification number of a jurisdiction.
func issuerNumber(jurisdiction string) (string, error) {
	for number, j := range issuers() {
		if j == jurisdiction {
			return number, nil
		}
	}
	return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "%q is no jurisdiction of AAMVA", jurisdiction)
}
