package barcode

import (
	"fmt"
	"strings"
	"time"

	"ekyc"
)

// composer collects the elements of a subfile in order.
type composer struct {
	text strings.Builder
	err  error
}

// element appends an element; every one but the last of a subfile ends with a line feed.
func (c *composer) element(id, value string) {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > 0xff }) && c.err == nil {
		c.err = ekyc.Errorf(ekyc.ErrInvalidArgument, "element %s has a character outside ISO 8859-1", id).With("element", id)
	}
	if c.text.Len() > 0 {
		c.text.WriteByte('\n')
	}
	c.text.WriteString(id)
	c.text.WriteString(value)
}

// optional appends an element that says something.
func (c *composer) optional(id, value string) {
	if value != "" {
		c.element(id, value)
	}
}

// date appends a date given in ISO form: YYYYMMDD in Canada and in version 1, MMDDYYYY in the United States.
func (c *composer) date(id, iso string, yearFirst bool) {
	t, err := time.Parse(time.DateOnly, iso)
	switch {
	case iso == "":
		c.element(id, "")
	case err != nil && c.err == nil:
		c.err = ekyc.Errorf(ekyc.ErrInvalidArgument, "element %s is no date YYYY-MM-DD", id).With("element", id)
	case yearFirst:
		c.element(id, t.Format("20060102"))
	default:
		c.element(id, t.Format("01022006"))
	}
}

// newestVersion is that of the edition of 2025.
const newestVersion = 11

// Compose writes the content of a licence's bar code by the given version of the standard, 1 to 11, with one subfile. Header.IIN
// may be empty, it then follows from IssuingJurisdiction; Elements is not looked at.
// It fails with ErrInvalidArgument for a version, an issuer or a text that the standard does not have.
func Compose(l Licence, version int) ([]byte, error) {
	if version < 1 || version > newestVersion {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the standard has versions 1 to %d", newestVersion)
	}
	iin := l.Header.IIN
	if iin == "" {
		var err error
		if iin, err = issuerNumber(l.IssuingJurisdiction); err != nil {
			return nil, err
		}
	}
	cardType := l.CardType
	if cardType == "" {
		cardType = "DL"
	}
	c := &composer{}
	if version == 1 {
		c.first(l)
	} else {
		c.later(l, version)
	}
	if c.err != nil {
		return nil, c.err
	}
	return assemble(header(iin, l.Header.JurisdictionVersion, version), cardType, c.text.String()), nil
}

// header is the part before the designators, with one subfile.
func header(iin string, jurisdictionVersion, version int) string {
	if version == 1 {
		return fmt.Sprintf("@\n\x1e\rAAMVA%s%02d01", iin, version)
	}
	return fmt.Sprintf("@\n\x1e\rANSI %s%02d%02d01", iin, version, jurisdictionVersion)
}

// assemble puts header, designator and subfile together. Offsets and lengths count bytes of ISO 8859-1.
func assemble(header, cardType, elements string) []byte {
	const designator = 10
	subfile := cardType + elements + "\r"
	text := fmt.Sprintf("%s%s%04d%04d%s", header, cardType, len(header)+designator, len([]rune(subfile)), subfile)
	payload := make([]byte, 0, len(text))
	for _, r := range text {
		payload = append(payload, byte(r))
	}
	return payload
}

// first writes the elements of version 1 (AAMVA DL/ID-2000).
func (c *composer) first(l Licence) {
	c.element("DAQ", l.DocumentNumber)
	c.element("DAA", strings.Join([]string{l.Surname, l.GivenName, l.MiddleName, l.Suffix}, ","))
	c.element("DAG", l.Street)
	c.element("DAI", l.City)
	c.element("DAJ", l.Jurisdiction)
	c.element("DAK", fmt.Sprintf("%-11s", l.PostalCode))
	c.element("DAR", fmt.Sprintf("%-4s", l.Class))
	c.element("DAS", fmt.Sprintf("%-10s", l.Restrictions))
	c.element("DAT", fmt.Sprintf("%-5s", l.Endorsements))
	if l.HeightCM > 0 {
		inches := inchesOf(l.HeightCM)
		c.element("DAU", fmt.Sprintf("%d%02d", inches/12, inches%12))
	}
	c.optional("DAY", l.EyeColour)
	c.optional("DAZ", l.HairColour)
	c.date("DBA", l.ExpiryDate, true)
	c.date("DBB", l.BirthDate, true)
	c.element("DBC", sexNumber(l.Sex))
	c.date("DBD", l.IssueDate, true)
}

// later writes the elements of versions 2 to 11 in the order of the standard's tables.
func (c *composer) later(l Licence, version int) {
	canadian := countryOf(l.IssuingJurisdiction) == "CAN" || l.Country == "CAN"
	separateNames := version >= 4
	c.element("DAQ", l.DocumentNumber)
	c.element("DCS", l.Surname)
	if separateNames {
		truncated := "N"
		if l.NameTruncated {
			truncated = "T"
		}
		c.element("DDE", truncated)
		c.element("DAC", l.GivenName)
		c.element("DDF", truncated)
		c.element("DAD", orNone(l.MiddleName))
		c.element("DDG", truncated)
	} else {
		c.element("DCT", l.GivenNames())
	}
	c.optional("DCU", l.Suffix)
	c.element("DCA", orNone(l.Class))
	c.element("DCB", orNone(l.Restrictions))
	c.element("DCD", orNone(l.Endorsements))
	c.date("DBD", l.IssueDate, canadian)
	c.date("DBB", l.BirthDate, canadian)
	c.date("DBA", l.ExpiryDate, canadian)
	c.element("DBC", sexNumber(l.Sex))
	switch {
	case canadian:
		c.element("DAU", fmt.Sprintf("%03d cm", l.HeightCM))
	default:
		c.element("DAU", fmt.Sprintf("%03d in", inchesOf(l.HeightCM)))
	}
	c.element("DAY", l.EyeColour)
	c.element("DAG", l.Street)
	c.optional("DAH", l.Street2)
	c.element("DAI", l.City)
	c.element("DAJ", l.Jurisdiction)
	c.element("DAK", fmt.Sprintf("%-11s", paddedPostalCode(l.PostalCode)))
	c.element("DCF", l.Discriminator)
	c.element("DCG", l.Country)
	c.optional("DAZ", l.HairColour)
	c.optional("DCK", l.Inventory)
	if version >= 4 {
		c.optional("DDA", l.Compliance)
	}
	c.flags(l, version)
}

func (c *composer) flags(l Licence, version int) {
	for _, flag := range []struct {
		id    string
		is    bool
		since int
	}{
		{"DDD", l.LimitedDuration, 4}, {"DDK", l.OrganDonor, 6}, {"DDL", l.Veteran, 7},
		{"DDM", l.Commercial, 11}, {"DDN", l.NonDomiciled, 11}, {"DDO", l.Enhanced, 11}, {"DDP", l.Permit, 11},
	} {
		if flag.is && version >= flag.since {
			c.element(flag.id, "1")
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "NONE"
	}
	return s
}

// paddedPostalCode adds the four zeros that stand for an unknown extension of a postal code of five digits.
func paddedPostalCode(code string) string {
	if len(code) == 5 && code[0] >= '0' && code[0] <= '9' {
		return code + "0000"
	}
	return code
}

func inchesOf(centimetres int) int {
	return int(float64(centimetres)/centimetresPerInch + 0.5)
}

func sexNumber(sex string) string {
	switch sex {
	case "M":
		return "1"
	case "F":
		return "2"
	}
	return "9"
}
