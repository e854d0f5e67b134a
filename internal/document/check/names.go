package check

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"ekyc/internal/document/layout"
	"ekyc/internal/document/mrz"
)

// spellings gives what a printed letter may be written as in a machine readable zone, nil for a separator, and false for a letter
// of a script that is not compared. To the spellings of ICAO Doc 9303-3 come Greek (ELOT 743) and spellings that issuers still use.
func spellings(r rune) ([]string, bool) {
	switch {
	case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return []string{string(r)}, true
	case !unicode.IsLetter(r), unicode.Is(unicode.Lm, r): // ʻ and ʼ are letters to Unicode, and apostrophes to issuers
		return nil, true
	}
	list := slices.Concat(mrz.Spellings(r), furtherSpellings(r))
	return list, len(list) > 0
}

// furtherSpellings are those that ICAO's tables do not have.
func furtherSpellings(r rune) []string {
	switch r {
	case 'Ä', 'Å', 'Ә':
		return []string{"A"}
	case 'Ö', 'Ø', 'Ө':
		return []string{"O"}
	case 'Ü', 'Ű':
		return []string{"U", "UE"}
	case 'ß', 'ẞ':
		return []string{"S"}
	case 'Đ':
		return []string{"DJ"}
	case 'Ə':
		return []string{"E", "A"}
	case 'Е':
		return []string{"YE", "IE"}
	case 'Ё':
		return []string{"IO", "YO"}
	case 'Г':
		return []string{"GH"} // Ukraine's ЗГ
	case 'Х':
		return []string{"H"}
	case 'Ц', 'Ч':
		return []string{"C"}
	case 'Ш':
		return []string{"S"}
	case 'Й':
		return []string{"Y", "J"}
	case 'Ъ', 'Ь':
		return []string{""}
	case 'Ю':
		return []string{"YU"}
	case 'Я':
		return []string{"YA", "A"} // Bulgaria ends София as SOFIA
	}
	if list := centralAsian(r); list != nil {
		return list
	}
	return greek(r)
}

// centralAsian are letters of Kazakh, Kyrgyz, Tajik and Uzbek in Cyrillic, as their passports spell them.
func centralAsian(r rune) []string {
	switch r {
	case 'Ғ':
		return []string{"G", "GH"}
	case 'Қ':
		return []string{"K", "Q"}
	case 'Ң':
		return []string{"N", "NG"}
	case 'Ў':
		return []string{"O"}
	case 'Ү', 'Ұ', 'Ӯ':
		return []string{"U"}
	case 'Һ', 'Ҳ':
		return []string{"H", "KH"}
	case 'Ҷ':
		return []string{"J", "DZH"}
	case 'Ӣ':
		return []string{"I"}
	}
	return nil
}

// greek is ELOT 743; its two-letter sounds are met by giving their letters several spellings.
func greek(r rune) []string {
	switch r {
	case 'Α', 'Ά':
		return []string{"A"}
	case 'Β':
		return []string{"V"}
	case 'Γ':
		return []string{"G", "N"}
	case 'Δ':
		return []string{"D"}
	case 'Ε', 'Έ':
		return []string{"E"}
	case 'Ζ':
		return []string{"Z"}
	case 'Η', 'Ή', 'Ι', 'Ί', 'Ϊ':
		return []string{"I"}
	case 'Θ':
		return []string{"TH"}
	case 'Κ':
		return []string{"K"}
	case 'Λ':
		return []string{"L"}
	case 'Μ':
		return []string{"M", "B"}
	case 'Ν':
		return []string{"N"}
	case 'Ξ':
		return []string{"X"}
	case 'Ο', 'Ό', 'Ω', 'Ώ':
		return []string{"O"}
	case 'Π':
		return []string{"P", ""}
	case 'Ρ':
		return []string{"R"}
	case 'Σ':
		return []string{"S"}
	case 'Τ':
		return []string{"T"}
	case 'Υ', 'Ύ', 'Ϋ':
		return []string{"Y", "U", "V", "F"}
	case 'Φ':
		return []string{"F"}
	case 'Χ':
		return []string{"CH"}
	case 'Ψ':
		return []string{"PS"}
	}
	return nil
}

