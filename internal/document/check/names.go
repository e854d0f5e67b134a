package check

import (
	"slices"
	"strings"
	"unicode"
)

// transliteration says how printed letters may appear in a machine readable zone: ICAO Doc 9303-3 section 6 (tables A
// Latin and B Cyrillic), ELOT 743 for Greek, and the older spellings that issuers still use. A letter with several spellings matches
// any of them; an empty spelling is a letter that may be dropped.
type transliteration map[rune][]string

// newTransliteration builds the table. It is built per comparison run instead of being a package variable; it has some 250 entries.
func newTransliteration() transliteration {
	t := transliteration{
		'Ä': {"AE", "A"}, 'Æ': {"AE"}, 'Å': {"AA", "A"}, 'Ö': {"OE", "O"}, 'Ø': {"OE", "O"}, 'Œ': {"OE"},
		'Ü': {"UE", "UXX", "U"}, 'Ű': {"U", "UE"}, 'Ő': {"O", "OE"}, 'Ñ': {"N", "NXX"}, 'ß': {"SS", "S"}, 'ẞ': {"SS", "S"},
		'Þ': {"TH"}, 'Ð': {"D", "DH"}, 'Đ': {"D", "DJ"}, 'Ĳ': {"IJ"}, 'Ŋ': {"N"}, 'Ł': {"L"}, 'Ħ': {"H"}, 'Ŧ': {"T"},
		'Ə': {"E", "A"}, 'ĸ': {"Q"},

		'А': {"A"}, 'Б': {"B"}, 'В': {"V"}, 'Г': {"G", "H"}, 'Ґ': {"G"}, 'Д': {"D"}, 'Ђ': {"DJ", "D"}, 'Ѓ': {"G", "GJ"},
		'Е': {"E", "YE", "IE"}, 'Ё': {"E", "IO", "YO"}, 'Є': {"IE", "YE"}, 'Ж': {"ZH", "J", "Z"}, 'З': {"Z"}, 'Ѕ': {"DZ"},
		'И': {"I", "Y"}, 'І': {"I"}, 'Ї': {"I", "YI"}, 'Й': {"I", "Y", "J"}, 'Ј': {"J"}, 'К': {"K"}, 'Ќ': {"K", "KJ"}, 'Л': {"L"},
		'Љ': {"LJ"}, 'М': {"M"}, 'Н': {"N"}, 'Њ': {"NJ"}, 'О': {"O"}, 'П': {"P"}, 'Р': {"R"}, 'С': {"S"}, 'Т': {"T"},
		'Ћ': {"C"}, 'У': {"U", "OU"}, 'Ў': {"U"}, 'Ф': {"F"}, 'Х': {"KH", "H"}, 'Ц': {"TS", "C"}, 'Ч': {"CH", "C"}, 'Џ': {"DZ"},
		'Ш': {"SH", "S"}, 'Щ': {"SHCH", "SHT"}, 'Ъ': {"IE", "", "A"}, 'Ы': {"Y"}, 'Ь': {"", "Y"}, 'Э': {"E"}, 'Ю': {"IU", "YU"},
		'Я': {"IA", "YA"}, 'Ә': {"A", "AE"}, 'Ғ': {"G", "GH"}, 'Қ': {"K", "Q"}, 'Ң': {"N", "NG"}, 'Ө': {"O"}, 'Ұ': {"U"}, 'Ү': {"U"}, 'Һ': {"H"},

		'Α': {"A"}, 'Β': {"V"}, 'Γ': {"G", "N"}, 'Δ': {"D"}, 'Ε': {"E"}, 'Ζ': {"Z"}, 'Η': {"I"}, 'Θ': {"TH"}, 'Ι': {"I"},
		'Κ': {"K"}, 'Λ': {"L"}, 'Μ': {"M", "B"}, 'Ν': {"N"}, 'Ξ': {"X"}, 'Ο': {"O"}, 'Π': {"P", ""}, 'Ρ': {"R"}, 'Σ': {"S"},
		'Τ': {"T"}, 'Υ': {"Y", "V", "F", "U"}, 'Φ': {"F"}, 'Χ': {"CH"}, 'Ψ': {"PS"}, 'Ω': {"O"},
		'Ά': {"A"}, 'Έ': {"E"}, 'Ή': {"I"}, 'Ί': {"I"}, 'Ό': {"O"}, 'Ύ': {"Y", "U"}, 'Ώ': {"O"}, 'Ϊ': {"I"}, 'Ϋ': {"Y", "U"},
	}
	for base, marked := range map[string]string{
		"A": "ÀÁÂÃĀĂĄǍẠẢẤẦẨẪẬẮẰẲẴẶ", "C": "ÇĆĈĊČ", "D": "Ď", "E": "ÈÉÊËĒĔĖĘĚẸẺẼẾỀỂỄỆ", "G": "ĜĞĠĢǦ", "H": "Ĥ",
		"I": "ÌÍÎÏĨĪĬĮİIỈỊ", "J": "Ĵ", "K": "ĶǨ", "L": "ĹĻĽĿ", "N": "ŃŅŇ", "O": "ÒÓÔÕŌŎƠỌỎỐỒỔỖỘỚỜỞỠỢ", "R": "ŔŖŘ",
		"S": "ŚŜŞŠȘ", "T": "ŢŤȚ", "U": "ÙÚÛŨŪŬŮŲƯỤỦỨỪỬỮỰ", "W": "ŴẀẂẄ", "Y": "ÝŶŸỲỴỶỸ", "Z": "ŹŻŽ",
	} {
		for _, r := range marked {
			t[r] = []string{base}
		}
	}
	return t
}

