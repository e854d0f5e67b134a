package document

import (
	"regexp"
	"strings"
	"time"

	"ekyc/internal/document/mrz"
)

// anchoredShare: a printed value that was found because a machine readable zone or a bar code says the same is this sure; its caption was
// not read.
const anchoredShare = 0.9

// anchor finds in the print the values that a machine readable zone or a bar code states, where their captions could not be read: the print
// has the marks of letters that the zone leaves out, and its place. What the captions point at comes first, so a print that says something
// else than the zone is not passed over.
func (v *visual) anchor() {
	for _, key := range []Key{KeySurname, KeyGivenNames, KeyDocumentNumber, KeyDateOfBirth, KeyDateOfExpiry, KeyNationality, KeyIssuingCountry, KeyPersonalNumber, KeySex} {
		want, known := v.statedAs(key)
		old, has := v.found[key]
		// A date that another caption misled is given up for one that is the stated date: a changed print does not show the true one as well.
		misled := has && (key == KeyDateOfBirth || key == KeyDateOfExpiry) && old.Value != want.Value
		if !known || has && !misled {
			continue
		}
		if misled && v.lineStating(key, want.Value) >= 0 {
			delete(v.found, key)
		}
		if i := v.lineStating(key, want.Value); i >= 0 && v.accept(key, v.lines[i].Text, i) {
			v.lessSure(key, anchoredShare)
		}
	}
	v.wholeName(KeySurname)
	v.wholeName(KeyGivenNames)
	v.issueDate()
}

// wholeName adds the line that completes a name of which the detector found the parts apart: both together say what the zone says.
func (v *visual) wholeName(key Key) {
	f, has := v.found[key]
	want, stated := v.stated[key]
	if !has || !stated || v.states(key, f.Value, want.Value) {
		return
	}
	for i, l := range v.lines {
		if l.Confidence < leastLine || v.claimed(i) {
			continue
		}
		whole := joinName(f.Raw, l.Text)
		if value, _, ok := v.normalise(key, whole); ok && v.states(key, value, want.Value) {
			f.Value, f.Raw, f.Confidence = value, whole, min(f.Confidence, captionShare*l.Confidence)
			v.found[key] = f
			return
		}
	}
}

// statedAs is what the zone or bar code states of a field, where it is long enough to be known again. A zone's optional data of a passport or a
// card often is the personal number.
func (v *visual) statedAs(key Key) (Field, bool) {
	const short, long = 3, 6
	want, known := v.stated[key]
	least := short
	switch key {
	case KeySex:
		least = 1
	case KeyPersonalNumber:
		if !known {
			want, known = v.stated[KeyOptionalData]
			least = long
		}
	}
	return want, known && len(foldText(want.Value)) >= least
}

// lineStating is the first line that is no caption or value of another field and states a value; -1 for none. The letter of the sex must
// stand alone, and on one line only.
func (v *visual) lineStating(key Key, coded string) int {
	found := -1
	for i, l := range v.lines {
		if l.Confidence < leastLine || v.isCaption[i] || v.claimed(i) || key == KeySex && (!sexAlone.MatchString(l.Text) || v.values.small(l.Box, surelySmall)) {
			continue
		}
		value, _, ok := v.normalise(key, v.inScript(key, l.Text, i))
		switch {
		case !ok || !v.states(key, value, coded):
		case key != KeySex:
			return i
		case found >= 0:
			return -1
		default:
			found = i
		}
	}
	return found
}

// sexAlone is the letter of the sex, in one language or two.
var sexAlone = regexp.MustCompile(`^\p{Lu}(?: ?/ ?\p{Lu})?$`)

// lessSure lowers the confidence of a field that was found without its caption.
func (v *visual) lessSure(key Key, share float64) {
	f := v.found[key]
	f.Confidence *= share
	v.found[key] = f
}

// claimed says whether a line is the value of a field already.
func (v *visual) claimed(line int) bool {
	for _, f := range v.found {
		if f.Region != nil && f.Region.Quad == v.lines[line].Quad {
			return true
		}
	}
	return false
}

// states says whether a printed value is what the zone states.
func (v *visual) states(key Key, printed, coded string) bool {
	switch key {
	case KeySurname, KeyGivenNames:
		squeezed := func(s string) string { return strings.ReplaceAll(s, "<", "") }
		return squeezed(mrz.Transliterate(printed)) == squeezed(mrz.Transliterate(coded)) || foldText(printed) == foldText(coded)
	case KeyDocumentNumber, KeyPersonalNumber:
		return alike(foldText(printed)) == alike(foldText(coded))
	}
	return foldText(printed) == foldText(coded)
}

