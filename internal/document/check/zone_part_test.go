package check

import (
	"slices"
	"testing"

	"ekyc"
	"ekyc/internal/document/mrz"
)

// TestALostLineIsMissingEvidence: a zone of which a line could not be read proves what it can and never the document.
func TestALostLineIsMissingEvidence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   Input
		lost int
		want map[string]ekyc.CheckStatus
	}{
		"passport without its names": {passport(t), 0, map[string]ekyc.CheckStatus{
			"mrz_present": ekyc.NotExecuted, "mrz_line_length": ekyc.NotExecuted, "mrz_checksum": ekyc.NotExecuted, "mrz_names_present": ekyc.NotExecuted,
			"mrz_document_code": ekyc.NotExecuted, "mrz_issuer_known": ekyc.NotExecuted, "mrz_nationality_known": ekyc.Pass, "mrz_sex_valid": ekyc.Pass,
			"mrz_check_document_number": ekyc.Pass, "mrz_check_composite": ekyc.Pass, "mrz_name_truncated": ekyc.NotApplicable,
		}},
		"card without its number": {card(t), 0, map[string]ekyc.CheckStatus{
			"mrz_check_document_number": ekyc.NotExecuted, "mrz_check_composite": ekyc.NotExecuted, "mrz_check_birth_date": ekyc.Pass,
			"mrz_check_optional": ekyc.NotApplicable, "mrz_names_present": ekyc.Pass, "mrz_document_code": ekyc.NotExecuted,
		}},
		"card without its names": {card(t), 2, map[string]ekyc.CheckStatus{
			"mrz_check_document_number": ekyc.Pass, "mrz_check_composite": ekyc.Pass, "mrz_names_present": ekyc.NotExecuted, "mrz_present": ekyc.NotExecuted,
		}},
	} {
		if whole := Validate(c.in); !whole.DocumentValid {
			t.Fatalf("%s: the whole document is not valid", name)
		}
		c.in.MRZ.Lines = slices.Clone(c.in.MRZ.Lines)
		c.in.MRZ.Lines[c.lost] = ""
		r := Validate(c.in)
		if r.DocumentValid || r.MRZValid {
			t.Errorf("%s: document valid %v, zone valid %v", name, r.DocumentValid, r.MRZValid)
		}
		for check, want := range c.want {
			if got := outcomeOf(t, r, check); got.Status != want {
				t.Errorf("%s: %s is %s, want %s: %s", name, check, got.Status, want, got.Message)
			}
		}
	}
}

// TestLicenceZones: the zones of licences are judged by what their formats have.
func TestLicenceZones(t *testing.T) {
	t.Parallel()
	person := map[Key]string{
		Surname: "Delacroix", GivenNames: "Camille Estelle", DateOfBirth: "1985-07-23", DateOfExpiry: "2031-05-09", DateOfIssue: "2021-05-10",
	}
	for name, c := range map[string]struct {
		country, number string
		document        mrz.Document
		format          mrz.Format
		want            map[string]ekyc.CheckStatus
	}{
		"French": {"FRA", "24AB31907", mrz.Document{Code: "D1", Issuer: "FRA", Surname: "DELACROIX", Number: "24AB31907", ExpiryDate: "310509"}, mrz.FRADL, map[string]ekyc.CheckStatus{
			"mrz_checksum": ekyc.Pass, "mrz_check_document_number": ekyc.Pass, "mrz_check_birth_date": ekyc.NotApplicable, "mrz_check_composite": ekyc.Pass,
			"mrz_names_present": ekyc.Pass, "mrz_nationality_known": ekyc.NotApplicable, "mrz_sex_valid": ekyc.NotApplicable, "mrz_document_code": ekyc.Pass,
			"mrz_line_length": ekyc.Pass, "mrz_alphabet": ekyc.Pass, "mrz_name_truncated": ekyc.Warn,
		}},
		"Dutch": {"NLD", "5094962111", mrz.Document{Code: "D1", Issuer: "NLD", Number: "5094962111", Optional1: "1", Optional2: "659VW87Z78NB8"}, mrz.NLDDL, map[string]ekyc.CheckStatus{
			"mrz_checksum": ekyc.Pass, "mrz_check_document_number": ekyc.NotApplicable, "mrz_check_composite": ekyc.Pass, "mrz_names_present": ekyc.NotApplicable,
		}},
		"Swiss": {"CHE", "305142128097", mrz.Document{Code: "FA", Issuer: "CHE", Surname: "DELACROIX", GivenNames: "CAMILLE ESTELLE", Number: "305142128097", BirthDate: "850723", Optional1: "AAA001D"}, mrz.CHEDL, map[string]ekyc.CheckStatus{
			"mrz_checksum": ekyc.NotApplicable, "mrz_check_composite": ekyc.NotApplicable, "mrz_names_present": ekyc.Pass, "mrz_document_code": ekyc.Pass, "mrz_line_length": ekyc.Pass,
		}},
	} {
		in := passport(t)
		in.Type, in.Country, in.Policy.AcceptedCountries, in.Policy.MandatoryFields, in.Claimed = ekyc.DriverLicense, c.country, nil, nil, nil
		in.Front = &Side{Types: []ekyc.DocumentType{ekyc.DriverLicense}, Country: c.country}
		in.Fields = printed(SideFront, person)
		set(&in, SourceVIZ, DocumentNumber, c.number)
		in.MRZ.Lines = zoneLines(t, c.document, c.format)
		r := Validate(in)
		for check, want := range c.want {
			if got := outcomeOf(t, r, check); got.Status != want {
				t.Errorf("%s: %s is %s, want %s: %s", name, check, got.Status, want, got.Message)
			}
		}
		for _, check := range r.Checks {
			if check.Status == ekyc.Fail {
				t.Errorf("%s: %s fails: %s", name, check.Name, check.Message)
			}
		}
		if r.MRZValid != (c.format != mrz.CHEDL) {
			t.Errorf("%s: zone valid %v", name, r.MRZValid)
		}
	}
}

// TestBlindSpotsAreInTheEvidence of a check digit that holds: lookalikes, and neighbours that could stand the other way round.
func TestBlindSpotsAreInTheEvidence(t *testing.T) {
	t.Parallel()
	in := passport(t)
	d := holder("P", "FRA", "16AB83LG7")
	in.MRZ.Lines = zoneLines(t, d, mrz.TD3)
	set(&in, SourceVIZ, DocumentNumber, "16AB83LG7")
	got := outcomeOf(t, Validate(in), "mrz_check_document_number")
	spots, exchanges := got.Evidence["blind_spots"].([]string), got.Evidence["exchanges"].([]string)
	for _, want := range []string{"line 2 character 1: 1 or L", "line 2 character 7: L or 1", "line 2 character 8: G or 6Q"} {
		if !slices.Contains(spots, want) {
			t.Errorf("blind spots %v lack %q", spots, want)
		}
	}
	for _, want := range []string{"line 2 characters 1 and 2: 16 or 61", "line 2 characters 5 and 6: 83 or 38", "line 2 characters 7 and 8: LG or GL"} {
		if !slices.Contains(exchanges, want) {
			t.Errorf("exchanges %v lack %q", exchanges, want)
		}
	}
}
