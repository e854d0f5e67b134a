package number

import "strings"

// The rules of numbers that hold letters.

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// italianOdd are the values of the characters at odd places (decree of the Minister of Finance of 23 December 1976), by digit or letter.
var italianOdd = []int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}

// italian checks the sixteen places of a codice fiscale.
func italian(number string) Verdict {
	if !Pattern("AAAAAA**A**A***A").Matches(number) {
		return Unknown
	}
	sum := 0
	for i := range 15 {
		value := int(number[i] - 'A')
		if number[i] <= '9' {
			value = int(number[i] - '0')
		}
		if i%2 == 0 {
			value = italianOdd[value]
		}
		sum += value
	}
	return verdict(byte('A'+sum%26) == number[15])
}

// portuguese checks the twelve places of the number of a Cartão de Cidadão: Luhn's sum over values 0 to 35.
func portuguese(number string) Verdict {
	if !Pattern("999999999**9").Matches(number) {
		return Unknown
	}
	sum := 0
	for i := range len(number) {
		value := strings.IndexByte(alphanumeric, number[i])
		if i%2 == 0 {
			value *= 2
			if value > 9 {
				value -= 9
			}
		}
		sum += value
	}
	return verdict(sum%10 == 0)
}

// mexican checks the eighteen places of a CURP; Ñ does not appear in it after Compact.
func mexican(number string) Verdict {
	if !Pattern("AAAA999999AAAAAA*9").Matches(number) {
		return Unknown
	}
	const values = "0123456789ABCDEFGHIJKLMN\x00OPQRSTUVWXYZ" // Ñ has a value of its own after N
	sum := 0
	for i := range 17 {
		sum += strings.IndexByte(values, number[i]) * (18 - i)
	}
	return verdict((10-sum%10)%10 == int(number[17]-'0'))
}

// hongKong checks one or two letters, six digits and a check character; a single letter is preceded by a space, which counts 36.
func hongKong(number string) Verdict {
	if len(number) == 8 {
		number = " " + number
	}
	if len(number) != 9 || digitsOf(number[2:8], 6) == nil || !Pattern("A99").Matches(number[1:4]) || number[0] != ' ' && !(number[0] >= 'A' && number[0] <= 'Z') {
		return Unknown
	}
	sum := 0
	for i := range 8 {
		value := 36
		if number[i] != ' ' {
			value = strings.IndexByte(alphanumeric, number[i])
		}
		sum += value * (9 - i)
	}
	check := strings.IndexByte("0123456789A", number[8])
	if check < 0 {
		return Unknown
	}
	return verdict((sum+check)%11 == 0)
}

// singaporean checks S, T (citizens and residents), F, G (foreigners) and seven digits. The series M of 2022 is not known here.
func singaporean(number string) Verdict {
	if !Pattern("A9999999A").Matches(number) || strings.IndexByte("STFG", number[0]) < 0 {
		return Unknown
	}
	sum := weigh(digitsOf(number[1:8], 7), []int{2, 7, 6, 5, 4, 3, 2})
	if number[0] == 'T' || number[0] == 'G' {
		sum += 4
	}
	letters := "JZIHGFEDCBA"
	if number[0] == 'F' || number[0] == 'G' {
		letters = "XWUTRQPNMLK"
	}
	return verdict(letters[sum%11] == number[8])
}

// taiwanese checks a letter and nine digits; the letter stands for two digits.
func taiwanese(number string) Verdict {
	if !Pattern("A999999999").Matches(number) {
		return Unknown
	}
	value := strings.IndexByte("ABCDEFGHJKLMNPQRSTUVXYWZIO", number[0]) + 10
	return verdict((value/10+value%10*9+weigh(digitsOf(number[1:], 9), []int{8, 7, 6, 5, 4, 3, 2, 1, 1}))%10 == 0)
}

// The tables of Verhoeff's scheme: the multiplication of the dihedral group D5, and the permutation of the places.
var (
	dihedral = [10]string{"0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043", "8765932104", "9876543210"}
	places   = [8]string{"0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258"}
)

// indian checks the twelve digits of an Aadhaar number, whose first is not 0 or 1.
func indian(number string) Verdict {
	d := digitsOf(number, 12)
	if d == nil || d[0] < 2 {
		return Unknown
	}
	c := 0
	for i := range d {
		c = int(dihedral[c][places[i%8][d[11-i]]-'0'] - '0')
	}
	return verdict(c == 0)
}
