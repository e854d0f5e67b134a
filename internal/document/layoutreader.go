package document

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"

	"ekyc/internal/document/layout"
	"ekyc/internal/document/number"
	"ekyc/internal/vision"
)

// layoutReader extracts the fields of one side by the layout of its document.
type layoutReader struct {
	layout        *layout.Layout
	visual        *visual // for the forms of values
	lines         []TextLine
	width, height float64 // of the rectified side

	marks  []mark
	free   []piece
	offers []offer
	found  map[Key]Field
	from   map[Key]int // the line of each found value
}

// mark is a caption on a line.
type mark struct {
	key       Key
	continued bool // of a second part of the value
	line      int
	box       vision.Rect
	value     string // what follows it on the line
}

// piece is print that may be a value.
type piece struct {
	text string
	box  vision.Rect
	line int
}

// offer is a piece for a field: cost 0 on the caption's own line, else how far away it stands.
type offer struct {
	key       Key
	continued bool
	value     string
	raw       string
	share     float64
	line      int
	box       vision.Rect
	cost      float64
}

const (
	// layoutShare: a value whose document, caption and form are known is surer than one found by a caption alone.
	layoutShare = 0.99
	// mostOffers: of the pieces near a caption the nearest few are looked at.
	mostOffers = 4
)

func (p *layoutReader) extract() {
	for i, l := range p.lines {
		if l.Confidence < leastLine {
			continue
		}
		segments := p.layout.Segments(l.Text)
		if len(segments) == 0 {
			p.free = append(p.free, piece{l.Text, l.Box, i})
			p.numbered(i)
			continue
		}
		n := float64(len([]rune(l.Text)))
		for _, s := range segments {
			name, continued := strings.CutSuffix(s.Key, layout.Continued)
			box := l.Box
			box.X0, box.X1 = l.Box.X0+l.Box.Width()*float64(s.From)/n, l.Box.X0+l.Box.Width()*float64(s.To)/n
			p.marks = append(p.marks, mark{Key(name), continued, i, box, s.Value})
		}
	}
	for _, m := range p.marks {
		if m.key != keyOther {
			p.offer(m)
		}
	}
	p.assign()
	p.anywhere()
}

// numberedMark is the number of a field at the start of a line, and what follows it. A number without a point can also be a value's.
var numberedMark = regexp.MustCompile(`(?i)^\s*(1|2|3|4a|4b|4c|4d|5|8|9)([.,:]?)\s*(.*)$`)

// numbered offers what follows the number of a field on a licence.
func (p *layoutReader) numbered(i int) {
	m := numberedMark.FindStringSubmatch(p.lines[i].Text)
	if !p.layout.Numbered || m == nil || m[3] == "" {
		return
	}
	numbers := europeanNumbers
	if p.visual.monthFirst {
		numbers = americanNumbers
	}
	key := numbers[strings.ToLower(m[1])]
	field := p.layout.Fields[string(key)]
	value := m[3]
	if caption := americanCaptions[key]; caption != nil && p.visual.monthFirst {
		if value = strings.TrimSpace(caption.ReplaceAllString(value, "")); value == "" {
			return
		}
	}
	const unpointed = 0.5 // dearer than a value beside a number that stands alone
	switch {
	case field == nil:
	case m[2] != "":
		p.propose(mark{key: key, line: i}, piece{value, p.lines[i].Box, i}, 0)
	case len(field.Patterns) > 0 || len(m[1]) > 1:
		p.propose(mark{key: key, line: i}, piece{value, p.lines[i].Box, i}, unpointed)
	}
}

// offer lists what may be the value of a caption.
func (p *layoutReader) offer(m mark) {
	field := p.layout.Fields[string(m.key)]
	if m.value != "" && p.propose(m, piece{m.value, p.lines[m.line].Box, m.line}, 0) {
		return
	}
	if field.Value == layout.Anywhere && m.value == "" && len(field.Patterns) == 0 {
		return
	}
	limit := p.rightLimit(m)
	type candidate struct {
		piece
		cost float64
	}
	var near []candidate
	for _, c := range p.free {
		if cost, ok := distanceTo(field.Value, m.box, c.box); ok && !p.between(m, c.box) {
			if clipped, ok := clip(c, m.box, limit); ok {
				near = append(near, candidate{clipped, cost + p.foreignCost(m.key, c.line)})
			}
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.cost, b.cost) })
	for _, c := range near[:min(len(near), mostOffers)] {
		c.text = p.continueDown(field, c.piece)
		p.propose(m, c.piece, 0.1+c.cost)
	}
}

