package profile

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ekyc"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func run(t *testing.T, c *Checker, in Input) Result {
	t.Helper()
	if in.At.IsZero() {
		in.At = at
	}
	r, err := c.Check(t.Context(), in)
	if err != nil {
		t.Fatalf("Check: %v", err)
	}
	return r
}

func check(t *testing.T, r Result, name string) ekyc.Check {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c ekyc.Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no check %s", name)
	}
	return r.Checks[i]
}

func wantStatus(t *testing.T, r Result, name string, status ekyc.CheckStatus) {
	t.Helper()
	if c := check(t, r, name); c.Status != status {
		t.Errorf("%s is %s (%s, %v), want %s", name, c.Status, c.Message, c.Evidence, status)
	}
}

// full is an input that gives every check something to do.
var full = Input{
	Email: "zoë.quillfeather@gmail.com", Phone: "+33612345678", IP: "193.252.19.3", Country: "FR",
	GivenNames: "Zoë Maximilienne", Surname: "Quillfeather", DateOfBirth: "1974-08-12",
	Document: &DocumentFacts{GivenNames: "ZOE MAXIMILIENNE", Surname: "QUILLFEATHER", Country: "FRA", Nationality: "FRA", DateOfBirth: "1974-08-12"},
}

func TestEverythingGiven(t *testing.T) {
	t.Parallel()
	r := run(t, New(Options{}), full)
	want := []string{
		CheckEmailSyntax + " pass", CheckEmailMX + " not_executed", CheckEmailDisposable + " pass", CheckEmailFree + " warn", CheckPhoneFormat + " pass",
		CheckPhoneRegion + " pass", CheckPhoneType + " pass", CheckIPPublic + " pass", CheckIPCountry + " pass", CheckCountryCoherence + " pass",
		CheckNameCoherence + " pass", CheckAgeClaim + " pass",
	}
	var got []string
	for _, c := range r.Checks {
		got = append(got, c.Name+" "+string(c.Status))
	}
	if !slices.Equal(got, want) {
		t.Errorf("checks are\n%v, want\n%v", got, want)
	}
	if r.Score != 1 || r.Evaluated != 10 || r.Confidence != 22.0/24 {
		t.Errorf("score %v, confidence %v, evaluated %d; want 1, 22/24 and 10", r.Score, r.Confidence, r.Evaluated)
	}
	wantNormalised := Normalised{"zoë.quillfeather@gmail.com", "+33612345678", "FRA", "mobile", "FRA", "FRA"}
	if r.Normalised != wantNormalised {
		t.Errorf("normalised %+v, want %+v", r.Normalised, wantNormalised)
	}
}

func TestInvalidArguments(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]Input{
		"nothing":         {},
		"blanks":          {Email: "  ", Phone: "\t"},
		"document only":   {Document: full.Document},
		"unknown country": {Country: "QQQ"},
		"too long":        {FullName: strings.Repeat("x", longestField+1)},
		"document long":   {FullName: "x", Document: &DocumentFacts{FullName: strings.Repeat("x", longestField+1)}},
		"not UTF-8":       {FullName: "\xff\xfe"},
	} {
		if _, err := New(Options{}).Check(t.Context(), in); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: the error is %v, want invalid_argument", name, err)
		}
	}
}

func TestWhatIsNotGivenDoesNotApply(t *testing.T) {
	t.Parallel()
	r := run(t, New(Options{}), Input{FullName: "Zoë Quillfeather"})
	for _, c := range r.Checks {
		if c.Status != ekyc.NotApplicable {
			t.Errorf("%s is %s, want not_applicable", c.Name, c.Status)
		}
	}
	if r.Score != 0 || r.Confidence != 0 || r.Evaluated != 0 {
		t.Errorf("score %v, confidence %v, evaluated %d; want zeros", r.Score, r.Confidence, r.Evaluated)
	}
}

