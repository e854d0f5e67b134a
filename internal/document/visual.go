package document

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"ekyc"
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
	twoScripts bool // names are printed in the country's script before or above their Latin form
	adjectives demonyms
	country    string            // the issuer, by ICAO's code
	kind       ekyc.DocumentType // of the document
	stated     map[Key]Field     // by a machine readable zone or a bar code
	values     valuePrint
	relation   relation // of captions to values, as assign found it, and by how many telling values
	related    float64
}

const (
	// leastLine is the confidence below which a line is taken for ornament, not print.
	leastLine = 0.5
	// leastBlurred is that for small print that shares a run of letters with a caption, which is evidence of its own.
	leastBlurred = 0.3
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
	v.values = valuesOf(v.lines)
	v.divide()
	v.seen, v.isCaption = make([]captioned, len(v.lines)), make([]bool, len(v.lines))
	for i, l := range v.lines {
		switch {
		case l.Confidence >= leastLine:
			v.seen[i], v.isCaption[i] = v.captionOf(l)
		case l.Confidence >= leastBlurred:
			v.seen[i], v.isCaption[i] = v.blurredCaption(l)
		}
	}
	if v.licence {
		v.numbered()
	}
	v.selfNamedDates()
	for i, c := range v.seen {
		if v.isCaption[i] && c.key != keyOther && c.value != "" && !v.accept(c.key, c.value, i) {
			v.seen[i].value = ""
		}
	}
	v.assign()
	v.nameAlone()
	v.typeRow()
	v.unnumberedFields()
	v.licenceColumn()
	v.anchor()
	v.standardOrder()
	return v.found
}

// captionOf sees a line as captions. The title of a document is none, though it may begin like one ("Residence permit").
func (v *visual) captionOf(l TextLine) (captioned, bool) {
	if key, ok := nationalCaption(l.National); ok && !strings.ContainsAny(l.Text, "/|") {
		return captioned{key: key}, true
	}
	c, ok := v.captions.split(unnumbered(l.Text))
	if !ok {
		return v.blurredCaption(l)
	}
	if v.misread(c.value, l.Box) {
		c.value = "" // a caption in another language
	}
	switch {
	case c.key == keyOther && c.value == "" && foldText(l.Text) == v.country: // CAN is a caption of Spain and the code of Canada
		return captioned{}, false
	case telling(c.key) < 1 && c.value != "" && v.values.noValue(l):
		c.value = ""
	case c.key == KeyAddress && digitCount(c.value) == 0 && c.value != "" && l.Text == strings.ToUpper(l.Text) && !v.values.small(l.Box, captionHeight):
		return captioned{}, false // an office that is called after what it directs
	case c.value != "" && !capitalised(c.value) && c.key != keyOther: // the words that go on tell which caption it is
		if key, _, ok := v.captions.blurred(l.Text); ok {
			return captioned{key: key}, true
		}
		return captioned{key: keyOther}, true
	}
	if v.licence && c.key == KeyDocumentNumber && strings.HasPrefix(foldText(l.Text), "ID") { // of the holder: the licence's own is named so
		c.key = KeyPersonalNumber
	}
	if ok && c.key != KeyDocumentNumber && c.key != keyOther {
		if kind, _, _, isTitle := titleOf(l.Text); isTitle && kind != ekyc.Passport && kind != ekyc.OtherDocument {
			return captioned{key: keyOther}, true
		}
	}
	return c, ok
}

var leadingNumber = regexp.MustCompile(`^\s*\(?\d{1,2}[a-d]?(?:[.)]\s*|\s+)`)

