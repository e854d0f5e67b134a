package document

import (
	"math"
	"slices"

	"ekyc/internal/vision"
)

// strip is the neighbourhood of a group of rows, rectified along them so that a character is about stripCapital pixels high,
// with a map of the ink on it. It is where rows are measured: their exact height and ends.
type strip struct {
	ink        []float64 // darkness beside the near surroundings, row-major
	width      int
	height     int
	toNative   vision.Homography
	toStrip    vision.Homography
	inkQuantum float64 // ink below it is noise
}

const (
	// stripRow is the height in pixels to which a detected row is brought; capitals are then 10 to 16 pixels high.
	stripRow = 24
	// maxStripWidth bounds the work on one strip: 44 characters of 25 pixels, and the margins.
	maxStripWidth = 1600
	// strokeReach is the half width of the closing whose residue is ink: wider than an OCR-B stroke, narrower than a character.
	strokeReach = 4
	// marginAlong and marginAcross are how far the strip reaches beyond the rows: by a third of their length (pale fillers at
	// one end may be a third of a row) and one and a half heights.
	marginAlong, marginAcross = 0.34, 1.5
)

// newStrip cuts the strip around a group of rows in reading order.
func newStrip(p *vision.Pyramid, group []row) (*strip, bool) {
	q := envelope(group)
	height := 0.0
	for _, r := range group {
		height += r.height / float64(len(group))
	}
	q = growQuad(q, marginAlong*q.Width(), marginAcross*height)
	scale := stripRow / height
	width := int(min(q.Width()*scale, maxStripWidth))
	scale = float64(width) / q.Width()
	s := &strip{width: width, height: max(8, int(q.Height()*scale))}
	frame := vision.Rect{X1: float64(s.width), Y1: float64(s.height)}.Quad()
	var ok1, ok2 bool
	s.toNative, ok1 = vision.Between(frame, q)
	s.toStrip, ok2 = vision.Between(q, frame)
	if !ok1 || !ok2 || s.width < 64 {
		return nil, false
	}
	s.measureInk(p.Warp(s.toNative, s.width, s.height, vision.BorderReplicate).Gray())
	return s, true
}

// envelope is the rectangle in the direction of the rows around all of them.
func envelope(group []row) vision.Quad {
	var axis vision.Point
	for _, r := range group {
		axis = axis.Add(r.to.Sub(r.from))
	}
	u := axis.Scale(1 / max(1e-9, math.Hypot(axis.X, axis.Y)))
	v := vision.Point{X: -u.Y, Y: u.X}
	u0, u1, v0, v1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, r := range group {
		for _, p := range r.quad(0, r.height) {
			pu, pv := p.X*u.X+p.Y*u.Y, p.X*v.X+p.Y*v.Y
			u0, u1, v0, v1 = min(u0, pu), max(u1, pu), min(v0, pv), max(v1, pv)
		}
	}
	at := func(pu, pv float64) vision.Point {
		return vision.Point{X: pu*u.X + pv*v.X, Y: pu*u.Y + pv*v.Y}
	}
	return vision.Quad{at(u0, v0), at(u1, v0), at(u1, v1), at(u0, v1)}
}

// growQuad moves the sides of a rectangle outwards.
func growQuad(q vision.Quad, along, across float64) vision.Quad {
	r := row{q[0].Midpoint(q[3]), q[1].Midpoint(q[2]), q.Height()}
	return r.quad(along, q.Height()+2*across)
}

// measureInk is the black-hat transform: the closing of the image (thin dark strokes filled from their surroundings) minus the image.
func (s *strip) measureInk(g *vision.Gray) {
	closed := slices.Clone(g.Pix)
	extreme(closed, s.width, s.height, func(a, b byte) byte { return max(a, b) })
	extreme(closed, s.width, s.height, func(a, b byte) byte { return min(a, b) })
	s.ink = make([]float64, len(closed))
	for i := range closed {
		s.ink[i] = float64(closed[i]) - float64(g.Pix[i])
	}
	sorted := slices.Clone(s.ink)
	slices.Sort(sorted)
	// The middle of the strip's values is paper or its pattern, the top fifth strokes.
	s.inkQuantum = sorted[len(sorted)/2] + 0.15*(sorted[len(sorted)*95/100]-sorted[len(sorted)/2])
}