// spellings gives what r may be written as, nil for a separator, and false for a letter of a script that is not compared.
func (t transliteration) spellings(r rune) ([]string, bool) {
	switch {
	case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return []string{string(r)}, true
	case !unicode.IsLetter(r):
		return nil, true
	}
	s, known := t[r]
	return s, known
}

// comparable drops words of scripts that have no table (Arabic, Chinese, …) and says whether any word is left.
func (t transliteration) comparable(printed string) (string, bool) {
	var kept []string
	for _, word := range strings.Fields(strings.ToUpper(printed)) {
		letters := 0
		known := true
		for _, r := range word {
			spellings, ok := t.spellings(r)
			known = known && ok
			if spellings != nil {
				letters++
			}
		}
		if known && letters > 0 {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, " "), len(kept) > 0
}

// distance is the least number of letters by which coded (A to Z as in a machine readable zone, separators ignored) differs
// from every spelling of printed. With prefix, coded may end before printed does.
func (t transliteration) distance(printed, coded string, prefix bool) int {
	letters := []rune(strings.ToUpper(printed))
	target := squeeze(coded)
	rows := make([][]int, len(letters)+1)
	for i := range rows {
		rows[i] = make([]int, len(target)+1)
		for j := range rows[i] {
			rows[i][j] = len(letters) + len(target) + 1
		}
	}
	rows[0][0] = 0
	for i := range rows {
		for j := range rows[i] {
			t.extend(rows, letters, target, i, j)
		}
	}
	best := rows[len(letters)][len(target)]
	if prefix && target != "" {
		for i := range rows {
			best = min(best, rows[i][len(target)])
		}
	}
	return best
}

// extend relaxes every step that leaves the state (i letters of printed, j of coded consumed).
func (t transliteration) extend(rows [][]int, letters []rune, target string, i, j int) {
	cost := rows[i][j]
	relax := func(i, j, c int) { rows[i][j] = min(rows[i][j], c) }
	if j < len(target) {
		relax(i, j+1, cost+1)
	}
	if i == len(letters) {
		return
	}
	spellings, _ := t.spellings(letters[i])
	if spellings == nil && !unicode.IsLetter(letters[i]) {
		relax(i+1, j, cost)
		return
	}
	relax(i+1, j, cost+1)
	if j < len(target) {
		relax(i+1, j+1, cost+1)
	}
	for _, s := range spellings {
		if strings.HasPrefix(target[j:], s) {
			relax(i+1, j+len(s), cost)
		}
	}
}

// squeeze keeps the letters A to Z of a coded name.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, strings.ToUpper(s))
}

// personName is a name as one source gives it. Full stands in when the parts are not told apart.
type personName struct {
	Surname, Given, Full string
}

