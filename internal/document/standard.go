package document

import (
	"regexp"
	"slices"
	"strings"
)

// typeRow reads the first row of a passport's data page, where ICAO Doc 9303-4 (zone I) puts the document code, the issuing State and the
// number, in this order: for captions that could not be read.
func (v *visual) typeRow() {
	at := slices.IndexFunc(v.lines, func(l TextLine) bool { return passportCode.MatchString(l.Text) && l.Confidence >= leastLine })
	if at < 0 {
		return
	}
	row := v.lines[at].Box
	for j, l := range v.lines {
		h := row.Height()
		if j == at || v.isCaption[j] || l.Confidence < leastLine || abs(l.Box.Center().Y-row.Center().Y) > 0.5*h || l.Box.X0 < row.X1 {
			continue
		}
		if _, has := v.found[KeyIssuingCountry]; !has && v.accept(KeyIssuingCountry, l.Text, j) {
			continue
		}
		if _, has := v.found[KeyDocumentNumber]; !has && passportNumber.MatchString(strings.ToUpper(l.Text)) {
			v.accept(KeyDocumentNumber, l.Text, j)
		}
	}
}

var (
	passportCode   = regexp.MustCompile(`^P[A-Z]?$`)
	passportNumber = regexp.MustCompile(`^[A-Z0-9]{6,10}$`)
)

// unnumberedFields finds fields of a driving licence whose number was not read, by the order that the standards prescribe: surname above
// given names, categories last.
func (v *visual) unnumberedFields() {
	if !v.licence {
		return
	}
	if v.monthFirst || v.country == "CAN" { // whose dates have the year first
		v.postalAddress()
		return
	}
	given, hasGiven := v.found[KeyGivenNames]
	if _, has := v.found[KeySurname]; !has && hasGiven {
		if i := v.lineOf(given); i >= 0 {
			v.above(KeySurname, i)
		}
	}
	last := -1
	for _, key := range []Key{KeyDocumentNumber, KeyAddress} {
		if f, has := v.found[key]; has {
			if i := v.lineOf(f); i >= 0 && (last < 0 || v.lines[i].Box.Y0 > v.lines[last].Box.Y0) {
				last = i
			}
		}
	}
	if last < 0 {
		return
	}
	for _, j := range v.column(last) {
		text := v.lines[j].Text
		_, hasAddress := v.found[KeyAddress]
		_, hasCategories := v.found[KeyLicenceCategories]
		switch {
		case !hasCategories && euCategories.MatchString(text):
			v.accept(KeyLicenceCategories, text, j)
			return
		case !hasAddress && streetForm.MatchString(text):
			v.accept(KeyAddress, text, j)
		}
	}
}

var (
	euCategories = regexp.MustCompile(`^(?:AM|A1|A2|A|B1|BE|B|C1E|C1|CE|C|D1E|D1|DE|D|T|L|M|F|G)(?:[ ,/]*(?:AM|A1|A2|A|B1|BE|B|C1E|C1|CE|C|D1E|D1|DE|D|T|L|M|F|G))*$`)
	streetForm   = regexp.MustCompile(`\p{L}{3,}.*\d+.*\p{L}{3,}`)
	postalLine   = regexp.MustCompile(`\b[A-Z]{2},?\s?(?:\d{5}(?:-?\d{4})?|[A-Z][0-9O][A-Z]\s?[0-9O][A-Z][0-9O])$`)
)

// lineOf is the line that a field was read from, -1 where it was joined of several.
func (v *visual) lineOf(f Field) int {
	if f.Region == nil {
		return -1
	}
	return slices.IndexFunc(v.lines, func(l TextLine) bool { return l.Quad == f.Region.Quad })
}

// above takes the line right above a value, in its column, as the value of a field.
func (v *visual) above(key Key, line int) {
	box := v.lines[line].Box
	best := -1
	for j, l := range v.lines {
		gap := box.Y0 - l.Box.Y1
		if !v.isCaption[j] && l.Confidence >= leastLine && abs(l.Box.X0-box.X0) < box.Height() && gap > -0.3*box.Height() && gap < 1.2*box.Height() {
			if best < 0 || l.Box.Y0 > v.lines[best].Box.Y0 {
				best = j
			}
		}
	}
	if best >= 0 {
		v.accept(key, v.lines[best].Text, best)
	}
}

// column is the lines below a value in its column that no number claims, from the top.
func (v *visual) column(line int) []int {
	box := v.lines[line].Box
	var out []int
	for j, l := range v.lines {
		if !v.isCaption[j] && l.Confidence >= leastLine && abs(l.Box.X0-box.X0) < box.Height() && l.Box.Y0 > box.Center().Y {
			out = append(out, j)
		}
	}
	slices.SortFunc(out, func(a, b int) int { return int(v.lines[a].Box.Y0 - v.lines[b].Box.Y0) })
	return out
}

// postalAddress finds the address of a North American licence that prints no number before it: a line that ends with a jurisdiction and a
// postal code, and the street above it.
func (v *visual) postalAddress() {
	if _, has := v.found[KeyAddress]; has {
		return
	}
	for i, l := range v.lines {
		if l.Confidence < leastLine || v.isCaption[i] || !postalLine.MatchString(l.Text) {
			continue
		}
		for j, street := range v.lines {
			if j != i && !v.isCaption[j] && isBelow(street.Box, l.Box) && l.Box.Y0-street.Box.Y1 < 0.8*l.Box.Height() && abs(street.Box.X0-l.Box.X0) < l.Box.Height() && streetLine.MatchString(street.Text) {
				v.accept(KeyAddress, street.Text+" "+l.Text, j)
				return
			}
		}
	}
}