// extreme replaces each byte by the maximum or minimum over a square of strokeReach to all sides, separably. The window of
// 2·4+1 values is built by doubling: of two, of four, of eight, and one more.
func extreme(pix []byte, width, height int, pick func(a, b byte) byte) {
	size := max(width, height) + 4*strokeReach
	line, next := make([]byte, size), make([]byte, size)
	pass := func(start, step, n int) {
		for i := range n + 2*strokeReach { // the ends repeat
			line[i] = pix[start+min(max(i-strokeReach, 0), n-1)*step]
		}
		length := n + 2*strokeReach
		copy(next, line[:length])
		for shift := 1; shift < 2*strokeReach; shift *= 2 {
			length -= shift
			for i := range length {
				next[i] = pick(next[i], next[i+shift])
			}
		}
		for i := range n {
			pix[start+i*step] = pick(next[i], line[i+2*strokeReach])
		}
	}
	for y := range height {
		pass(y*width, 1, width)
	}
	for x := range width {
		pass(x, width, height)
	}
}

// local carries a row into the strip.
func (s *strip) local(r row) row {
	out := row{from: s.toStrip.Apply(r.from), to: s.toStrip.Apply(r.to)}
	top := s.toStrip.Apply(r.middle().Add(vision.Point{X: -r.direction().Y, Y: r.direction().X}.Scale(r.height)))
	out.height = top.Distance(out.middle())
	return out
}

// native carries a row of the strip back.
func (s *strip) native(r row) row {
	out := row{from: s.toNative.Apply(r.from), to: s.toNative.Apply(r.to)}
	low := s.toNative.Apply(vision.Point{X: r.middle().X, Y: r.middle().Y + r.height})
	out.height = low.Distance(s.toNative.Apply(r.middle()))
	return out
}

// at is the height of a row's line at x, in the strip.
func (r row) at(x float64) float64 {
	d := r.to.X - r.from.X
	if math.Abs(d) < 1e-9 {
		return r.middle().Y
	}
	return r.from.Y + (r.to.Y-r.from.Y)*(x-r.from.X)/d
}

// segments is the number of parts of a row in which its line is measured.
const segments = 6

// level moves a row of the strip onto the middle of its ink and sets its height to that of the capitals.
func (s *strip) level(r row) row {
	var xs, ys, weights []float64
	profile := make([]float64, 2*int(r.height)+1)
	for k := range segments {
		x0 := r.from.X + (r.to.X-r.from.X)*float64(k)/segments
		x1 := r.from.X + (r.to.X-r.from.X)*float64(k+1)/segments
		y, weight := s.centre(x0, x1, r.at((x0+x1)/2), 0.55*r.height)
		if weight > 0 {
			xs, ys, weights = append(xs, (x0+x1)/2), append(ys, y), append(weights, weight)
		}
	}
	slope, offset, ok := fitLine(xs, ys, weights)
	if !ok {
		return r
	}
	out := row{vision.Point{X: r.from.X, Y: offset + slope*r.from.X}, vision.Point{X: r.to.X, Y: offset + slope*r.to.X}, r.height}
	s.acrossProfile(out, profile)
	if h, shift, ok := bandOf(profile); ok {
		out.height = h
		out.from.Y += shift
		out.to.Y += shift
	}
	return out
}

// centre is the ink's centre of gravity in a window about y, and the amount of ink.
func (s *strip) centre(x0, x1, y, reach float64) (centre, weight float64) {
	for range 2 { // the second time about the first result
		sum := 0.0
		weight = 0
		for py := max(0, int(y-reach)); py <= min(s.height-1, int(y+reach)); py++ {
			for px := max(0, int(x0)); px < min(s.width, int(x1)); px++ {
				if ink := s.ink[py*s.width+px] - s.inkQuantum; ink > 0 {
					sum += ink * (float64(py) + 0.5)
					weight += ink
				}
			}
		}
		if weight == 0 {
			return y, 0
		}
		y = sum / weight
	}
	return y, weight
}

func fitLine(xs, ys, weights []float64) (slope, offset float64, ok bool) {
	var n, mx, my, sxx, sxy float64
	for i := range xs {
		n, mx, my = n+weights[i], mx+weights[i]*xs[i], my+weights[i]*ys[i]
	}
	if len(xs) < 2 || n == 0 {
		return 0, 0, false
	}
	mx, my = mx/n, my/n
	for i := range xs {
		sxx += weights[i] * (xs[i] - mx) * (xs[i] - mx)
		sxy += weights[i] * (xs[i] - mx) * (ys[i] - my)
	}
	if sxx == 0 {
		return 0, my, true
	}
	return sxy / sxx, my - sxy/sxx*mx, true
}

