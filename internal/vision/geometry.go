package vision

import (
	"cmp"
	"math"
	"slices"
)

// Point is a place in an image in pixels: x to the right, y down, (0, 0) the outer corner of the top left pixel.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Add, Sub and Scale are the vector operations.
func (p Point) Add(q Point) Point        { return Point{p.X + q.X, p.Y + q.Y} }
func (p Point) Sub(q Point) Point        { return Point{p.X - q.X, p.Y - q.Y} }
func (p Point) Scale(k float64) Point    { return Point{p.X * k, p.Y * k} }
func (p Point) Distance(q Point) float64 { return math.Hypot(p.X-q.X, p.Y-q.Y) }
func (p Point) Midpoint(q Point) Point   { return Point{(p.X + q.X) / 2, (p.Y + q.Y) / 2} }
func (p Point) angleTo(q Point) float64  { return math.Atan2(q.Y-p.Y, q.X-p.X) }
func cross(o, a, b Point) float64        { return (a.X-o.X)*(b.Y-o.Y) - (a.Y-o.Y)*(b.X-o.X) }
func Angle(from, to Point) float64       { return from.angleTo(to) } // Angle is the direction from one point to another in radians, clockwise from the x axis.

// Rect is an upright rectangle in pixels; (X1, Y1) is outside.
type Rect struct {
	X0 float64 `json:"x0"`
	Y0 float64 `json:"y0"`
	X1 float64 `json:"x1"`
	Y1 float64 `json:"y1"`
}

func (r Rect) Width() float64  { return r.X1 - r.X0 }
func (r Rect) Height() float64 { return r.Y1 - r.Y0 }
func (r Rect) Area() float64   { return max(0, r.Width()) * max(0, r.Height()) }
func (r Rect) Center() Point   { return Point{(r.X0 + r.X1) / 2, (r.Y0 + r.Y1) / 2} }

// Intersect is the common part; its Area is 0 when there is none.
func (r Rect) Intersect(s Rect) Rect {
	return Rect{max(r.X0, s.X0), max(r.Y0, s.Y0), min(r.X1, s.X1), min(r.Y1, s.Y1)}
}

// Union is the smallest rectangle around both.
func (r Rect) Union(s Rect) Rect {
	return Rect{min(r.X0, s.X0), min(r.Y0, s.Y0), max(r.X1, s.X1), max(r.Y1, s.Y1)}
}

// IoU is the area of the common part over the area of both together, 0 to 1.
func (r Rect) IoU(s Rect) float64 {
	common := r.Intersect(s).Area()
	if common == 0 {
		return 0
	}
	return common / (r.Area() + s.Area() - common)
}

// Scale multiplies all coordinates by k (for a resized image).
func (r Rect) Scale(k float64) Rect { return Rect{r.X0 * k, r.Y0 * k, r.X1 * k, r.Y1 * k} }

// Expand grows the rectangle about its centre by factor k in both directions.
func (r Rect) Expand(k float64) Rect {
	c, w, h := r.Center(), r.Width()*k/2, r.Height()*k/2
	return Rect{c.X - w, c.Y - h, c.X + w, c.Y + h}
}

// Square is the square of the longer side about the same centre.
func (r Rect) Square() Rect {
	c, h := r.Center(), max(r.Width(), r.Height())/2
	return Rect{c.X - h, c.Y - h, c.X + h, c.Y + h}
}

func (r Rect) pixels(width, height int) (x0, y0, x1, y1 int) {
	x0, y0 = max(0, int(math.Floor(r.X0))), max(0, int(math.Floor(r.Y0)))
	x1, y1 = min(width, int(math.Ceil(r.X1))), min(height, int(math.Ceil(r.Y1)))
	return
}

// Quad is a quadrilateral: top left, top right, bottom right, bottom left as the content is read.
type Quad [4]Point

// Quad gives the rectangle's corners.
func (r Rect) Quad() Quad {
	return Quad{{r.X0, r.Y0}, {r.X1, r.Y0}, {r.X1, r.Y1}, {r.X0, r.Y1}}
}