// foreignCost puts a name in the script of the country behind the Latin one that follows it.
func (p *layoutReader) foreignCost(key Key, line int) float64 {
	const behind = 1.5 // heights of the caption: as far as the next line
	l := p.lines[line]
	name := key == KeySurname || key == KeyGivenNames || key == KeyFullName
	if name && p.visual.twoScripts && l.National != "" && !strings.ContainsAny(l.Text, "/|") {
		return behind
	}
	return 0
}

// rightLimit is where the next caption in the row begins.
func (p *layoutReader) rightLimit(m mark) float64 {
	limit := math.Inf(1)
	for _, other := range p.marks {
		sameRow := math.Abs(other.box.Center().Y-m.box.Center().Y) < 0.6*m.box.Height()
		if sameRow && other.box.X0 >= m.box.X1-0.5*m.box.Height() && other.box.X0 < limit && other.key != m.key {
			limit = other.box.X0
		}
	}
	return limit
}

// distanceTo says whether a piece stands where the value of a caption may, and how far from there, in heights of the caption.
func distanceTo(place layout.Place, caption, b vision.Rect) (float64, bool) {
	h := max(caption.Height(), 1)
	across := max(0, max(b.X0, caption.X0)-min(b.X1, caption.X1)) / h // how far apart they are from left to right
	down := (b.Y0 - caption.Y1) / h
	switch tall := max(h, b.Height()); {
	case place != layout.Below && place != layout.Above && math.Abs(b.Center().Y-caption.Center().Y) < 0.5*tall && b.X0 > caption.X1-0.5*tall && b.X0-caption.X1 < besideReach*tall:
		beside := (b.X0 - caption.X1) / tall / 4
		if place == layout.Near {
			beside += 0.6 // a value right below is preferred
		}
		return max(0, beside), true
	case place == layout.Above:
		up := (caption.Y0 - b.Y1) / h
		return max(0, up) + across, up > -0.6 && up < belowReach && across < leftReach && b.Center().Y < caption.Center().Y-0.4*h
	case place == layout.Right:
		// A value set in larger type can begin lower than the middle of its caption.
		return 0, false
	}
	aligned := math.Abs(b.X0-caption.X0) / h
	if b.X0 < caption.X0-leftReach*h && b.X1 > caption.X0 {
		aligned = 0.5 // a row of values that were read as one line: it is cut to what stands below the caption
	}
	return max(0, down) + across + min(aligned, 2*leftReach)/4, down > -0.6 && down < belowReach && across < leftReach && b.Center().Y > caption.Center().Y+0.4*h
}

// between says whether another caption stands between a caption and what may be its value.
func (p *layoutReader) between(m mark, b vision.Rect) bool {
	low, high := min(m.box.Center().Y, b.Center().Y), max(m.box.Center().Y, b.Center().Y)
	for _, other := range p.marks {
		y := other.box.Center().Y
		slack := 0.4 * m.box.Height()
		if other.line != m.line && y > low+slack && y < high-slack && min(other.box.X1, b.X1)-max(other.box.X0, b.X0) > 0 {
			return true
		}
	}
	return false
}

// clip cuts a line that was read across several columns down to the words below one caption: from the caption's left to where the next
// begins.
func clip(c piece, caption vision.Rect, limit float64) (piece, bool) {
	h := caption.Height()
	beside := c.box.X0 >= caption.X1-0.5*h
	if c.box.X1 <= limit+h && (c.box.X0 >= caption.X0-leftReach*h || beside) {
		return c, true
	}
	runes := []rune(c.text)
	at := func(i int) float64 { return c.box.X0 + c.box.Width()*float64(i)/float64(len(runes)) }
	var words []string
	out := c
	for start, i := 0, 0; i <= len(runes); i++ {
		if i < len(runes) && runes[i] != ' ' {
			continue
		}
		middle := (at(start) + at(i)) / 2
		if i > start && middle < limit && (beside || middle > caption.X0-h) {
			if len(words) == 0 {
				out.box.X0 = at(start)
			}
			words, out.box.X1 = append(words, string(runes[start:i])), at(i)
		}
		start = i + 1
	}
	out.text = strings.Join(words, " ")
	return out, len(words) > 0
}

// continueDown adds the lines that continue a value, where the field has several: right below, starting at the same place, of the same height.
func (p *layoutReader) continueDown(field *layout.Field, first piece) string {
	text, last := first.text, first.box
	for range field.Lines - 1 {
		next := -1
		for k, c := range p.free {
			h := last.Height()
			gap := c.box.Y0 - last.Y1
			if gap > -0.4*h && gap < 0.9*h && math.Abs(c.box.X0-last.X0) < 1.2*h && math.Abs(c.box.Height()-h) < 0.4*h && c.line != first.line {
				next = k
				break
			}
		}
		if next < 0 {
			break
		}
		text, last = text+" "+p.free[next].text, p.free[next].box
	}
	return text
}

