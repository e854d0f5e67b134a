package check

import (
	"slices"
	"testing"

	"ekyc"
	"ekyc/internal/document/mrz"
)

// verdicts is what a result says beside its checks.
type verdicts struct{ valid, mrzValid, expired, proven, retake bool }

func verdictsOf(r Result) verdicts {
	return verdicts{r.DocumentValid, r.MRZValid, r.Expired, r.ProvenForgery, r.Retake}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	refuted := func(in *Input) { in.MRZ.Lines = replaced(in.MRZ.Lines, 1, 9, nextDigit(in.MRZ.Lines[1][9])) }
	for _, test := range []struct {
		about string
		base  func(testing.TB) Input
		spoil func(*Input)
		want  verdicts
	}{
		{"in order", passport, func(*Input) {}, verdicts{valid: true, mrzValid: true}},
		{"blurred, and read all the same", passport, func(in *Input) { in.Quality.Sharpness = 0.1 }, verdicts{valid: true, mrzValid: true}},
		{"zone illegible", passport, func(in *Input) { in.MRZ = &MRZ{Seen: true} }, verdicts{retake: true}},
		{"zone doubtful", passport, func(in *Input) { in.MRZ.Weak = true }, verdicts{retake: true}},
		{"second reader differs", passport, func(in *Input) { in.MRZ.Agreement = Differs }, verdicts{retake: true}},
		{"second reader is outweighed", passport, func(in *Input) { in.MRZ.Agreement, in.MRZ.Confidence = Outweighed, 0.59 }, verdicts{valid: true, mrzValid: true}},
		{"outweighed and not vouched for", passport, func(in *Input) { in.MRZ.Agreement, in.MRZ.Weak = Outweighed, true }, verdicts{retake: true}},
		{"portrait not found", passport, func(in *Input) { in.Portrait = &Portrait{} }, verdicts{mrzValid: true, retake: true}},
		{"digit refuted by two readers", passport, refuted, verdicts{proven: true}},
		{"digit refuted by one reader", passport, func(in *Input) { refuted(in); in.MRZ.Agreement = NotAsked }, verdicts{}},
		{"digit refuted in a doubtful reading", passport, func(in *Input) { refuted(in); in.MRZ.Confidence = 0.7 }, verdicts{retake: true}},
		{"digit refuted in lines that were given", passport, func(in *Input) { refuted(in); in.MRZ.Given = true }, verdicts{}},
		{"zone illegible and expired in print", passport, func(in *Input) {
			in.MRZ = &MRZ{Seen: true}
			set(in, SourceVIZ, DateOfExpiry, "2025-05-09")
			in.Claimed = nil
		}, verdicts{expired: true}},
		{"expired in doubtful print", licence, func(in *Input) {
			unreadBarcode(in, false)
			in.Fields[DateOfExpiry] = []Field{{Value: "2025-05-09", Source: SourceVIZ, Confidence: 0.5}}
		}, verdicts{retake: true}},
		{"last day of grace", passport, func(in *Input) { *in = expiring(t, *in, "2026-02-13") }, verdicts{valid: true, mrzValid: true}},
		{"after the last day of grace", passport, func(in *Input) { *in = expiring(t, *in, "2026-02-12") }, verdicts{mrzValid: true, expired: true}},
		{"last day of validity", passport, func(in *Input) {
			*in = expiring(t, *in, "2026-03-15")
			in.Policy.ExpiryGraceDays = 0
		}, verdicts{valid: true, mrzValid: true}},
		{"specimen allowed", passport, func(in *Input) {
			in.SpecimenWords, in.Policy.SpecimensAllowed = []string{"SPECIMEN"}, true
		}, verdicts{valid: true, mrzValid: true}},
		{"holder called like a specimen word", passport, func(in *Input) { in.SpecimenWords = []string{"Delacroix"} }, verdicts{valid: true, mrzValid: true}},
		{"zone against bar code", cardWithBarcode, func(in *Input) { set(in, SourceBarcode, DateOfBirth, "1971-01-02") },
			verdicts{mrzValid: true, proven: true}},
		{"print edited in one digit", passport, func(in *Input) { set(in, SourceVIZ, DateOfBirth, "1985-07-28") }, verdicts{mrzValid: true}},
		{"print doubtful and different", passport, func(in *Input) {
			in.Fields[DateOfBirth] = []Field{{Value: "1985-07-28", Source: SourceVIZ, Confidence: 0.5}}
		}, verdicts{valid: true, mrzValid: true}},
		{"caption taken for the name", passport, func(in *Input) {
			set(in, SourceVIZ, Surname, "PRIMARY IDENTIFIER")
			in.Text = []string{"PRIMARY IDENTIFIER", "Delacroix", "Camille Estelle"}
		}, verdicts{valid: true, mrzValid: true}},
		{"another name in print", passport, func(in *Input) {
			set(in, SourceVIZ, Surname, "Lefebvre")
			in.Text = []string{"SURNAME", "Lefebvre", "Camille Estelle", "P<FRADELACROIX<<CAMILLE<ESTELLE<<<<<<<<<<<<<"}
		}, verdicts{mrzValid: true}},
		{"one letter of the name misread", passport, func(in *Input) { set(in, SourceVIZ, Surname, "Delacroiy") }, verdicts{valid: true, mrzValid: true}},
		{"specimen word in the holder's name", passport, func(in *Input) { in.SpecimenWords = []string{"CROIX"} }, verdicts{valid: true, mrzValid: true}},
		{"number read doubtfully", licence, func(in *Input) {
			unreadBarcode(in, false)
			in.Barcode, in.Back = nil, nil
			in.Fields[DocumentNumber] = []Field{{Value: "D4920718", Source: SourceVIZ, Confidence: 0.55}}
		}, verdicts{retake: true}},
		{"card of a country whose cards have no zone", card, func(in *Input) {
			in.MRZ, in.Country, in.Front.Country, in.Back.Country = &MRZ{}, "IND", "IND", "IND"
			in.Policy.AcceptedCountries = nil
		}, verdicts{valid: true}},
		{"zone of a card of a country whose cards need none", card, func(in *Input) {
			in.MRZ, in.Country, in.Front.Country, in.Back.Country = &MRZ{Seen: true}, "IND", "IND", "IND"
			in.Policy.AcceptedCountries = nil
		}, verdicts{retake: true}},
		{"personal number printed as the card's", card, func(in *Input) { set(in, SourceVIZ, DocumentNumber, "12345678Z") }, verdicts{valid: true, mrzValid: true}},
		{"print says permanent and the zone does not", passport, func(in *Input) { set(in, SourceVIZ, DateOfExpiry, "9999-05-09") }, verdicts{mrzValid: true}},
		{"personal number claimed as the card's", card, func(in *Input) { in.Claimed = map[Key]string{DocumentNumber: "12345678-Z"} }, verdicts{valid: true, mrzValid: true}},
		{"another personal number claimed", card, func(in *Input) { in.Claimed = map[Key]string{DocumentNumber: "12345679S"} }, verdicts{mrzValid: true}},
		{"part of the personal number claimed", card, func(in *Input) { in.Claimed = map[Key]string{DocumentNumber: "12345678"} }, verdicts{mrzValid: true}},
		{"too young by a doubtful reading", licence, func(in *Input) {
			unreadBarcode(in, false)
			in.Barcode, in.Back = nil, nil
			in.Fields[DateOfBirth] = []Field{{Value: "2018-07-23", Source: SourceVIZ, Confidence: 0.5}}
		}, verdicts{retake: true}},
		{"issuer's code read doubtfully", passport, func(in *Input) {
			in.Fields[IssuingCountry] = []Field{{Value: "PRK", Source: SourceVIZ, Confidence: 0.5}}
		}, verdicts{valid: true, mrzValid: true}},
		{"American identification card", licence, func(in *Input) {
			in.Type, in.Front.Types, in.Back.Types = ekyc.IDCard, []ekyc.DocumentType{ekyc.IDCard}, []ekyc.DocumentType{ekyc.IDCard}
		}, verdicts{valid: true}},
		{"the same without its bar code", licence, func(in *Input) {
			in.Type, in.Front.Types, in.Back.Types = ekyc.IDCard, []ekyc.DocumentType{ekyc.IDCard}, []ekyc.DocumentType{ekyc.IDCard}
			unreadBarcode(in, false)
		}, verdicts{retake: true}},
		{"passport card of the USA", card, func(in *Input) {
			in.Country, in.Front.Country, in.Back.Country = "USA", "USA", "USA"
			in.MRZ.Lines = zoneLines(t, holder("IP", "USA", "C03005988"), mrz.TD1)
			set(in, SourceVIZ, DocumentNumber, "C03005988")
			set(in, SourceVIZ, Nationality, "USA")
		}, verdicts{valid: true, mrzValid: true}},
		{"residence card of Japan", card, func(in *Input) {
			in.Type, in.Front.Types, in.Back.Types = ekyc.ResidencePermit, []ekyc.DocumentType{ekyc.ResidencePermit}, []ekyc.DocumentType{ekyc.ResidencePermit}
			in.MRZ, in.Country, in.Front.Country, in.Back.Country, in.Policy = &MRZ{}, "JPN", "JPN", "JPN", Policy{}
		}, verdicts{valid: true}},
		{"Swiss licence, which does not expire", licence, func(in *Input) {
			unreadBarcode(in, false)
			in.Barcode, in.Country, in.Front.Country, in.Back.Country, in.Policy = nil, "CHE", "CHE", "CHE", Policy{}
			set(in, SourceVIZ, IssuingCountry, "CHE")
			delete(in.Fields, DateOfExpiry)
		}, verdicts{valid: true}},
		{"card of a country whose cards do not expire", card, func(in *Input) {
			in.MRZ, in.Country, in.Front.Country, in.Back.Country = &MRZ{}, "HKG", "HKG", "HKG"
			in.Policy = Policy{}
			delete(in.Fields, DateOfExpiry)
		}, verdicts{valid: true}},
		{"the same, with nothing but the holder's number", card, func(in *Input) {
			in.MRZ, in.Country, in.Front.Country, in.Back.Country = &MRZ{}, "ZAF", "ZAF", "ZAF"
			in.Policy = Policy{}
			delete(in.Fields, DateOfExpiry)
			delete(in.Fields, DocumentNumber)
			set(in, SourceVIZ, PersonalNumber, "7503305044089")
		}, verdicts{valid: true}},
		{"the same, with a date that has passed", card, func(in *Input) {
			in.MRZ, in.Country, in.Front.Country, in.Back.Country = &MRZ{}, "COL", "COL", "COL"
			in.Policy = Policy{}
			set(in, SourceVIZ, DateOfExpiry, "2025-05-09")
		}, verdicts{expired: true}},
		{"newer card of Colombia, whose date is covered", card, func(in *Input) {
			in.MRZ, in.Country, in.Front.Country, in.Back.Country = &MRZ{}, "COL", "COL", "COL"
			in.Policy, in.Text = Policy{}, []string{"NUIP 52.345.678", "Apellidos", "Nombres", "Nacionalidad"}
			delete(in.Fields, DateOfExpiry)
		}, verdicts{retake: true}},
		{"older card of Colombia", card, func(in *Input) {
			in.MRZ, in.Country, in.Front.Country, in.Back.Country = &MRZ{}, "COL", "COL", "COL"
			in.Policy, in.Text = Policy{}, []string{"NÚMERO 52.345.678", "APELLIDOS", "NOMBRES"}
			delete(in.Fields, DateOfExpiry)
		}, verdicts{valid: true}},
		{"card of Togo, of which no zone is known", card, func(in *Input) {
			in.MRZ, in.Country, in.Front.Country, in.Back.Country, in.Policy = &MRZ{}, "TGO", "TGO", "TGO", Policy{}
			set(in, SourceVIZ, DocumentNumber, "01234567890")
		}, verdicts{valid: true}},
		{"card of the Gambia, of which no layout is known", card, func(in *Input) {
			in.MRZ, in.Country, in.Front.Country, in.Back.Country, in.Policy = &MRZ{}, "GMB", "GMB", "GMB", Policy{}
		}, verdicts{retake: true}},
		{"card of a country whose cards expire", card, func(in *Input) {
			in.MRZ, in.Country, in.Front.Country, in.Back.Country = &MRZ{}, "CRI", "CRI", "CRI"
			in.Policy = Policy{}
			delete(in.Fields, DateOfExpiry)
		}, verdicts{retake: true}},
		{"front of a card only", card, func(in *Input) { in.MRZ, in.Back = &MRZ{}, nil }, verdicts{retake: true}},
		{"fields and nothing else", passport, func(in *Input) {
			*in = Input{Type: in.Type, Country: in.Country, Fields: in.Fields, At: in.At}
		}, verdicts{}},
		{"lines and nothing else", passport, func(in *Input) {
			*in = Input{MRZ: &MRZ{Lines: in.MRZ.Lines, Given: true}, At: in.At}
		}, verdicts{valid: true, mrzValid: true}},
		{"licence, front only", licence, func(in *Input) { unreadBarcode(in, false); in.Barcode, in.Back = nil, nil }, verdicts{valid: true}},
		{"kind of document unknown", licence, func(in *Input) { in.Type = "" }, verdicts{retake: true}},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			in := test.base(t)
			test.spoil(&in)
			if result := Validate(in); verdictsOf(result) != test.want {
				t.Errorf("got %+v, want %+v; standing %v", verdictsOf(result), test.want, standing(result))
			}
		})
	}
}

