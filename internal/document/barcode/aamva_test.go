package barcode

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"ekyc"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sample is an invented person's licence.
func sample() Licence {
	return Licence{
		CardType: "DL", DocumentNumber: "T64235789", Surname: "SAMPLE", GivenName: "MICHAEL", MiddleName: "JOHN LEE", Suffix: "JR", BirthDate: "1986-06-06", IssueDate: "2019-06-06",
		ExpiryDate: "2027-12-10", Sex: "M", Street: "2300 WEST BROAD STREET", City: "RICHMOND", Jurisdiction: "VA", PostalCode: "23269", IssuingJurisdiction: "VA",
		Country: "USA", EyeColour: "BRO", HairColour: "BLK", HeightCM: 173, Class: "D", Restrictions: "K", Endorsements: "PH", Discriminator: "2424244747474786102204",
		Inventory: "123456789", Compliance: "F", OrganDonor: true, Veteran: true, LimitedDuration: true,
	}
}

func TestComposeThenParse(t *testing.T) {
	t.Parallel()
	canadian := sample()
	canadian.Jurisdiction, canadian.IssuingJurisdiction, canadian.Country, canadian.PostalCode, canadian.HeightCM = "QC", "QC", "CAN", "H2X1Y4", 170
	canadian.Surname, canadian.Street = "LÉVESQUE", "12 RUE DE LA MONTAGNE"
	for version := 1; version <= newestVersion; version++ {
		for _, want := range []Licence{sample(), canadian} {
			payload, err := Compose(want, version)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(payload)
			if err != nil {
				t.Fatal(err)
			}
			if s := got.Header.Subfiles; got.Header.Version != version || len(s) != 1 || s[0].Offset+s[0].Length != len(payload) || string(payload[s[0].Offset:][:5]) != "DLDAQ" {
				t.Errorf("version %d: header %+v of %d bytes", version, got.Header, len(payload))
			}
			if version < 4 {
				want.Compliance, want.LimitedDuration = "", false
			}
			want.OrganDonor, want.Veteran = want.OrganDonor && version >= 6, want.Veteran && version >= 7
			if version == 1 {
				want.Discriminator, want.Inventory = "", ""
			}
			got.Header, got.Elements = Header{}, nil
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("version %d: %s", version, diff)
			}
		}
	}
}

