package specimen

import (
	"fmt"
	"strings"

	"ekyc/internal/document/barcode"
)

// aamvaVersion is the version of the standard that the specimens follow: the edition of 2020.
const aamvaVersion = 10

// composePayload writes the content of the bar code of a North American licence.
func (d *Document) composePayload() error {
	p := d.Holder
	first, others, _ := strings.Cut(upper(p.GivenNames), " ")
	street, city, postal := d.americanAddress()
	payload, err := barcode.Compose(barcode.Licence{
		IssuingJurisdiction: d.state, DocumentNumber: d.Number, Surname: upper(p.Surname), GivenName: first, MiddleName: others,
		BirthDate: iso(p.Born), IssueDate: iso(d.Issued), ExpiryDate: iso(d.Expires), Sex: p.Sex,
		Street: street, City: city, Jurisdiction: d.state, PostalCode: postal, Country: d.from.code,
		EyeColour: "BRO", HeightCM: p.HeightCM, Class: "C", Compliance: "F",
		Discriminator: fmt.Sprintf("SPECIMEN%08d", d.spec.Seed%100_000_000),
	}, aamvaVersion)
	if err != nil {
		return err
	}
	d.Payload = payload
	d.Fields["address"] = fmt.Sprintf("%s, %s, %s %s", street, city, d.state, postal)
	return nil
}

// americanAddress splits the invented address "STREET 12, 99999 TOWN" the American way.
func (d *Document) americanAddress() (street, city, postal string) {
	line, place, _ := strings.Cut(upper(d.Holder.Address), ", ")
	words := 1
	if d.from.code == "CAN" { // "A9A 9A9"
		words = 2
	}
	parts := strings.Fields(place)
	postal, city = strings.Join(parts[:words], " "), strings.TrimSuffix(strings.Join(parts[words:], " "), " CAN")
	name, number, _ := cutLast(line, " ")
	return number + " " + name, city, postal
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}