// unnumbered drops the number that ICAO and licences print before a caption.
func unnumbered(text string) string {
	if m := leadingNumber.FindString(text); m != "" && strings.IndexFunc(text[len(m):], unicode.IsLetter) == 0 {
		return text[len(m):]
	}
	return text
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

// paragraph adds to a value the lines that continue it: right below, starting at the same place or under the number of the field, of the
// same height, and not behind the number of another field.
func (v *visual) paragraph(first int, text string) string {
	last, left := v.lines[first].Box, v.lines[first].Box.X0
	if n := v.numberBefore(first); n >= 0 {
		left = v.lines[n].Box.X0
	}
	const mostLines = 3
	for range mostLines - 1 {
		next := -1
		for j, l := range v.lines {
			h := last.Height()
			if !v.isCaption[j] && l.Confidence >= leastLine && l.Box.Y0-last.Y1 < 0.55*h && !v.captionBetween(last, l.Box) && !v.dated(l.Text) && !(v.licence && euCategories.MatchString(l.Text)) && l.Box.Center().Y > last.Center().Y+0.5*h &&
				l.Box.X0 > left-h && l.Box.X0 < last.X0+h && math.Abs(l.Box.Height()-h) < 0.35*h && v.numberBefore(j) < 0 && !(v.licence && v.startsField(l.Text)) {
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

// captionBetween says whether a caption stands between two lines of one column.
func (v *visual) captionBetween(upper, lower vision.Rect) bool {
	for i, l := range v.lines {
		y := l.Box.Center().Y
		if v.isCaption[i] && y > upper.Center().Y && y < lower.Center().Y && min(l.Box.X1, lower.X1) > max(l.Box.X0, lower.X0) && min(l.Box.X1, upper.X1) > max(l.Box.X0, upper.X0) {
			return true
		}
	}
	return false
}

// numberBefore is the line of the bare number of a field right before a line, -1 where there is none.
func (v *visual) numberBefore(line int) int {
	if !v.licence {
		return -1
	}
	box := v.lines[line].Box
	for j, l := range v.lines {
		m := numberedField.FindStringSubmatch(l.Text)
		if j != line && m != nil && bare(m[2]) && isBeside(l.Box, box) && box.X0-l.Box.X1 < 4*box.Height() {
			return j
		}
	}
	return -1
}

// accept normalises a value and keeps it if it has the form of its field. The surest value of a field stays.
func (v *visual) accept(key Key, raw string, line int) bool {
	value, share, ok := v.normalise(key, v.inScript(key, raw, line))
	if !ok {
		return false
	}
	l := v.lines[line]
	f := Field{Value: value, Raw: raw, Source: FromVisual, Confidence: captionShare * share * l.Confidence, Region: &Region{v.side, l.Quad}}
	f.National, f.Script = l.National, l.Script
	if f.National == "" {
		f.National, f.Script = foreignPart(raw)
	}
	if old, has := v.found[key]; !has || f.Confidence > old.Confidence+0.05 {
		v.found[key] = f
	}
	return true
}

// inScript is the print of a line in the country's script where that is all of it, and has no Latin form beside it: the print recogniser
// took its letters for Latin ones.
func (v *visual) inScript(key Key, raw string, line int) string {
	l := v.lines[line]
	whole := l.National != "" && raw == l.Text && !strings.ContainsAny(l.Text, "/|")
	if whole && (key == KeyAddress || key == KeyIssuingAuthority || key == KeyPlaceOfBirth) {
		return l.National
	}
	return raw
}

// unsureDate is the confidence of a date whose day and month could be exchanged, or whose century was completed.
const unsureDate = 0.8

var (
	numberForm     = regexp.MustCompile(`^[A-Z0-9][A-Z0-9 .\-/()]{3,22}$`)
	categoriesForm = regexp.MustCompile(`^[A-Z0-9 ,/\-+.]{1,40}$`)
	codeForm       = regexp.MustCompile(`^[A-Z]{1,3}$`)
	smallLetters   = regexp.MustCompile(`[abdefghjmnqrty]`) // that do not look like a capital or a digit: numbers have none
	numbersAlone   = regexp.MustCompile(`^(?:\d{1,2}\.\s*)+$`)
)

// normalise gives the value of a field in the contract's form, how sure that form is (0 to 1), and whether the text has it at all.
func (v *visual) normalise(key Key, raw string) (value string, share float64, ok bool) {
	text := strings.Join(strings.Fields(raw), " ")
	if endNumber.MatchString(text) && telling(key) < 1 { // a caption that was not read in every letter
		return text, 1, false
	}
	switch key {
	case KeyDateOfBirth, KeyDateOfIssue, KeyDateOfExpiry:
		c := pastDate
		if key == KeyDateOfExpiry {
			c = futureDate
		}
		if v.country == "JPN" {
			text = eraWritten(text)
		}
		iso, sure, ok := parseDate(text, v.monthFirst, c, v.at)
		switch {
		case !sure && (v.country == "JPN" || v.country == "TWN"): // two digits are years of an era that was not read
			return "", 0, false
		case !sure:
			return iso, unsureDate, ok
		}
		return iso, 1, ok
	case KeySex:
		value, ok = sexOf(text)
		return value, 1, ok && !(v.mujer && foldText(text) == "M")
	case KeyDocumentNumber, KeyPersonalNumber:
		upper := strings.ToUpper(strings.Trim(dashes.Replace(text), " .:#"))
		digits := strings.Count(digitsOnly.ReplaceAllString(upper, "#"), "#")
		return strings.ReplaceAll(upper, " ", ""), 1, numberForm.MatchString(upper) && digits >= 2 && !smallLetters.MatchString(text) && !v.namesMonth(text)
	case KeyLicenceCategories:
		upper := strings.ToUpper(text)
		upper = gluedCategories.Replace(upper)
		separate := strings.FieldsFunc(upper, func(r rune) bool { return strings.ContainsRune(" ,;/", r) })
		long := slices.ContainsFunc(separate, func(c string) bool { return len(c) > longestCategory })
		heads := numbersAlone.MatchString(upper) // "10. 11. 12." over a table of categories
		return strings.Join(separate, " "), 1, len(separate) > 0 && !long && !heads && categoriesForm.MatchString(upper)
	case KeyIssuingCountry:
		code := strings.ToUpper(strings.Trim(text, " .<"))
		return code, 1, codeForm.MatchString(code) && knownCode(code)
	case KeyNationality:
		return v.nationality(text)
	case KeyAddress, KeyIssuingAuthority, KeyPlaceOfBirth:
		text = strings.Trim(v.latinPart(v.dotted(text)), " .:;,|")
		if m := canadianCode.FindStringSubmatch(text); m != nil {
			digits := strings.NewReplacer("O", "0", "I", "1")
			text = m[1] + m[2] + digits.Replace(m[3]) + m[4] + " " + digits.Replace(m[5]) + m[6] + digits.Replace(m[7])
		}
		switch key {
		case KeyPlaceOfBirth:
			text = lettersForZeros(text)
		case KeyAddress: // inside it stand codes such as AB0
			text = zeroAtLast.ReplaceAllString(text, "${1}O")
		}
		_, _, dated := parseDate(text, v.monthFirst, pastDate, v.at)
		text = v.ownMarks(key, text)
		if dated || !capitalised(text) || foldText(text) == "SPECIMEN" { // a date in it belongs to another field
			return text, 1, false
		}
		return text, 1, letterCount(text) >= 2 || officeCode.MatchString(text) && key == KeyIssuingAuthority
	default:
		value, share, ok = nameOf(v.latinPart(v.dotted(text)))
		return v.ownMarks(key, value), share, ok && capitalised(text)
	}
}

// capitalised says whether a text has a capital, a digit or a letter of a script without capitals: words without any are part of a caption.
func capitalised(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsLower(r) && (unicode.IsLetter(r) || unicode.IsDigit(r)) })
}

// dated says whether a text is a date, in digits with marks between them or with a month's name.
func (v *visual) dated(text string) bool {
	if !dateAlone.MatchString(text) || digitCount(text) == len([]rune(text)) {
		return false
	}
	_, _, ok := parseDate(text, v.monthFirst, pastDate, v.at)
	return ok
}

// namesMonth says whether it is one with a month's name.
func (v *visual) namesMonth(text string) bool { return letterCount(text) >= 3 && v.dated(text) }

// latinPart is what of a text in two scripts, with a stroke between them, is in Latin letters. Letters of a script that the print recogniser
// does not know look Latin: the state's own script comes first.
func (v *visual) latinPart(text string) string {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '|' })
	if len(parts) < 2 {
		return text
	}
	if v.twoScripts {
		return strings.TrimSpace(parts[len(parts)-1])
	}
	for _, part := range parts {
		if _, script := foreignPart(part); script == "" && len(foldText(part)) >= 2 && foreignLetters(text) {
			return strings.TrimSpace(part)
		}
	}
	return text
}

// gluedCategories are pairs of categories whose stroke was lost; AM comes first where there are several.
var gluedCategories = strings.NewReplacer("AMB", "AM B", "AMA", "AM A")

// longestCategory has three letters or digits ("C1E"), and one more for what marks it off.
const longestCategory = 4

// dashes are the longer strokes that small print is taken for.
var dashes = strings.NewReplacer("–", "-", "—", "-", "−", "-")

// canadianCode is a postal code of Canada at the end of a line, behind its province: letters and digits take turns.
var canadianCode = regexp.MustCompile(`^(.*\b(?:AB|BC|MB|NB|NL|NS|NT|NU|ON|PE|QC|SK|YT) )([A-Z])([0-9OI])([A-Z]) ?([0-9OI])([A-Z])([0-9OI])$`)

// officeCode is an authority that is a number, as Ukraine prints it.
var officeCode = regexp.MustCompile(`^\d{4}$`)

var digitsOnly = regexp.MustCompile(`\d`)

// nationality keeps a code, a country's name as its code, and anything else as printed. A word of two states is that of the one which issued the
// document, or which its zone or bar code names, and else stays a word.
func (v *visual) nationality(text string) (string, float64, bool) {
	text = strings.TrimSpace(text[strings.LastIndex(text, ":")+1:]) // behind a caption that was not known for one
	code := strings.ToUpper(strings.Trim(text, " .<"))
	if codeForm.MatchString(code) && knownCode(code) {
		return code, 1, true
	}
	codes := v.adjectives.find(text)
	if len(codes) > 1 {
		for _, code := range []string{v.stated[KeyNationality].Value, v.country} {
			if slices.Contains(codes, code) {
				return code, 1, true
			}
		}
	} else if name, whole, ok := v.countries.find(text); ok && whole && !name.state {
		return name.code, 1, true
	} else if len(codes) == 1 {
		return codes[0], 1, true
	}
	letters := foldText(text)
	return strings.ToUpper(text), 0.8, len(letters) >= 4 && !strings.ContainsAny(letters, "0123456789")
}

// nameOf accepts letters with the few marks that names have, at least two letters, no digits.
func nameOf(text string) (string, float64, bool) {
	text = strings.Trim(text, " .:,;*_-/|")
	text = lettersForZeros(text)
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
	least := 2
	if foreignLetters(text) { // a Chinese name can be one letter
		least = 1
	}
	return strings.ToUpper(text), 1, letters >= least && len(strings.Fields(text)) <= mostWords
}

// lettersForZeros writes the letter O for the digit in words of capitals.
func lettersForZeros(text string) string {
	return zeroAtEnd.ReplaceAllString(zeroInWord.ReplaceAllString(text, "${1}O$2"), "${1}O$2")
}

var (
	zeroInWord = regexp.MustCompile(`(\p{Lu})0(\p{Lu})`)
	zeroAtEnd  = regexp.MustCompile(`(\p{Lu}{2})0(\s|$)`)
	zeroAtLast = regexp.MustCompile(`(\s\p{Lu}{2,})0$`)
)

var sexWords = map[string]string{
	"M": "M", "F": "F", "X": "X", "MALE": "M", "FEMALE": "F", "MASCULIN": "M", "FEMININ": "F", "MANNLICH": "M", "WEIBLICH": "F", "W": "F",
	"MASCULINO": "M", "FEMENINO": "F", "MASCHIO": "M", "FEMMINA": "F", "HOMME": "M", "FEMME": "F", "HOMBRE": "M", "MUJER": "F", "H": "M", "V": "F", "K": "F", "MAN": "M", "VROUW": "F", "ZENA": "F", "MUZ": "M", "KADIN": "F", "ERKEK": "M", "MIES": "M", "NAINEN": "F", "FERFI": "M", "NO": "F", "1M": "M", "2F": "F",
}

// sexOf reads "F", "M/M", "Ж/F", "FEMALE": the last part that is a known word, since ICAO puts the international letter last.
func sexOf(text string) (string, bool) {
	parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("/ -.,:", r) })
	for _, part := range slices.Backward(parts) {
		if s := hanSex[part]; s != "" {
			return s, true
		}
		if s, ok := sexWords[foldText(part)]; ok && len([]rune(part)) <= 10 {
			return s, true
		}
	}
	return "", false
}