// expiring gives in with another date of expiry.
func expiring(t testing.TB, in Input, on string) Input {
	everywhere(t, &in, DateOfExpiry, on, td3Expiry)
	return in
}

// TestZonesOfAllFormats validates bare lines of every format.
func TestZonesOfAllFormats(t *testing.T) {
	t.Parallel()
	for format, code := range map[mrz.Format]string{mrz.TD1: "ID", mrz.TD2: "ID", mrz.TD3: "P", mrz.MRVA: "V", mrz.MRVB: "V", mrz.FRAID: "ID"} {
		d := holder(code, "FRA", "24AB31907")
		if format == mrz.FRAID {
			d.Number, d.ExpiryDate, d.Nationality = "150375112345", "", ""
		}
		in := Input{MRZ: &MRZ{Lines: zoneLines(t, d, format), Given: true}, At: verifiedOn}
		if result := Validate(in); !result.DocumentValid || !result.MRZValid {
			t.Errorf("%s: valid %t, zone %t: %v", format, result.DocumentValid, result.MRZValid, standing(result))
		}
		in.Type = ekyc.DriverLicense
		if Validate(in).DocumentValid {
			t.Errorf("%s: valid as a driving licence", format)
		}
	}
}

// TestPermanentCard: Spain prints 01 01 9999 on cards that never expire, and 990101 into their zone.
func TestPermanentCard(t *testing.T) {
	t.Parallel()
	in := card(t)
	d := holder("ID", "ESP", "CBC104729")
	d.Optional1, d.ExpiryDate = "12345678Z", "9999-01-01"
	in.MRZ.Lines = zoneLines(t, d, mrz.TD1)
	set(&in, SourceVIZ, DateOfExpiry, "9999-01-01")
	result := Validate(in)
	if found := standing(result); !result.DocumentValid || result.Expired || !slices.Equal(found, []string{"validity_period_plausible"}) {
		t.Errorf("valid %t, expired %t, standing %v", result.DocumentValid, result.Expired, found)
	}
}

