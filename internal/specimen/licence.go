package specimen

import (
	"fmt"

	"ekyc/internal/vision"
)

// licenceFront is the front of a driving licence of the European Union (Directive 2006/126/EC, annex I): numbered fields, no captions.
func (d *Document) licenceFront() *side {
	s := &side{size: id1, corner: 3.18, flag: d.flagLetters(), colours: palette{0xF6E6E8, 0xD9A0AE, d.from.colours.second, 0x1D2F6B}}
	p := d.Holder
	s.label(d.from.word("driving_licence"), 17, 7, style{face: bold, size: 3.6, ink: solid(s.colours.title)})
	s.label(d.from.name, 17, 11, style{face: medium, size: 2.3, ink: solid(s.colours.title)})
	s.specimenMark(72, 50.5, 0.75)
	s.portrait = vision.Rect{X0: 4, Y0: 15.5, X1: 26, Y1: 44}
	const left, top, step = 30.0, 16.6, 4.35
	y := top
	line := func(number, field, text string, x float64) {
		s.label(number, x, y, style{face: regular, size: 2.1, ink: solid(0x3A4450)})
		s.value(field, text, x+5.2, y, style{face: medium, size: 2.75, ink: solid(0x14181C)})
	}
	lines := []struct{ number, field, text string }{
		{"1.", "surname", upper(p.Surname)},
		{"2.", "given_names", upper(p.GivenNames)},
		{"3.", "date_of_birth", d.shown(p.Born)},
		{"4a.", "date_of_issue", d.shown(d.Issued)},
		{"4b.", "date_of_expiry", d.shown(d.Expires)},
		{"5.", "document_number", d.Number},
		{"9.", "licence_categories", "AM/B"},
	}
	for _, l := range lines {
		line(l.number, l.field, l.text, left)
		switch l.number {
		case "3.":
			s.value("place_of_birth", upper(p.PlaceOfBirth), left+22, y, style{face: medium, size: 2.75, ink: solid(0x14181C)})
		case "4a.":
			line("4c.", "issuing_authority", d.office, left+21)
		}
		y += step
	}
	s.label("7.", 4, 49.4, style{face: regular, size: 2.1, ink: solid(0x3A4450)})
	s.signature = vision.Rect{X0: 8, Y0: 45.5, X1: 27, Y1: 51}
	return s
}

// flagLetters is the state's sign within the ring of stars.
func (d *Document) flagLetters() string {
	signs := map[string]string{"UTO": "UT", "D": "D", "FRA": "F", "ESP": "E", "ITA": "I", "NLD": "NL", "POL": "PL", "PRT": "P", "SWE": "S", "IRL": "IRL", "BEL": "B", "AUT": "A",
		"ROU": "RO", "CZE": "CZ", "GRC": "GR", "BGR": "BG", "HUN": "H", "HRV": "HR", "DNK": "DK", "FIN": "FIN"}
	return signs[d.from.code]
}

// licenceBack is the table of categories.
func (d *Document) licenceBack() *side {
	s := &side{size: id1, corner: 3.18, colours: palette{0xF6E6E8, 0xD9A0AE, d.from.colours.second, 0x1D2F6B}}
	small := style{face: regular, size: 2.1, ink: solid(0x2A3038)}
	for i, heading := range []string{"9.", "10.", "11.", "12."} {
		s.label(heading, 24+15*float64(i), 6, small)
	}
	for i, category := range []string{"AM", "A1", "A2", "A", "B1", "B", "C1", "C", "BE", "T"} {
		y := 10 + 3.7*float64(i)
		s.label(category, 24, y, style{face: medium, size: 2.3, ink: solid(0x14181C)})
		if category == "AM" || category == "B" {
			s.label(d.Issued.Format("02.01.06"), 39, y, small)
			s.label(d.Expires.Format("02.01.06"), 54, y, small)
		}
	}
	s.specimenMark(70, 50, 0.75)
	return s
}