func TestParseToleratesWhatCardsHave(t *testing.T) {
	t.Parallel()
	base := "@\n\x1e\rANSI 636025040001DL00310000DL"
	for name, c := range map[string]struct {
		payload string
		want    map[string]string
		faults  []string
	}{
		"names in one element with commas": {
			"@\n\x1e\rAAMVA6360050101DL00290000DLDAQ102\nDAASMITH,MARY,ROBINS,JR\nDBB19720212",
			map[string]string{"surname": "SMITH", "given": "MARY", "middle": "ROBINS", "suffix": "JR", "birth": "1972-02-12", "issuer": "SC"}, nil,
		},
		"names in one element without": {
			"@\n\x1e\rANSI 6360250101DL00290000DLDAQ1\nDAAJOHN ROBERT LEE SMITH\nDBB19860202",
			map[string]string{"surname": "SMITH", "given": "JOHN", "middle": "ROBERT LEE"}, nil,
		},
		"dollar signs of the magnetic stripe": {
			"@\n\x1e\rANSI 6360250101DL00290000DLDAQ1\nDAASMITH$JOHN$ROBERT\nDBB19860202",
			map[string]string{"surname": "SMITH", "given": "JOHN", "middle": "ROBERT"}, nil,
		},
		"year first in the United States": {
			base + "DAQ1\nDCSX\nDACA\nDADNONE\nDBB19721103\nDBA20221103\nDBDNONE",
			map[string]string{"birth": "1972-11-03", "expiry": "2022-11-03", "issue": "", "middle": ""}, nil,
		},
		"height in feet and inches, unknown eyes": {
			"@\n\x1e\rANSI 6360250101DL00290000DLDAQ1\nDAAX,Y\nDBB19860202\nDAU511\nDAYUNK", map[string]string{"height": "180", "eyes": ""}, nil,
		},
		"weight and height in metric units": {base + "DAQ1\nDCSX\nDBB01151976\nDAU155 CM\nDAW50 KG", map[string]string{"height": "155", "weight": "50"}, nil},
		"postal code padded":                {base + "DAQ1\nDCSX\nDBB01151976\nDAK96826     0", map[string]string{"postal": "96826"}, nil},
		"postal code with a dash":           {base + "DAQ1\nDCSX\nDBB01151976\nDAK33040-0504 ", map[string]string{"postal": "330400504"}, nil},
		"no compliance indicator":           {strings.TrimPrefix(base, "@\n\x1e\r") + "DAQ1\nDCSX\nDBB01151976", map[string]string{"number": "1"}, []string{"header"}},
		"designator of another form":        {"@\n\nANSI 990876030001DLabacDLDCSMOTORIST\nDCTMARY SMITH\nDAQ1\nDBB19930204\nDAJAB", map[string]string{"surname": "MOTORIST", "given": "MARY", "middle": "SMITH"}, nil},
		"no separators": {
			"@ANSI 6360300102DL00390184ZM02230047DLDAQP03DAAENGLAND,ADAM,N,DAJMODBB19820126DBCMZMZMAJACKSON", map[string]string{"number": "P03", "surname": "ENGLAND", "given": "ADAM", "birth": "1982-01-26"}, []string{"separators"},
		},
		"no date": {base + "DAQ1\nDCSX\nDBB13451976", map[string]string{"birth": ""}, []string{"date:DBB"}},
		"no name": {base + "DAQ1\nDBB01151976\nDAC", map[string]string{"surname": ""}, []string{"missing:DCS"}},
		"nobody's jurisdiction": {
			"@\n\x1e\rANSI 990876030001DL00310000DLDAQ1\nDCSX\nDBB01151976\nDAJZZ", map[string]string{"issuer": "ZZ", "country": ""}, nil,
		},
		"an address alone": {
			"@\n\x1e\rANSI 990876030001DL00310000DLDAQ1\nDCSX\nDBB01151976\nDAJMP", map[string]string{"country": "USA"}, nil,
		},
		// What follows is of the shape of real cards, with invented holders.
		"Illinois, the edition of 2003: no version of the jurisdiction": {
			"@\n\x1e\rANSI 6360350201DL00290180DLDAQS12345678901\nDCSSAMPLE\nDCTANNA\nDBB19760115", map[string]string{"issuer": "IL", "surname": "SAMPLE", "given": "ANNA", "birth": "1976-01-15"}, []string{"header"},
		},
		"North Carolina, version 1: no number of entries, dates with dashes": {
			"@\n\nAAMVA36004001DL00280200DLDABSAMPLE\nDACANNA\nDADMARIA\nDAE\nDAL12 ELM DR\nDAM\nDANDURHAM\nDAONC\nDAP27713-9722\nDAQ12345678\nDBA06-27-2031\nDBB06-27-1951\nDBCF\nDBD06-08-2023\n",
			map[string]string{"number": "12345678", "surname": "SAMPLE", "given": "ANNA", "middle": "MARIA", "birth": "1951-06-27", "expiry": "2031-06-27", "issuer": "NC", "country": "USA", "postal": "277139722"}, []string{"header"},
		},
		"Ontario: no offset": {
			"@\n\x1e\rANSI 636012030001DL00000367DLDCAG\nDCSSAMPLE\nDCTANNA,MARIA\nDAQS1234-56789-01234\nDBB19760115\nDBA20310115\nDCGCAN\nDAJON", map[string]string{"issuer": "ON", "country": "CAN", "middle": "MARIA", "birth": "1976-01-15"}, nil,
		},
		"Maryland, version 1": {
			"@\n\x1e\rAAMVA6360030101DL00290175DLDAQS-123-456-789-012\nDAASAMPLE,ANNA,,\nDAJMD\nDBB19760115", map[string]string{"issuer": "MD", "surname": "SAMPLE", "given": "ANNA"}, nil,
		},
		"Missouri, version 1: two subfiles and one separator": {
			"@\nANSI 6360300102DL00390191ZM02300053DLDAQX100097001DAASAMPLE,ANNA, ,DAG12 ELM STDAIST LOUISDAJMODAK633011      DBA20310204DBB19760115DBCFDBD20230630\nZMZMAST LOUIS CITYZMB112001810097",
			map[string]string{"number": "X100097001", "surname": "SAMPLE", "birth": "1976-01-15", "expiry": "2031-02-04"}, []string{"separators"},
		},
		"Colorado: two characters between elements, blanks at the end": {
			"@\n\x1e\rANSI 636020090001DL00310242DLDAQ123456789\r\nDBB01151976\r\nDCSSAMPLE\r\nDACANNA\r\nDCGUSA\r\nDDAF\r\n                      ", map[string]string{"issuer": "CO", "surname": "SAMPLE"}, nil,
		},
		"lengths and offsets that are wrong by a few bytes": {
			"@\n\x1e\rANSI 636036040002DL00430999ZN03590001DLDAQS12345678\nDCSSAMPLE\nDBB01151976\rZNZNA1\r", map[string]string{"number": "S12345678", "birth": "1976-01-15"}, nil,
		},
		"another separator in the header": {"@\n\x1c\rANSI 636020090001DL00310242DLDAQ1\nDCSX\nDBB01151976", map[string]string{"issuer": "CO"}, nil},
		"no designators":                  {"@\n\x1e\rANSI 636020090001DLDAQ1\nDCSX\nDBB01151976", map[string]string{"number": "1", "issuer": "CO"}, nil},
		"no name of the family":           {base + "DAQ1\nDCSUNAVL\nDACANNA\nDBB01151976", map[string]string{"surname": "", "given": "ANNA"}, []string{"one_name"}},
		"a territory that names itself": {
			"@\n\x1e\rANSI 604431090001DL00310242DLDAQ1\nDCSX\nDBB01151976\nDAJPR\nDCGPRI", map[string]string{"issuer": "PR", "country": "USA"}, nil,
		},
		"issuer and country": {base + "DAQ1\nDCSX\nDBB01151976\nDCGCAN", map[string]string{"country": "CAN"}, []string{"issuer"}},
	} {
		l, err := Parse([]byte(c.payload))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := map[string]string{
			"surname": l.Surname, "given": l.GivenName, "middle": l.MiddleName, "suffix": l.Suffix, "birth": l.BirthDate, "issue": l.IssueDate, "expiry": l.ExpiryDate,
			"issuer": l.IssuingJurisdiction, "height": strconv.Itoa(l.HeightCM), "weight": strconv.Itoa(l.WeightKG), "eyes": l.EyeColour, "postal": l.PostalCode, "number": l.DocumentNumber, "country": l.Country,
		}
		for key, want := range c.want {
			if got[key] != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got[key], want)
			}
		}
		if !slices.Equal(l.Faults, c.faults) {
			t.Errorf("%s: faults %v, want %v", name, l.Faults, c.faults)
		}
	}
}

