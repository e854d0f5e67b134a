package check

import (
	"testing"

	"ekyc"
)

func TestNationalNumber(t *testing.T) {
	t.Parallel()
	// The numbers are the issuers' own published examples and specimens.
	for _, test := range []struct {
		country, number string
		want            numberVerdict
	}{
		{"ESP", "99999999R", numberHolds}, {"ESP", "12345678Z", numberHolds}, {"ESP", "X1234567L", numberHolds}, {"ESP", "12345678A", numberRefuted},
		{"BEL", "85073003328", numberHolds}, {"BEL", "17073003384", numberHolds}, {"BEL", "85073003329", numberRefuted},
		{"POL", "44051401359", numberHolds}, {"POL", "44051401358", numberRefuted},
		{"TUR", "10000000146", numberHolds}, {"TUR", "10000000147", numberRefuted},
		{"ROU", "1800101221144", numberHolds}, {"ROU", "1800101221145", numberRefuted},
		{"BGR", "7523169263", numberHolds}, {"BGR", "7523169264", numberRefuted}, {"BGR", "7501010010", numberHolds},
		{"EST", "38001085718", numberHolds}, {"EST", "38001085719", numberRefuted}, {"LTU", "33309240064", numberHolds},
		{"FIN", "131052308T", numberHolds}, {"FIN", "131052A308T", numberHolds}, {"FIN", "131052308U", numberRefuted},
		{"CHN", "11010519491231002X", numberHolds}, {"CHN", "110105194912310021", numberRefuted},
		{"ESP", "AAA000001", numberUnknown}, {"POL", "", numberUnknown}, {"DEU", "123456789", numberUnknown},
	} {
		if got := nationalNumber(test.country, test.number); got != test.want {
			t.Errorf("nationalNumber(%s, %s) = %d, want %d", test.country, test.number, got, test.want)
		}
	}
}

func TestNumberPatterns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		country string
		kind    ekyc.DocumentType
		number  string
		want    bool
	}{
		{"DEU", ekyc.Passport, "C01X00T47", true}, {"DEU", ekyc.IDCard, "L01X00T47", true}, {"DEU", ekyc.Passport, "A01X00T47", false},
		{"NLD", ekyc.Passport, "XN01BC015", true}, {"NLD", ekyc.Passport, "XO01BC015", false}, {"GBR", ekyc.Passport, "707797979", true},
		{"POL", ekyc.IDCard, "ABA300000", true}, {"FIN", ekyc.Passport, "XP8271602", true}, {"CHE", ekyc.IDCard, "S0002068", true},
		{"JPN", ekyc.Passport, "XS1234567", true}, {"CHN", ekyc.Passport, "G62292599", true}, {"CHN", ekyc.Passport, "K12345599", true},
		{"BEL", ekyc.IDCard, "590330101", false}, {"FRA", ekyc.Passport, "12AB34567", true}, {"FRA", ekyc.Passport, "1234567AB", false},
	} {
		matched := false
		for _, p := range numberPatterns(test.country, test.kind) {
			matched = matched || p.matches(test.number)
		}
		if matched != test.want {
			t.Errorf("%s %s %s: matched %t, want %t", test.country, test.kind, test.number, matched, test.want)
		}
	}
}
