package number

import "strings"

// checks is the arithmetic of each rule.
var checks = map[Rule]func(string) Verdict{
	SpainDNI: spanish, BelgiumNational: belgian, PolandPESEL: polish, RomaniaCNP: romanian, BulgariaEGN: bulgarian, BalticCode: baltic,
	TurkeyKimlik: turkish, FinlandHETU: finnish, ChinaResident: chinese, ItalyFiscal: italian, PortugalCard: portuguese, NetherlandsBSN: dutch,
	CzechBirth: czech, CroatiaOIB: croatian, YugoslavJMBG: yugoslav, NorwayBirth: norwegian, SwedenPersonal: swedish, UkraineTaxpayer: ukrainian,
	BrazilCPF: brazilian, ChileRUN: chilean, MexicoCURP: mexican, EcuadorCedula: ecuadorian, UruguayCedula: uruguayan,
	SouthAfricaID: luhnOf(13), KoreaResident: korean, HongKongID: hongKong, SingaporeNRIC: singaporean, ThailandID: thai, TaiwanID: taiwanese,
	IsraelID: luhnOf(9), IndiaAadhaar: indian, JapanIndividual: japanese,
}

func verdict(holds bool) Verdict {
	if holds {
		return Holds
	}
	return Refuted
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
func weighted(number string, length int, weights []int, last func(sum int) int) Verdict {
	digits := digitsOf(number, length)
	if digits == nil {
		return Unknown
	}
	return verdict(last(weigh(digits, weights)) == digits[length-1])
}

func polish(number string) Verdict {
	return weighted(number, 11, []int{1, 3, 7, 9, 1, 3, 7, 9, 1, 3}, func(sum int) int { return (10 - sum%10) % 10 })
}

func romanian(number string) Verdict {
	return weighted(number, 13, []int{2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9}, func(sum int) int {
		if sum%11 == 10 {
			return 1
		}
		return sum % 11
	})
}

// bulgarian checks the number of a citizen (EGN), or of a foreigner (LNCh), which residence permits and licences have in its place. Some could be either.
func bulgarian(number string) Verdict {
	citizen := weighted(number, 10, []int{2, 4, 8, 5, 10, 9, 7, 3, 6}, func(sum int) int { return sum % 11 % 10 })
	if citizen != Refuted {
		return citizen
	}
	return weighted(number, 10, []int{21, 19, 17, 13, 11, 9, 7, 3, 1}, func(sum int) int { return sum % 10 })
}

// spanish checks the letter of a DNI (8 digits) or NIE (X, Y or Z and 7 digits): the number modulo 23.
func spanish(number string) Verdict {
	if len(number) != 9 {
		return Unknown
	}
	body := number[:8]
	if i := strings.IndexByte("XYZ", body[0]); i >= 0 {
		body = string(rune('0'+i)) + body[1:]
	}
	digits := digitsOf(body, 8)
	if digits == nil || number[8] < 'A' || number[8] > 'Z' {
		return Unknown
	}
	return verdict("TRWAGMYFPDXBNJZSQVHLCKE"[numeric(digits)%23] == number[8])
}

// belgian checks the national register number: 97 less the first nine digits modulo 97, with a 2 before them for births from 2000.
func belgian(number string) Verdict {
	digits := digitsOf(number, 11)
	if digits == nil {
		return Unknown
	}
	body, control := numeric(digits[:9]), numeric(digits[9:])
	return verdict(97-body%97 == control || 97-(2_000_000_000+body)%97 == control)
}

func baltic(number string) Verdict {
	return weighted(number, 11, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 1}, func(sum int) int {
		if sum%11 < 10 {
			return sum % 11
		}
		return weigh(digitsOf(number, 11), []int{3, 4, 5, 6, 7, 8, 9, 1, 2, 3}) % 11 % 10
	})
}

func turkish(number string) Verdict {
	d := digitsOf(number, 11)
	if d == nil || d[0] == 0 {
		return Unknown
	}
	odd, even := d[0]+d[2]+d[4]+d[6]+d[8], d[1]+d[3]+d[5]+d[7]
	tenth := ((odd*7-even)%10 + 10) % 10
	return verdict(tenth == d[9] && (odd+even+d[9])%10 == d[10])
}

// finnish checks a personal identity code with or without its century sign, DDMMYY-NNNC: the nine digits modulo 31.
func finnish(number string) Verdict {
	if len(number) == 11 { // the sign is a letter since 2023
		number = number[:6] + number[7:]
	}
	if len(number) != 10 {
		return Unknown
	}
	digits := digitsOf(number[:9], 9)
	if digits == nil {
		return Unknown
	}
	return verdict("0123456789ABCDEFHJKLMNPRSTUVWXY"[numeric(digits)%31] == number[9])
}

