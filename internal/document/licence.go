package document

import (
	"regexp"
	"strings"
)

// numberedField is a field by its number on a driving licence, possibly with a caption behind the number.
var numberedField = regexp.MustCompile(`^\s*(1|2|3|4a|4b|4c|4d|5|8|9|15)[.,:)]?\s*(.+)$`)

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

// americanCaptions stand behind the numbers on American licences; i and l are easily taken for each other.
var americanCaptions = regexp.MustCompile(`(?i)^(dob|[il1]ss|exp|d[l1]n?|[l1][il1]c|[l1]n|fn|class|sex|name|address|number|no)[.#:]*\s*`)

// numbered reads the numbered fields. A number counts only if its value has the form of its field.
func (v *visual) numbered() {
	numbers := europeanNumbers
	if v.monthFirst {
		numbers = americanNumbers
	}
	for i, l := range v.lines {
		m := numberedField.FindStringSubmatch(l.Text)
		if l.Confidence < leastLine || m == nil {
			continue
		}
		key, known := numbers[strings.ToLower(m[1])]
		if !known {
			continue
		}
		value := strings.TrimSpace(americanCaptions.ReplaceAllString(m[2], ""))
		switch key {
		case KeyDateOfBirth:
			v.birthLine(value, i)
		case KeyDocumentNumber:
			value = licenceNumber(value)
		case KeyLicenceCategories:
			value, _, _ = strings.Cut(value, " DONOR")
		case KeyAddress:
			value = v.paragraph(i, value)
		}
		if v.accept(key, value, i) {
			v.isCaption[i] = true
			v.seen[i] = captioned{key: keyOther}
		}
	}
}

// birthLine: Europe prints date and place of birth on one line.
func (v *visual) birthLine(value string, i int) {
	if m := afterDate.FindStringSubmatch(value); m != nil && !v.monthFirst {
		v.accept(KeyPlaceOfBirth, strings.Trim(m[1], " ,()"), i)
	}
}

var afterDate = regexp.MustCompile(`\d{4}[ ,]+(\p{L}.+)$`)

// licenceNumber keeps what stands before another numbered caption on the same line ("4d LIC#WDLABCD456DG 9CLASS").
func licenceNumber(value string) string {
	if i := strings.Index(strings.ToUpper(value), " 9"); i > 4 {
		return value[:i]
	}
	return value
}
