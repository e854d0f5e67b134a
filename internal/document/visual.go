package document

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"ekyc/internal/vision"
)

// visual extracts fields from the print of one side.
type visual struct {
	lines      []TextLine
	side       int
	captions   captions
	countries  *countryNames
	monthFirst bool // dates in the order of the United States
	licence    bool // numbered fields of driving licences
	mujer      bool // M may stand for mujer, woman: Mexico's voter card has H and M
	at         time.Time
	seen       []captioned // by line
	isCaption  []bool
	alone      map[string]bool // numbers of licence fields that stand on lines of their own
	found      map[Key]Field
}

const (
	// leastLine is the confidence below which a line is taken for ornament, not print.
	leastLine = 0.5
	// captionShare: a field whose value was found by a caption is at most this sure, since the layout was not known.
	captionShare = 0.95
	// belowReach and besideReach say how far from its caption a value stands, in heights of the caption.
	belowReach, besideReach = 2.6, 14.0
	// leftReach: a value below starts at most this far from where its caption starts, in heights.
	leftReach = 2.0
)

// extract gives the fields of one side. Nothing is guessed: a value stands where a caption points, and must have the field's form.
func (v *visual) extract() map[Key]Field {
	v.found = map[Key]Field{}
	v.seen, v.isCaption = make([]captioned, len(v.lines)), make([]bool, len(v.lines))
	for i, l := range v.lines {
		if l.Confidence >= leastLine {
			v.seen[i], v.isCaption[i] = v.captions.split(unnumbered(l.Text))
		}
	}
	if v.licence {
		v.numbered()
	}
	for i, c := range v.seen {
		if !v.isCaption[i] || c.key == keyOther {
			continue
		}
		if c.value != "" && v.accept(c.key, c.value, i) {
			continue
		}
		if c.value == "" {
			v.follow(c.key, i)
		}
	}
	v.nameAlone()
	return v.found
}

var leadingNumber = regexp.MustCompile(`^\s*\(?\d{1,2}[a-d]?[.)]?\s+`)

// unnumbered drops the number that ICAO and licences print before a caption.
func unnumbered(text string) string {
	if m := leadingNumber.FindString(text); m != "" && strings.IndexFunc(text[len(m):], unicode.IsLetter) == 0 {
		return text[len(m):]
	}
	return text
}

// follow looks for the value of the caption on line i: below it first, then beside it.
func (v *visual) follow(key Key, i int) {
	c := v.lines[i].Box
	var candidates []int
	for j, l := range v.lines {
		if j == i || v.isCaption[j] || l.Confidence < leastLine {
			continue
		}
		if isBelow(c, l.Box) || isBeside(c, l.Box) {
			candidates = append(candidates, j)
		}
	}
	slices.SortStableFunc(candidates, func(a, b int) int {
		return cmp.Compare(nearness(c, v.lines[a].Box), nearness(c, v.lines[b].Box))
	})
	for _, j := range candidates[:min(len(candidates), 3)] {
		text := v.lines[j].Text
		if key == KeyAddress || key == KeySurname && strings.HasPrefix(foldText(v.lines[i].Text), "APELLIDO") {
			text = v.paragraph(j, text)
		}
		if v.accept(key, text, j) {
			return
		}
	}
}

// isBelow says whether a box stands where the value below a caption would.
func isBelow(caption, b vision.Rect) bool {
	h := caption.Height()
	gap := b.Y0 - caption.Y1
	overlaps := min(b.X1, caption.X1)-max(b.X0, caption.X0) > 0.3*min(b.Width(), caption.Width())
	return gap > -0.6*h && b.Center().Y > caption.Center().Y+0.5*h && gap < belowReach*h &&
		(math.Abs(b.X0-caption.X0) < leftReach*h || overlaps && b.X0 > caption.X0-leftReach*h)
}

// isBeside says whether a box stands where the value to the right of a caption would.
func isBeside(caption, b vision.Rect) bool {
	h := max(caption.Height(), b.Height())
	gap := b.X0 - caption.X1
	return math.Abs(b.Center().Y-caption.Center().Y) < 0.5*h && gap > -0.5*h && gap < besideReach*h
}

// nearness orders candidates: below before beside, near before far.
func nearness(caption, b vision.Rect) float64 {
	h := caption.Height()
	if isBeside(caption, b) {
		const beside = 1.2 // in heights: a value below within it is preferred
		return beside + (b.X0-caption.X1)/h/besideReach
	}
	return (b.Y0-caption.Y1)/h + math.Abs(b.X0-caption.X0)/h/4
}

// paragraph adds to a value the lines that continue it: right below, starting at the same place, of the same height.
func (v *visual) paragraph(first int, text string) string {
	last := v.lines[first].Box
	const mostLines = 3
	for range mostLines - 1 {
		next := -1
		for j, l := range v.lines {
			h := last.Height()
			if !v.isCaption[j] && l.Confidence >= leastLine && l.Box.Y0-last.Y1 < 0.5*h && l.Box.Center().Y > last.Center().Y+0.5*h &&
				math.Abs(l.Box.X0-last.X0) < h && math.Abs(l.Box.Height()-h) < 0.35*h {
				next = j
			}
		}
		if next < 0 {
			return text
		}
		text, last = text+" "+v.lines[next].Text, v.lines[next].Box
	}
	return text
}

