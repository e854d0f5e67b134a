package document

import (
	"cmp"
	"math"
	"slices"

	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

// row is one printed row of a machine readable zone: its centre line in native coordinates from the first character to the last,
// and its height across (of the text detector's box at first, of the capitals after it was measured).
type row struct {
	from, to vision.Point
	height   float64
}

func (r row) length() float64 { return r.from.Distance(r.to) }
func (r row) angle() float64  { return vision.Angle(r.from, r.to) }

func (r row) direction() vision.Point {
	return r.to.Sub(r.from).Scale(1 / max(1e-9, r.length()))
}

// reversed is the row as it reads when the image is turned by 180 degrees.
func (r row) reversed() row { return row{r.to, r.from, r.height} }

// quad is the rectangle around the centre line, margin longer at both ends and height high.
func (r row) quad(margin, height float64) vision.Quad {
	u := r.direction()
	v := vision.Point{X: -u.Y, Y: u.X}.Scale(height / 2)
	a, b := r.from.Sub(u.Scale(margin)), r.to.Add(u.Scale(margin))
	return vision.Quad{a.Sub(v), b.Sub(v), b.Add(v), a.Add(v)}
}

// across is the signed distance of a point from the row's line, positive below it.
func (r row) across(p vision.Point) float64 {
	u, d := r.direction(), p.Sub(r.from)
	return u.X*d.Y - u.Y*d.X
}

// along is the position of a point along the row, 0 at its start.
func (r row) along(p vision.Point) float64 {
	u, d := r.direction(), p.Sub(r.from)
	return u.X*d.X + u.Y*d.Y
}

func (r row) middle() vision.Point { return r.from.Midpoint(r.to) }

// How text boxes join into rows, in multiples of the height of the longest piece. The values were set on the `tune` half of the
// reference documents; ICAO 9303-3 leaves no gaps inside a row, so a gap is a lost filler or a stamp.
const (
	pieceAspect   = 3.0               // a piece at least this long beside its height has a direction of its own
	seedAspect    = 5.0               // a row starts from a piece at least this long
	rowAspect     = 7.0               // 30 characters of 2.54 mm are 76 mm beside boxes of up to 8 mm
	joinAngle     = 7 * math.Pi / 180 // between pieces of one row
	joinAcross    = 0.5               // offset of a piece's centre from the row's line
	joinGap       = 4.0               // between pieces
	heightRatio   = 2.0               // of the heights of pieces and of rows of a zone
	groupAngle    = 5 * math.Pi / 180 // between rows of a zone
	spacingMin    = 0.75              // between rows of a zone; boxes are grown, so rows may overlap
	spacingMax    = 3.2
	groupOverlap  = 0.5  // of the shorter row's length
	groupLength   = 0.35 // the shorter row's length beside the longer's
	spacingJitter = 0.35 // between the two spacings of a zone of three rows
	maxGroups     = 8    // zones that are tried in one image
)

// joinRows joins the detector's boxes into rows: pieces in line with each other, longest first.
func joinRows(boxes []ocr.Box) []row {
	order := slices.Clone(boxes)
	slices.SortStableFunc(order, func(a, b ocr.Box) int { return cmp.Compare(b.Long(), a.Long()) })
	used := make([]bool, len(order))
	var rows []row
	for i, seed := range order {
		if used[i] || seed.Long() < seedAspect*seed.Short() {
			continue
		}
		used[i] = true
		r := boxRow(seed)
		for grown := true; grown; {
			grown = false
			for j, piece := range order {
				if !used[j] && joins(r, piece) {
					r, used[j], grown = extend(r, piece), true, true
				}
			}
		}
		if r.length() >= rowAspect*r.height {
			rows = append(rows, r)
		}
	}
	return rows
}

// boxRow is the centre line of one box.
func boxRow(b ocr.Box) row {
	q := b.Quad
	if b.Vertical() {
		q = q.Turn(1)
	}
	return row{q[0].Midpoint(q[3]), q[1].Midpoint(q[2]), q.Height()}
}

func joins(r row, piece ocr.Box) bool {
	p := boxRow(piece)
	if piece.Long() >= pieceAspect*piece.Short() && angleBetween(r.angle(), p.angle()) > joinAngle {
		return false
	}
	if ratio := piece.Short() / r.height; ratio > heightRatio || ratio < 1/heightRatio {
		return false
	}
	if math.Abs(r.across(p.middle())) > joinAcross*r.height {
		return false
	}
	from, to := r.along(p.from), r.along(p.to)
	from, to = min(from, to), max(from, to)
	return from-r.length() < joinGap*r.height && -to < joinGap*r.height
}

// extend lengthens a row over a piece in line with it; a long piece also bends its direction.
func extend(r row, piece ocr.Box) row {
	p := boxRow(piece)
	if r.along(p.from) > r.along(p.to) {
		p = p.reversed()
	}
	total := r.length() + p.length()
	out := row{r.from, r.to, (r.height*r.length() + p.height*p.length()) / total}
	if r.along(p.from) < 0 {
		out.from = p.from
	}
	if r.along(p.to) > r.length() {
		out.to = p.to
	}
	if p.length() < pieceAspect*p.height { // its ends say nothing of the direction
		u := r.direction()
		project := func(q vision.Point) vision.Point { return r.from.Add(u.Scale(r.along(q))) }
		out.from, out.to = project(out.from), project(out.to)
	}
	return out
}

// angleBetween is the angle between two undirected lines, 0 to π/2.
func angleBetween(a, b float64) float64 {
	d := math.Mod(math.Abs(a-b), math.Pi)
	return min(d, math.Pi-d)
}

// groupRows gives the sets of two and three parallel rows that may be a machine readable zone, likeliest first, each in
// reading order for an image that is not upside down.
func groupRows(rows []row) [][]row {
	next := make([][]int, len(rows))
	for i, a := range rows {
		for j, b := range rows {
			if i != j && below(a, b) {
				next[i] = append(next[i], j)
			}
		}
	}
	var groups [][]row
	for i := range rows {
		for _, j := range next[i] {
			groups = append(groups, []row{rows[i], rows[j]})
			for _, k := range next[j] {
				if s, t := spacing(rows[i], rows[j]), spacing(rows[j], rows[k]); math.Abs(s-t) < spacingJitter*max(s, t) {
					groups = append(groups, []row{rows[i], rows[j], rows[k]})
				}
			}
		}
	}
	slices.SortStableFunc(groups, func(a, b []row) int { return cmp.Compare(promise(b), promise(a)) })
	return groups[:min(len(groups), maxGroups)]
}

func spacing(a, b row) float64 { return (a.across(b.middle()) - b.across(a.middle())) / 2 }

// below says whether b may be the row after a.
func below(a, b row) bool {
	if angleBetween(a.angle(), b.angle()) > groupAngle {
		return false
	}
	if ratio := a.height / b.height; ratio > heightRatio || ratio < 1/heightRatio {
		return false
	}
	height := (a.height + b.height) / 2
	if s := spacing(a, b); s < spacingMin*height || s > spacingMax*height {
		return false
	}
	shorter, longer := min(a.length(), b.length()), max(a.length(), b.length())
	common := min(a.length(), max(a.along(b.from), a.along(b.to))) - max(0, min(a.along(b.from), a.along(b.to)))
	return shorter >= groupLength*longer && common >= groupOverlap*shorter
}

// promise ranks groups: rows of a zone are long beside their height and end at the same places.
func promise(group []row) float64 {
	longest, shortest, aspect := 0.0, math.Inf(1), 0.0
	for _, r := range group {
		longest, shortest = max(longest, r.length()), min(shortest, r.length())
		aspect += r.length() / r.height / float64(len(group))
	}
	const td3Aspect = 24 // the longest rows there are; more is no better
	bonus := 0.0
	if len(group) == 3 {
		bonus = 2 // three rows that fit are rarer by chance than two
	}
	return min(aspect, td3Aspect)*(0.5+0.5*shortest/longest) + bonus
}