// TestWhatNoIssuerDoesIsNoHarmlessDeparture: the others are on cards in circulation, as the vectors above are.
func TestWhatNoIssuerDoesIsNoHarmlessDeparture(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]bool{
		"header": true, "separators": true, "one_name": true, "missing:DAQ": false, "missing:DCS": false, "missing:DBB": false, "date:DBB": false, "issuer": false, "": false,
	} {
		if got := Harmless(fault); got != want {
			t.Errorf("%q: %v, want %v", fault, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]string{
		"nothing": "", "other text": "https://example.org/ANSI 636000", "header only": "@\n\x1e\rANSI 636000100001DL00310000", "short header": "@\n\x1e\rANSI 6360",
		"letters in the header": "@\n\x1e\rANSI 63600A100001DL00310000DLDAQ1", "empty elements": "@\n\x1e\rANSI 636000100001DL00310000DLDAQ\nDCS\nDBB", "too long": strings.Repeat("@", maxPayload+1),
	} {
		if l, err := Parse([]byte(payload)); ekyc.CodeOf(err) != ekyc.ErrBarcodeUnreadable {
			t.Errorf("%s: got %v and %v, want barcode_unreadable", name, l != nil, err)
		}
	}
}

func TestComposeRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Licence) int{
		"version 0": func(*Licence) int { return 0 }, "version 12": func(*Licence) int { return 12 }, "no such issuer": func(l *Licence) int { l.IssuingJurisdiction = "XX"; return 10 },
		"separator in a name": func(l *Licence) int { l.Surname = "A\nDCSB"; return 10 }, "no date": func(l *Licence) int { l.BirthDate = "6 June 1986"; return 10 },
		"letter outside the character set": func(l *Licence) int { l.Surname = "ŁUKASZ"; return 10 },
	} {
		l := sample()
		version := change(&l)
		if _, err := Compose(l, version); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: got %v, want invalid_argument", name, err)
		}
	}
}

