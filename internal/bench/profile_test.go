package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ekyc"
)

func TestProfileLists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "lists"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"countries.json":     `{"iso3166": [{"alpha2": "DE", "alpha3": "DEU"}, {"alpha2": "FR", "alpha3": "SWE"}], "icao9303_special": {"D": "Germany", "RKS": "Kosovo"}}`,
		"phones_e164.json":   `{"cases": [{"e164": "+4741234567", "national": "41234567", "region": "SJ", "kind": "mobile", "valid": true}, {"e164": "+1", "valid": false}]}`,
		"email_domains.json": `{"disposable": ["mailinator.com", "ekyc.com"], "allowed": ["ekyc.com"]}`,
		"names.tsv":          "same\ttune\torder\ten\tAnna Schmidt\tANNA/SCHMIDT\ndifferent\ttune\tsiblings\ten\tEva/Schmidt\tANNA/SCHMIDT\nsame\treport\tmislabelled\ten\tEva/Schmidt\tANNA/SCHMIDT\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "lists", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := &Bench{dir: dir, faults: map[string]string{}}
	got, err := b.profile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	half, one, none := NewRate(1, 2), NewRate(1, 1), NewRate(0, 1)
	if got.Countries != (CountryRates{half, NewRate(2, 2), NewRate(2, 2)}) {
		t.Errorf("countries: %+v", got.Countries)
	}
	if got.Phones != (PhoneRates{Valid: one, Region: none, Possible: one, Type: one, National: one, Invalid: one}) {
		t.Errorf("phones: %+v", got.Phones)
	}
	if got.Domains != (DomainRates{half, one}) {
		t.Errorf("domains: %+v", got.Domains)
	}
	if n := got.Names; n.FalseAccepts != none || n.FalseRejects != half || n.Categories["mislabelled"].Failed != one {
		t.Errorf("names: %+v", n)
	}
	if b.faults["lists/names.tsv:3"] == "" || b.faults["lists/phones_e164.json:0"] == "" || len(b.faults) != 4 {
		t.Errorf("faults: %v", b.faults)
	}
	if _, err := ReadNamePairs(strings.NewReader("same\ttwo columns\n")); ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
		t.Errorf("a bad list gives %v", err)
	}
}
