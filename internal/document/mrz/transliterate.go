package mrz

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Transliterate writes a name with A to Z and fillers by ICAO Doc 9303-3 section 6 (tables A, Latin, and B, Cyrillic): blanks and
// hyphens become fillers, apostrophes and full stops fall away, and so does every character that the tables do not have. Where the
// tables leave a choice the first is taken: Ä is AE, Ñ is N, Ü is UE.
func Transliterate(name string) string {
	var out strings.Builder
	for _, cluster := range clusters(name) {
		variants := spellingsOf(cluster)
		if len(variants) > 0 {
			out.WriteString(variants[0])
		}
	}
	return strings.Join(strings.FieldsFunc(out.String(), func(r rune) bool { return r == Filler }), string(Filler))
}

// cluster is a letter with the marks that were written after it (a decomposed "A" and diaeresis are "Ä").
type cluster struct {
	letter rune
	marks  []rune
}

func clusters(name string) []cluster {
	var all []cluster
	for _, r := range name {
		if unicode.Is(unicode.Mn, r) {
			if len(all) > 0 {
				last := &all[len(all)-1]
				last.marks = append(last.marks, r)
			}
			continue
		}
		all = append(all, cluster{letter: unicode.ToUpper(r)})
	}
	return all
}

// spellingsOf gives the spellings that the standard and issuers have for one letter, the usual one first; none for a character
// that falls away.
func spellingsOf(c cluster) []string {
	r := composed(c)
	if 'A' <= r && r <= 'Z' {
		return []string{string(r)}
	}
	if '0' <= r && r <= '9' {
		return []string{string(r)}
	}
	if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == Filler {
		return []string{string(Filler)}
	}
	if variants, ok := irregular(r); ok {
		return variants
	}
	for _, group := range plainLetters {
		base, accented, _ := strings.Cut(group, " ")
		if strings.ContainsRune(accented, r) {
			return []string{base}
		}
	}
	if base := []rune(norm.NFD.String(string(r)))[0]; base != r { // a mark that no table has: Yoruba's Ṣ
		return spellingsOf(cluster{letter: base, marks: c.marks})
	}
	return nil
}

// Spellings gives the variants of one letter of a name, the usual one first, for the comparison of names.
func Spellings(letter rune) []string { return spellingsOf(cluster{letter: unicode.ToUpper(letter)}) }

// composed joins the marks that change the transliteration of their letter; all others leave the base letter.
func composed(c cluster) rune {
	const diaeresis, ring, tilde = '\u0308', '\u030A', '\u0303'
	for _, m := range c.marks {
		switch string([]rune{c.letter, m}) {
		case string([]rune{'A', diaeresis}):
			return 'Ä'
		case string([]rune{'O', diaeresis}):
			return 'Ö'
		case string([]rune{'U', diaeresis}):
			return 'Ü'
		case string([]rune{'A', ring}):
			return 'Å'
		case string([]rune{'N', tilde}):
			return 'Ñ'
		case string([]rune{'И', '\u0306'}):
			return 'Й'
		case string([]rune{'І', diaeresis}):
			return 'Ї'
		}
	}
	return c.letter
}

// irregular has the letters of tables A and B that are not written as one base letter, or in more than one way.
func irregular(r rune) ([]string, bool) {
	switch r {
	case 'Ä':
		return []string{"AE", "A"}, true
	case 'Å':
		return []string{"AA", "A"}, true
	case 'Ñ':
		return []string{"N", "NXX"}, true
	case 'Ö':
		return []string{"OE", "O"}, true
	case 'Ø':
		return []string{"OE", "O"}, true
	case 'Ü':
		return []string{"UE", "UXX", "U"}, true
	case 'Æ':
		return []string{"AE"}, true
	case 'Ĳ':
		return []string{"IJ"}, true
	case 'Œ':
		return []string{"OE"}, true
	case 'ß', 'ẞ':
		return []string{"SS"}, true
	case 'Þ':
		return []string{"TH"}, true
	}
	return cyrillic(r)
}

// cyrillic is table B with the national spellings after the general one.
func cyrillic(r rune) ([]string, bool) {
	switch r {
	case 'Г':
		return []string{"G", "H"}, true
	case 'Ђ':
		return []string{"D", "DJ"}, true
	case 'Ё':
		return []string{"E", "IO"}, true
	case 'Є':
		return []string{"IE", "YE"}, true
	case 'Ж':
		return []string{"ZH", "Z"}, true
	case 'И':
		return []string{"I", "Y"}, true
	case 'Ї':
		return []string{"I", "YI"}, true
	case 'Ќ':
		return []string{"K", "KJ"}, true
	case 'Ѓ':
		return []string{"G", "GJ"}, true
	case 'Љ':
		return []string{"LJ"}, true
	case 'Њ':
		return []string{"NJ"}, true
	case 'Ѕ', 'Џ':
		return []string{"DZ"}, true
	case 'Х':
		return []string{"KH", "H"}, true
	case 'Ц':
		return []string{"TS", "C"}, true
	case 'Ч':
		return []string{"CH", "C"}, true
	case 'Ш':
		return []string{"SH", "S"}, true
	case 'Щ':
		return []string{"SHCH", "SHT"}, true
	case 'Ъ':
		return []string{"IE", ""}, true
	case 'Ю':
		return []string{"IU", "YU"}, true
	case 'Я':
		return []string{"IA", "YA"}, true
	}
	return nil, false
}

// plainLetters has the letters that are written as one base letter: Latin with its marks (table A, and the Vietnamese letters
// and those with hooks of African languages by the same rule), then Cyrillic (table B).
var plainLetters = [...]string{
	"A ÁÀÂÃĂĀĄǍẠẢẤẦẨẪẬẮẰẲẴẶА", "B БḂƁ", "C ĆĈČĊÇЋ", "D ĐĎÐДƊƉ", "E ÉÈÊËĚĖĒĘĔƏẸẺẼẾỀỂỄỆЕЭƐ", "F ФḞƑ", "G ĜĞĠĢǦҐƔ", "H ĤĦҺ",
	"I ÍÌÎÏĨĪĮĬİỈỊІЙƖ", "J ĴЈ", "K ĶКĸƘ", "L ŁĹĽĻĿЛ", "M МṀ", "N ŃŇŅŊН", "O ÓÒÔÕŐŌŎƠỌỎỐỒỔỖỘỚỜỞỠỢОƆ", "P ПṖ", "R ŔŘŖР", "S ŚŜŠŞȘСṠ",
	"T ŤŢŦȚТṪ", "U ÚÙÛŨŬŰŮŪŲƯỤỦỨỪỬỮỰУЎ", "V ВƲ", "W ŴẀẂẄ", "Y ÝŶŸỲỴỶỸЫƳ", "Z ŹŽŻЗ",
}