// issueDate takes the one date that is printed besides those of birth and expiry, and lies a whole number of years before the expiry, for
// the date of issue: documents are valid for whole years, to the day or the day before.
func (v *visual) issueDate() {
	known := func(key Key) (Field, bool) { // on this side, or by the zone
		if f, has := v.found[key]; has {
			return f, true
		}
		f, has := v.stated[key]
		return f, has
	}
	expiry, hasExpiry := known(KeyDateOfExpiry)
	birth, hasBirth := known(KeyDateOfBirth)
	if _, has := v.found[KeyDateOfIssue]; has || !hasExpiry || !hasBirth {
		return
	}
	at := -1
	for i, l := range v.lines {
		if l.Confidence < leastLine || v.claimed(i) {
			continue
		}
		iso, _, ok := parseDate(l.Text, v.monthFirst, pastDate, v.at)
		if !ok || iso <= birth.Value || !wholeYears(iso, expiry.Value) {
			continue
		}
		if at >= 0 {
			return
		}
		at = i
	}
	if at >= 0 && v.accept(KeyDateOfIssue, v.lines[at].Text, at) {
		v.lessSure(KeyDateOfIssue, anchoredShare)
	}
}

// wholeYears says whether a document that was issued on one day expires on the other after 1 to 15 whole years, or on the day before.
func wholeYears(issue, expiry string) bool {
	from, err := time.Parse(time.DateOnly, issue)
	to, err2 := time.Parse(time.DateOnly, expiry)
	if err != nil || err2 != nil {
		return false
	}
	const longest = 15
	years := to.AddDate(0, 0, 1).Year() - from.Year()
	for _, n := range []int{years - 1, years} {
		whole := from.AddDate(n, 0, 0)
		if n >= 1 && n <= longest && (whole.Equal(to) || whole.AddDate(0, 0, -1).Equal(to)) {
			return true
		}
	}
	return false
}

// licenceColumn reads a driving licence whose numbers were lost: ISO/IEC 18013-1 and Directive 2006/126/EC prescribe the order of the fields,
// and three dates in one column tell where in it a line stands.
func (v *visual) licenceColumn() {
	if !v.licence || v.monthFirst {
		return
	}
	for i, l := range v.lines {
		if _, _, dated := parseDate(l.Text, false, pastDate, v.at); !dated || l.Confidence < leastLine {
			continue
		}
		lines := append(v.upColumn(i), append([]int{i}, v.column(i)...)...)
		v.byOrder(lines)
		return
	}
}

// byOrder gives the lines of the column of a licence their fields; those that were read by number stay.
func (v *visual) byOrder(lines []int) {
	var dates []int // places in lines
	for k, i := range lines {
		if _, _, dated := parseDate(v.lines[i].Text, false, futureDate, v.at); dated {
			dates = append(dates, k)
		}
	}
	const wanted = 3
	if len(dates) != wanted || dates[2]-dates[0] > wanted {
		return
	}
	iso := func(k int, c century) string {
		value, _, _ := parseDate(v.lines[lines[dates[k]]].Text, false, c, v.at)
		return value
	}
	born, issued, expires := iso(0, pastDate), iso(1, pastDate), iso(2, futureDate)
	birth, known := v.found[KeyDateOfBirth]
	if known && birth.Value != born || !(born < issued && issued < expires) || issued > v.at.Format(time.DateOnly) {
		return // not the order of the standard
	}
	give := func(key Key, k int) {
		if _, has := v.found[key]; has || k < 0 || k >= len(lines) {
			return
		}
		text := v.lines[lines[k]].Text
		if key == KeyDateOfBirth {
			v.birthLine(text, lines[k])
		}
		if v.accept(key, text, lines[k]) {
			v.lessSure(key, anchoredShare)
		}
	}
	give(KeyDateOfBirth, dates[0])
	give(KeyDateOfIssue, dates[1])
	give(KeyDateOfExpiry, dates[2])
	if dates[0] >= 2 {
		give(KeyGivenNames, dates[0]-1)
		give(KeySurname, dates[0]-2)
	}
	var numbers []int
	for k := dates[2] + 1; k < len(lines); k++ {
		text := v.lines[lines[k]].Text
		switch {
		case euCategories.MatchString(text) && k == len(lines)-1:
			give(KeyLicenceCategories, k)
		case numberForm.MatchString(strings.ToUpper(text)) && digitCount(text) >= 4:
			numbers = append(numbers, k)
		case streetForm.MatchString(text):
			give(KeyAddress, k)
		case digitCount(text) == 0 && k == dates[2]+1:
			give(KeyIssuingAuthority, k)
		}
	}
	if len(numbers) == 1 {
		give(KeyDocumentNumber, numbers[0])
	}
}

func digitCount(s string) int { return len(digitsOnly.FindAllString(s, -1)) }

// upColumn is the lines above a value in its column, from the top.
func (v *visual) upColumn(line int) []int {
	box := v.lines[line].Box
	var out []int
	for j, l := range v.lines { // in order from the top
		gap := (box.Y0 - l.Box.Y1) / box.Height()
		if !v.isCaption[j] && l.Confidence >= leastLine && abs(l.Box.X0-box.X0) < 0.5*box.Height() && l.Box.Center().Y < box.Y0 && gap < 2.5 {
			out = append(out, j)
		}
	}
	return out
}