// acrossProfile sums the ink along the row at each distance from its line.
func (s *strip) acrossProfile(r row, profile []float64) {
	half := len(profile) / 2
	for px := max(0, int(r.from.X)); px < min(s.width, int(r.to.X)); px++ {
		y := r.at(float64(px) + 0.5)
		for k := range profile {
			if py := int(math.Round(y - 0.5 + float64(k-half))); py >= 0 && py < s.height {
				profile[k] += max(0, s.ink[py*s.width+px]-s.inkQuantum)
			}
		}
	}
}

// bandOf is the extent of the peak about the middle of a profile: where it falls under a quarter of its top.
func bandOf(profile []float64) (height, shift float64, ok bool) {
	half := len(profile) / 2
	top := 0.0
	for k := half - half/3; k <= half+half/3; k++ {
		top = max(top, profile[k])
	}
	if top == 0 {
		return 0, 0, false
	}
	const edge = 0.25
	from, to := half, half
	for from > 0 && profile[from-1] > edge*top {
		from--
	}
	for to < len(profile)-1 && profile[to+1] > edge*top {
		to++
	}
	return float64(to - from + 1), float64(from+to)/2 - float64(half), true
}

const (
	// characterPitch is the pitch of OCR-B size 1 beside the height of its capitals in a machine readable zone: 2.54 mm to about
	// 2.9 mm with the blur at the edges that the profile includes.
	characterPitch = 0.88
	// fillerInk is the share of a row's usual ink in a cell below which the cell counts as empty: a filler has a third of
	// the ink of a letter, and pale ones were seen at a third of that.
	fillerInk = 0.10
	// emptyCells in a row end it.
	emptyCells = 2
)

// ends moves the ends of a levelled row of the strip to where its ink ends, outwards over cells with ink and inwards over empty ones.
func (s *strip) ends(r row) row {
	pitch := r.height * characterPitch
	cells := int(r.length() / pitch)
	var usual []float64
	for k := range cells {
		usual = append(usual, s.cellInk(r, r.from.X+float64(k)*pitch, pitch))
	}
	if len(usual) < 8 {
		return r
	}
	slices.Sort(usual)
	least := fillerInk * usual[len(usual)*2/3]
	left := s.walk(r, r.from.X+pitch, -pitch, least)
	right := s.walk(r, r.to.X-pitch, pitch, least)
	if right-left < 8*pitch {
		return r
	}
	return row{vision.Point{X: left, Y: r.at(left)}, vision.Point{X: right, Y: r.at(right)}, r.height}
}

// walk goes outwards in half cells from a place on the row to where emptyCells follow, and gives the outer edge of the last ink.
func (s *strip) walk(r row, x, step, least float64) float64 {
	last, empty := x, 0
	for half := step / 2; x+half > 0 && x+half < float64(s.width) && empty < 2*emptyCells; x += half {
		if s.cellInk(r, min(x, x+half), math.Abs(half)) > least {
			last, empty = x+half, 0
		} else {
			empty++
		}
	}
	return last
}

// cellInk is the ink in a cell of the row beyond that in the same columns in the blank bands above and below it, whichever has less: a
// pattern of the ground is in all three, a stroke of a stamp at most in one.
func (s *strip) cellInk(r row, x, width float64) float64 {
	const blank = 0.85 // the middle of a blank band in heights of the capitals; the rows are 2.2 apart
	inside := s.bandInk(r, x, width, 0)
	return max(0, inside-min(s.bandInk(r, x, width, -blank), s.bandInk(r, x, width, blank)))
}

// bandInk is the mean ink in a cell-wide band about the row's line moved across by a multiple of its height: all of the row's height on
// the row itself, a quarter of it in a blank band.
func (s *strip) bandInk(r row, x, width, across float64) float64 {
	half := r.height / 2
	if across != 0 {
		half = r.height / 8
	}
	sum, n := 0.0, 0
	for px := max(0, int(x)); px < min(s.width, int(x+width)); px++ {
		y := r.at(float64(px)+0.5) + across*r.height
		for py := max(0, int(y-half)); py <= min(s.height-1, int(y+half)); py++ {
			sum += max(0, s.ink[py*s.width+px]-s.inkQuantum)
			n++
		}
	}
	return sum / float64(max(1, n))
}
