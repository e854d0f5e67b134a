package document

import (
	"cmp"
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

	marks   []mark
	foreign []mark // captions that the layout does not name
	free    []piece
	offers  []offer
	found   map[Key]Field
	from    map[Key]int // the line of each found value
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
			if found, is := p.visual.captions.split(unnumbered(l.Text)); is && found.value == "" && found.key != keyOther {
				p.foreign = append(p.foreign, mark{key: found.key, line: i, box: l.Box})
			}
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
		if cost, ok := distanceTo(field.Value, m.box, c.box); ok && !p.between(m, c.box) && (telling(m.key) == 1 || !p.captioned(c)) {
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

// propose keeps a piece as an offer if it has the form of its field.
func (p *layoutReader) propose(m mark, c piece, cost float64) bool {
	value, share, ok := p.form(m.key, c.text)
	if !ok || telling(m.key) < 1 && p.captioned(c) {
		return false
	}
	p.offers = append(p.offers, offer{m.key, m.continued, value, c.text, share, c.line, c.box, cost})
	return true
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

// anywhere looks for the fields that stand without a caption: those of a telling form, those in a place of their own, and numbers with a check digit,
// whose caption may not have been read. A line that has the form of a number but for its check digit is taken, with doubt, where it is the only one.
func (p *layoutReader) anywhere() {
	for _, name := range layout.Keys {
		key, field := Key(name), p.layout.Fields[name]
		if field == nil || field.Value != layout.Anywhere && field.Box == nil && field.Rule == "" {
			continue
		}
		if _, has := p.found[key]; has {
			continue
		}
		hidden := field.Value != layout.Anywhere && field.Box == nil
		if hidden && slices.ContainsFunc(p.marks, func(m mark) bool { return m.key == key }) {
			continue // its caption was read, and has a value of another form
		}
		var doubted []offer
		for _, c := range p.loose() {
			if field.Box != nil && !p.inBox(field.Box, c.box) || p.used(c.line) {
				continue
			}
			// Without a check digit or a place the number must be all that stands on the line.
			telling := field.Rule != "" && !hidden || field.Box != nil
			value, share, ok := "", 0.0, false
			switch {
			case hidden && (dateLike(c.text) || field.Rule.Check(number.Compact(c.text)) != number.Holds):
			case len(field.Patterns) > 0:
				value, share, ok = numberIn(field, c.text, telling)
			case !p.captioned(c):
				value, share, ok = p.form(key, c.text)
			}
			found := offer{key: key, value: value, raw: c.text, share: share, line: c.line, box: c.box}
			if ok && share > refutedShare {
				p.keep(found)
				doubted = nil
				break
			}
			if ok && field.Value == layout.Anywhere && number.Compact(value) == number.Compact(c.text) {
				doubted = append(doubted, found)
			}
		}
		if len(doubted) == 1 {
			p.keep(doubted[0])
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