func TestConfidenceFollowsTheEvidence(t *testing.T) {
	t.Parallel()
	confidence := func(base func(testing.TB) Input, spoil func(*Input)) float64 {
		in := base(t)
		spoil(&in)
		return Validate(in).Confidence
	}
	falling := []float64{
		confidence(passport, func(*Input) {}),
		confidence(passport, func(in *Input) { in.MRZ.Agreement = NotAsked }),
		confidence(licence, func(*Input) {}),
		confidence(licence, func(in *Input) { in.Quality.Glare = 0.5 }),
		confidence(licence, func(in *Input) { unreadBarcode(in, false); in.Barcode, in.Back = nil, nil }),
	}
	for i := 1; i < len(falling); i++ {
		if falling[i] >= falling[i-1] {
			t.Errorf("confidences %v do not fall", falling)
		}
	}
	one := confidence(passport, func(in *Input) { in.Alterations[AlterationText] = 0.95 })
	two := confidence(passport, func(in *Input) { in.Alterations[AlterationText], in.Alterations[AlterationNoise] = 0.95, 0.95 })
	if one >= two {
		t.Errorf("confidence in a refusal does not rise with the reasons: %f, %f", one, two)
	}
}

// TestCenturyOfBirth: a holder "born" after the expiry of an old document was born a century before.
func TestCenturyOfBirth(t *testing.T) {
	t.Parallel()
	d := holder("P", "FRA", "24AB31907")
	d.BirthDate, d.ExpiryDate = "121212", "110629"
	result := Validate(Input{MRZ: &MRZ{Lines: zoneLines(t, d, mrz.TD3), Given: true}, At: verifiedOn})
	if c := outcomeOf(t, result, "dates_order"); c.Status != ekyc.Pass || !result.Expired {
		t.Errorf("%s: %s, expired %t", c.Status, c.Message, result.Expired)
	}
}