func TestScoreIsTheWeightedMeanOfWhatWasEvaluated(t *testing.T) {
	t.Parallel()
	checks := []ekyc.Check{
		made(CheckEmailSyntax, ekyc.Pass, "", nil),            // 2 of 2
		made(CheckEmailMX, ekyc.NotExecuted, "", nil),         // left out, 2 applicable
		made(CheckEmailFree, ekyc.Warn, "", nil),              // told, not weighed
		made(CheckPhoneType, ekyc.Fail, "", nil),              // 0 of 1
		made(CheckCountryCoherence, ekyc.Warn, "", nil),       // 1 of 2
		made(CheckNameCoherence, ekyc.NotApplicable, "", nil), // left out
	}
	value, confidence, evaluated := score(checks)
	if value != 3.0/5 || confidence != 5.0/7 || evaluated != 3 {
		t.Errorf("score %v, confidence %v, evaluated %d; want 3/5, 5/7 and 3", value, confidence, evaluated)
	}
}

func TestMessagesAndEvidenceHoldNoInput(t *testing.T) {
	t.Parallel()
	bad := Input{
		Email: "quillfeather@@wrongdomain", Phone: "+99955512345", IP: "300.1.2.3", Country: "CIV", FullName: "Bartholomew Quillfeather",
		DateOfBirth: "1974-13-44", Document: &DocumentFacts{FullName: "ZEBEDEE MARROWBONE", Country: "FRA", DateOfBirth: "1969-02-03"},
	}
	local := Input{Email: "quillfeather@mailinator.com", Phone: "06 12 34 56 78", IP: "192.168.7.9", Country: "FRA", FullName: "Q", DateOfBirth: "2031-01-01"}
	for _, in := range []Input{full, bad, local} {
		text, err := json.Marshal(run(t, New(Options{}), in).Checks)
		if err != nil {
			t.Fatal(err)
		}
		secrets := []string{in.Email, in.Phone, in.IP, in.DateOfBirth, strings.TrimPrefix(in.Phone, "+"), "quillfeather", "zo", "maximilienne", "bartholomew", "zebedee", "marrowbone", "gmail", "wrongdomain", "mailinator", "1969", "1974", "2031", "0612345678", "612345678"}
		for _, s := range secrets {
			if strings.Contains(strings.ToLower(string(text)), strings.ToLower(s)) {
				t.Errorf("the checks repeat %q: %s", s, text)
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"a@b.co":                                "",
		"first.last+tag@sub.example.co.uk":      "",
		"用户@例子.广告":                              "",
		"Zoe@BÜCHER.de":                         "",
		`"quoted @ local"@mail.fr`:              "",
		strings.Repeat("a", 64) + "@mail.fr":    "",
		"":                                      "no_at_sign",
		"nobody":                                "no_at_sign",
		"@mail.fr":                              "part_missing",
		"a@":                                    "part_missing",
		"a b@mail.fr":                           "local_part",
		".a@mail.fr":                            "local_part",
		"a..b@mail.fr":                          "local_part",
		"a@b@mail.fr":                           "local_part",
		"Zoe <a@mail.fr":                        "local_part",
		"a\u200b@mail.fr":                       "local_part",
		`"open@mail.fr`:                         "local_part",
		`"\"@mail.fr`:                           "local_part",
		"a@[192.0.2.1]":                         "address_literal",
		"a@localhost":                           "domain",
		"a@192.0.2.1":                           "domain",
		"a@mail.1":                              "domain",
		"a@mail.123":                            "domain",
		"a@-mail.fr":                            "domain",
		"a@ma_il.fr":                            "domain",
		"a@mail..fr":                            "domain",
		"a@" + strings.Repeat("b", 64) + ".fr":  "domain",
		strings.Repeat("a", 65) + "@mail.fr":    "local_part_too_long",
		"a@" + strings.Repeat("b.", 130) + "fr": "too_long",
	} {
		if _, got := parseAddress(given); got != want {
			t.Errorf("parseAddress(%q) finds %q, want %q", given, got, want)
		}
	}
	if mail, _ := parseAddress("Zoe@BÜCHER.de"); mail.normalised() != "Zoe@xn--bcher-kva.de" {
		t.Errorf("normalised %q", mail.normalised())
	}
}

func TestMailDomains(t *testing.T) {
	t.Parallel()
	c := New(Options{})
	for domain, want := range map[string][3]ekyc.CheckStatus{
		"mailinator.com":       {ekyc.Pass, ekyc.Fail, ekyc.Pass},
		"inbox.mailinator.com": {ekyc.Pass, ekyc.Fail, ekyc.Pass},
		"GMAIL.com":            {ekyc.Pass, ekyc.Pass, ekyc.Warn},
		"tuta.io":              {ekyc.Pass, ekyc.Pass, ekyc.Warn},
		"gouv.fr":              {ekyc.Pass, ekyc.Pass, ekyc.Pass},
		"quill-mailinator.com": {ekyc.Pass, ekyc.Pass, ekyc.Pass},
		"example.org":          {ekyc.Warn, ekyc.Pass, ekyc.Pass},
		"somewhere.test":       {ekyc.Warn, ekyc.Pass, ekyc.Pass},
	} {
		r := run(t, c, Input{Email: "a@" + domain})
		for i, name := range []string{CheckEmailSyntax, CheckEmailDisposable, CheckEmailFree} {
			if got := check(t, r, name).Status; got != want[i] {
				t.Errorf("%s: %s is %s, want %s", domain, name, got, want[i])
			}
		}
	}
}

func TestListsAreSortedDomains(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]string{"disposable": disposableDomains(), "free": freeDomains()} {
		if len(list) < 5000 || !slices.IsSorted(list) {
			t.Errorf("%s has %d domains, sorted: %v", name, len(list), slices.IsSorted(list))
		}
		for _, d := range list {
			if !strings.Contains(d, ".") || strings.ContainsFunc(d, func(r rune) bool { return r >= 0x80 || r <= ' ' }) {
				t.Errorf("%s holds %q, which is no domain", name, d)
			}
		}
	}
	for _, d := range freeDomains() {
		if _, both := slices.BinarySearch(disposableDomains(), d); both {
			t.Errorf("%s is on both lists", d)
		}
	}
}

func TestPhones(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		given, country string
		format         ekyc.CheckStatus
		e164, kind     string
		region         string
	}{
		{"+33612345678", "", ekyc.Pass, "+33612345678", "mobile", "FRA"},
		{"+33 6 12 34 56 78", "", ekyc.Warn, "+33612345678", "mobile", "FRA"},
		{"06 12 34 56 78", "FRA", ekyc.Warn, "+33612345678", "mobile", "FRA"},
		{"0033612345678", "", ekyc.Warn, "+33612345678", "mobile", "FRA"},
		{"+٣٣٦١٢٣٤٥٦٧٨", "", ekyc.Warn, "+33612345678", "mobile", "FRA"},
		{"0612345678", "", ekyc.Fail, "", "", ""},
		{"+2250707123456", "CIV", ekyc.Pass, "+2250707123456", "mobile", "CIV"},
		{"+12025550143", "", ekyc.Pass, "+12025550143", "fixed_line_or_mobile", "USA"},
		{"+38344123456", "", ekyc.Pass, "+38344123456", "mobile", "RKS"},
		{"+33899123456", "", ekyc.Pass, "+33899123456", "premium_rate", "FRA"},
		{"+80012345678", "", ekyc.Pass, "+80012345678", "toll_free", ""},
		{"+999123456789", "DEU", ekyc.Fail, "", "", ""},
		{"+1", "", ekyc.Fail, "", "", ""},
		{"+12345678901234567", "", ekyc.Fail, "", "", ""},
		{"1-800-FLOWERS", "USA", ekyc.Fail, "", "", ""},
		{"+33612345678 ext. 5", "", ekyc.Fail, "", "", ""},
		{strings.Repeat("1", 300), "USA", ekyc.Fail, "", "", ""},
	} {
		r := run(t, New(Options{}), Input{Phone: c.given, Country: c.country})
		if got := check(t, r, CheckPhoneFormat).Status; got != c.format {
			t.Errorf("%q: phone_format is %s, want %s", c.given, got, c.format)
		}
		if n := r.Normalised; n.Phone != c.e164 || n.PhoneType != c.kind || n.PhoneRegion != c.region {
			t.Errorf("%q: normalised %+v, want %s %s %s", c.given, n, c.e164, c.kind, c.region)
		}
	}
}