// chinese checks the 18 places of GB 11643 (ISO 7064 MOD 11-2, where X stands for ten).
func chinese(number string) Verdict {
	if len(number) != 18 {
		return Unknown
	}
	digits := digitsOf(number[:17], 17)
	if digits == nil {
		return Unknown
	}
	sum := weigh(digits, []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2})
	return verdict("10X98765432"[sum%11] == number[17])
}

// dutch is the eleven-test, in which the last digit counts negative.
func dutch(number string) Verdict {
	d := digitsOf(number, 9)
	if d == nil {
		return Unknown
	}
	return verdict(weigh(d, []int{9, 8, 7, 6, 5, 4, 3, 2, -1})%11 == 0)
}

// czech checks ten digits; numbers of nine, given until 1953, have no check digit. A remainder of ten was written as nought until 1985.
func czech(number string) Verdict {
	d := digitsOf(number, 10)
	if d == nil {
		return Unknown
	}
	return verdict(numeric(d[:9])%11%10 == d[9])
}

// croatian is ISO 7064 MOD 11,10.
func croatian(number string) Verdict {
	d := digitsOf(number, 11)
	if d == nil {
		return Unknown
	}
	rest := 10
	for _, digit := range d[:10] {
		rest = (rest + digit) % 10
		if rest == 0 {
			rest = 10
		}
		rest = rest * 2 % 11
	}
	return verdict((11-rest)%10 == d[10])
}

func yugoslav(number string) Verdict {
	return weighted(number, 13, []int{7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2}, func(sum int) int { return (11 - sum%11) % 11 % 10 })
}

func norwegian(number string) Verdict {
	d := digitsOf(number, 11)
	if d == nil {
		return Unknown
	}
	return verdict(weigh(d, []int{3, 7, 6, 1, 8, 9, 4, 5, 2, 1})%11 == 0 && weigh(d, []int{5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1})%11 == 0)
}

// swedish checks ten digits, or twelve with the century, which the sum leaves out.
func swedish(number string) Verdict {
	if len(number) == 12 {
		number = number[2:]
	}
	return luhnOf(10)(number)
}

func ukrainian(number string) Verdict {
	return weighted(number, 10, []int{-1, 5, 7, 9, 4, 6, 10, 5, 7}, func(sum int) int { return (sum%11 + 11) % 11 % 10 })
}

// luhnOf is Luhn's sum over a fixed count of digits (ISO/IEC 7812-1, annex B).
func luhnOf(length int) func(string) Verdict {
	return func(number string) Verdict {
		d := digitsOf(number, length)
		if d == nil {
			return Unknown
		}
		sum := 0
		for i, digit := range d {
			if (length-i)%2 == 0 {
				digit *= 2
			}
			sum += digit/10 + digit%10
		}
		return verdict(sum%10 == 0)
	}
}

func brazilian(number string) Verdict {
	d := digitsOf(number, 11)
	if d == nil {
		return Unknown
	}
	first := weigh(d, []int{10, 9, 8, 7, 6, 5, 4, 3, 2}) * 10 % 11 % 10
	second := weigh(d, []int{11, 10, 9, 8, 7, 6, 5, 4, 3, 2}) * 10 % 11 % 10
	return verdict(first == d[9] && second == d[10])
}

// chilean checks seven or eight digits and a check character.
func chilean(number string) Verdict {
	if len(number) < 8 || len(number) > 9 {
		return Unknown
	}
	last := len(number) - 1
	d := digitsOf(number[:last], last)
	if d == nil || !(number[last] >= '0' && number[last] <= '9' || number[last] == 'K') {
		return Unknown
	}
	sum := 0
	for i := range d {
		sum += d[last-1-i] * (2 + i%6)
	}
	return verdict("0K987654321"[sum%11] == number[last])
}

func ecuadorian(number string) Verdict { return luhnOf(10)(number) }

func uruguayan(number string) Verdict {
	return weighted(number, 8, []int{2, 9, 8, 7, 6, 3, 4}, func(sum int) int { return (10 - sum%10) % 10 })
}

func korean(number string) Verdict {
	return weighted(number, 13, []int{2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5}, func(sum int) int { return (11 - sum%11) % 10 })
}

func thai(number string) Verdict {
	return weighted(number, 13, []int{13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2}, func(sum int) int { return (11 - sum%11) % 10 })
}

func japanese(number string) Verdict {
	return weighted(number, 12, []int{6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2}, func(sum int) int {
		if sum%11 <= 1 {
			return 0
		}
		return 11 - sum%11
	})
}
