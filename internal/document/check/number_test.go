package check

import (
	"testing"

	"ekyc"
	"ekyc/internal/document/number"
)

func TestNationalNumber(t *testing.T) {
	t.Parallel()
	// The numbers are the issuers' own published examples and specimens.
	for _, test := range []struct {
		country, number string
		want            number.Verdict
	}{
		{"ESP", "99999999R", number.Holds}, {"ESP", "12345678Z", number.Holds}, {"ESP", "X1234567L", number.Holds}, {"ESP", "12345678A", number.Refuted},
		{"BEL", "85073003328", number.Holds}, {"BEL", "17073003384", number.Holds}, {"BEL", "85073003329", number.Refuted},
		{"POL", "44051401359", number.Holds}, {"POL", "44051401358", number.Refuted},
		{"TUR", "10000000146", number.Holds}, {"TUR", "10000000147", number.Refuted},
		{"ROU", "1800101221144", number.Holds}, {"ROU", "1800101221145", number.Refuted},
		{"BGR", "7523169263", number.Holds}, {"BGR", "7523169264", number.Refuted}, {"BGR", "7501010010", number.Holds},
		{"EST", "38001085718", number.Holds}, {"EST", "38001085719", number.Refuted}, {"LTU", "33309240064", number.Holds},
		{"FIN", "131052308T", number.Holds}, {"FIN", "131052A308T", number.Holds}, {"FIN", "131052308U", number.Refuted},
		{"CHN", "11010519491231002X", number.Holds}, {"CHN", "110105194912310021", number.Refuted},
		{"ESP", "AAA000001", number.Unknown}, {"POL", "", number.Unknown}, {"DEU", "123456789", number.Unknown},
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
		{"CIV", ekyc.Passport, "18AB12345", true}, {"CIV", ekyc.IDCard, "C0012345678", true}, {"CIV", ekyc.IDCard, "0012345678", false}, {"IRL", ekyc.DriverLicense, "123456789", true},
	} {
		matched := number.Any(numberPatterns(test.country, test.kind), test.number)
		if matched != test.want {
			t.Errorf("%s %s %s: matched %t, want %t", test.country, test.kind, test.number, matched, test.want)
		}
	}
}