// Bounds is the smallest upright rectangle around the quadrilateral.
func (q Quad) Bounds() Rect {
	r := Rect{q[0].X, q[0].Y, q[0].X, q[0].Y}
	for _, p := range q[1:] {
		r = r.Union(Rect{p.X, p.Y, p.X, p.Y})
	}
	return r
}

// Scale multiplies all coordinates by k.
func (q Quad) Scale(k float64) Quad {
	for i := range q {
		q[i] = q[i].Scale(k)
	}
	return q
}

// Width and Height are the mean lengths of opposite sides.
func (q Quad) Width() float64  { return (q[0].Distance(q[1]) + q[3].Distance(q[2])) / 2 }
func (q Quad) Height() float64 { return (q[0].Distance(q[3]) + q[1].Distance(q[2])) / 2 }

// Center is the mean of the corners.
func (q Quad) Center() Point {
	return q[0].Add(q[1]).Add(q[2]).Add(q[3]).Scale(0.25)
}

// Area is the signed area by the shoelace formula: positive when the corners run clockwise on the screen.
func (q Quad) Area() float64 {
	a := 0.0
	for i := range q {
		j := (i + 1) % 4
		a += q[i].X*q[j].Y - q[j].X*q[i].Y
	}
	return a / 2
}

// Convex says whether the corners run clockwise around a convex shape.
func (q Quad) Convex() bool {
	for i := range q {
		if cross(q[i], q[(i+1)%4], q[(i+2)%4]) <= 0 {
			return false
		}
	}
	return true
}

// Turn renames the corners by quarter turns: after Turn(1) the former bottom left corner is the top left.
func (q Quad) Turn(quarterTurns int) Quad {
	var out Quad
	for i := range q {
		out[i] = q[((i-quarterTurns)%4+4)%4]
	}
	return out
}

// Homography is a projective map of the plane, row-major, last element 1 unless degenerate.
type Homography [9]float64

// Apply maps one point.
func (h Homography) Apply(p Point) Point {
	w := h[6]*p.X + h[7]*p.Y + h[8]
	return Point{(h[0]*p.X + h[1]*p.Y + h[2]) / w, (h[3]*p.X + h[4]*p.Y + h[5]) / w}
}

// ApplyQuad maps the four corners.
func (h Homography) ApplyQuad(q Quad) Quad {
	for i := range q {
		q[i] = h.Apply(q[i])
	}
	return q
}

// Between is the homography that carries the corners of from to those of to; false when three corners are in line.
func Between(from, to Quad) (Homography, bool) {
	var a [8][9]float64
	for i := range 4 {
		x, y, u, v := from[i].X, from[i].Y, to[i].X, to[i].Y
		a[2*i] = [9]float64{x, y, 1, 0, 0, 0, -u * x, -u * y, u}
		a[2*i+1] = [9]float64{0, 0, 0, x, y, 1, -v * x, -v * y, v}
	}
	for col := range 8 {
		pivot := col
		for r := col + 1; r < 8; r++ {
			if math.Abs(a[r][col]) > math.Abs(a[pivot][col]) {
				pivot = r
			}
		}
		if math.Abs(a[pivot][col]) < 1e-12 {
			return Homography{}, false
		}
		a[col], a[pivot] = a[pivot], a[col]
		for r := range 8 {
			if r == col {
				continue
			}
			k := a[r][col] / a[col][col]
			for c := col; c < 9; c++ {
				a[r][c] -= k * a[col][c]
			}
		}
	}
	h := Homography{8: 1}
	for i := range 8 {
		h[i] = a[i][8] / a[i][i]
	}
	return h, true
}

// Similarity is a rotation, uniform scale and shift: x' = A·x − B·y + TX, y' = B·x + A·y + TY.
type Similarity struct{ A, B, TX, TY float64 }

