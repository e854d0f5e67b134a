package document

import (
	"slices"

	"ekyc"
)

// orderShare: a value that was found by its place in the order of the standard alone is this sure.
const orderShare = 0.8

// standardOrder reads the fields of a travel document that a machine readable zone does not state, where their captions could not be read, by the
// order of ICAO Doc 9303-4 to -6: the place of birth follows the date of birth and stands before the dates of the document, the
// authority follows the date of issue. Only a line that is alone in such a place is taken, and in the print of the values.
func (v *visual) standardOrder() {
	birth, stated := v.stated[KeyDateOfBirth]
	if v.licence || v.values.height == 0 || !stated || birth.Source != FromMRZ {
		return
	}
	v.lastDate()
	lines := v.unclaimed()
	birthAt, issueAt, expiryAt := v.lineOfKey(KeyDateOfBirth), v.lineOfKey(KeyDateOfIssue), v.lineOfKey(KeyDateOfExpiry)
	_, hasPlace := v.found[KeyPlaceOfBirth]
	_, hasAuthority := v.found[KeyIssuingAuthority]
	if end := v.first(issueAt, expiryAt); birthAt >= 0 && end >= 0 && v.follows(birthAt, end) && !hasPlace && v.kind != ekyc.OtherDocument { // visas have none
		v.only(KeyPlaceOfBirth, lines, func(i int) bool { return v.follows(birthAt, i) && v.follows(i, end) })
	}
	from := issueAt
	if v.kind == ekyc.OtherDocument { // visas begin with their dates
		from = birthAt
	}
	if from >= 0 && !hasAuthority {
		v.only(KeyIssuingAuthority, lines, func(i int) bool { return v.follows(from, i) })
	}
	if _, has := v.found[KeyAddress]; !has && birthAt < 0 { // the back of a card
		v.only(KeyAddress, v.unclaimed(), func(i int) bool { return streetForm.MatchString(v.lines[i].Text) })
	}
}

// lastDate reads a date of birth or of expiry that is printed otherwise than the zone has it, where its caption could not be read: the one date
// that is left on a side that has both of the others.
func (v *visual) lastDate() {
	dates := map[Key]string{}
	missing := Key("")
	for _, key := range []Key{KeyDateOfBirth, KeyDateOfIssue, KeyDateOfExpiry} {
		f, has := v.found[key]
		switch {
		case has:
			dates[key] = f.Value
		case missing != "":
			return
		default:
			missing = key
		}
	}
	if missing == "" || missing == KeyDateOfIssue {
		return
	}
	at := -1
	for i, l := range v.lines {
		if l.Confidence < leastLine || v.isCaption[i] || v.claimed(i) || !v.dated(l.Text) {
			continue
		}
		if at >= 0 {
			return
		}
		at = i
	}
	if at < 0 {
		return
	}
	iso, _, ok := v.normalise(missing, v.lines[at].Text)
	fits := missing == KeyDateOfBirth && iso < dates[KeyDateOfIssue] || missing == KeyDateOfExpiry && iso > dates[KeyDateOfIssue]
	if ok && fits && v.accept(missing, v.lines[at].Text, at) {
		v.lessSure(missing, orderShare)
	}
}

// only takes the one line that fits for the value of a field; of several none.
func (v *visual) only(key Key, lines []int, fits func(i int) bool) {
	at := -1
	for _, i := range lines {
		if _, _, ok := v.normalise(key, v.lines[i].Text); !ok || !fits(i) || key != KeyAddress && digitCount(v.lines[i].Text) > 0 {
			continue
		}
		if at >= 0 {
			return
		}
		at = i
	}
	if at >= 0 && v.accept(key, v.text(block{key: key, first: at}, at), at) {
		v.lessSure(key, orderShare)
	}
}

// unclaimed are the lines in the print of the values that are neither a caption nor a field's value, nor stand with a caption of what is no
// field, nor beside all fields; a line that continues another on its right is part of that.
func (v *visual) unclaimed() []int {
	left := v.leftOfFields()
	var others []block
	for i, c := range v.seen {
		if v.isCaption[i] && c.key == keyOther && c.value == "" {
			others = append(others, block{keyOther, i, v.lines[i].Box, v.lines[i].Box})
		}
	}
	const sure, higher = 0.8, 1.35
	var out []int
	for i, l := range v.lines {
		h := l.Box.Height()
		if v.isCaption[i] || l.Confidence < sure || v.claimed(i) || h < captionHeight*v.values.height || h > higher*v.values.height || l.Box.X0 < left-h {
			continue
		}
		if _, share, is := v.nationality(l.Text); is && share == 1 {
			continue
		}
		if slices.ContainsFunc(others, func(b block) bool { _, stands := stands(b, l.Box, v.relation); return stands }) {
			continue
		}
		if slices.ContainsFunc(v.lines, func(o TextLine) bool {
			return o.Box != l.Box && abs(o.Box.Center().Y-l.Box.Center().Y) < 0.4*h && l.Box.X0 > o.Box.Center().X && l.Box.X0-o.Box.X1 < h && !v.values.small(o.Box, captionHeight)
		}) {
			continue
		}
		out = append(out, i)
	}
	return out
}

// leftOfFields is where the leftmost value begins.
func (v *visual) leftOfFields() float64 {
	left := 1e9
	for _, f := range v.found {
		if i := v.lineOf(f); i >= 0 {
			left = min(left, v.lines[i].Box.X0)
		}
	}
	return left
}

// lineOfKey is the line of a field's value, -1 where it was not read.
func (v *visual) lineOfKey(key Key) int {
	if f, has := v.found[key]; has {
		return v.lineOf(f)
	}
	return -1
}

// follows says whether line b is read after line a: further right in a row, or in a row below.
func (v *visual) follows(a, b int) bool {
	first, second := v.lines[a].Box, v.lines[b].Box
	if d := second.Center().Y - first.Center().Y; abs(d) > 0.5*max(first.Height(), second.Height()) {
		return d > 0
	}
	return second.X0 > first.X0
}

// first is the line that is read first of two, of which either may be missing (-1).
func (v *visual) first(a, b int) int {
	if a < 0 || b >= 0 && v.follows(b, a) {
		return b
	}
	return a
}
