package check

import (
	"maps"
	"slices"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/document/mrz"
)

// verifiedOn is the day on which all fixtures are validated.
var verifiedOn = time.Date(2026, 3, 15, 14, 30, 0, 0, time.UTC)

// holder is the invented person of the fixtures.
func holder(code, issuer, number string) mrz.Document {
	return mrz.Document{
		Code: code, Issuer: issuer, Surname: "DELACROIX", GivenNames: "CAMILLE ESTELLE", Number: number, Nationality: issuer,
		BirthDate: "1985-07-23", ExpiryDate: "2031-05-09", Sex: "F",
	}
}

func zoneLines(t testing.TB, d mrz.Document, format mrz.Format) []string {
	t.Helper()
	lines, err := mrz.Compose(d, format)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// withDigits writes the check digits of altered lines anew, so that nothing but the alteration is wrong.
func withDigits(t testing.TB, lines []string) []string {
	t.Helper()
	lines = slices.Clone(lines)
	for range 2 { // the composite covers the other digits
		z, err := mrz.Parse(lines)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range z.Checks {
			lines[c.Digit.Line] = lines[c.Digit.Line][:c.Digit.From] + c.Expected + lines[c.Digit.Line][c.Digit.To:]
		}
	}
	return lines
}

// replaced puts text over part of one line.
func replaced(lines []string, line, column int, text string) []string {
	lines = slices.Clone(lines)
	lines[line] = lines[line][:column] + text + lines[line][column+len(text):]
	return lines
}

// printed gives printed fields, read with certainty.
func printed(side int, values map[Key]string) map[Key][]Field {
	fields := map[Key][]Field{}
	for key, value := range values {
		fields[key] = []Field{{Value: value, Raw: value, Source: SourceVIZ, Confidence: 0.96, Side: side}}
	}
	return fields
}

func goodQuality() *Quality {
	return &Quality{Sharpness: 0.7, Glare: 0.005, Brightness: 0.6, Resolution: 0.9, Coverage: 0.5}
}

func noTraces() map[Alteration]float64 {
	measures := map[Alteration]float64{}
	for _, a := range []Alteration{
		AlterationPortrait, AlterationText, AlterationCloned, AlterationCompression, AlterationNoise, CopyMonochrome, RecaptureScreen, RecapturePrint,
	} {
		measures[a] = 0.05
	}
	return measures
}

// passport is a French passport in order, by two readers, with everything examined and everything claimed and demanded.
func passport(t testing.TB) Input {
	person := map[Key]string{
		DocumentNumber: "24AB31907", Surname: "Delacroix", GivenNames: "Camille Estelle", DateOfBirth: "1985-07-23", DateOfExpiry: "2031-05-09",
		DateOfIssue: "2021-05-10", Sex: "F", Nationality: "FRA", IssuingCountry: "FRA", PlaceOfBirth: "Nantes",
	}
	claimed := maps.Clone(person)
	delete(claimed, DateOfIssue)
	fields := printed(SideFront, person)
	fields[DateOfBirth] = append(fields[DateOfBirth], Field{Value: "1985-07-23", Source: SourceMRZ, Confidence: 0.97, Side: SideFront})
	fields[DocumentNumber] = slices.Repeat(fields[DocumentNumber], 2) // passports print their number on the edge, too
	return Input{
		Type: ekyc.Passport, Country: "FRA", Fields: fields,
		MRZ: &MRZ{
			Lines: zoneLines(t, holder("P", "FRA", "24AB31907"), mrz.TD3), Seen: true, Confidence: 0.97, Agreement: Agrees, Side: SideFront,
		},
		Barcode: &Barcode{}, Images: true, Front: &Side{Types: []ekyc.DocumentType{ekyc.Passport}, Country: "FRA"},
		Portrait: &Portrait{Found: true, Placed: true, X: 0.08, Y: 0.3, Width: 0.17, Height: 0.28, Side: SideFront},
		Quality:  goodQuality(), Alterations: noTraces(), Claimed: claimed, At: verifiedOn,
		Policy: Policy{
			ExpiryGraceDays: 30, MinAge: 18, AcceptedTypes: []ekyc.DocumentType{ekyc.Passport, ekyc.IDCard, ekyc.DriverLicense},
			AcceptedCountries: []string{"FRA", "ESP", "USA", "UTO"}, MandatoryFields: []Key{DateOfIssue},
		},
	}
}

// card is a Spanish identity card, front and back, with a personal number that has a check digit.
func card(t testing.TB) Input {
	in := passport(t)
	d := holder("ID", "ESP", "CBC104729")
	d.Optional1 = "12345678Z"
	in.Type, in.Country = ekyc.IDCard, "ESP"
	in.Fields = printed(SideFront, map[Key]string{
		DocumentNumber: "CBC104729", Surname: "Delacroix", GivenNames: "Camille Estelle", DateOfBirth: "1985-07-23", DateOfExpiry: "2031-05-09",
		DateOfIssue: "2021-05-10", Sex: "F", Nationality: "ESP", PersonalNumber: "12345678Z",
	})
	in.MRZ.Lines, in.MRZ.Side = zoneLines(t, d, mrz.TD1), SideBack
	in.Front, in.Back = &Side{Types: []ekyc.DocumentType{ekyc.IDCard}, Country: "ESP"}, &Side{Types: []ekyc.DocumentType{ekyc.IDCard}, Country: "ESP"}
	in.Claimed = nil
	return in
}

// licence is a driving licence of the USA with its bar code on the back.
func licence(t testing.TB) Input {
	in := passport(t)
	in.Type, in.Country, in.MRZ, in.Claimed = ekyc.DriverLicense, "USA", &MRZ{}, nil
	values := map[Key]string{
		DocumentNumber: "D4920718", Surname: "DELACROIX", GivenNames: "CAMILLE ESTELLE", DateOfBirth: "1985-07-23", DateOfExpiry: "2031-05-09",
		DateOfIssue: "2021-05-10", Sex: "F", IssuingCountry: "USA",
	}
	in.Fields = printed(SideFront, values)
	for key, value := range values {
		in.Fields[key] = append(in.Fields[key], Field{Value: value, Raw: value, Source: SourceBarcode, Confidence: 1, Side: SideBack})
	}
	in.Barcode = &Barcode{Seen: true, Read: true, Symbology: "pdf417", Standard: "AAMVA", Side: SideBack}
	in.Front, in.Back = &Side{Types: []ekyc.DocumentType{ekyc.DriverLicense}, Country: "USA"}, &Side{Types: []ekyc.DocumentType{ekyc.DriverLicense}, Country: "USA"}
	return in
}

// cardWithBarcode is a card that has a zone and a bar code.
func cardWithBarcode(t testing.TB) Input {
	in := card(t)
	in.Barcode = &Barcode{Seen: true, Read: true, Symbology: "pdf417", Side: SideBack}
	for key, value := range map[Key]string{DocumentNumber: "CBC104729", DateOfBirth: "1985-07-23"} {
		in.Fields[key] = append(in.Fields[key], Field{Value: value, Raw: value, Source: SourceBarcode, Confidence: 1, Side: SideBack})
	}
	return in
}

// set replaces the value of a field in one source.
func set(in *Input, source Source, key Key, value string) {
	list := slices.Clone(in.Fields[key])
	for i := range list {
		if list[i].Source == source {
			list[i].Value, list[i].Raw = value, value
		}
	}
	in.Fields[key] = list
}

// drop removes a field from all sources but the zone.
func drop(in *Input, key Key) { delete(in.Fields, key) }

// outcomeOf finds a check by name.
func outcomeOf(t testing.TB, r Result, name string) ekyc.Check {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c ekyc.Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("there is no check %s", name)
	}
	return r.Checks[i]
}

// standing lists the checks that are neither passed nor harmless: failures, warnings and missing evidence.
func standing(r Result) []string {
	var names []string
	for _, c := range r.Checks {
		missing := c.Status == ekyc.NotExecuted && c.Severity != ekyc.SeverityInfo
		if c.Status == ekyc.Fail || c.Status == ekyc.Warn || missing {
			names = append(names, c.Name)
		}
	}
	return names
}
