package check

import (
	"strings"

	"ekyc"
)

// numberPattern is the shape of an issuer's document numbers, one character a place:
//
//	A a letter, 9 a digit, * a letter or digit, G a letter or digit of Germany's alphabet (no vowels, no B D Q S),
//	N a letter or digit but O (the Netherlands), n a letter but O; anything else stands for itself.
type numberPattern string

// matches says whether number has the shape.
func (p numberPattern) matches(number string) bool {
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
	switch place {
	case 'A':
		return letter
	case '9':
		return digit
	case '*':
		return letter || digit
	case 'G':
		return digit || strings.IndexByte("CFGHJKLMNPRTVWXYZ", c) >= 0
	case 'N':
		return digit || letter && c != 'O'
	case 'n':
		return letter && c != 'O'
	default:
		return c == place
	}
}

// numberPatterns gives the shapes of the document numbers of an issuer (ISO 3166-1 alpha-3), nil where they are not known
// for sure. Sources: the PRADO glossary and document pages of the Council of the EU, the issuers' own form checks, specimens.
// A number of another shape makes a warning, not a failure, because issuers change their series.
func numberPatterns(country string, kind ekyc.DocumentType) []numberPattern {
	switch kind {
	case ekyc.Passport:
		return passportNumberPatterns(country)
	case ekyc.IDCard:
		return cardNumberPatterns(country)
	}
	return nil
}

func passportNumberPatterns(country string) []numberPattern {
	switch country {
	case "AUS":
		return []numberPattern{"A9999999", "AA9999999"}
	case "BEL", "BRA":
		return []numberPattern{"AA999999"}
	case "CAN":
		return []numberPattern{"AA999999", "A999999AA"}
	case "CHE":
		return []numberPattern{"A*******"}
	case "CHN":
		return []numberPattern{"A*9999999"}
	case "DEU":
		return []numberPattern{"GGGGGGGGG"}
	case "ESP":
		return []numberPattern{"AAA999999", "AA999999", "A999999"}
	case "FIN", "ITA", "JPN":
		return []numberPattern{"AA9999999"}
	case "FRA":
		return []numberPattern{"99AA99999"}
	case "GBR":
		return []numberPattern{"999999999"}
	case "IND":
		return []numberPattern{"A9999999"}
	case "KOR":
		return []numberPattern{"A99999999", "A999A9999", "AA9999999"}
	case "NLD":
		return []numberPattern{"nnNNNNNN9"}
	case "POL":
		return []numberPattern{"AA9999999"}
	case "RUS":
		return []numberPattern{"999999999"}
	case "TUR":
		return []numberPattern{"A99999999"}
	case "UKR":
		return []numberPattern{"AA999999"}
	case "USA":
		return []numberPattern{"999999999", "A99999999"}
	}
	return nil
}

func cardNumberPatterns(country string) []numberPattern {
	switch country {
	case "BEL":
		return []numberPattern{"999999999999"}
	case "CHE":
		return []numberPattern{"A*******"}
	case "DEU":
		return []numberPattern{"GGGGGGGGG", "GGGGGGGGGG"}
	case "ESP":
		return []numberPattern{"AAA999999", "99999999A"}
	case "FRA":
		return []numberPattern{"999999999999", "**99*****", "*********"}
	case "ITA":
		return []numberPattern{"AA99999AA", "AA9999999"}
	case "NLD":
		return []numberPattern{"nnNNNNNN9"}
	case "POL":
		return []numberPattern{"AAA999999"}
	case "TUR":
		return []numberPattern{"A99A99999"}
	}
	return nil
}

// numberVerdict is the outcome of a number's own check digit.
type numberVerdict int

const (
	numberUnknown numberVerdict = iota // the country's numbers have no rule here, or this one has another shape
	numberHolds
	numberRefuted
)

// nationalNumber verifies the check digit that some countries put into their personal numbers (Spain DNI and NIE, Belgium,
// Poland PESEL, Turkey, Romania CNP, Bulgaria EGN, Estonia and Lithuania, Finland, China). number holds letters and digits only.
func nationalNumber(country, number string) numberVerdict {
	switch country {
	case "ESP":
		return spanishNumber(number)
	case "BEL":
		return belgianNumber(number)
	case "POL":
		return weighted(number, 11, []int{1, 3, 7, 9, 1, 3, 7, 9, 1, 3}, func(sum int) int { return (10 - sum%10) % 10 })
	case "ROU":
		return weighted(number, 13, []int{2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9}, func(sum int) int {
			if sum%11 == 10 {
				return 1
			}
			return sum % 11
		})
	case "BGR":
		return weighted(number, 10, []int{2, 4, 8, 5, 10, 9, 7, 3, 6}, func(sum int) int { return sum % 11 % 10 })
	case "EST", "LTU":
		return balticNumber(number)
	case "TUR":
		return turkishNumber(number)
	case "FIN":
		return finnishNumber(number)
	case "CHN":
		return chineseNumber(number)
	}
	return numberUnknown
}

