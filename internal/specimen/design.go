package specimen

import (
	"math/rand/v2"
	"strings"
	"time"

	"ekyc/internal/vision"
)

// arrangement says where a caption stands beside its value.
type arrangement int

const (
	captionAbove   arrangement = iota
	captionStacked             // above, its languages in lines of their own
	captionLeft                // in a column of captions
	captionInline              // right before the value
	captionRight               // behind the value
	captionBelow               // under the value
	arrangements
)

// design is how one document prints its fields.
type design struct {
	from     *issuer
	place    arrangement
	joint    string // between the languages of a caption
	numbered int    // 0 no, 1 "(1)" behind the caption, 2 "1." before it
	capitals bool   // captions in capitals
	caption  typeface
	value    typeface
	dates    string
	colon    bool // behind a caption
	code     bool // the nationality is printed as its code
	twoLines bool // names in two scripts stand in two lines
	plan     int
}

// house is the design of the documents of Utopia, which demonstrations and measurements of speed rest on.
func (d *Document) house(r *rand.Rand) bool {
	return d.from.code == "UTO" || d.from.dates == nil && r.IntN(3) == 0
}

// newDesign draws a design: what the issuer's documents have is kept, the rest is left to the seed.
func newDesign(r *rand.Rand, from *issuer) *design {
	g := &design{
		from:     from,
		place:    pick(r, []arrangement{captionAbove, captionAbove, captionAbove, captionStacked, captionLeft, captionInline, captionRight, captionBelow}),
		joint:    pick(r, []string{" / ", "/", " / ", " • "}),
		numbered: pick(r, []int{0, 0, 0, 1, 2}),
		capitals: r.IntN(4) == 0,
		caption:  pick(r, []typeface{regular, regular, condensed, roman, serif}),
		value:    pick(r, []typeface{medium, bold, roman, condensed, serif, monospaced, ocrB}),
		colon:    r.IntN(5) == 0,
		code:     r.IntN(5) == 0,
		twoLines: r.IntN(2) == 0,
		plan:     r.IntN(passportPlans),
	}
	dates := from.dates
	if dates == nil {
		dates = []string{"02.01.2006", "02 Jan 2006", "02 Jan/Jan 2006 ef"}
	}
	g.dates = pick(r, dates)
	if from.latin != nil || from.language == japanese || from.language == turkish || from.language == romanian {
		g.value = pick(r, []typeface{medium, bold, roman}) // typefaces that have the letters
	}
	if g.place == captionInline {
		g.colon = true
	}
	return g
}

// words are the captions of a field in the languages of the document, the issuer's first.
func (g *design) words(key string) []string {
	first := say(g.from.language, key)
	if own := g.from.own[key]; own != "" {
		first = own
	}
	beside := g.from.beside
	if beside == nil && g.from.language != english {
		beside = []int{english}
	}
	out := []string{first}
	for _, language := range beside {
		if word := say(language, key); language != arabic && word != out[len(out)-1] {
			out = append(out, word)
		}
	}
	const most = 4
	return out[:min(len(out), most)]
}

// numberOf is the place of a field in the list by which ICAO data pages number their captions.
var numberOf = map[string]string{
	"surname": "1", "given_names": "2", "nationality": "3", "date_of_birth": "4", "sex": "5", "place_of_birth": "6", "date_of_issue": "7", "date_of_expiry": "8", "issuing_authority": "9",
}

// letterWidth is the mean advance of letters in ems, and leastCaption how much a caption may be narrowed: documents rather leave
// languages out.
const letterWidth, leastCaption = 0.53, 0.85

// captionLines are the lines of the caption of a field that fits a width in ems.
func (g *design) captionLines(key string, ems float64) []string {
	words := g.words(key)
	for g.place != captionStacked && len(words) > 1 && letterWidth*leastCaption*float64(len([]rune(strings.Join(words, g.joint)))) > ems {
		words = words[:len(words)-1]
	}
	if g.capitals {
		for i, w := range words {
			words[i] = upper(w)
		}
	}
	lines := []string{strings.Join(words, g.joint)}
	if g.place == captionStacked {
		lines = words
	}
	field := strings.TrimPrefix(key, "passport_")
	last := len(lines) - 1
	switch number := numberOf[field]; {
	case number != "" && g.numbered == 1:
		lines[last] += " (" + number + ")"
	case number != "" && g.numbered == 2:
		lines[0] = number + ". " + lines[0]
	}
	if g.colon {
		lines[last] += ":"
	}
	return lines
}

