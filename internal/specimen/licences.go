package specimen

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"ekyc/internal/vision"
)

// designedLicence is the front of a driving licence with the numbers of ISO/IEC 18013-1 and Directive 2006/126/EC: which further fields
// it has (4d, 8), how dates and numbers are written and where the date of birth's place stands is left to the state.
func (d *Document) designedLicence(r *rand.Rand) *side {
	s := d.licenceFront()
	s.texts = s.texts[:0]
	p := d.Holder
	s.label(d.from.word("driving_licence"), 17, 7, style{face: bold, size: 3.2, ink: solid(s.colours.title)})
	s.label(d.from.name, 17, 10.6, style{face: medium, size: 2, ink: solid(s.colours.title), spread: 0.05})
	s.specimenMark(72, 50.5, 0.75)
	dot := pick(r, []string{".", "", "."})
	dates := pick(r, []string{"02.01.2006", "02.01.2006", "02/01/2006", "02-01-2006", "02.01.06"})
	value := style{face: pick(r, []typeface{medium, bold, roman, condensed, serif}), size: 2.75, ink: solid(0x14181C)}
	number := style{face: pick(r, []typeface{regular, roman, condensed}), size: 2.1, ink: solid(0x3A4450)}
	if d.from.latin != nil || d.from.language == romanian {
		value.face = roman
	}
	left, indent := 29.0, pick(r, []float64{4.4, 5.2, 6.5})
	lines := []stated{
		{"1", upper(p.Surname), "surname"}, {"2", upper(p.GivenNames), "given_names"}, {"3", dateStyle(dates, p.Born), "date_of_birth"},
		{"4a", dateStyle(dates, d.Issued), "date_of_issue"}, {"4b", dateStyle(dates, d.Expires), "date_of_expiry"},
	}
	apart := r.IntN(2) == 0
	if apart {
		lines = append(lines, stated{"4c", d.office, "issuing_authority"})
	}
	if d.Personal != "" {
		lines = append(lines, stated{"4d", d.Personal, "personal_number"})
	}
	lines = append(lines, stated{"5", d.Number, "document_number"})
	if r.IntN(2) == 0 {
		lines = append(lines, stated{"8", upper(p.Address), "address"})
	}
	lines = append(lines, stated{"9", pick(r, []string{"AM/B", "AM B", "AM, B", "AM/B"}), "licence_categories"})
	y, step := 15.2, 35/float64(len(lines))
	put := func(l stated, x, y float64) {
		s.label(l.field+dot, x, y, number)
		s.texts = append(s.texts, printed{field: l.national, text: l.text, x: x + indent, y: y, style: value, room: 55 - indent - (x - left)})
	}
	for _, l := range lines {
		put(l, left, y)
		switch {
		case l.field == "3":
			s.texts = append(s.texts, printed{field: "place_of_birth", text: upper(p.PlaceOfBirth), y: y, style: value, follows: 1.6, room: 34})
		case l.field == "4a" && !apart:
			put(stated{"4c", d.office, "issuing_authority"}, left+25, y)
		}
		y += step
	}
	s.label("7"+dot, 4, 49.4, number)
	s.signature = vision.Rect{X0: 8, Y0: 45.5, X1: 27, Y1: 51}
	return s
}

// americanElement is a data element of a North American licence: its number and names in the AAMVA Card Design Standard.
type americanElement struct{ number, name, field, text string }

// designedAmerican is the front of a North American licence; the standard leaves the names of elements and their punctuation to the
// jurisdictions, and some print no numbers.
func (d *Document) designedAmerican(r *rand.Rand) *side {
	if d.from.code == "USA" && r.IntN(3) == 0 {
		return d.americanFront()
	}
	s := &side{size: id1, corner: 3.18, colours: d.from.colours, band: true}
	p := d.Holder
	head := "DRIVER LICENSE"
	if d.from.code == "CAN" {
		head = pick(r, []string{"DRIVER'S LICENCE", "DRIVER'S LICENCE PERMIS DE CONDUIRE"})
	}
	s.label(stateNames[d.state], 5, 5.2, style{face: bold, size: 4, ink: solid(s.colours.title)})
	s.label(head, 44, 5.0, style{face: bold, size: 2.7, ink: solid(s.colours.title)})
	s.label(map[string]string{"USA": "USA", "CAN": "CANADA"}[d.from.code], 5, 9.4, style{face: medium, size: 2.2, ink: solid(s.colours.title)})
	s.specimenMark(72, 51, 0.75)
	s.portrait = vision.Rect{X0: 4, Y0: 13, X1: 27, Y1: 42}
	colon, numbered := pick(r, []string{"", ":", ""}), r.IntN(4) > 0
	dates := "01/02/2006"
	if d.from.code == "CAN" {
		dates = pick(r, []string{"2006/01/02", "2006-01-02", "2006-Jan-02"})
	}
	name := func(us, canada string) string {
		if d.from.code == "CAN" {
			return canada
		}
		return us
	}
	value := style{face: pick(r, []typeface{medium, bold, roman, condensed}), size: 2.7, ink: solid(0x14181C)}
	surname := pick(r, []string{name("LN", ""), ""})
	if !numbered {
		surname = "LN"
	}
	given := map[string]string{"LN": "FN"}[surname]
	street, city, postal := d.americanAddress()
	rows := [][]americanElement{
		{{"4d", name(pick(r, []string{"DL", "DLN", "LIC#", "DL NO"}), "NUMBER/NUMÉRO"), "document_number", d.Number}},
		{{"1", surname, "surname", upper(p.Surname)}},
		{{"2", given, "given_names", upper(p.GivenNames)}},
		{{"8", "", "address", street}},
		{{"", "", "address", fmt.Sprintf("%s, %s %s", city, d.state, postal)}},
		{{"3", name("DOB", "DOB/DDN"), "date_of_birth", dateStyle(dates, p.Born)}, {"9", "CLASS", "licence_categories", d.Fields["licence_categories"]}},
		{{"4a", name("ISS", "ISS/DÉL"), "date_of_issue", dateStyle(dates, d.Issued)}, {"15", name("SEX", "SEX/SEXE"), "sex", p.Sex}},
		{{"4b", "EXP", "date_of_expiry", dateStyle(dates, d.Expires)}, {"16", name("HGT", "HGT/HAUT"), "", fmt.Sprintf("%d cm", p.HeightCM)}},
	}
	if r.IntN(2) == 0 { // dates at the top, as California, Texas and New York have them
		rows = append(append([][]americanElement{rows[0]}, rows[5:]...), rows[1:5]...)
	}
	for i, row := range rows {
		for j, e := range row {
			s.element(e, 29+31*float64(j), 15+4.5*float64(i), numbered, colon, value)
		}
	}
	return s
}

// element prints a data element with its number and name before it.
func (s *side) element(e americanElement, x, y float64, numbered bool, colon string, value style) {
	small := style{face: regular, size: 1.8, ink: solid(0x3A4450)}
	caption := e.name
	if caption != "" {
		caption += colon
	}
	if numbered && e.number != "" {
		caption = strings.TrimSpace(e.number + " " + caption)
	}
	if caption == "" {
		s.texts = append(s.texts, printed{field: e.field, text: e.text, x: x, y: y, style: value, room: 52})
		return
	}
	s.texts = append(s.texts, printed{text: caption, x: x, y: y, style: small},
		printed{field: e.field, text: e.text, y: y, style: value, follows: 1.1, room: 46})
}