var streetLine = regexp.MustCompile(`^\d+\s?\p{L}`)

// respace gives a printed name the blanks of its coded form where the two are the same letters: narrow print loses them, wide print gains them.
func respace(printed, coded string) string {
	letters, words := strings.ReplaceAll(printed, " ", ""), foldWords(coded)
	f := fold(letters)
	if strings.Count(printed, " ") == strings.Count(words, " ") || f.text != strings.ReplaceAll(words, " ", "") || len(f.text) != len([]rune(letters)) {
		return printed
	}
	runes := []rune(letters)
	var out []rune
	at := 0
	for _, r := range words {
		if r == ' ' {
			out = append(out, ' ')
			continue
		}
		out = append(out, runes[at])
		at++
	}
	return string(out)
}

// alike writes one letter for all characters of a number that look the same.
func alike(number string) string { return strings.ReplaceAll(lookAlike(number), "2", "Z") }

// likeCoded gives a printed number the characters of its coded form where the two look the same.
func likeCoded(printed, coded string) string {
	written := foldText(coded)
	if foldText(printed) == written || alike(foldText(printed)) != alike(written) {
		return printed
	}
	at := 0
	return strings.Map(func(r rune) rune {
		if foldText(string(r)) == "" || at >= len(written) {
			return r
		}
		at++
		return rune(written[at-1])
	}, printed)
}

// nationalCaptions are captions in Cyrillic and Greek letters, without marks, in capitals.
var nationalCaptions = map[Key]string{
	KeySurname: "ПРІЗВИЩЕ|ФАМИЛИЯ|ПРЕЗИМЕ|ПРОЗВІШЧА|ТЕГІ|ЕПΩNYMO|ΕΠΩΝΥΜΟ", KeyGivenNames: "ІМ'Я|ИМЯ|ИМЕ|ИМЕНА|ΟΝΟΜΑ|АТЫ|ІМЯ", KeyNationality: "ГРОМАДЯНСТВО|ГРАЖДАНСТВО|ДРЖАВЉАНСТВО|ГРАМАДЗЯНСТВА|ΙΘΑΓΕΝΕΙΑ",
	KeyDateOfBirth: "ДАТА НАРОДЖЕННЯ|ДАТА РОЖДЕНИЯ|ДАТА НА РАЖДАНЕ|ДАТУМ РОЂЕЊА|ΗΜΕΡΟΜΗΝΙΑ ΓΕΝΝΗΣΗΣ|ΗΜΕΡ. ΓΕΝΝΗΣΗΣ", KeySex: "СТАТЬ|ПОЛ|ФΥΛΟ|ΦΥΛΟ", KeyPlaceOfBirth: "МІСЦЕ НАРОДЖЕННЯ|МЕСТО РОЖДЕНИЯ|МЯСТО НА РАЖДАНЕ|МЕСТО РОЂЕЊА|ΤΟΠΟΣ ΓΕΝΝΗΣΗΣ",
	KeyDateOfIssue: "ДАТА ВИДАЧІ|ДАТА ВЫДАЧИ|ДАТА НА ИЗДАВАНЕ|ДАТУМ ИЗДАВАЊА|ΗΜΕΡΟΜΗΝΙΑ ΕΚΔΟΣΗΣ|ΗΜΕΡ. ΕΚΔΟΣΗΣ", KeyDateOfExpiry: "ДІЙСНИЙ ДО|ДАТА ЗАКІНЧЕННЯ СТРОКУ ДІЇ|ДАТА ОКОНЧАНИЯ СРОКА ДЕЙСТВИЯ|ВАЛИДНОСТ|ВАЖИ ДО|ΗΜΕΡΟΜΗΝΙΑ ΛΗΞΗΣ|ΗΜΕΡ. ΛΗΞΗΣ",
	KeyIssuingAuthority: "ОРГАН, ЩО ВИДАВ|ОРГАН, ВЫДАВШИЙ ДОКУМЕНТ|ИЗДАДЕН ОТ|ОРГАН|ΕΚΔΟΥΣΑ ΑΡΧΗ", KeyPersonalNumber: "ЗАПИС №|ЕГН|РНОКПП|ПРОСΩΠΙΚΟΣ ΑΡΙΘΜΟΣ|ΠΡΟΣΩΠΙΚΟΣ ΑΡΙΘΜΟΣ", KeyAddress: "МІСЦЕ ПРОЖИВАННЯ|ПОСТОЯНЕН АДРЕС|ΔΙΕΥΘΥΝΣΗ",
	KeyDocumentNumber: "НОМЕР ПАСПОРТА|НОМЕР ДОКУМЕНТА|№ НА ПАСПОРТА|№ НА ДОКУМЕНТА|ΑΡΙΘΜΟΣ ΕΓΓΡΑΦΟΥ|ΑΡ. ΔΙΑΒΑΤΗΡΙΟΥ", KeyIssuingCountry: "КОД ДЕРЖАВИ|КОД НА ДЪРЖАВАТА|КОД ГОСУДАРСТВА",
}

// nationalCaption finds a whole text among them.
func nationalCaption(national string) (Key, bool) {
	if national == "" {
		return "", false
	}
	text := strings.ToUpper(captionEnd.ReplaceAllString(strings.TrimSpace(withoutMarks(national)), ""))
	for key, words := range nationalCaptions {
		if slices.Contains(strings.Split(words, "|"), text) {
			return key, true
		}
	}
	return "", false
}

var captionEnd = regexp.MustCompile(`^\d{1,2}\.?\s+|\s*(?:\(\d{1,2}\))?[\s:,|]*$`)