// stateNames are the jurisdictions of the specimens from North America, as their licences head them.
var stateNames = map[string]string{"CA": "CALIFORNIA", "NY": "NEW YORK STATE", "TX": "TEXAS", "WA": "WASHINGTON", "FL": "FLORIDA", "OH": "OHIO",
	"ON": "ONTARIO", "BC": "BRITISH COLUMBIA", "AB": "ALBERTA", "NS": "NOVA SCOTIA"}

// americanFront is a driver license as the AAMVA Card Design Standard lays out its data elements.
func (d *Document) americanFront() *side {
	s := &side{size: id1, corner: 3.18, colours: d.from.colours, band: true}
	p := d.Holder
	s.label(stateNames[d.state], 5, 5.2, style{face: bold, size: 4.2, ink: solid(s.colours.title)})
	s.label("DRIVER LICENSE", 48, 5.0, style{face: bold, size: 3, ink: solid(s.colours.title)})
	s.label("USA", 5, 9.6, style{face: medium, size: 2.2, ink: solid(s.colours.title)})
	s.specimenMark(72, 51, 0.75)
	s.portrait = vision.Rect{X0: 4, Y0: 13, X1: 27, Y1: 42}
	s.ghost = vision.Rect{X0: 71, Y0: 30, X1: 81, Y1: 42.6}
	const left, right, step = 30.0, 58.0, 4.3
	put := func(number, name, field, text string, x, y float64) {
		s.label(number, x, y, style{face: regular, size: 1.7, ink: solid(0x3A4450)})
		s.label(name, x+2.8, y, style{face: regular, size: 2.0, ink: solid(0x1F3E8C)})
		s.value(field, text, x+max(9, 4+1.55*float64(len(name))), y, style{face: medium, size: 2.7, ink: solid(0x14181C)})
	}
	y := 14.4
	put("4d", "DLN", "document_number", d.Number, left, y)
	put("9", "CLASS", "licence_categories", "C", right+9, y)
	put("3", "DOB", "date_of_birth", d.shown(p.Born), left, y+step)
	put("4b", "EXP", "date_of_expiry", d.shown(d.Expires), left, y+2*step)
	put("4a", "ISS", "date_of_issue", d.shown(d.Issued), right, y+2*step)
	put("1", "LN", "surname", upper(p.Surname), left, y+3*step)
	put("2", "FN", "given_names", upper(p.GivenNames), left, y+4*step)
	street, city, postal := d.americanAddress()
	s.label("8", left, y+5*step, style{face: regular, size: 1.7, ink: solid(0x3A4450)})
	s.value("address", street, left+2.8, y+5*step, style{face: medium, size: 2.7, ink: solid(0x14181C)})
	s.value("address", fmt.Sprintf("%s, %s %s", city, d.state, postal), left+2.8, y+5.8*step, style{face: medium, size: 2.7, ink: solid(0x14181C)})
	put("15", "SEX", "sex", p.Sex, left, y+7*step)
	inches := int(float64(p.HeightCM)/2.54 + 0.5)
	put("16", "HGT", "", fmt.Sprintf("%d'-%02d\"", inches/12, inches%12), left+16, y+7*step)
	put("18", "EYES", "", "BRO", left, y+8*step)
	return s
}

// americanBack carries the PDF417.
func (d *Document) americanBack() *side {
	s := &side{size: id1, corner: 3.18, colours: palette{0xF3F3F1, 0xC9CDD2, 0xD8D2C6, 0x333A44}}
	s.barcode = vision.Rect{X0: 4, Y0: 6, X1: 81.6, Y1: 30}
	s.label("CLASS: C   END: NONE   RSTR: NONE", 5, 37, style{face: regular, size: 2.3, ink: solid(0x2A3038)})
	s.label("DD "+fmt.Sprintf("%08d", d.spec.Seed%100000000)+"  Rev 01/2024", 5, 41, style{face: regular, size: 2.1, ink: solid(0x2A3038)})
	s.specimenMark(66, 48, 0.9)
	return s
}
