package number

import "testing"

// TestRules: the numbers are the issuers' own published examples and specimens, or made by the rule's published arithmetic.
func TestRules(t *testing.T) {
	t.Parallel()
	holding := map[Rule][]string{
		SpainDNI: {"99999999R", "12345678Z", "X1234567L"}, BelgiumNational: {"85073003328", "17073003384"}, PolandPESEL: {"44051401359"},
		TurkeyKimlik: {"10000000146"}, RomaniaCNP: {"1800101221144"}, BulgariaEGN: {"7523169263", "7501010010", "7111042925"}, BalticCode: {"38001085718", "33309240064"},
		FinlandHETU: {"131052308T", "131052A308T"}, ChinaResident: {"11010519491231002X"}, ItalyFiscal: {"RSSMRA80A01H501U"}, PortugalCard: {"000000000ZZ4"},
		NetherlandsBSN: {"111222333"}, CzechBirth: {"7103192745"}, CroatiaOIB: {"33392005961"}, YugoslavJMBG: {"0101006500006"}, NorwayBirth: {"15108695088"},
		SwedenPersonal: {"8112189876", "198112189876"}, UkraineTaxpayer: {"1759013776"}, BrazilCPF: {"39053344705"}, ChileRUN: {"125319092", "111111111"},
		MexicoCURP: {"BOXW310820HNERXN09"}, EcuadorCedula: {"1714307103"}, UruguayCedula: {"12345672"}, SouthAfricaID: {"7503305044089"},
		KoreaResident: {"9710139019902"}, HongKongID: {"A1234563", "AB9876543"}, SingaporeNRIC: {"S1234567D"}, ThailandID: {"2217241851409"},
		TaiwanID: {"A123456789"}, IsraelID: {"039337423"}, IndiaAadhaar: {"234123412346"}, JapanIndividual: {"860731507162"},
	}
	for _, rule := range Rules() {
		if len(holding[rule]) == 0 {
			t.Errorf("no example of %s", rule)
		}
		for _, example := range holding[rule] {
			if got := rule.Check(example); got != Holds {
				t.Errorf("%s of %s is %d", rule, example, got)
			}
			if got := rule.Check(altered(example)); got != Refuted {
				t.Errorf("%s of the altered %s is %d", rule, altered(example), got)
			}
			if got := rule.Check(example + "000"); got != Unknown {
				t.Errorf("%s of a number that is too long is %d", rule, got)
			}
		}
	}
	if Rule("none").Known() || Rule("none").Check("123") != Unknown {
		t.Error("a rule that does not exist is known")
	}
}

// altered changes the middle digit by one.
func altered(number string) string {
	b := []byte(number)
	for i := len(b) / 2; ; i-- {
		if b[i] >= '0' && b[i] <= '9' {
			b[i] = '0' + (b[i]-'0'+1)%10
			return string(b)
		}
	}
}

func TestCountriesHaveKnownRules(t *testing.T) {
	t.Parallel()
	for country, rule := range byCountry {
		if got, ok := Of(country); !ok || got != rule || !rule.Known() || len(country) != 3 {
			t.Errorf("%s has the rule %s", country, rule)
		}
	}
	if _, ok := Of("UTO"); ok {
		t.Error("Utopia has a rule")
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern Pattern
		number  string
		want    bool
	}{
		{"99AA99999", "12AB34567", true}, {"99AA99999", "1234567AB", false}, {"GGGGGGGGG", "C01X00T47", true}, {"GGGGGGGGG", "A01X00T47", false},
		{"nnNNNNNN9", "XN01BC015", true}, {"nnNNNNNN9", "XO01BC015", false}, {"A9999999", "A123456", false}, {"c999", "C123", true}, {"c999", "D123", false},
	} {
		if got := test.pattern.Matches(test.number); got != test.want {
			t.Errorf("%s and %s: %t", test.pattern, test.number, got)
		}
		if err := test.pattern.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []Pattern{"", "99", "99-99-99", "99999999999999999999999999"} {
		if bad.Check() == nil {
			t.Errorf("%q is a pattern", bad)
		}
	}
	if Compact("1.234.567-2 a") != "12345672A" {
		t.Error("Compact keeps marks")
	}
}