// comparableWords drops words of scripts that have no table (Arabic, Chinese, …) and says whether any word is left.
func comparableWords(printed string) (string, bool) {
	var kept []string
	for _, word := range strings.Fields(strings.ToUpper(norm.NFC.String(printed))) {
		letters := 0
		known := true
		for _, r := range word {
			choices, ok := spellings(r)
			known = known && ok
			if choices != nil {
				letters++
			}
		}
		if known && letters > 0 {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, " "), len(kept) > 0
}

// longestName is the number of letters to which names are compared: the comparison takes time in proportion to the product of two
// lengths, and names come from outside. Fields that long fail field_lengths.
const longestName = 200

// nameDistance is the least number of letters by which coded (A to Z as in a machine readable zone, separators ignored) differs
// from every spelling of printed. With prefix, coded may end before printed does.
func nameDistance(printed, coded string, prefix bool) int {
	target := squeeze(coded)
	target = target[:min(len(target), longestName)]
	var letters [][]string // the spellings of each letter of printed, separators left out
	for _, r := range strings.ToUpper(norm.NFC.String(printed)) {
		if len(letters) == longestName {
			break
		}
		if choices, known := spellings(r); choices != nil || !known {
			letters = append(letters, choices)
		}
	}
	rows := make([][]int, len(letters)+1)
	for i := range rows {
		rows[i] = slices.Repeat([]int{len(letters) + len(target) + 1}, len(target)+1)
	}
	rows[0][0] = 0
	for i := range rows {
		for j := range rows[i] {
			extend(rows, letters, target, i, j)
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
func extend(rows [][]int, letters [][]string, target string, i, j int) {
	cost := rows[i][j]
	relax := func(i, j, c int) { rows[i][j] = min(rows[i][j], c) }
	if j < len(target) {
		relax(i, j+1, cost+1)
	}
	if i == len(letters) {
		return
	}
	relax(i+1, j, cost+1)
	if j < len(target) {
		relax(i+1, j+1, cost+1)
	}
	for _, s := range letters[i] {
		if strings.HasPrefix(target[j:], s) {
			relax(i+1, j+len(s), cost)
		}
	}
}

// squeeze keeps the letters A to Z of a coded name. Bar codes keep the marks of letters, which are left out here.
func squeeze(s string) string {
	letters := ""
	if strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) {
		letters = layout.Fold(s[:min(len(s), 4*longestName)])
	} else {
		letters = strings.ToUpper(s)
	}
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, letters)
}

// unmarked writes a name without what zones write for the marks of letters.
func unmarked(name string) string {
	return plainVowels.Replace(squeeze(name[:min(len(name), 4*longestName)]))
}

var plainVowels = strings.NewReplacer("AE", "A", "OE", "O", "UE", "U", "AA", "A", "XX", "")

// strange counts the signs in a printed name that no name has: letters that were misread.
func strange(name string) (n int) {
	for _, r := range name[:min(len(name), 4*longestName)] {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsSpace(r) && !strings.ContainsRune("'’ʼ`´-–.,/()", r) {
			n++
		}
	}
	return n
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
	Partial    bool // the words that both names have agree, although one may leave out some
	Less       bool // of the printed name given names or one part are not known, and the rest agrees
	Unmarked   bool // the names agree but for marks of letters, which small print loses: SOS is Søs, in the zone SOES
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
	relation := nameRelation{Letters: coded.letters(), Truncated: truncated}
	best := -1
	for _, p := range alternatives(printed) {
		p, ok := comparableName(p)
		if !ok || coded.empty() {
			continue
		}
		relation.Comparable = true
		if d := wholeDistance(p, coded, truncated); best < 0 || d < best {
			best = d
		}
		words, part := shareWords(p, coded, truncated), sharePart(p, coded, truncated)
		relation.Partial = relation.Partial || words || part
		relation.Less = relation.Less || part || words && leavesOut(p, coded)
		relation.Unmarked = relation.Unmarked || unmarked(p.whole()) == unmarked(coded.whole()) || unmarked(p.whole()) == unmarked(coded.Given+coded.Surname)
	}
	relation.Distance = max(0, best)
	return relation
}

// wholeDistance is the least distance of two names over the orders of their parts.
func wholeDistance(printed, coded personName, truncated bool) int {
	distance := nameDistance(printed.whole(), coded.whole(), truncated)
	if printed.Surname != "" && coded.Surname != "" {
		parts := nameDistance(printed.Surname, coded.Surname, truncated && coded.Given == "") +
			nameDistance(printed.Given, coded.Given, truncated && coded.Given != "")
		// A line that holds the whole name is often taken for the surname, and the next line for given names.
		distance = min(distance, parts, nameDistance(printed.Surname, coded.whole(), truncated))
	}
	if coded.Surname != "" {
		distance = min(distance, nameDistance(printed.whole(), coded.Given+" "+coded.Surname, false))
	}
	return distance
}

// alternatives splits a name that is printed in two scripts or spellings, with a stroke between them, into its variants.
func alternatives(n personName) []personName {
	list := []personName{n}
	if !strings.Contains(n.Surname+n.Given+n.Full, "/") {
		return list
	}
	pick := func(s string, last bool) string {
		first, rest, found := strings.Cut(s, "/")
		if found && last {
			return rest
		}
		return first
	}
	for _, last := range []bool{false, true} {
		list = append(list, personName{pick(n.Surname, last), pick(n.Given, last), pick(n.Full, last)})
	}
	return list
}

// sharePart says that the printed name has one part only, and that this part agrees.
func sharePart(printed, coded personName, truncated bool) bool {
	switch {
	case printed.Full != "":
		return false
	case printed.Given == "" && coded.Surname != "":
		return nameDistance(printed.Surname, coded.Surname, truncated && coded.Given == "") == 0
	case printed.Surname == "" && coded.Given != "":
		return nameDistance(printed.Given, coded.Given, truncated) == 0
	}
	return false
}

// runLength is the number of words of one name that are looked for beside one another in a line of print.
const runLength = 5

// printedIn says that both parts of a coded name stand somewhere in lines of print, each in a place of its own. Lines of a machine readable zone do not count.
func printedIn(lines []string, coded personName, truncated bool) bool {
	if coded.Surname == "" || coded.Given == "" {
		return false
	}
	given := runsOf(lines, coded.Given, truncated)
	return slices.ContainsFunc(runsOf(lines, coded.Surname, false), func(a run) bool {
		return slices.ContainsFunc(given, func(b run) bool { return a.line != b.line || a.to <= b.from || b.to <= a.from })
	})
}

// run is words beside one another in a line.
type run struct{ line, from, to int }

// runsOf are the places in lines of print where a name stands.
func runsOf(lines []string, name string, prefix bool) (found []run) {
	for at, line := range lines {
		if strings.ContainsRune(line, mrz.Filler) {
			continue
		}
		words := strings.Fields(strings.ReplaceAll(line, "/", " "))
		words = words[:min(len(words), mostWords)]
		for i := range words {
			for j := i + 1; j <= min(len(words), i+runLength); j++ {
				printed, ok := comparableWords(strings.Join(words[i:j], " "))
				if ok && nameDistance(printed, name, prefix) == 0 {
					found = append(found, run{at, i, j})
				}
			}
		}
	}
	return found
}

// comparableName keeps the words of n that can be compared, without titles and names at birth.
func comparableName(n personName) (personName, bool) {
	var any bool
	for _, part := range []*string{&n.Surname, &n.Given, &n.Full} {
		kept, ok := comparableWords(withoutBirthName(*part))
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

// leavesOut says that the printed name begins with the whole of the coded surname and has fewer words: given names were not read.
func leavesOut(printed, coded personName) bool {
	words, surname := strings.Fields(printed.whole()), len(strings.Fields(coded.Surname))
	return len(words) < len(strings.Fields(coded.whole())) && surname > 0 && len(words) >= surname &&
		nameDistance(strings.Join(words[:surname], " "), coded.Surname, false) == 0
}

// mostWords bounds the words of a name that are compared one by one; the longest names in use have about ten.
const mostWords = 20

// shareWords says that one name's words are all found, in order, among the other's, and that at least the first word of the surname
// and two words in all are shared.
func shareWords(printed, coded personName, truncated bool) bool {
	a, b := strings.Fields(strings.ReplaceAll(printed.whole(), "-", " ")), strings.Fields(coded.whole())
	if len(a) < 2 || len(b) < 2 || len(a) > mostWords || len(b) > mostWords {
		return false
	}
	shared, i := 0, 0
	for j, word := range b {
		last := truncated && j == len(b)-1
		for k := i; k < len(a); k++ {
			if nameDistance(a[k], word, last) == 0 {
				shared++
				i = k + 1
				break
			}
		}
	}
	return shared >= 2 && shared == min(len(a), len(b)) && nameDistance(a[0], b[0], truncated && len(b) == 1) == 0
}