var monthWords = map[rune]string{
	'e': "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", 'f': "JAN FÉV MARS AVR MAI JUIN JUIL AOÛT SEPT OCT NOV DÉC", 's': "ENE FEB MAR ABR MAY JUN JUL AGO SEP OCT NOV DIC",
	'p': "JAN FEV MAR ABR MAI JUN JUL AGO SET OUT NOV DEZ", 'z': "1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",
}

// dateStyle prints a date: layout is Go's, with one letter for the language of each month's name after a last blank where it is
// not English: e, f, s, p, z (Chinese), h after z for nothing.
func dateStyle(layout string, t time.Time) string {
	languages := ""
	if i := strings.LastIndex(layout, " "); i > 0 && strings.Trim(layout[i+1:], "efspzh") == "" {
		layout, languages = layout[:i], strings.ReplaceAll(layout[i+1:], "h", "e")
	}
	parts := strings.Split(layout, "Jan")
	var out strings.Builder
	for i, part := range parts {
		if i > 0 {
			language := 'e'
			if i <= len(languages) {
				language = rune(languages[i-1])
			}
			out.WriteString(strings.Fields(monthWords[language])[t.Month()-1])
		}
		out.WriteString(t.Format(part))
	}
	return out.String()
}

// cell is a field in a row of a page.
type cell struct {
	key    string // of the caption
	weight float64
}

// columns splits "surname" or "sex:1 place_of_birth:2" into cells.
func columns(row string) []cell {
	var out []cell
	for part := range strings.FieldsSeq(row) {
		key, weight, found := strings.Cut(part, ":")
		c := cell{key, 1}
		if found {
			c.weight = float64(weight[0] - '0')
		}
		out = append(out, c)
	}
	return out
}

// stated is a value with the field that it states.
type stated struct{ field, text, national string }

// page prints the rows into a box, evenly spaced. A row with several cells is broken up where captions need the width.
func (g *design) page(s *side, box vision.Rect, rows []string, values map[string]stated) {
	var lines [][]cell
	for _, row := range rows {
		var kept []cell
		for _, c := range columns(row) {
			if values[c.key].text != "" {
				kept = append(kept, c)
			}
		}
		if wide := g.place == captionLeft || g.place == captionRight || g.place == captionInline && len(kept) > 1; wide {
			for _, c := range kept {
				lines = append(lines, []cell{c})
			}
		} else if len(kept) > 0 {
			lines = append(lines, kept)
		}
	}
	total := 0.0
	for _, line := range lines {
		total += g.heightOf(line, values)
	}
	pitch := box.Height() / total
	y := box.Y0
	for _, line := range lines {
		weights, x := 0.0, box.X0
		for _, c := range line {
			weights += c.weight
		}
		for _, c := range line {
			width := box.Width() * c.weight / weights
			g.print(s, c.key, values[c.key], x, y, width-2, min(1, pitch/g.fullPitch()))
			x += width
		}
		y += pitch * g.heightOf(line, values)
	}
}

// heightOf is how many pitches a row takes.
func (g *design) heightOf(line []cell, values map[string]stated) float64 {
	for _, c := range line {
		if values[c.key].national != "" && g.twoLines {
			return 1.45
		}
	}
	return 1
}

// fullPitch is the distance between rows, in millimetres, at which text has its full size.
func (g *design) fullPitch() float64 {
	switch g.place {
	case captionAbove, captionBelow:
		return 7
	case captionStacked:
		return 9
	}
	return 4.8
}

