package mrz

import "strings"

// weights of the sum, repeating from the first character (ICAO Doc 9303-3 section 4.9).
var weights = [3]int{7, 3, 1}

// value is a character's value in the sum: digits their own, A to Z 10 to 35, the filler 0. Other characters have none: -1.
func value(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10
	case c == Filler:
		return 0
	}
	return -1
}

// CheckDigit computes the check digit of s, '0' to '9', by ICAO Doc 9303-3 section 4.9. Characters outside the alphabet count 0.
func CheckDigit(s string) byte {
	sum := 0
	for i := range len(s) {
		sum += max(0, value(s[i])) * weights[i%len(weights)]
	}
	return byte('0' + sum%10)
}

// BlindTo lists the characters that the sum cannot tell from c. The weights 7, 3 and 1 have no divisor in common with 10, so
// these are exactly the characters whose value is the same modulo 10, wherever they stand: 1 and L, 6 and G, 0 and the filler.
func BlindTo(c byte) string {
	var same strings.Builder
	for k := range alphabet {
		if o := alphabet[k]; o != c && value(o)%10 == value(c)%10 && value(c) >= 0 {
			same.WriteByte(o)
		}
	}
	return same.String()
}

// alphabet is OCR-B's subset for machine readable zones in the order of the line recogniser's classes after the blank.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"

// Check is one check digit of a zone.
type Check struct {
	Name Field `json:"name"`
	// Expected is the digit that the covered characters give, Read the one that stands there.
	Expected string `json:"expected"`
	Read     string `json:"read"`
	// Holds: they are the same, or a filler stands for the digit of an empty field.
	Holds bool `json:"holds"`
	// Covers are the characters that the sum is computed over, in its order.
	Covers []Span `json:"covers"`
	// Digit is where the digit stands.
	Digit Span `json:"digit"`
}

func newCheck(name Field, lines []string, covers []Span, digit Span) Check {
	var over strings.Builder
	for _, s := range covers {
		over.WriteString(s.of(lines))
	}
	c := Check{Name: name, Expected: string(CheckDigit(over.String())), Read: digit.of(lines), Covers: covers, Digit: digit}
	empty := strings.Trim(over.String(), string(Filler)) == ""
	c.Holds = c.Read == c.Expected || c.Read == string(Filler) && empty
	return c
}
