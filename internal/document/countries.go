package document

import (
	"cmp"
	"slices"
	"strings"

	"ekyc"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// printedNames are names of issuers as documents print them where they differ from the names of the Unicode CLDR.
var printedNames = map[string]string{
	"USA": "UNITED STATES OF AMERICA|ETATS UNIS D AMERIQUE|ESTADOS UNIDOS DE AMERICA",
	"GBR": "UNITED KINGDOM OF GREAT BRITAIN AND NORTHERN IRELAND|NORTHERN IRELAND|DVLA",
	"FRA": "REPUBLIQUE FRANCAISE|FRANCAISE", "D": "BUNDESREPUBLIK DEUTSCHLAND|FEDERAL REPUBLIC OF GERMANY|REPUBLIQUE FEDERALE D ALLEMAGNE",
	"CHE": "SCHWEIZERISCHE EIDGENOSSENSCHAFT|CONFEDERATION SUISSE|CONFEDERAZIONE SVIZZERA|SCHWEIZ|SUISSE|SVIZZERA|SVIZRA|SWISS CONFEDERATION",
	"ESP": "REINO DE ESPANA|ESPANA|DOCUMENTO NACIONAL DE IDENTIDAD ESPANA", "ITA": "REPUBBLICA ITALIANA", "PRT": "REPUBLICA PORTUGUESA|CARTAO DE CIDADAO",
	"NLD": "KONINKRIJK DER NEDERLANDEN|KINGDOM OF THE NETHERLANDS|ROYAUME DES PAYS BAS|NEDERLAND", "BEL": "ROYAUME DE BELGIQUE|KONINKRIJK BELGIE|BELGIQUE|BELGIE",
	"POL": "RZECZPOSPOLITA POLSKA", "CZE": "CESKA REPUBLIKA|CZECH REPUBLIC|REPUBLIQUE TCHEQUE", "SVK": "SLOVENSKA REPUBLIKA", "AUT": "REPUBLIK OSTERREICH|OSTERREICH",
	"TUR": "TURKIYE CUMHURIYETI|REPUBLIC OF TURKEY|TURKEY|TURKIYE|SURUCU BELGESI", "RUS": "ROSSIYSKAYA FEDERATSIYA|RUSSIAN FEDERATION|POCCNNCKAR OEAEPAUNR", "UKR": "UKRAINA|YKPAIHA",
	"CIV": "REPUBLIQUE DE COTE D IVOIRE|COTE D IVOIRE", "CHN": "PEOPLE S REPUBLIC OF CHINA|PEOPLES REPUBLIC OF CHINA", "TWN": "REPUBLIC OF CHINA|TAIWAN",
	"KOR": "REPUBLIC OF KOREA", "GRC": "HELLENIC REPUBLIC|EAAHNIKH", "IRL": "EIRE", "MKD": "REPUBLIC OF MACEDONIA", "CMR": "REPUBLIQUE DU CAMEROUN", "COD": "REPUBLIQUE DEMOCRATIQUE DU CONGO",
	"BRA": "REPUBLICA FEDERATIVA DO BRASIL|BRASIL", "MEX": "ESTADOS UNIDOS MEXICANOS|MEXICO|INSTITUTO NACIONAL ELECTORAL", "ARG": "REPUBLICA ARGENTINA", "COL": "REPUBLICA DE COLOMBIA",
	"IND": "UNION OF INDIA|INCOME TAX DEPARTMENT|GOVERNMENT OF INDIA|REPUBLIC OF INDIA", "QAT": "STATE OF QATAR", "ARE": "UNITED ARAB EMIRATES", "SAU": "KINGDOM OF SAUDI ARABIA",
	"UTO": "UTOPIA|REPUBLIC OF UTOPIA|UTOPIAN",
	"CAN": "CANADA", "HUN": "MAGYARORSZAG", "HRV": "REPUBLIKA HRVATSKA", "ROU": "ROMANIA", "FIN": "SUOMI|SUOMI FINLAND|FINLAND", "DNK": "DANMARK|KONGERIGET DANMARK", "NOR": "NORGE|NOREG",
	"KEN": "REPUBLIC OF KENYA|JAMHURI YA KENYA", "NGA": "FEDERAL REPUBLIC OF NIGERIA", "GHA": "REPUBLIC OF GHANA", "ZAF": "REPUBLIC OF SOUTH AFRICA|SOUTH AFRICA", "SEN": "REPUBLIQUE DU SENEGAL",
	"MAR": "ROYAUME DU MAROC|KINGDOM OF MOROCCO", "HKG": "HONG KONG|HONG KONG SPECIAL ADMINISTRATIVE REGION|HONG KONG PERMANENT IDENTITY CARD", "JPN": "JAPAN", "BGR": "REPUBLIC OF BULGARIA",
	"EUE": "LAISSEZ PASSER EUROPEAN UNION",
}

// statesOfTheUSA issue driving licences and identification cards under their own names.
const statesOfTheUSA = `ALABAMA|ALASKA|ARIZONA|ARKANSAS|CALIFORNIA|COLORADO|CONNECTICUT|DELAWARE|FLORIDA|HAWAII|IDAHO|ILLINOIS|INDIANA|IOWA|KANSAS|KENTUCKY|LOUISIANA|
MAINE|MARYLAND|MASSACHUSETTS|MICHIGAN|MINNESOTA|MISSISSIPPI|MISSOURI|MONTANA|NEBRASKA|NEVADA|NEW HAMPSHIRE|NEW JERSEY|NEW MEXICO|NEW YORK|NORTH CAROLINA|NORTH DAKOTA|
OHIO|OKLAHOMA|OREGON|PENNSYLVANIA|RHODE ISLAND|SOUTH CAROLINA|SOUTH DAKOTA|TENNESSEE|TEXAS|UTAH|VERMONT|VIRGINIA|WASHINGTON|WEST VIRGINIA|WISCONSIN|WYOMING`

// provincesOfCanada issue driving licences under their own names.
const provincesOfCanada = `ALBERTA|BRITISH COLUMBIA|MANITOBA|NEW BRUNSWICK|NOUVEAU BRUNSWICK|NEWFOUNDLAND AND LABRADOR|NOVA SCOTIA|ONTARIO|PRINCE EDWARD ISLAND|QUEBEC|SASKATCHEWAN|
NORTHWEST TERRITORIES|NUNAVUT|YUKON`

// foreignNames are names of issuers in scripts that the print recogniser knows and folding to A–Z leaves nothing of.
var foreignNames = map[string]string{
	"中华人民共和国": "CHN", "居民身份证": "CHN", "中華民國": "TWN", "日本国": "JPN", "香港": "HKG", "澳門": "MAC", "ΕΛΛΗΝΙΚΗ": "GRC", "ΚΥΠΡΙΑΚΗ": "CYP",
}

// distinguishingSigns are the letters in the ring of stars, or in an oval, by which a driving licence names the state that issued it
// (Directive 2006/126/EC annex I; the signs are those of the Convention on Road Traffic), by ICAO's code.
var distinguishingSigns = map[string]string{
	"A": "AUT", "B": "BEL", "BG": "BGR", "CH": "CHE", "CY": "CYP", "CZ": "CZE", "D": "D", "DK": "DNK", "E": "ESP", "EST": "EST", "F": "FRA", "FIN": "FIN", "FL": "LIE", "GR": "GRC", "EL": "GRC", "H": "HUN",
	"HR": "HRV", "I": "ITA", "IRL": "IRL", "IS": "ISL", "L": "LUX", "LT": "LTU", "LV": "LVA", "M": "MLT", "N": "NOR", "NL": "NLD", "P": "PRT", "PL": "POL", "RO": "ROU", "S": "SWE", "SK": "SVK", "SLO": "SVN",
	"UK": "GBR", "UA": "UKR",
}

// countryName is one way in which a document prints its issuer: the words, reduced to A–Z and separated by spaces.
type countryName struct {
	words string
	code  string // ICAO
	state bool   // a state of the USA, which also is the name of places
}

type countryNames struct{ names []countryName }

// newCountryNames builds the table of names: those of the Unicode CLDR in the languages of ICAO documents and in the country's own,
// and printedNames.
func newCountryNames() *countryNames {
	c := &countryNames{}
	seen := map[string]bool{}
	add := func(name, code string, state bool) {
		if words := foldWords(name); len(words) >= 4 && !seen[words] {
			seen[words] = true
			c.names = append(c.names, countryName{words, code, state})
		}
	}
	for code, names := range printedNames {
		for name := range strings.SplitSeq(names, "|") {
			add(name, code, false)
		}
	}
	namers := []display.Namer{display.Regions(language.English), display.Regions(language.French), display.Regions(language.German), display.Regions(language.Spanish)}
	for _, country := range ekyc.Countries() {
		add(country.Name, country.Code, false)
		region, err := language.ParseRegion(country.Alpha2)
		if country.Kind != ekyc.CountryISO || err != nil {
			continue
		}
		own, _ := language.Compose(region)
		base, _ := own.Base()
		for _, n := range append(namers, display.Regions(language.Make(base.String()))) {
			if n != nil {
				add(n.Name(region), country.Code, false)
			}
		}
	}
	for name := range strings.SplitSeq(statesOfTheUSA, "|") {
		add(strings.TrimSpace(name), "USA", true)
	}
	for name := range strings.SplitSeq(provincesOfCanada, "|") {
		add(strings.TrimSpace(name), "CAN", true)
	}
	slices.SortFunc(c.names, func(a, b countryName) int {
		return cmp.Or(cmp.Compare(len(b.words), len(a.words)), cmp.Compare(a.words, b.words))
	})
	return c
}

// isoCode gives the ISO 3166-1 alpha-3 code for a code as ICAO prints it, "" where there is none.
func isoCode(code string) string {
	c, _ := ekyc.CountryByCode(code)
	return c.Alpha3
}

// knownCode says whether a code of one to three letters is an issuer's; alpha-2 codes are not printed.
func knownCode(code string) bool {
	_, ok := ekyc.CountryByCode(code)
	return ok && len(code) != 2
}

// foldWords reduces a text to words of A–Z and 0–9 with single spaces between them.
func foldWords(s string) string {
	var words []string
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(" /|-'’.,:;()·•\t\n", r) }) {
		if f := foldText(word); f != "" {
			words = append(words, f)
		}
	}
	return strings.Join(words, " ")
}

// find gives the name of an issuer in a line, longest first, and whether it is the whole line.
func (c *countryNames) find(line string) (name countryName, whole, ok bool) {
	if foreignLetters(line) {
		// The part of a state that issues by itself stands behind the state.
		at, found := -1, countryName{}
		for printed, code := range foreignNames {
			if i := strings.LastIndex(line, printed); i > at || i == at && len(printed) > len(found.words) {
				at, found = i, countryName{printed, code, false}
			}
		}
		if at >= 0 {
			return found, true, true
		}
	}
	words := foldWords(line)
	squeezed := strings.ReplaceAll(words, " ", "")
	for _, n := range c.names {
		if strings.ReplaceAll(n.words, " ", "") == squeezed {
			return n, true, true
		}
	}
	padded := " " + words + " "
	for _, n := range c.names {
		if strings.Contains(padded, " "+n.words+" ") {
			return n, false, true
		}
	}
	return countryName{}, false, false
}