// print is one field with its caption. y is the baseline of the first line.
func (g *design) print(s *side, key string, v stated, x, y, width, k float64) {
	small := style{face: g.caption, size: captionSize * k, ink: solid(0x44505A)}
	large := style{face: g.value, size: valueSize * k, ink: solid(0x14181C)}
	if g.value == monospaced || g.value == ocrB || g.value == serif {
		large.size *= 0.88
	}
	share := map[arrangement]float64{captionLeft: 0.46, captionRight: 0.48, captionInline: 0.6}[g.place]
	if share == 0 {
		share = 1
	}
	captions := g.captionLines(key, share*width/small.size)
	switch g.place {
	case captionLeft:
		column := 0.46 * (width + 2)
		s.texts = append(s.texts, printed{text: strings.Join(captions, " "), x: x, y: y, style: small, room: column - 1})
		g.values(s, v, x+column, y, width-column, large)
	case captionRight:
		column := 0.52 * (width + 2)
		g.values(s, v, x, y, column-1, large)
		s.texts = append(s.texts, printed{text: strings.Join(captions, " "), x: x + column, y: y, style: small, room: width - column})
	case captionInline:
		s.texts = append(s.texts, printed{text: strings.Join(captions, " "), x: x, y: y, style: small, room: 0.6 * width})
		s.texts = append(s.texts, printed{field: v.field, text: v.whole(), y: y, style: large, follows: 1.3 * k, room: width})
	case captionBelow:
		g.values(s, v, x, y, width, large)
		s.texts = append(s.texts, printed{text: captions[0], x: x, y: y + 2.3*k, style: small, room: width})
	default:
		for i, line := range captions {
			s.texts = append(s.texts, printed{text: line, x: x, y: y + 1.9*k*float64(i), style: small, room: width})
		}
		g.values(s, v, x, y+(1.9*float64(len(captions)-1)+3.2)*k, width, large)
	}
}

// whole is a value with its form in another script before it.
func (v stated) whole() string {
	if v.national == "" {
		return v.text
	}
	return v.national + "/" + v.text
}

func (g *design) values(s *side, v stated, x, y, width float64, k style) {
	if v.national == "" || !g.twoLines || g.place == captionBelow || g.place == captionRight {
		s.texts = append(s.texts, printed{field: v.field, text: v.whole(), x: x, y: y, style: k, room: width})
		return
	}
	s.texts = append(s.texts, printed{text: v.national, x: x, y: y, style: k, room: width})
	s.texts = append(s.texts, printed{field: v.field, text: v.text, x: x, y: y + k.size, style: k, room: width})
}

// values are what the document states, as its design prints it.
func (d *Document) values(g *design) map[string]stated {
	p := d.Holder
	letters := upper
	if g.from.mixed {
		letters = func(s string) string { return s }
	}
	citizen := d.citizen()
	if g.code {
		citizen = p.Nationality
	}
	sex := p.Sex
	if g.from.language == spanish && g.from.code == "MEX" && d.Kind == IDCardNational && sex == "M" {
		sex = "H"
	}
	date := func(t time.Time) string { return dateStyle(g.dates, t) }
	return map[string]stated{
		"type": {"", "P", ""}, "code": {"issuing_country", d.from.code, ""},
		"passport_number": {"document_number", d.Number, ""}, "document_number": {"document_number", d.Number, ""},
		"surname": {"surname", letters(p.Surname), upper(p.nationalSurname)}, "given_names": {"given_names", letters(p.GivenNames), upper(p.nationalGiven)},
		"full_name": {"full_name", letters(p.FullName()), ""}, "nationality": {"nationality", citizen, ""},
		"date_of_birth": {"date_of_birth", date(p.Born), ""}, "sex": {"sex", sex, ""}, "place_of_birth": {"place_of_birth", letters(p.PlaceOfBirth), ""},
		"date_of_issue": {"date_of_issue", date(d.Issued), ""}, "date_of_expiry": {"date_of_expiry", date(d.Expires), ""},
		"issuing_authority": {"issuing_authority", d.office, ""}, "personal_number": {"personal_number", d.Personal, ""},
		"address": {"address", upper(p.Address), ""}, "licence_categories": {"licence_categories", d.Fields["licence_categories"], ""},
	}
}

const passportPlans = 4

// passportRows are arrangements of data pages: British and Irish, Indian, American, and the common one of Doc 9303-4 appendix A.
func passportRows(plan int) []string {
	head := "type:1 code:2 passport_number:4"
	switch plan {
	case 0:
		return []string{head, "surname", "given_names", "nationality", "date_of_birth:1 personal_number:1", "sex:2 place_of_birth:5", "date_of_issue:1 issuing_authority:1", "date_of_expiry"}
	case 1:
		return []string{head, "surname", "given_names", "nationality:3 sex:2 date_of_birth:3", "place_of_birth", "issuing_authority:1 personal_number:1", "date_of_issue:1 date_of_expiry:1"}
	case 2:
		return []string{head, "surname", "given_names", "nationality", "date_of_birth", "place_of_birth:3 sex:2", "date_of_issue:1 issuing_authority:1", "date_of_expiry:1 personal_number:1"}
	}
	return []string{head, "surname", "given_names", "nationality:1 date_of_birth:1", "sex:2 place_of_birth:5", "date_of_issue:1 date_of_expiry:1", "issuing_authority:1 personal_number:1"}
}