func (n personName) empty() bool { return n.Surname == "" && n.Given == "" && n.Full == "" }

func (n personName) whole() string {
	if n.Surname != "" || n.Given != "" {
		return strings.TrimSpace(n.Surname + " " + n.Given)
	}
	return n.Full
}

// letters is the number of letters that a comparison with n rests on.
func (n personName) letters() int { return len(squeeze(n.whole())) }

// nameRelation is how two names of one person relate.
type nameRelation struct {
	Distance   int  // least number of differing letters over the ways to order the parts
	Letters    int  // letters of the coded name
	Partial    bool // one name leaves out words of the other, and the words they share agree
	Truncated  bool // the coded name fills its field, so its end may be cut off
	Comparable bool // false when the printed name is in a script that has no transliteration table
}

// differenceAllowed is the share of letters by which two readings of one name may differ before they count as two names: one
// letter in eight. One wrong letter in a name is the commonest reading fault; two people's names seldom are that close.
const differenceAllowed = 1.0 / 8

// agrees says that the names are letter for letter the same, allowing for spelling and truncation.
func (r nameRelation) agrees() bool { return r.Comparable && r.Distance == 0 }

// close says that the names differ by no more than reading faults do.
func (r nameRelation) close() bool {
	return r.Comparable && r.Distance > 0 && float64(r.Distance) <= differenceAllowed*float64(r.Letters)
}

// compareNames relates a printed name with a coded one. truncated says that the coded name fills its field to the end.
func compareNames(printed, coded personName, truncated bool) nameRelation {
	t := newTransliteration()
	relation := nameRelation{Letters: coded.letters(), Truncated: truncated}
	var ok bool
	if printed, ok = t.comparableName(printed); !ok || coded.empty() {
		return relation
	}
	relation.Comparable = true
	relation.Distance = t.distance(printed.whole(), coded.whole(), truncated)
	if printed.Surname != "" && coded.Surname != "" {
		parts := t.distance(printed.Surname, coded.Surname, truncated && coded.Given == "") +
			t.distance(printed.Given, coded.Given, truncated && coded.Given != "")
		relation.Distance = min(relation.Distance, parts)
	}
	if coded.Surname != "" {
		swapped := coded.Given + " " + coded.Surname
		relation.Distance = min(relation.Distance, t.distance(printed.whole(), swapped, false))
	}
	if relation.Distance > 0 && t.shareWords(printed, coded, truncated) {
		relation.Partial = true
	}
	return relation
}

// comparableName keeps the words of n that can be compared, without titles and names at birth.
func (t transliteration) comparableName(n personName) (personName, bool) {
	var any bool
	for _, part := range []*string{&n.Surname, &n.Given, &n.Full} {
		kept, ok := t.comparable(withoutBirthName(*part))
		*part = kept
		any = any || ok
	}
	return n, any
}

// withoutBirthName cuts a printed name at the words that introduce a name at birth or by marriage, which machine readable zones leave out.
func withoutBirthName(name string) string {
	markers := []string{"GEB.", "GEB", "NÉE", "NEE", "NÉ", "ÉPOUSE", "EPOUSE", "ÉP.", "EP.", "ÉPSE", "EPSE", "BORN", "FORMERLY"}
	words := strings.Fields(strings.ToUpper(name))
	if i := slices.IndexFunc(words, func(w string) bool { return slices.Contains(markers, w) }); i > 0 {
		words = words[:i]
	}
	return strings.Join(words, " ")
}

// shareWords says that one name's words are all found, in order, among the other's, and that at least the first word of the surname
// and two words in all are shared.
func (t transliteration) shareWords(printed, coded personName, truncated bool) bool {
	a, b := strings.Fields(strings.ReplaceAll(printed.whole(), "-", " ")), strings.Fields(coded.whole())
	if len(a) < 2 || len(b) < 2 {
		return false
	}
	shared, i := 0, 0
	for j, word := range b {
		last := truncated && j == len(b)-1
		for k := i; k < len(a); k++ {
			if t.distance(a[k], word, last) == 0 {
				shared++
				i = k + 1
				break
			}
		}
	}
	return shared >= 2 && shared == min(len(a), len(b)) && t.distance(a[0], b[0], truncated && len(b) == 1) == 0
}
