package document

import (
	"regexp"
	"strings"
)

// numberedField is a field by its number on a driving licence, possibly with a caption behind the number.
var numberedField = regexp.MustCompile(`(?i)^\s*(15|1|2|3|4a|4b|4c|4d|5|8|9)[.,:)]?(?:\s*([^.,:)\s].*))?$`)

// fields of the numbers in Annex I of Directive 2006/126/EC and in ISO/IEC 18013-1, which AAMVA shares up to 4c.
var europeanNumbers = map[string]Key{
	"1": KeySurname, "2": KeyGivenNames, "3": KeyDateOfBirth, "4a": KeyDateOfIssue, "4b": KeyDateOfExpiry, "4c": KeyIssuingAuthority,
	"4d": KeyPersonalNumber, "5": KeyDocumentNumber, "8": KeyAddress, "9": KeyLicenceCategories,
}

// fields of the numbers in AAMVA DL/ID Card Design Standard 2020, annex D: 4d is the customer's number, which is the licence number.
var americanNumbers = map[string]Key{
	"1": KeySurname, "2": KeyGivenNames, "3": KeyDateOfBirth, "4a": KeyDateOfIssue, "4b": KeyDateOfExpiry,
	"4d": KeyDocumentNumber, "8": KeyAddress, "9": KeyLicenceCategories, "15": KeySex,
}

// americanCaptions stand behind the numbers on American licences, by the field; i and l are easily taken for each other. Words that names or
// addresses can begin with need an end.
var americanCaptions = map[Key]*regexp.Regexp{
	KeySurname: americanCaption(`(?:[l1]n|name(?:/nom)?)(?:[.#:]+|\s|$)`), KeyGivenNames: americanCaption(`(?:fn|name(?:/nom)?)(?:[.#:]+|\s|$)`),
	KeyDateOfBirth: americanCaption(`d[o0][b8](?:/ddn)?`), KeyDateOfIssue: americanCaption(`[il1]ss(?:/d[eé]l)?`), KeyDateOfExpiry: americanCaption(`exp(?:/exp)?`),
	KeyDocumentNumber: americanCaption(`(?:d[l1](?:\s?n[o0]|n)?|[l1][il1]c(?:\s?n[o0])?|id|number(?:/num[eé]ro)?|no)`), KeySex: americanCaption(`sex(?:/sexe)?`),
	KeyLicenceCategories: americanCaption(`class(?:/cat[eé]g\.?)?`), KeyAddress: americanCaption(`address(?:[.#:]+|\s|$)`),
}

func americanCaption(words string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)^` + words + `[.#:]*\s*`)
}

// anyCaption is one of them alone.
var anyCaption = regexp.MustCompile(`(?i)^(dob(/ddn)?|[il1]ss(/d[eé]l)?|exp(/exp)?|d[l1](\s?n[o0]|n)?|[l1][il1]c|[l1]n|fn|class(/cat[eé]g)?|sex(/sexe)?|name(/nom)?|address|number(/num[eé]ro)?|no)[.#:]*$`)

// americanSign is a line that only North American licences have: a number with its English caption, or the document discriminator.
var americanSign = regexp.MustCompile(`(?i)^\s*(3\s?DOB|4a\s?[il1]ss|4b\s?EXP|4d\s?(LIC|DL|[l1][il1]c|ID|NO)|15\s?SEX|16\s?HGT|17\s?WGT|18\s?EYES|5\s?DD|9a\s?END|12\s?REST)`)

// american says whether the print follows the AAMVA standard: dates are then month first.
func american(lines []TextLine) bool {
	const leastSigns = 3
	n := 0
	for _, l := range lines {
		if l.Confidence >= leastLine && americanSign.MatchString(l.Text) {
			n++
		}
	}
	return n >= leastSigns
}

// secondOnLine is another numbered caption on the same line: "4d LIC#WDLABCD456DG 9 CLASS B".
var secondOnLine = regexp.MustCompile(`(?i)\s9\s?CLASS\s+([A-Z0-9]{1,3})\b.*$`)