// nameAlone settles captions that name a part of the name on one document and all of it on another. "Name" is the surname where the
// document also names the given names (Germany, the Netherlands), the given names where it names the surname (South Africa), and
// "nome" or "nombre", given names beside a surname, all of the name where there is none (Brazil, Mexico).
func (v *visual) nameAlone() {
	full, hasFull := v.found[KeyFullName]
	_, hasSurname := v.found[KeySurname]
	given, hasGiven := v.found[KeyGivenNames]
	switch {
	case hasFull && !hasSurname && hasGiven:
		v.found[KeySurname] = full
		delete(v.found, KeyFullName)
	case hasFull && hasSurname && !hasGiven:
		v.found[KeyGivenNames] = full
		delete(v.found, KeyFullName)
	case hasGiven && !hasSurname && !hasFull && !v.heads(KeySurname) && v.headedByName():
		v.found[KeyFullName] = given
		delete(v.found, KeyGivenNames)
	}
}

// heads says whether the side has a caption of a field.
func (v *visual) heads(key Key) bool {
	return slices.ContainsFunc(v.seen, func(c captioned) bool { return c.key == key })
}

// headedByName says whether the caption of the given names is the word for a name alone.
func (v *visual) headedByName() bool {
	v.selfNamedDates()
	for i, c := range v.seen {
		if v.isCaption[i] && c.key == KeyGivenNames {
			text := foldText(strings.TrimSuffix(v.lines[i].Text, c.value))
			return text == "NOME" || text == "NOMBRE"
		}
	}
	return false
}
