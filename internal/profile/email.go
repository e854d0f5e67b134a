package profile

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"ekyc"
)

// Limits of RFC 5321 section 4.5.3.1, in octets; the path's 256 hold two angle brackets.
const (
	longestAddress   = 254
	longestLocalPart = 64
)

// address is a parsed e-mail address; the zero value is none.
type address struct {
	local  string // as it was, in Unicode's form C
	domain string // lower case, A-labels
}

func (a address) normalised() string {
	if a.domain == "" {
		return ""
	}
	return a.local + "@" + a.domain
}

// domainProfile maps as browsers do (UTS 46) and holds names to letters, digits and hyphens of the lengths of RFC 1035.
var domainProfile = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// parseAddress reads a mailbox of RFC 5321 section 4.1.2 with the letters of RFC 6531, and says in one word what is wrong with it.
// Comments, folding white space and display names (RFC 5322) are no part of an address that a person types. Address literals are refused:
// nobody's own mailbox has one.
func parseAddress(s string) (address, string) {
	if len(s) > longestAddress {
		return address{}, "too_long"
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return address{}, "no_at_sign"
	}
	local, domain := norm.NFC.String(s[:at]), s[at+1:]
	if local == "" || domain == "" {
		return address{}, "part_missing"
	}
	if len(local) > longestLocalPart {
		return address{}, "local_part_too_long"
	}
	if !localPartValid(local) {
		return address{}, "local_part"
	}
	if domain[0] == '[' {
		return address{}, "address_literal"
	}
	ascii, err := domainProfile.ToASCII(domain)
	if err != nil || !domainValid(ascii) {
		return address{}, "domain"
	}
	if again, err := domainProfile.ToASCII(ascii); err != nil || again != ascii { // an A-label that stands for no U-label
		return address{}, "domain"
	}
	if len(local)+1+len(ascii) > longestAddress {
		return address{}, "too_long"
	}
	return address{local, ascii}, ""
}

// localPartValid says whether s is a dot-string or a quoted string of RFC 5321.
func localPartValid(s string) bool {
	if quoted, isQuoted := strings.CutPrefix(s, `"`); isQuoted {
		content, closed := strings.CutSuffix(quoted, `"`)
		return closed && quotedContentValid(content)
	}
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return !isAtomText(r) }) {
			return false
		}
	}
	return true
}

func isAtomText(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return true
	case r < 0x80:
		return strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
	}
	// RFC 6531 admits all of UTF-8; what cannot be seen is refused here.
	return r != unicode.ReplacementChar && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || unicode.IsSymbol(r) || unicode.IsPunct(r))
}

func quotedContentValid(s string) bool {
	escaped := false
	for _, r := range s {
		switch {
		case r < ' ' || r == 0x7F:
			return false
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"':
			return false
		}
	}
	return s != "" && !escaped
}

// domainValid says whether an A-label name has two labels or more and ends in one that can be a top-level domain (RFC 3696 section 2).
func domainValid(ascii string) bool {
	dot := strings.LastIndexByte(ascii, '.')
	if dot <= 0 || len(ascii)-dot-1 < 2 {
		return false
	}
	if _, err := netip.ParseAddr(ascii); err == nil {
		return false
	}
	return strings.ContainsFunc(ascii[dot+1:], func(r rune) bool { return r < '0' || r > '9' })
}

// specialUse are top-level domains that the public DNS never has (RFC 2606, RFC 6761, RFC 6762, RFC 7686, RFC 9476, ICANN's .internal).
var specialUse = []string{"alt", "example", "internal", "invalid", "local", "localhost", "onion", "test"}

// forExamples are the domains of RFC 2606 section 3.
var forExamples = []string{"example.com", "example.net", "example.org"}

func (a address) specialUse() bool {
	return slices.Contains(specialUse, a.domain[strings.LastIndexByte(a.domain, '.')+1:])
}

func (c *Checker) checkEmail(ctx context.Context, given string) (address, []ekyc.Check) {
	if given == "" {
		return address{}, notGiven(CheckEmailSyntax, CheckEmailMX, CheckEmailDisposable, CheckEmailFree)
	}
	mail, fault := parseAddress(given)
	if fault != "" {
		checks := []ekyc.Check{made(CheckEmailSyntax, ekyc.Fail, "this is not an e-mail address that mail can be sent to", ekyc.Evidence{"reason": fault})}
		for _, name := range []string{CheckEmailMX, CheckEmailDisposable, CheckEmailFree} {
			checks = append(checks, made(name, ekyc.NotExecuted, "the e-mail address could not be read", nil))
		}
		return address{}, checks
	}
	syntax := made(CheckEmailSyntax, ekyc.Pass, "the e-mail address is well-formed", ekyc.Evidence{"internationalised": mail.internationalised()})
	if mail.specialUse() || isListed(forExamples, mail.domain) {
		syntax = made(CheckEmailSyntax, ekyc.Warn, "the domain of the e-mail address is reserved for examples or local use", ekyc.Evidence{"reason": "reserved_domain"})
	}
	return mail, []ekyc.Check{syntax, c.checkMX(ctx, mail), checkDisposable(mail), checkFree(mail)}
}

func (a address) internationalised() bool {
	return strings.Contains("."+a.domain, ".xn--") || strings.ContainsFunc(a.local, func(r rune) bool { return r >= 0x80 })
}

func checkDisposable(mail address) ekyc.Check {
	if isListed(disposableDomains(), mail.domain) {
		return made(CheckEmailDisposable, ekyc.Fail, "the mail domain hands out throw-away addresses", nil)
	}
	return made(CheckEmailDisposable, ekyc.Pass, "the mail domain is not known for throw-away addresses", nil)
}

func checkFree(mail address) ekyc.Check {
	if isListed(freeDomains(), mail.domain) {
		return made(CheckEmailFree, ekyc.Warn, "anybody can open a mailbox at this provider", ekyc.Evidence{"free": true})
	}
	return made(CheckEmailFree, ekyc.Pass, "the mail domain is not a known free provider", ekyc.Evidence{"free": false})
}