// propose keeps a piece as an offer if it has the form of its field.
func (p *layoutReader) propose(m mark, c piece, cost float64) bool {
	value, share, ok := p.form(m.key, c.text)
	if !ok {
		return false
	}
	p.offers = append(p.offers, offer{m.key, m.continued, value, c.text, share, c.line, c.box, cost})
	return true
}

// form gives the value of a field as the layout has it: words for the sex, patterns for numbers, else the form that any document's field has.
func (p *layoutReader) form(key Key, text string) (value string, share float64, ok bool) {
	field := p.layout.Fields[string(key)]
	if c, is := p.visual.captions.split(text); is && c.value == "" && telling(key) < 1 {
		return "", 0, false // a caption in a language that the layout does not name
	}
	switch {
	case key == KeySex && len(p.layout.Sexes) > 0:
		if letter, known := p.layout.SexOf(text); known {
			return letter, 1, true
		}
		for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" /-.,:()", r) }) {
			if letter, known := p.layout.SexOf(part); known {
				return letter, 1, true
			}
		}
		return "", 0, false
	case len(field.Patterns) > 0:
		return numberIn(field, text, true)
	case key == KeyDateOfBirth || key == KeyDateOfIssue || key == KeyDateOfExpiry:
		text = plainDate.Replace(text)
	}
	return p.visual.normalise(key, text)
}

// plainDate writes the dates of East Asia, 1990年1月31日, with points.
var plainDate = strings.NewReplacer("年", ".", "月", ".", "日", "", "년", ".", "월", ".", "일", "")

// numberIn finds a number of the field's patterns in a text: the whole of it, or some of its words where parts is true. Letters and digits that
// look the same are taken as the pattern has them. share is 1 for a number whose check digit holds or that has none.
func numberIn(field *layout.Field, text string, parts bool) (value string, share float64, ok bool) {
	const mostWords = 6
	words := strings.Fields(strings.ToUpper(text))
	try := func(candidate string) bool {
		written, repaired, matches := fitted(field.Patterns, candidate)
		if !matches {
			return false
		}
		value, share = written, 1
		if repaired {
			share = repairedShare
		}
		if field.Rule.Check(number.Compact(written)) == number.Refuted {
			share = refutedShare
		}
		return true
	}
	if try(strings.Join(words, "")) {
		return value, share, true
	}
	for n := min(len(words), mostWords); parts && n > 0; n-- {
		for i := 0; i+n <= len(words); i++ {
			if try(strings.Join(words[i:i+n], "")) {
				return value, share, true
			}
		}
	}
	return "", 0, false
}

const (
	// repairedShare: a letter that was read where the pattern has a digit is that digit in all fonts of documents that were looked at.
	repairedShare = 0.95
	// refutedShare: one character at least is wrong, or the document is.
	refutedShare = 0.5
)

// fitted matches a printed number with patterns; the marks in it stay.
func fitted(patterns []number.Pattern, printed string) (written string, repaired, ok bool) {
	printed = strings.Trim(printed, " .:,#*-")
	compact := number.Compact(printed)
	if number.Any(patterns, compact) {
		return printed, false, true
	}
	for _, pattern := range patterns {
		if len(pattern) != len(compact) {
			continue
		}
		if mended := mend(pattern, printed); pattern.Matches(number.Compact(mended)) {
			return mended, true, true
		}
	}
	return "", false, false
}

// mend writes the characters that look alike as the pattern has them: the letter O and the digit 0, the letter I and the digit 1.
func mend(pattern number.Pattern, printed string) string {
	const digits, look = "01", "OI"
	i := 0
	return strings.Map(func(r rune) rune {
		if number.Compact(string(r)) == "" {
			return r
		}
		place := pattern[i]
		i++
		digitWanted := place >= '0' && place <= '9'
		letterWanted := place == 'A' || place == 'n' || place >= 'a' && place <= 'z' || place >= 'B' && place <= 'Z' && place != 'G' && place != 'N'
		if at := strings.IndexRune(look, r); at >= 0 && digitWanted {
			return rune(digits[at])
		}
		if at := strings.IndexRune(digits, r); at >= 0 && letterWanted {
			return rune(look[at])
		}
		return r
	}, printed)
}

