package document

import (
	"slices"
	"testing"

	"ekyc"
	"ekyc/internal/document/layout"
)

func TestCoverageIsComputed(t *testing.T) {
	t.Parallel()
	byKey := map[string]Coverage{}
	countries := map[string]bool{}
	documents := 0
	for _, c := range Covered() {
		key := c.Country + " " + string(c.Type) + c.Subtype
		if _, twice := byKey[key]; twice {
			t.Errorf("%s stands twice", key)
		}
		byKey[key] = c
		if len(c.Documents) > 0 {
			countries[c.Country] = true
		}
		documents += len(c.Documents)
		for _, p := range c.Reads {
			if len(p.Fields) == 0 {
				t.Errorf("%s: %s reads nothing", key, p.Standard)
			}
			if p.Tested == TestedReal && !slices.ContainsFunc(seenIn(c), func(source Source) bool { return source == p.Source }) {
				t.Errorf("%s: %s is called tested on specimens, of which none was seen", key, p.Standard)
			}
		}
	}
	if documents != len(layout.Default().All()) || documents < 60 || len(countries) < 40 {
		t.Errorf("%d documents of %d countries, %d layouts", documents, len(countries), len(layout.Default().All()))
	}
	for key, want := range map[string]Tested{
		"CIV id_card": TestedSynthetic, "FRA id_card": TestedReal, "USA driver_license": TestedReal, "CIV passport": TestedSynthetic, "JPN passport": TestedReal,
		"TCD passport": TestedStandard, "* id_card": TestedStandard, "* othervisa": TestedStandard, "HRV driver_license": TestedStandard,
	} {
		if byKey[key].Tested != want {
			t.Errorf("%s is %s, want %s", key, byKey[key].Tested, want)
		}
	}
	for _, s := range seenSpecimens {
		for _, id := range s.layouts {
			d := byKey[s.country+" "+string(s.kind)].Documents
			if !slices.ContainsFunc(d, func(d CoveredDocument) bool { return d.Layout == id && d.Tested == TestedReal }) {
				t.Errorf("%s was seen, and is not called so", id)
			}
		}
	}
	if d := byKey["FRA id_card"].Documents; len(d) != 2 || d[0].Tested != TestedSynthetic {
		t.Errorf("the print of the French cards: %v", d)
	}
}

// seenIn is the sources that specimens of an entry were compared in.
func seenIn(c Coverage) []Source {
	var out []Source
	for _, s := range seenSpecimens {
		if s.country == c.Country && s.kind == c.Type {
			if s.zone {
				out = append(out, FromMRZ)
			}
			if len(s.layouts) > 0 {
				out = append(out, FromVisual)
			}
		}
	}
	return out
}

func TestLayoutsHaveTheContractsFields(t *testing.T) {
	t.Parallel()
	keys := make([]string, len(Keys))
	for i, key := range Keys {
		keys[i] = string(key)
	}
	if !slices.Equal(keys, layout.Keys) {
		t.Errorf("layouts have the fields %v", layout.Keys)
	}
	for _, s := range seenSpecimens {
		if c, ok := ekyc.CountryByCode(s.country); !ok || c.Alpha3 != s.country {
			t.Errorf("%s is no country", s.country)
		}
	}
}