// FitSimilarity is the least-squares similarity that carries src to dst (same length, at least two points; Umeyama 1991 without reflection).
func FitSimilarity(src, dst []Point) Similarity {
	n := float64(len(src))
	var ms, md Point
	for i := range src {
		ms, md = ms.Add(src[i]), md.Add(dst[i])
	}
	ms, md = ms.Scale(1/n), md.Scale(1/n)
	var sxx, sa, sb float64
	for i := range src {
		s, d := src[i].Sub(ms), dst[i].Sub(md)
		sxx += s.X*s.X + s.Y*s.Y
		sa += s.X*d.X + s.Y*d.Y
		sb += s.X*d.Y - s.Y*d.X
	}
	if sxx == 0 {
		return Similarity{A: 1, TX: md.X - ms.X, TY: md.Y - ms.Y}
	}
	a, b := sa/sxx, sb/sxx
	return Similarity{a, b, md.X - a*ms.X + b*ms.Y, md.Y - b*ms.X - a*ms.Y}
}

// Apply maps one point.
func (s Similarity) Apply(p Point) Point {
	return Point{s.A*p.X - s.B*p.Y + s.TX, s.B*p.X + s.A*p.Y + s.TY}
}

// Inverse is the map back.
func (s Similarity) Inverse() Similarity {
	d := s.A*s.A + s.B*s.B
	a, b := s.A/d, -s.B/d
	return Similarity{a, b, -(a*s.TX - b*s.TY), -(b*s.TX + a*s.TY)}
}

// Scale is the factor by which lengths grow.
func (s Similarity) Scale() float64 { return math.Hypot(s.A, s.B) }

// Homography is the same map in projective form.
func (s Similarity) Homography() Homography {
	return Homography{s.A, -s.B, s.TX, s.B, s.A, s.TY, 0, 0, 1}
}

// MinAreaRect is the rectangle of least area around the points (rotating over the edges of the convex hull), as a
// quadrilateral whose top edge is the one nearest to the reading direction left to right.
func MinAreaRect(points []Point) Quad {
	hull := ConvexHull(points)
	best, bestArea := Quad{}, math.Inf(1)
	for i := range hull {
		a, b := hull[i], hull[(i+1)%len(hull)]
		l := a.Distance(b)
		if l < 1e-9 {
			continue
		}
		u := Point{(b.X - a.X) / l, (b.Y - a.Y) / l}
		u0, u1, v0, v1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
		for _, p := range hull {
			pu, pv := p.X*u.X+p.Y*u.Y, -p.X*u.Y+p.Y*u.X
			u0, u1, v0, v1 = min(u0, pu), max(u1, pu), min(v0, pv), max(v1, pv)
		}
		if area := (u1 - u0) * (v1 - v0); area < bestArea {
			bestArea = area
			at := func(pu, pv float64) Point { return Point{pu*u.X - pv*u.Y, pu*u.Y + pv*u.X} }
			best = Quad{at(u0, v0), at(u1, v0), at(u1, v1), at(u0, v1)}
		}
	}
	return best.upright()
}

// upright renames the corners so that the top edge points to the right within 45 degrees.
func (q Quad) upright() Quad {
	for range 4 {
		if d := q[1].Sub(q[0]); d.X > 0 && math.Abs(d.Y) <= d.X {
			return q
		}
		q = q.Turn(1)
	}
	return q
}

// ConvexHull is the hull by Andrew's monotone chain, clockwise on the screen; fewer than three points come back as they are.
func ConvexHull(points []Point) []Point {
	p := sortedPoints(points)
	if len(p) < 3 {
		return p
	}
	var hull []Point
	for pass := range 2 {
		start := len(hull)
		for i := range p {
			q := p[i]
			if pass == 1 {
				q = p[len(p)-1-i]
			}
			for len(hull) >= start+2 && cross(hull[len(hull)-2], hull[len(hull)-1], q) <= 0 {
				hull = hull[:len(hull)-1]
			}
			hull = append(hull, q)
		}
		hull = hull[:len(hull)-1]
	}
	return hull
}

func sortedPoints(points []Point) []Point {
	p := slices.Clone(points)
	slices.SortFunc(p, func(a, b Point) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y)) })
	return slices.Compact(p)
}
