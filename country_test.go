package ekyc_test

import (
	"slices"
	"strings"
	"testing"

	"ekyc"
)

func TestCountryByCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]ekyc.Country{
		"D":   {Code: "D", Kind: ekyc.CountryICAO, Alpha3: "DEU", Alpha2: "DE", Name: "Germany"},
		"D<<": {Code: "D", Kind: ekyc.CountryICAO, Alpha3: "DEU", Alpha2: "DE", Name: "Germany"},
		"civ": {Code: "CIV", Kind: ekyc.CountryISO, Alpha3: "CIV", Alpha2: "CI", Name: "Côte d'Ivoire"},
		"CI":  {Code: "CIV", Kind: ekyc.CountryISO, Alpha3: "CIV", Alpha2: "CI", Name: "Côte d'Ivoire"},
		"GBN": {Code: "GBN", Kind: ekyc.CountryICAO, Alpha3: "GBR", Alpha2: "GB", Name: "British National (Overseas)"},
		"XXA": {Code: "XXA", Kind: ekyc.CountryICAO, Name: "Stateless person (1954 Convention)"},
		"ROM": {Code: "ROM", Kind: ekyc.CountryWithdrawn, Alpha3: "ROU", Alpha2: "RO", Name: "Romania"},
	} {
		if got, ok := ekyc.CountryByCode(code); !ok || got != want {
			t.Errorf("%q: got %+v, want %+v", code, got, want)
		}
	}
	for _, code := range []string{"", "<<<", "ZZZ", "QQ", "DD", "GERMANY"} {
		if got, ok := ekyc.CountryByCode(code); ok {
			t.Errorf("%q: got %+v, want nothing", code, got)
		}
	}
}

func TestCountriesAreSortedAndMapToISO(t *testing.T) {
	t.Parallel()
	all := ekyc.Countries()
	if !slices.IsSortedFunc(all, func(a, b ekyc.Country) int { return strings.Compare(a.Code, b.Code) }) {
		t.Error("the table is not sorted, which the search needs")
	}
	iso := 0
	for _, c := range all {
		switch {
		case c.Kind == ekyc.CountryISO && c.Code == c.Alpha3 && len(c.Alpha2) == 2:
			iso++
		case c.Kind == ekyc.CountryISO:
			t.Errorf("%s: an entry of ISO 3166-1 is its own alpha-3 code", c.Code)
		case c.Alpha3 != "":
			if target, ok := ekyc.CountryByCode(c.Alpha3); !ok || target.Kind != ekyc.CountryISO {
				t.Errorf("%s maps to %s, which ISO 3166-1 does not have", c.Code, c.Alpha3)
			}
		}
		if again, ok := ekyc.CountryByCode(c.Code); !ok || again != c {
			t.Errorf("%s is not found by its own code", c.Code)
		}
	}
	if iso != 249 {
		t.Errorf("%d entries of ISO 3166-1, want 249", iso)
	}
}