func TestIssuersHaveTheirNumbers(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{"636000": "VA", "636014": "CA", "636026": "AZ", "636055": "GA", "636058": "OK", "636062": "VI", "604426": "PE", "604430": "MP", "604431": "PR", "604434": "NT"} {
		if got := issuers()[number]; got != want {
			t.Errorf("%s is %q, want %s", number, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for version := 1; version <= newestVersion; version++ {
		payload, err := Compose(sample(), version)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Add([]byte("@ANSI 6360300102DL00390184ZM02230047DLDAQP03DAAENGLAND,ADAM,N,DAJMODBB19820126DBCMZMZMAJACKSON"))
	f.Add([]byte("@\n\nANSI 990876030001DLabacDLDCSMOTORIST\nDCT,\nDAQ1\nDAU999 \xff"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		l, err := Parse(payload)
		if err != nil {
			if ekyc.CodeOf(err) != ekyc.ErrBarcodeUnreadable {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		for _, date := range []string{l.BirthDate, l.IssueDate, l.ExpiryDate, l.RevisionDate} {
			if date != "" && len(date) != len("2006-01-02") {
				t.Fatalf("no ISO date: %q", date)
			}
		}
		if l.HeightCM < 0 || l.WeightKG < 0 || l.DocumentNumber == "" && l.Surname == "" {
			t.Fatalf("%+v", l)
		}
		l.Address()
	})
}

func TestLicenceThroughItsBarcode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := sample()
		want.Surname = rapid.StringMatching(`[A-Z][A-Z'\- ]{0,20}[A-Z]`).Draw(t, "surname")
		want.DocumentNumber = rapid.StringMatching(`[A-Z0-9]{5,20}`).Draw(t, "number")
		payload, err := Compose(want, rapid.IntRange(1, newestVersion).Draw(t, "version"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := EncodePDF417(payload, 0)
		if err != nil {
			t.Fatal(err)
		}
		symbols, err := ReadGray(m.Gray(2))
		if err != nil || len(symbols) != 1 {
			t.Fatalf("%d symbols, %v", len(symbols), err)
		}
		got, err := Parse(symbols[0].Bytes)
		if err != nil || got.Surname != want.Surname || got.DocumentNumber != want.DocumentNumber || len(got.Faults) > 0 {
			t.Fatalf("%v: %+v", err, got)
		}
	})
}
