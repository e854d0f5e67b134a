package profile

import (
	"slices"
	"strings"

	"ekyc"
)

// country is one of ekyc's; the zero value is none.
type country struct {
	ekyc.Country
	dialled string // the region of telephone metadata, where it is not the country's alpha-2 code
}

// countryOf finds a country by its code in any of the lists that meet here: documents', people's, telephone regions', IP tables'.
func countryOf(code string) (country, bool) {
	code = strings.ToUpper(strings.TrimSpace(code))
	dialled := ""
	switch code {
	case "UK": // exceptionally reserved in ISO 3166-1 for the United Kingdom, and what many type
		code = "GBR"
	case "XK", "XKX": // user-assigned, and used for Kosovo by the European Union, CLDR and telephone metadata
		code = "RKS"
	case "AC", "TA": // Ascension and Tristan da Cunha have telephone regions of their own
		dialled, code = code, "SHN"
	}
	c, known := ekyc.CountryByCode(code)
	if c.Code == "RKS" {
		dialled = "XK"
	}
	return country{c, dialled}, known
}

func (c country) unknown() bool { return c.Code == "" }

// code is ISO 3166-1 alpha-3 where there is one, otherwise as documents print it, "" for no country.
func (c country) code() string {
	if c.Alpha3 != "" {
		return c.Alpha3
	}
	return c.Code
}

// alpha2 is the region code of telephone metadata.
func (c country) alpha2() string {
	if c.dialled != "" {
		return c.dialled
	}
	return c.Alpha2
}

// isTerritory says whether people and numbers can be at home there: organisations and the stateless have codes too.
func (c country) isTerritory() bool { return c.Alpha2 != "" || c.Code == "RKS" }

// sovereigns are the countries whose documents the people of a territory with a code of its own carry (ISO 3166-1's "dependent
// territory of"). Coherence is judged by them.
var sovereigns = map[string][]string{
	"AUS": {"CCK", "CXR", "HMD", "NFK"},
	"CHN": {"HKG", "MAC"},
	"DNK": {"FRO", "GRL"},
	"FIN": {"ALA"},
	"FRA": {"ATF", "BLM", "GLP", "GUF", "MAF", "MTQ", "MYT", "NCL", "PYF", "REU", "SPM", "WLF"},
	"GBR": {"AIA", "BMU", "CYM", "FLK", "GGY", "GIB", "IMN", "IOT", "JEY", "MSR", "PCN", "SGS", "SHN", "TCA", "VGB"},
	"NLD": {"ABW", "BES", "CUW", "SXM"},
	"NOR": {"BVT", "SJM"},
	"NZL": {"COK", "NIU", "TKL"},
	"USA": {"ASM", "GUM", "MNP", "PRI", "UMI", "VIR"},
}

func (c country) sovereign() string {
	for state, territories := range sovereigns {
		if slices.Contains(territories, c.code()) {
			return state
		}
	}
	return c.code()
}

func codes(list []country) []string {
	var all []string
	for _, c := range list {
		if !slices.Contains(all, c.code()) {
			all = append(all, c.code())
		}
	}
	return all
}

// checkCountries compares what IP address, telephone number, document and claim say. All of them name one country: pass. None of three
// or more shares a country with another: fail. Everything between is a warning, since people travel, move and marry.
func checkCountries(claim country, document *DocumentFacts, number phone, ip country) ekyc.Check {
	sources := []struct {
		name      string
		countries []country
	}{{"claim", []country{claim}}, {"document", document.countries()}, {"phone", number.countries}, {"ip", []country{ip}}}
	evidence := ekyc.Evidence{}
	votes := map[string]int{}
	named, agreeing := 0, 0
	for _, s := range sources {
		places := slices.DeleteFunc(slices.Clone(s.countries), func(c country) bool { return !c.isTerritory() })
		if len(places) == 0 {
			continue
		}
		named++
		evidence[s.name] = codes(places)
		var homes []string
		for _, c := range places {
			if home := c.sovereign(); !slices.Contains(homes, home) {
				homes = append(homes, home)
				votes[home]++
				agreeing = max(agreeing, votes[home])
			}
		}
	}
	evidence["sources"], evidence["agreeing"] = named, agreeing
	switch {
	case named < 2:
		return made(CheckCountryCoherence, ekyc.NotApplicable, "fewer than two sources name a country", nil)
	case agreeing == named:
		return made(CheckCountryCoherence, ekyc.Pass, "all sources name the same country", evidence)
	case agreeing == 1 && named > 2:
		return made(CheckCountryCoherence, ekyc.Fail, "each source names another country", evidence)
	}
	return made(CheckCountryCoherence, ekyc.Warn, "the sources do not all name the same country", evidence)
}

// countries are those that the document ties its holder to.
func (d *DocumentFacts) countries() []country {
	if d == nil {
		return nil
	}
	var all []country
	for _, code := range []string{d.Country, d.Nationality} {
		if c, known := countryOf(code); known {
			all = append(all, c)
		}
	}
	return all
}
