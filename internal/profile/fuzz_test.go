package profile

import (
	"context"
	"net/netip"
	"strings"
	"testing"
)

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"a@b.co", "用户@例子.广告", `"a b"@c.de`, "@", "a@[::1]", "a@xn--.com", "a@\u00ad.de", "a@0.\x8a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		mail, fault := parseAddress(s)
		if (fault == "") != (mail.domain != "") {
			t.Fatalf("%q: domain %q with fault %q", s, mail.domain, fault)
		}
		if fault != "" {
			return
		}
		if again, fault := parseAddress(mail.normalised()); fault != "" || again != mail {
			t.Fatalf("%q is normalised to %q, which is read as %+v (%s)", s, mail.normalised(), again, fault)
		}
	})
}

func FuzzPhone(f *testing.F) {
	for _, s := range []string{"+33612345678", "06 12 34 56 78", "tel:+1;phone-context=", "+٣٣٦", "00"} {
		f.Add(s, "FRA")
	}
	f.Fuzz(func(t *testing.T, s, code string) {
		hint, _ := countryOf(code)
		if number, fault := parsePhone(s, hint); (fault == "") != canonical.MatchString(number.e164) {
			t.Fatalf("%q gives %q with fault %q", s, number.e164, fault)
		}
	})
}

func FuzzIP(f *testing.F) {
	for _, s := range []string{"8.8.8.8", "::1", "fe80::1%x", "2002:808:808::", "::ffff:1.2.3.4", "2001:db8::"} {
		f.Add(s)
	}
	c := New(Options{})
	f.Fuzz(func(t *testing.T, s string) {
		addr, kind := parseIP(s)
		if (kind == kindInvalid) != (addr == netip.Addr{}) {
			t.Fatalf("%q: %v is %s", s, addr, kind)
		}
		c.checkIP(s)
	})
}

func FuzzIPTable(f *testing.F) {
	f.Add("1.0.0.0/8,FR\n\"0\",\"5\",\"-\"\n")
	f.Add("a,b,c\n::,::1,DE")
	f.Fuzz(func(t *testing.T, s string) {
		table, err := ReadIPTable(strings.NewReader(s))
		if (table == nil) != (err != nil) {
			t.Fatal("a table with an error, or neither")
		}
		if table != nil {
			table.country(netip.MustParseAddr("1.2.3.4"))
		}
	})
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"Anna Schmidt", "Ђорђе Шимић", "محمد", "王小明", "J. F.", "a<b", "ǅ ŉ ΐ"} {
		f.Add(s, "ANNA", "SCHMIDT")
	}
	f.Fuzz(func(t *testing.T, full, given, surname string) {
		a, b := personOf("", "", full), personOf(given, surname, "")
		for _, pair := range [][2]person{{a, b}, {b, a}, {b, b}} {
			if s, _ := comparePersons(pair[0], pair[1]); !(s >= 0 && s <= 1) {
				t.Fatalf("the similarity is %v", s)
			}
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add("a@b.co", "+33612345678", "8.8.8.8", "FR", "Anna", "1990-01-02")
	c := New(Options{})
	f.Fuzz(func(t *testing.T, email, phone, ip, code, name, born string) {
		r, err := c.Check(context.Background(), Input{Email: email, Phone: phone, IP: ip, Country: code, FullName: name, DateOfBirth: born, At: at,
			Document: &DocumentFacts{FullName: name, Country: code, DateOfBirth: born}})
		if err == nil && (len(r.Checks) != len(rules) || !(r.Score >= 0 && r.Score <= 1) || !(r.Confidence >= 0 && r.Confidence <= 1)) {
			t.Fatalf("%d checks, score %v, confidence %v", len(r.Checks), r.Score, r.Confidence)
		}
	})
}