func TestPhoneTypes(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]ekyc.CheckStatus{"+33612345678": ekyc.Pass, "+33912345678": ekyc.Warn, "+33899123456": ekyc.Fail, "+80012345678": ekyc.Fail, "12": ekyc.NotExecuted} {
		wantStatus(t, run(t, New(Options{}), Input{Phone: given}), CheckPhoneType, want)
	}
	wantStatus(t, run(t, New(Options{}), Input{Phone: "+80012345678"}), CheckPhoneRegion, ekyc.Warn)
	if r := run(t, New(Options{}), Input{Phone: "+33 612345678"}); r.Score != 1 || r.Evaluated != 2 {
		t.Errorf("a number with a blank has the score %v of %d checks; the blank is not to be weighed", r.Score, r.Evaluated)
	}
}

func TestAgeClaim(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		claimed, printed string
		want             ekyc.CheckStatus
	}{
		{"", "1990-01-02", ekyc.NotApplicable},
		{"1990-01-02", "", ekyc.Pass},
		{"1990-01-02", "unread", ekyc.Pass},
		{"1990-01-02", "1990-01-02", ekyc.Pass},
		{"1990-01-02", "1990-01", ekyc.Pass},
		{"1990-01-02", "1990", ekyc.Pass},
		{"1990-01-02", "1990-02-01", ekyc.Warn},
		{"1990-01-02", "1990-01-03", ekyc.Fail},
		{"1990-01-02", "1991", ekyc.Fail},
		{"1990-02-30", "", ekyc.Fail},
		{"02/01/1990", "", ekyc.Fail},
		{"2026-03-02", "", ekyc.Pass}, // already tomorrow in Kiribati
		{"2026-03-03", "", ekyc.Fail},
		{"1903-03-01", "", ekyc.Fail},
		{"1904-01-01", "", ekyc.Pass},
	} {
		r := run(t, New(Options{}), Input{FullName: "x", DateOfBirth: c.claimed, Document: &DocumentFacts{DateOfBirth: c.printed}})
		if got := check(t, r, CheckAgeClaim); got.Status != c.want {
			t.Errorf("claimed %q, printed %q: %s (%s), want %s", c.claimed, c.printed, got.Status, got.Message, c.want)
		}
	}
}

