// Package number knows the shapes of the numbers on identity documents, and the check digits that states put into the numbers of
// their citizens. It knows no documents: tables of layouts name the rules, and package check applies them.
package number

import (
	"fmt"
	"slices"
	"strings"
)

// Pattern is the shape of an issuer's numbers, one character a place:
//
//	A a letter, 9 a digit, * a letter or digit, G a letter or digit of Germany's alphabet (no vowels, no B D Q S),
//	N a letter or digit but O (the Netherlands), n a letter but O; a lower-case letter other than n stands for its capital,
//	anything else for itself.
//
// Numbers are compared as Compact leaves them, so a pattern has no spaces, points or dashes.
type Pattern string

// longestPattern: no series is longer than the 25 characters that AAMVA DL/ID 2020 table D.3 permits.
const longestPattern = 25

// Check says whether the pattern is one. Errors: a length outside of 3 to 25, a character that no number has.
func (p Pattern) Check() error {
	if len(p) < 3 || len(p) > longestPattern {
		return fmt.Errorf("the pattern %q has %d places, not 3 to %d", p, len(p), longestPattern)
	}
	for i := range len(p) {
		c := p[i]
		if c != '*' && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') {
			return fmt.Errorf("the pattern %q holds %q", p, c)
		}
	}
	return nil
}

// Matches says whether a number, as Compact leaves it, has the shape.
func (p Pattern) Matches(number string) bool {
	if len(p) != len(number) {
		return false
	}
	for i := range len(p) {
		if !placeMatches(p[i], number[i]) {
			return false
		}
	}
	return true
}

func placeMatches(place, c byte) bool {
	letter, digit := c >= 'A' && c <= 'Z', c >= '0' && c <= '9'
	switch {
	case place == 'A':
		return letter
	case place == '9':
		return digit
	case place == '*':
		return letter || digit
	case place == 'G':
		return digit || strings.IndexByte("CFGHJKLMNPRTVWXYZ", c) >= 0
	case place == 'N':
		return digit || letter && c != 'O'
	case place == 'n':
		return letter && c != 'O'
	case place >= 'a' && place <= 'z':
		return c == place-'a'+'A'
	}
	return c == place
}

// Any says whether a number has one of the shapes.
func Any(patterns []Pattern, number string) bool {
	return slices.ContainsFunc(patterns, func(p Pattern) bool { return p.Matches(number) })
}

// Compact keeps the letters and digits of a number as compared and counted: upper case, no spaces, points, dashes or fillers.
func Compact(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToUpper(s))
}

// Verdict is the outcome of a number's own check digit.
type Verdict int

// The verdicts.
const (
	Unknown Verdict = iota // there is no such rule, or the number has another shape
	Holds
	Refuted
)

// Rule names the check digit of one kind of number.
type Rule string

// The rules, by the country whose law or administration made them.
const (
	SpainDNI        Rule = "esp_dni"            // DNI and NIE: modulo 23
	BelgiumNational Rule = "bel_national"       // rijksregisternummer: modulo 97
	PolandPESEL     Rule = "pol_pesel"          // weights 1 3 7 9
	RomaniaCNP      Rule = "rou_cnp"            // weights 279146358279, modulo 11
	BulgariaEGN     Rule = "bgr_egn"            // powers of two modulo 11; foreigners' numbers modulo 10
	BalticCode      Rule = "baltic_code"        // Estonia's isikukood, Lithuania's asmens kodas
	TurkeyKimlik    Rule = "tur_kimlik"         // two digits
	FinlandHETU     Rule = "fin_hetu"           // modulo 31
	ChinaResident   Rule = "chn_resident"       // GB 11643, ISO 7064 MOD 11-2
	ItalyFiscal     Rule = "ita_codice_fiscale" // decree of 23 December 1976
	PortugalCard    Rule = "prt_cartao"         // Luhn's sum over letters and digits
	NetherlandsBSN  Rule = "nld_bsn"            // eleven-test
	CzechBirth      Rule = "cze_rodne_cislo"    // divisible by eleven; Slovakia's too
	CroatiaOIB      Rule = "hrv_oib"            // ISO 7064 MOD 11,10
	YugoslavJMBG    Rule = "jmbg"               // Serbia, Slovenia (EMŠO), Bosnia, North Macedonia, Montenegro
	NorwayBirth     Rule = "nor_fodselsnummer"  // two digits modulo 11
	SwedenPersonal  Rule = "swe_personnummer"   // Luhn
	UkraineTaxpayer Rule = "ukr_rnokpp"         // modulo 11
	BrazilCPF       Rule = "bra_cpf"            // two digits modulo 11
	ChileRUN        Rule = "chl_run"            // modulo 11, K for ten
	MexicoCURP      Rule = "mex_curp"           // modulo 10 over 37 characters
	EcuadorCedula   Rule = "ecu_cedula"         // Luhn
	UruguayCedula   Rule = "ury_cedula"         // weights 2987634
	SouthAfricaID   Rule = "zaf_id"             // Luhn
	KoreaResident   Rule = "kor_resident"       // modulo 11; not of numbers given since October 2020
	HongKongID      Rule = "hkg_id"             // modulo 11, A for ten
	SingaporeNRIC   Rule = "sgp_nric"           // letter by modulo 11
	ThailandID      Rule = "tha_id"             // modulo 11
	TaiwanID        Rule = "twn_id"             // modulo 10
	IsraelID        Rule = "isr_id"             // Luhn
	IndiaAadhaar    Rule = "ind_aadhaar"        // Verhoeff
	JapanIndividual Rule = "jpn_individual"     // "My Number": modulo 11
)

// Rules lists them in order.
func Rules() []Rule {
	var all []Rule
	for rule := range checks {
		all = append(all, rule)
	}
	slices.Sort(all)
	return all
}

// Known says whether there is a rule of this name.
func (r Rule) Known() bool { return checks[r] != nil }

// Check verifies a number, as Compact leaves it.
func (r Rule) Check(number string) Verdict {
	if check := checks[r]; check != nil {
		return check(number)
	}
	return Unknown
}

// byCountry is the rule of the number by which a state knows a person, by ISO 3166-1 alpha-3.
var byCountry = map[string]Rule{
	"ESP": SpainDNI, "BEL": BelgiumNational, "POL": PolandPESEL, "ROU": RomaniaCNP, "BGR": BulgariaEGN, "EST": BalticCode, "LTU": BalticCode,
	"TUR": TurkeyKimlik, "FIN": FinlandHETU, "CHN": ChinaResident, "ITA": ItalyFiscal, "PRT": PortugalCard, "NLD": NetherlandsBSN, "CZE": CzechBirth,
	"SVK": CzechBirth, "HRV": CroatiaOIB, "SRB": YugoslavJMBG, "SVN": YugoslavJMBG, "BIH": YugoslavJMBG, "MKD": YugoslavJMBG, "MNE": YugoslavJMBG,
	"NOR": NorwayBirth, "SWE": SwedenPersonal, "UKR": UkraineTaxpayer, "BRA": BrazilCPF, "CHL": ChileRUN, "MEX": MexicoCURP,
	"ECU": EcuadorCedula, "URY": UruguayCedula, "ZAF": SouthAfricaID, "HKG": HongKongID, "SGP": SingaporeNRIC, "THA": ThailandID, "TWN": TaiwanID,
	"ISR": IsraelID, "IND": IndiaAadhaar, "JPN": JapanIndividual,
}

// Of gives the rule of a country's personal numbers, and false where none is on file or newer numbers do not follow it.
func Of(country string) (Rule, bool) {
	rule, ok := byCountry[country]
	return rule, ok
}
