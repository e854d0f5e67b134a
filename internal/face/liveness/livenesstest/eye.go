package livenesstest

import (
	"ekyc/internal/face"
	"ekyc/internal/vision"
)

// eye is one eye of the photograph, in coordinates of its own: along from corner to corner (0 to 1, to the picture's right), and down.
type eye struct {
	left, right  vision.Point // corners, as the picture has them
	upper, lower [3]float64   // lids at a quarter, the half and three quarters, in eye widths below the line of the corners
}

// Points of the mesh (canonical_face_model_uv_visualization of MediaPipe): corners and three points of each lid, from the picture's left.
var (
	rightEye = [8]int{33, 133, 160, 159, 158, 144, 145, 153}
	leftEye  = [8]int{362, 263, 385, 386, 387, 380, 374, 373}
)

func newEye(l *face.Landmarks, points [8]int) eye {
	e := eye{left: l.Points[points[0]], right: l.Points[points[1]]}
	for i := range 3 {
		_, e.upper[i] = e.local(l.Points[points[2+i]])
		_, e.lower[i] = e.local(l.Points[points[5+i]])
	}
	return e
}

// local gives the eye's own coordinates of a point.
func (e *eye) local(p vision.Point) (along, down float64) {
	axis := e.right.Sub(e.left)
	n := axis.X*axis.X + axis.Y*axis.Y
	d := p.Sub(e.left)
	return (d.X*axis.X + d.Y*axis.Y) / n, (d.Y*axis.X - d.X*axis.Y) / n
}

func (e *eye) picture(along, down float64) vision.Point {
	axis := e.right.Sub(e.left)
	return vision.Point{X: e.left.X + along*axis.X - down*axis.Y, Y: e.left.Y + along*axis.Y + down*axis.X}
}

// lid is the height of a lid at a place along the eye: through the corners and three points.
func lid(points [3]float64, along float64) float64 {
	at := [5]float64{0, points[0], points[1], points[2], 0}
	k := min(3.999, max(0, 4*along))
	i := int(k)
	return at[i] + (k-float64(i))*(at[i+1]-at[i])
}

const (
	lidSkin     = 0.30 // eye widths of skin above the eye that the closing lid draws with it
	lashes      = 0.09 // eye widths of the lid's edge, which comes down as it is, while the skin above it is stretched
	irisRadius  = 0.25 // eye widths; what is seen of it moves as it is, and the white on both sides is stretched
	beyondSides = 0.10 // eye widths beyond the corners where nothing moves any more
)

// paint draws the lids down over the eye and moves what is seen between them. The source is not changed.
func (e *eye) paint(source, target *vision.RGB, closed, gaze float64) {
	width := e.left.Distance(e.right)
	c := e.left.Midpoint(e.right)
	for y := int(c.Y - width); y <= int(c.Y+width); y++ {
		for x := int(c.X - width); x <= int(c.X+width); x++ {
			if x < 1 || y < 1 || x >= source.Width-2 || y >= source.Height-2 {
				continue
			}
			along, down := e.local(vision.Point{X: float64(x), Y: float64(y)})
			if from, moved := e.origin(along, down, closed, gaze); moved {
				p := e.picture(along+from.X, down+from.Y)
				sample(target.Pix[3*(y*target.Width+x):], source, p.X, p.Y)
			}
		}
	}
}

// origin says from how far away, in eye widths, what is seen at a place comes.
func (e *eye) origin(along, down, closed, gaze float64) (from vision.Point, moved bool) {
	if along < -beyondSides || along > 1+beyondSides {
		return from, false
	}
	inside := min(1, max(0, along))
	upper, lower := lid(e.upper, inside), lid(e.lower, inside)
	crease := upper - lidSkin
	edge := upper + closed*(lower+lashes/2-upper)
	skin, seam := upper-lashes, edge-lashes
	switch {
	case edge > upper && down > crease && down <= seam:
		return vision.Point{Y: crease + (down-crease)*(skin-crease)/(seam-crease) - down}, true
	case edge > upper && down > seam && down <= edge:
		return vision.Point{Y: upper - edge}, true
	case gaze != 0 && down > edge && down < lower && along > 0 && along < 1:
		return vision.Point{X: beforeGlance(along, gaze) - along}, true
	}
	return from, false
}

// beforeGlance says where along the eye stood what a glance has moved to a place.
func beforeGlance(along, gaze float64) float64 {
	const left, right = 0.5 - irisRadius, 0.5 + irisRadius
	switch {
	case along < left+gaze:
		return along * left / (left + gaze)
	case along > right+gaze:
		return 1 - (1-along)*(1-right)/(1-right-gaze)
	}
	return along - gaze
}

// sample writes the colour of the photograph at a place between its pixels.
func sample(out []byte, m *vision.RGB, x, y float64) {
	x, y = min(max(x, 0), float64(m.Width-2)), min(max(y, 0), float64(m.Height-2))
	x0, y0 := int(x), int(y)
	wx, wy := x-float64(x0), y-float64(y0)
	at := 3 * (y0*m.Width + x0)
	for k := range 3 {
		top := float64(m.Pix[at+k])*(1-wx) + float64(m.Pix[at+3+k])*wx
		bottom := float64(m.Pix[at+3*m.Width+k])*(1-wx) + float64(m.Pix[at+3*m.Width+3+k])*wx
		out[k] = byte(top*(1-wy) + bottom*wy + 0.5)
	}
}