func TestCountryCoherence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                       string
		claim, issuer, nationality string
		phone, ip                  string
		want                       ekyc.CheckStatus
	}{
		{"one source", "FRA", "", "", "", "", ekyc.NotApplicable},
		{"stateless document", "FRA", "XXA", "XXA", "", "", ekyc.NotApplicable},
		{"all alike", "FRA", "FRA", "FRA", "+33612345678", "193.252.19.3", ekyc.Pass},
		{"a territory is its state's", "REU", "FRA", "FRA", "+262692123456", "", ekyc.Pass},
		{"nationality will do", "CIV", "FRA", "CIV", "", "", ekyc.Pass},
		{"calling code of many countries", "JEY", "GBR", "GBR", "", "", ekyc.Pass},
		{"printed D", "DE", "D", "D", "", "", ekyc.Pass},
		{"lives abroad", "FRA", "CIV", "CIV", "+33612345678", "", ekyc.Warn},
		{"two differ", "FRA", "CIV", "CIV", "", "", ekyc.Warn},
		{"all differ", "FRA", "CIV", "CIV", "+4915112345678", "", ekyc.Fail},
		{"private address is no source", "FRA", "", "", "+33612345678", "10.0.0.1", ekyc.Pass},
	} {
		in := Input{Country: c.claim, Phone: c.phone, IP: c.ip, Document: &DocumentFacts{Country: c.issuer, Nationality: c.nationality}}
		if got := check(t, run(t, New(Options{}), in), CheckCountryCoherence); got.Status != c.want {
			t.Errorf("%s: %s %v, want %s", c.name, got.Status, got.Evidence, c.want)
		}
	}
}

func TestSovereignsAreKnownCodes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for state, territories := range sovereigns {
		for _, code := range append([]string{state}, territories...) {
			if c, known := ekyc.CountryByCode(code); !known || c.Kind != ekyc.CountryISO || seen[code] {
				t.Errorf("%s is unknown or stands twice", code)
			}
			seen[code] = true
		}
	}
}

func ExampleChecker_Check() {
	checker := New(Options{}) // asks no DNS
	result, err := checker.Check(context.Background(), Input{Email: "someone@mailinator.com", Phone: "06 12 34 56 78", Country: "FR"})
	fmt.Println(err, result.Normalised.Phone, result.Normalised.PhoneType, result.Normalised.PhoneRegion)
	for _, c := range result.Checks {
		if c.Status == ekyc.Fail {
			fmt.Println(c.Name, "-", c.Message)
		}
	}
	// Output:
	// <nil> +33612345678 mobile FRA
	// email_disposable - the mail domain hands out throw-away addresses
}