// numbered reads the numbered fields. A number counts only if its value has the form of its field.
func (v *visual) numbered() {
	numbers := europeanNumbers
	if v.monthFirst {
		numbers = americanNumbers
	}
	v.alone = v.standAlone()
	for i, l := range v.lines {
		m := numberedField.FindStringSubmatch(l.Text)
		if l.Confidence < leastLine || m == nil || v.isCaption[i] { // passports number their captions too
			continue
		}
		if !bare(m[2]) && v.alone[strings.ToLower(m[1])] {
			continue // "2 ELM AVENUE" where 2 has its own place
		}
		key, known := numbers[strings.ToLower(m[1])]
		glued := startsValue.MatchString(l.Text) && m[1] != "15" && !(v.monthFirst && key == KeyAddress) // a value that begins like a number
		if !known || glued || m[1] == "9" && strings.HasPrefix(strings.ToLower(m[2]), "a ") {            // 9a: endorsements
			continue
		}
		value, at := m[2], i
		if bare(value) {
			value, at = v.rightOf(i)
		}
		if v.numberedValue(key, value, at) {
			v.isCaption[i], v.seen[i] = true, captioned{key: keyOther}
		}
	}
}

// bare says whether nothing but a caption follows a number.
func bare(value string) bool {
	return value == "" || anyCaption.MatchString(strings.TrimSpace(value))
}

// standAlone is the numbers that stand on lines of their own: the same digits before other words are then part of a value.
func (v *visual) standAlone() map[string]bool {
	alone := map[string]bool{}
	for _, l := range v.lines {
		if m := numberedField.FindStringSubmatch(l.Text); m != nil && bare(m[2]) && l.Confidence >= leastLine {
			alone[strings.ToLower(m[1])] = true
		}
	}
	return alone
}

// startsField says whether a line begins with the number of a field.
func (v *visual) startsField(text string) bool {
	m := numberedField.FindStringSubmatch(text)
	return m != nil && !startsValue.MatchString(text) && (bare(m[2]) || !v.alone[strings.ToLower(m[1])])
}

// numberedValue takes what stands behind a number.
func (v *visual) numberedValue(key Key, value string, at int) bool {
	if class := secondOnLine.FindStringSubmatch(value); class != nil && v.monthFirst {
		v.accept(KeyLicenceCategories, class[1], at)
		value = secondOnLine.ReplaceAllString(value, "")
	}
	if caption := americanCaptions[key]; caption != nil {
		value = strings.TrimSpace(caption.ReplaceAllString(value, ""))
	}
	switch key {
	case KeyDateOfBirth:
		v.birthLine(value, at)
	case KeyLicenceCategories:
		value, _, _ = strings.Cut(value, " DONOR")
	case KeyAddress:
		value = v.paragraph(at, value)
	}
	return value != "" && v.accept(key, value, at)
}

// rightOf joins the lines to the right of a number that stands alone, up to the next number.
func (v *visual) rightOf(number int) (text string, first int) {
	// leastPiece is the confidence below which one or two letters are taken for ornament.
	const leastPiece = 0.7
	const step = 6.0 // the widest gap between pieces of one value, in heights
	first, edge := number, v.lines[number].Box
	for {
		next := -1
		for j, l := range v.lines {
			if j == number || v.isCaption[j] || l.Confidence < leastLine || l.Confidence < leastPiece && len([]rune(l.Text)) < 3 || !isBeside(edge, l.Box) || l.Box.X0-edge.X1 > step*edge.Height() ||
				text != "" && l.Box.X1 <= edge.X1 { // each piece reaches further right, a narrow one does not stand beside itself
				continue
			}
			if next < 0 || l.Box.X0 < v.lines[next].Box.X0 {
				next = j
			}
		}
		if next < 0 || v.startsField(v.lines[next].Text) {
			return text, first
		}
		if text == "" {
			first = next
		}
		text, edge = joinName(text, v.lines[next].Text), v.lines[next].Box
	}
}

// startsValue tells values that begin with digits, such as dates and house numbers, from numbers of fields.
var startsValue = regexp.MustCompile(`^\s*(\d{2,}|\d[./-]\s?\d)`)

// birthLine: Europe prints date and place of birth on one line.
func (v *visual) birthLine(value string, i int) {
	if m := afterDate.FindStringSubmatch(value); m != nil && !v.monthFirst {
		v.accept(KeyPlaceOfBirth, strings.Trim(m[1], " ,()"), i)
	}
}

var afterDate = regexp.MustCompile(`\d[./-]\s?\d{1,2}[./-]\s?(?:\d{4}|\d{2})[ ,]*(\p{L}.+)$`)
