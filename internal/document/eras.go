package document

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// era is a count of years by which a state prints dates: its first year, and the days between which it was counted; until is empty while it goes on.
type era struct {
	first       int
	from, until string
}

// eras of Japan and of the Republic of China, whose years Taiwan prints.
var eras = map[string]era{
	"令和": {2019, "2019-05-01", ""}, "平成": {1989, "1989-01-08", "2019-04-30"}, "昭和": {1926, "1926-12-25", "1989-01-07"}, "大正": {1912, "1912-07-30", "1926-12-24"},
	"民國": {1912, "1912-01-01", ""}, "民国": {1912, "1912-01-01", ""},
}

var (
	// eraDate may have the year of the common era before it: 2024年(令和6年)6月1日.
	eraDate = regexp.MustCompile(`(?:((?:19|20)\d{2})\s*年?\s*[(（]\s*)?(令和|平成|昭和|大正|民國|民国)\s*(元|\d{1,3})\s*[)）]?\s*[年./\-]\s*[)）]?\s*(\d{1,2})\s*[月./\-]\s*(\d{1,2})(?:$|[^0-9])`)
	// eraLetter is how Japan abbreviates its eras: S60.6.1.
	eraLetter  = regexp.MustCompile(`(^|[^\p{L}\d])([RHS])\s?(元|\d{1,2})\s?([年./\-]\s?\d{1,2}\s?[月./\-]\s?\d{1,2}(?:$|[^0-9]))`)
	eraLetters = map[string]string{"R": "令和", "H": "平成", "S": "昭和"}
)

// eraDateIn finds a date in years of an era; found says that the text has one, iso is empty where no such day was counted in it: one of its characters was
// misread. Documents that were issued in an era expire in its years also when these were never counted.
func eraDateIn(text string, c century, at time.Time) (iso string, found bool) {
	m := eraDate.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	e, n := eras[m[2]], 1
	if m[3] != "元" {
		n = atoi(m[3])
	}
	year := strconv.Itoa(e.first + n - 1)
	if n < 1 || m[1] != "" && m[1] != year {
		return "", true
	}
	iso, _, ok := buildDate(year, atoi(m[4]), m[5], c, at)
	if !ok || iso < e.from || e.until != "" && iso > e.until && c != futureDate {
		return "", true
	}
	return iso, true
}

// eraWritten writes Japan's abbreviations of eras out.
func eraWritten(text string) string {
	m := eraLetter.FindStringSubmatchIndex(text)
	if m == nil {
		return text
	}
	return text[:m[4]] + eraLetters[text[m[4]:m[5]]] + text[m[5]:]
}

// selfNamed is a date of which the words behind it say what it is, as on Japan's licences and cards: born on, valid until.
var selfNamed = regexp.MustCompile(`(?:(?:19|20)\d{2}\s*年?\s*[(（]?\s*)?(?:令和|平成|昭和|大正)?\s*(?:元|\d{1,2})?\s*[)）]?\s*年\s*[)）]?\s*\d{1,2}\s*月\s*\d{1,2}\s*日?\s*(生|まで有効)`)

// selfNamedDates reads them.
func (v *visual) selfNamedDates() {
	for i, l := range v.lines {
		m := selfNamed.FindStringSubmatchIndex(l.Text)
		if m == nil || l.Confidence < leastLine {
			continue
		}
		key := KeyDateOfBirth
		if l.Text[m[2]:m[3]] != "生" {
			key = KeyDateOfExpiry
		}
		if v.accept(key, strings.TrimSpace(l.Text[m[0]:m[2]]), i) {
			v.isCaption[i], v.seen[i] = true, captioned{key: keyOther}
		}
	}
}