// designedPassport is the data page of a passport in the given design.
func (d *Document) designedPassport(g *design) *side {
	s := &side{size: id3, corner: 3, colours: d.from.colours, band: true}
	s.title(d.from.name, strings.Join(g.words("passport"), " "), 46, 6.4, 0.9)
	s.specimenMark(22.5, 9.5, 1)
	s.portrait = vision.Rect{X0: 5.5, Y0: 16, X1: 40.5, Y1: 61}
	g.page(s, vision.Rect{X0: 46, Y0: 15.6, X1: 121, Y1: 67}, passportRows(g.plan), d.values(g))
	s.arabicCaptions(g, 121, 15.6)
	s.machineZone(d.MRZ)
	return s
}

// arabicCaptions prints, at the right edge, what documents of two directions of writing do.
func (s *side) arabicCaptions(g *design, right, top float64) {
	for _, language := range g.from.beside {
		if language != arabic {
			continue
		}
		for i, key := range []string{"passport_number", "surname", "given_names", "nationality", "date_of_birth"} {
			s.texts = append(s.texts, printed{text: say(arabic, key), x: right, y: top + 9.6*float64(i), style: style{face: arabicFace, size: 2, ink: solid(0x44505A), align: 1}})
		}
	}
}

// designedCard is the front of a card of size TD1.
func (d *Document) designedCard(g *design, title string) *side {
	s := &side{size: id1, corner: 3.18, colours: d.from.colours, band: true}
	s.title(d.from.name, strings.Join(g.words(title), " / "), 5, 4.6, 0.8)
	s.portrait = vision.Rect{X0: 4.5, Y0: 12.5, X1: 26.5, Y1: 40.5}
	s.specimenMark(15.5, 45.4, 0.8)
	rows := [][]string{
		{"surname", "given_names", "sex:2 nationality:3 date_of_birth:4", "place_of_birth", "document_number:1 date_of_expiry:1"},
		{"surname", "given_names", "date_of_birth:3 sex:2", "nationality", "document_number", "date_of_expiry"},
		{"document_number", "surname", "given_names", "nationality:1 date_of_birth:1", "place_of_birth:3 sex:1", "date_of_expiry"},
	}
	g.page(s, vision.Rect{X0: 30, Y0: 12.8, X1: 83.5, Y1: 51}, rows[g.plan%len(rows)], d.values(g))
	return s
}

// designedBack carries the rest of what a card says, and three lines of thirty.
func (d *Document) designedBack(g *design) *side {
	s := &side{size: id1, corner: 3.18, colours: d.from.colours, strip: true}
	g.page(s, vision.Rect{X0: 5, Y0: 6, X1: 66, Y1: 29}, []string{"address", "date_of_issue:1 personal_number:1", "issuing_authority"}, d.values(g))
	s.specimenMark(75, 12, 0.6)
	s.machineZone(d.MRZ)
	return s
}

// designedTD2 is a card of the larger size.
func (d *Document) designedTD2(g *design) *side {
	s := &side{size: id2, corner: 3, colours: d.from.colours, band: true, strip: true}
	s.title(d.from.name, strings.Join(g.words("identity_card"), " / "), 5, 5.6, 0.9)
	s.specimenMark(19, 53, 0.9)
	s.portrait = vision.Rect{X0: 5, Y0: 13.5, X1: 33, Y1: 49.5}
	rows := []string{"surname", "given_names", "date_of_birth:3 sex:2", "nationality:1 place_of_birth:1", "document_number:1 date_of_issue:1", "date_of_expiry:1 issuing_authority:1"}
	g.page(s, vision.Rect{X0: 37, Y0: 14.2, X1: 103, Y1: 54}, rows, d.values(g))
	s.machineZone(d.MRZ)
	return s
}