// accept normalises a value and keeps it if it has the form of its field. The surest value of a field stays.
func (v *visual) accept(key Key, raw string, line int) bool {
	value, share, ok := v.normalise(key, raw)
	if !ok {
		return false
	}
	l := v.lines[line]
	f := Field{Value: value, Raw: raw, Source: FromVisual, Confidence: captionShare * share * l.Confidence, Region: &Region{v.side, l.Quad}}
	if old, has := v.found[key]; !has || f.Confidence > old.Confidence+0.05 {
		v.found[key] = f
	}
	return true
}

// unsureDate is the confidence of a date whose day and month could be exchanged, or whose century was completed.
const unsureDate = 0.8

var (
	numberForm     = regexp.MustCompile(`^[A-Z0-9][A-Z0-9 .\-/]{3,22}$`)
	categoriesForm = regexp.MustCompile(`^[A-Z0-9 ,/\-+.]{1,40}$`)
	codeForm       = regexp.MustCompile(`^[A-Z]{1,3}$`)
)

// normalise gives the value of a field in the contract's form, how sure that form is (0 to 1), and whether the text has it at all.
func (v *visual) normalise(key Key, raw string) (value string, share float64, ok bool) {
	text := strings.Join(strings.Fields(raw), " ")
	switch key {
	case KeyDateOfBirth, KeyDateOfIssue, KeyDateOfExpiry:
		c := pastDate
		if key == KeyDateOfExpiry {
			c = futureDate
		}
		iso, sure, ok := parseDate(text, v.monthFirst, c, v.at)
		if !sure {
			return iso, unsureDate, ok
		}
		return iso, 1, ok
	case KeySex:
		value, ok = sexOf(text)
		return value, 1, ok && !(v.mujer && foldText(text) == "M")
	case KeyDocumentNumber, KeyPersonalNumber:
		upper := strings.ToUpper(strings.Trim(text, " .:#"))
		digits := strings.Count(digitsOnly.ReplaceAllString(upper, "#"), "#")
		return strings.ReplaceAll(upper, " ", ""), 1, numberForm.MatchString(upper) && digits >= 2
	case KeyLicenceCategories:
		upper := strings.ToUpper(text)
		separate := strings.FieldsFunc(upper, func(r rune) bool { return strings.ContainsRune(" ,;/", r) })
		return strings.Join(separate, " "), 1, len(separate) > 0 && categoriesForm.MatchString(upper)
	case KeyIssuingCountry:
		code := strings.ToUpper(strings.Trim(text, " .<"))
		return code, 1, codeForm.MatchString(code) && knownCode(code)
	case KeyNationality:
		return v.nationality(text)
	case KeyAddress, KeyIssuingAuthority, KeyPlaceOfBirth:
		_, _, dated := parseDate(text, v.monthFirst, pastDate, v.at)
		return text, 1, len(foldText(text)) >= 2 && !dated // a date in it belongs to another field
	default:
		return nameOf(text)
	}
}

var digitsOnly = regexp.MustCompile(`\d`)

// nationality keeps a code, a country's name as its code, and anything else as printed.
func (v *visual) nationality(text string) (string, float64, bool) {
	code := strings.ToUpper(strings.Trim(text, " .<"))
	if codeForm.MatchString(code) && knownCode(code) {
		return code, 1, true
	}
	if name, whole, ok := v.countries.find(text); ok && whole && !name.state {
		return name.code, 1, true
	}
	letters := foldText(text)
	return strings.ToUpper(text), 0.8, len(letters) >= 4 && !strings.ContainsAny(letters, "0123456789")
}

// nameOf accepts letters with the few marks that names have, at least two letters, no digits.
func nameOf(text string) (string, float64, bool) {
	text = strings.Trim(text, " .:,;*_-")
	letters := 0
	for _, r := range text {
		switch {
		case unicode.IsLetter(r):
			letters++
		case unicode.IsDigit(r), strings.ContainsRune(":;<>=+@#$%&*!?\"[]{}|", r):
			return "", 0, false
		}
	}
	const mostWords = 5 // longer ones are sentences
	return strings.ToUpper(text), 1, letters >= 2 && len(strings.Fields(text)) <= mostWords
}

var sexWords = map[string]string{
	"M": "M", "F": "F", "X": "X", "MALE": "M", "FEMALE": "F", "MASCULIN": "M", "FEMININ": "F", "MANNLICH": "M", "WEIBLICH": "F", "W": "F",
	"MASCULINO": "M", "FEMENINO": "F", "MASCHIO": "M", "FEMMINA": "F", "HOMME": "M", "FEMME": "F", "HOMBRE": "M", "MUJER": "F", "H": "M", "V": "F", "K": "F", "MAN": "M", "VROUW": "F", "1M": "M", "2F": "F",
}

// sexOf reads "F", "M/M", "Ж/F", "FEMALE": the last part that is a known word, since ICAO puts the international letter last.
func sexOf(text string) (string, bool) {
	parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("/ -.,:", r) })
	for _, part := range slices.Backward(parts) {
		if s, ok := sexWords[foldText(part)]; ok && len([]rune(part)) <= 10 {
			return s, true
		}
	}
	return "", false
}

// nameAlone reads "Name" as the surname where the document also names the given names: German and Dutch documents do so.
func (v *visual) nameAlone() {
	full, hasFull := v.found[KeyFullName]
	_, hasSurname := v.found[KeySurname]
	_, hasGiven := v.found[KeyGivenNames]
	if hasFull && !hasSurname && hasGiven {
		v.found[KeySurname] = full
		delete(v.found, KeyFullName)
	}
}