// TestSeverityFollowsFromTheReadings: how grave one contradiction is depends on how sure the readings are.
func TestSeverityFollowsFromTheReadings(t *testing.T) {
	t.Parallel()
	refuted := func(in *Input) { in.MRZ.Lines = replaced(in.MRZ.Lines, 1, 9, nextDigit(in.MRZ.Lines[1][9])) }
	doubtful := func(in *Input, value string) {
		in.Fields[DateOfBirth] = []Field{{Value: value, Source: SourceVIZ, Confidence: 0.8}}
	}
	for _, test := range []struct {
		about, name string
		spoil       func(*Input)
		status      ekyc.CheckStatus
		severity    ekyc.Severity
		proven      bool
	}{
		{"two readers", "mrz_check_document_number", refuted, ekyc.Fail, ekyc.SeverityCritical, true},
		{"one reader", "mrz_check_document_number", func(in *Input) { refuted(in); in.MRZ.Agreement = NotAsked }, ekyc.Fail, ekyc.SeverityMajor, false},
		{"readers differ", "mrz_check_document_number", func(in *Input) { refuted(in); in.MRZ.Agreement = Differs }, ekyc.Warn, ekyc.SeverityMinor, false},
		{"one digit of print", "mrz_viz_birth_date", func(in *Input) { set(in, SourceVIZ, DateOfBirth, "1985-07-28") }, ekyc.Fail, ekyc.SeverityMajor, false},
		{"several digits of print", "mrz_viz_birth_date", func(in *Input) { set(in, SourceVIZ, DateOfBirth, "1961-07-28") }, ekyc.Fail, ekyc.SeverityCritical, false},
		{"several digits of uncertain print", "mrz_viz_birth_date", func(in *Input) { doubtful(in, "1961-07-28") }, ekyc.Fail, ekyc.SeverityMajor, false},
		{"last day", "document_not_expired", func(in *Input) { *in = expiring(t, *in, "2026-03-15") }, ekyc.Pass, ekyc.SeverityMajor, false},
		{"day after the last", "document_not_expired", func(in *Input) { *in = expiring(t, *in, "2026-03-14") }, ekyc.Warn, ekyc.SeverityMinor, false},
		{"birthday of age", "minimum_age", func(in *Input) { everywhere(t, in, DateOfBirth, "2008-03-15", td3Birth) }, ekyc.Pass, ekyc.SeverityMajor, false},
		{"an issuer in no list", "country_accepted", func(in *Input) { in.Country, in.Policy.AcceptedCountries = "ZQZ", []string{"QZQ"} }, ekyc.Fail, ekyc.SeverityMajor, false},
		{"day left open in print", "mrz_viz_birth_date", func(in *Input) { set(in, SourceVIZ, DateOfBirth, "1985-07") }, ekyc.Warn, ekyc.SeverityMinor, false},
		{"sex left open in print", "mrz_viz_sex", func(in *Input) { set(in, SourceVIZ, Sex, "X") }, ekyc.Warn, ekyc.SeverityMinor, false},
		{"nationality in words", "mrz_viz_nationality", func(in *Input) { set(in, SourceVIZ, Nationality, "Française") }, ekyc.NotExecuted, ekyc.SeverityInfo, false},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			in := passport(t)
			in.Claimed = nil
			test.spoil(&in)
			result := Validate(in)
			c := outcomeOf(t, result, test.name)
			if c.Status != test.status || c.Severity != test.severity || result.ProvenForgery != test.proven {
				t.Errorf("%s %s, proven %t; want %s %s, %t: %s", c.Status, c.Severity, result.ProvenForgery, test.status, test.severity, test.proven, c.Message)
			}
		})
	}
}