func verdict(holds bool) numberVerdict {
	if holds {
		return numberHolds
	}
	return numberRefuted
}

// digitsOf gives the digits of s, nil when s has another length or other characters.
func digitsOf(s string, length int) []int {
	if len(s) != length {
		return nil
	}
	digits := make([]int, length)
	for i := range length {
		if s[i] < '0' || s[i] > '9' {
			return nil
		}
		digits[i] = int(s[i] - '0')
	}
	return digits
}

func numeric(digits []int) int {
	n := 0
	for _, d := range digits {
		n = 10*n + d
	}
	return n
}

func weigh(digits, weights []int) int {
	sum := 0
	for i, w := range weights {
		sum += digits[i] * w
	}
	return sum
}

// weighted checks a number of digits whose last one is made from the weighted sum of the others.
func weighted(number string, length int, weights []int, last func(sum int) int) numberVerdict {
	digits := digitsOf(number, length)
	if digits == nil {
		return numberUnknown
	}
	return verdict(last(weigh(digits, weights)) == digits[length-1])
}

// spanishNumber checks the letter of a DNI (8 digits) or NIE (X, Y or Z and 7 digits): the number modulo 23.
func spanishNumber(number string) numberVerdict {
	if len(number) != 9 {
		return numberUnknown
	}
	body := number[:8]
	if i := strings.IndexByte("XYZ", body[0]); i >= 0 {
		body = string(rune('0'+i)) + body[1:]
	}
	digits := digitsOf(body, 8)
	if digits == nil || number[8] < 'A' || number[8] > 'Z' {
		return numberUnknown
	}
	return verdict("TRWAGMYFPDXBNJZSQVHLCKE"[numeric(digits)%23] == number[8])
}

// belgianNumber checks the national register number: 97 less the first nine digits modulo 97, with a 2 before them for births from 2000.
func belgianNumber(number string) numberVerdict {
	digits := digitsOf(number, 11)
	if digits == nil {
		return numberUnknown
	}
	body, control := numeric(digits[:9]), numeric(digits[9:])
	return verdict(97-body%97 == control || 97-(2_000_000_000+body)%97 == control)
}

func balticNumber(number string) numberVerdict {
	return weighted(number, 11, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 1}, func(sum int) int {
		if sum%11 < 10 {
			return sum % 11
		}
		second := weigh(digitsOf(number, 11), []int{3, 4, 5, 6, 7, 8, 9, 1, 2, 3}) % 11
		return second % 10
	})
}

func turkishNumber(number string) numberVerdict {
	d := digitsOf(number, 11)
	if d == nil || d[0] == 0 {
		return numberUnknown
	}
	odd, even := d[0]+d[2]+d[4]+d[6]+d[8], d[1]+d[3]+d[5]+d[7]
	tenth := ((odd*7-even)%10 + 10) % 10
	return verdict(tenth == d[9] && (odd+even+d[9])%10 == d[10])
}

// finnishNumber checks a personal identity code without its century sign, DDMMYYNNNC: the nine digits modulo 31.
func finnishNumber(number string) numberVerdict {
	if len(number) == 11 { // with the century sign, a letter since 2023
		number = number[:6] + number[7:]
	}
	if len(number) != 10 {
		return numberUnknown
	}
	digits := digitsOf(number[:9], 9)
	if digits == nil {
		return numberUnknown
	}
	return verdict("0123456789ABCDEFHJKLMNPRSTUVWXY"[numeric(digits)%31] == number[9])
}

// chineseNumber checks the 18 places of GB 11643 (ISO 7064 MOD 11-2, where X stands for ten).
func chineseNumber(number string) numberVerdict {
	if len(number) != 18 {
		return numberUnknown
	}
	digits := digitsOf(number[:17], 17)
	if digits == nil {
		return numberUnknown
	}
	sum := weigh(digits, []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2})
	return verdict("10X98765432"[sum%11] == number[17])
}

// compact keeps the letters and digits of a number as compared and counted: upper case, no spaces, points, dashes or fillers.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToUpper(s))
}