// assign gives each field the nearest of its offers that no nearer caption has taken.
func (p *layoutReader) assign() {
	slices.SortStableFunc(p.offers, func(a, b offer) int { return cmp.Compare(a.cost, b.cost) })
	type part struct {
		line int
		from int // where on the line, in pixels
	}
	taken := map[part]Key{}
	second := map[Key]offer{}
	for _, o := range p.offers {
		where := part{o.line, int(o.box.X0)}
		if _, used := taken[where]; used && o.cost > 0 {
			continue
		}
		if o.continued {
			if _, has := second[o.key]; !has {
				second[o.key] = o
				taken[where] = o.key
			}
			continue
		}
		if _, has := p.found[o.key]; has {
			continue
		}
		taken[where] = o.key
		p.keep(o)
	}
	for key, o := range second {
		if f, has := p.found[key]; has {
			f.Value, f.Raw = f.Value+" "+o.value, f.Raw+" "+o.raw
			f.Confidence = min(f.Confidence, layoutShare*o.share*p.lines[o.line].Confidence)
			p.found[key] = f
		}
	}
}

// keep makes an offer the field's value.
func (p *layoutReader) keep(o offer) {
	l := p.lines[o.line]
	confidence := layoutShare * o.share * l.Confidence
	f := Field{Value: o.value, Raw: o.raw, Source: FromVisual, Confidence: confidence, Region: &Region{p.visual.side, l.Quad}, National: l.National, Script: l.Script}
	if f.National == "" {
		f.National, f.Script = foreignPart(o.raw)
	}
	p.found[o.key] = f
	p.from[o.key] = o.line
	if field := p.layout.Fields[string(o.key)]; o.key == KeyDateOfBirth && field.Place && p.layout.Has(string(KeyPlaceOfBirth)) {
		if place, ok := aroundDate(o.raw); ok {
			if value, share, ok := p.visual.normalise(KeyPlaceOfBirth, place); ok {
				p.found[KeyPlaceOfBirth] = Field{Value: value, Raw: place, Source: FromVisual, Confidence: confidence * share, Region: &Region{p.visual.side, l.Quad}}
			}
		}
	}
}

// wholeDates are dates in digits, or with a month's name.
var wholeDates = []*regexp.Regexp{
	regexp.MustCompile(`\d{1,2}\s?[./\- ]\s?\d{1,2}\s?[./\- ]\s?\d{2,4}`), regexp.MustCompile(`\d{1,2}\s*[.\- ]?\s*\p{L}{3,}\.?\s*\d{4}`),
}

// aroundDate is what stands before or behind the date on a line.
func aroundDate(text string) (string, bool) {
	for _, form := range wholeDates {
		if m := form.FindStringIndex(text); m != nil {
			rest := strings.Trim(text[:m[0]]+" "+text[m[1]:], " ,;:/.-()")
			rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(rest, "à "), "À "))
			return rest, len(foldText(rest)) >= 2
		}
	}
	return "", false
}

// anywhere looks for the fields that stand without a caption: those of a telling form, and those in a place of their own.
func (p *layoutReader) anywhere() {
	for _, name := range layout.Keys {
		key, field := Key(name), p.layout.Fields[name]
		if field == nil || field.Value != layout.Anywhere && field.Box == nil {
			continue
		}
		if _, has := p.found[key]; has {
			continue
		}
		for _, c := range p.loose() {
			if field.Box != nil && !p.inBox(field.Box, c.box) || p.used(c.line) {
				continue
			}
			// Without a check digit or a place the number must be all that stands on the line.
			telling := field.Rule != "" || field.Box != nil
			value, share, ok := "", 0.0, false
			switch {
			case len(field.Patterns) > 0:
				value, share, ok = numberIn(field, c.text, telling)
			default:
				value, share, ok = p.form(key, c.text)
			}
			if ok && share > refutedShare {
				p.keep(offer{key: key, value: value, raw: c.text, share: share, line: c.line, box: c.box})
				break
			}
		}
	}
}

// loose is the print without captions, and what follows captions that name nothing else.
func (p *layoutReader) loose() []piece {
	out := slices.Clone(p.free)
	for _, m := range p.marks {
		if m.value != "" {
			out = append(out, piece{m.value, p.lines[m.line].Box, m.line})
		}
	}
	return out
}

func (p *layoutReader) used(line int) bool {
	for _, taken := range p.from {
		if taken == line {
			return true
		}
	}
	return false
}

func (p *layoutReader) inBox(box []float64, b vision.Rect) bool {
	c := b.Center()
	x, y := c.X/p.width, c.Y/p.height
	return x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]
}
