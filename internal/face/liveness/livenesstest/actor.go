// Package livenesstest simulates recordings of a person for tests: one photograph is laid on the depth that the landmark model sees in it, moved in three
// dimensions and drawn again. What it gives is a simulation and no video of anybody, and it moves better than it looks: the edge of the
// head is smeared, and nothing comes into view that the photograph does not show. The same photograph moved as the flat thing that it is
// gives the attacks.
package livenesstest

import (
	"math"
	"math/rand/v2"

	"ekyc/internal/face"
	"ekyc/internal/vision"
)

// State is how a person is seen in one frame.
type State struct {
	Yaw    float64 // degrees, to the person's own left
	Up     float64 // degrees
	Growth float64 // of the face, by coming closer; 0 counts as 1
	Closed float64 // eyes: 0 as in the photograph to 1 closed
	Gaze   float64 // eye widths to the person's own left, from where they look in the photograph
	X, Y   float64 // pixels by which the person sways
	Bend   float64 // of a sheet, about an upright axis: depth in face widths at one face width from the middle
}

// Actor is a photograph that can be moved. It is safe for concurrent use.
type Actor struct {
	photo *vision.RGB
	eyes  [2]eye
	pivot vision.Point
	width float64 // of the face in pixels
	back  float64 // depth of the axis on which the head turns
	nodes []node
	cols  int
	rows  int
}

// node is one point of the grid that is laid over the photograph.
type node struct {
	x, y, z float64
	moves   float64 // 1 on the head, 0 on what stands behind it
}

const (
	gridStep = 4 // pixels
	// The head ends at this many face sizes from the middle of the face, and what stands still begins at the other.
	headEnds, stillBegins = 0.75, 1.35
	// Landmarks lend their depth to what is as near as this share of the face's width.
	depthReach = 0.07
	// How steeply the head falls back behind the outline of the face.
	backSlope = 0.8
	// Distance of the camera in widths of the face: an arm's length.
	cameraDistance = 4.0
)

// NewActor takes a photograph of one person who looks at the camera, with the landmarks of the face in its pixels.
func NewActor(photo *vision.RGB, l *face.Landmarks) *Actor {
	box := l.Bounds()
	a := &Actor{photo: photo, pivot: box.Center(), width: box.Width(), eyes: [2]eye{newEye(l, rightEye), newEye(l, leftEye)}}
	for _, z := range l.Depth {
		a.back = max(a.back, z)
	}
	a.cols, a.rows = photo.Width/gridStep+2, photo.Height/gridStep+2
	for r := range a.rows {
		for c := range a.cols {
			x, y := float64(c*gridStep), float64(r*gridStep)
			a.nodes = append(a.nodes, a.node(l, box, x, y))
		}
	}
	return a
}

// node finds depth and movement of one place of the photograph.
func (a *Actor) node(l *face.Landmarks, box vision.Rect, x, y float64) node {
	reach := depthReach * a.width
	sum, weights, nearest, edge := 0.0, 0.0, math.Inf(1), 0.0
	for i, p := range l.Points {
		d := math.Hypot(p.X-x, p.Y-y)
		if d < nearest {
			nearest, edge = d, l.Depth[i]
		}
		if d < 4*reach {
			w := math.Exp(-d * d / (2 * reach * reach))
			sum, weights = sum+w*l.Depth[i], weights+w
		}
	}
	z := edge
	if weights > 1e-6 {
		z = sum / weights
	}
	if far := nearest - reach; far > 0 {
		z = min(z+backSlope*far, a.back+0.2*a.width)
	}
	off := math.Hypot((x-a.pivot.X)/box.Width(), (y-a.pivot.Y)/box.Height())
	k := min(1, max(0, (stillBegins-off)/(stillBegins-headEnds)))
	return node{x, y, z, k * k * (3 - 2*k)}
}

// Solid draws the person as a head in space.
func (a *Actor) Solid(s State) *vision.RGB { return a.draw(s, false) }

// Flat draws the photograph as a sheet that is held and turned before the camera, on which eyes may be animated.
func (a *Actor) Flat(s State) *vision.RGB { return a.draw(s, true) }

func (a *Actor) draw(s State, flat bool) *vision.RGB {
	texture := a.photo
	if s.Closed > 0 || s.Gaze != 0 {
		texture = vision.NewRGB(a.photo.Width, a.photo.Height)
		copy(texture.Pix, a.photo.Pix)
		for _, e := range a.eyes {
			e.paint(a.photo, texture, s.Closed, s.Gaze)
		}
	}
	moved := make([]node, len(a.nodes))
	for i, n := range a.nodes {
		moved[i] = a.move(n, s, flat)
	}
	c := newCanvas(texture)
	for r := range a.rows - 1 {
		for col := range a.cols - 1 {
			i := r*a.cols + col
			c.triangle(a.nodes, moved, i, i+1, i+a.cols)
			c.triangle(a.nodes, moved, i+1, i+a.cols+1, i+a.cols)
		}
	}
	return c.out
}

// move carries one node to where it is seen.
func (a *Actor) move(n node, s State, flat bool) node {
	z, k := n.z-a.back, n.moves
	if flat {
		z, k = 0, 1
	}
	x, y := n.x-a.pivot.X, n.y-a.pivot.Y
	if flat {
		z = s.Bend * x * x / a.width
	}
	sin, cos := math.Sincos(s.Yaw * math.Pi / 180)
	x, z = cos*x-sin*z, sin*x+cos*z
	sin, cos = math.Sincos(s.Up * math.Pi / 180)
	y, z = cos*y+sin*z, cos*z-sin*y
	growth := s.Growth
	if growth == 0 {
		growth = 1
	}
	// The photograph is what the camera saw from its distance; only what changes moves points.
	distance, rest := cameraDistance*a.width, 0.0
	if !flat {
		rest = n.z - a.back
	}
	at := (distance + rest) / (distance/growth + z)
	x, y = x*at, y*at
	return node{x: n.x + k*(a.pivot.X+x-n.x+s.X), y: n.y + k*(a.pivot.Y+y-n.y+s.Y), z: z + (1-k)*10*a.width}
}

// Grain adds what differs between two frames of any camera: noise of the sensor, of sigma grey levels, and a little more or less light.
func Grain(m *vision.RGB, sigma float64, seed uint64) *vision.RGB {
	random := rand.New(rand.NewPCG(seed, 1))
	out := vision.NewRGB(m.Width, m.Height)
	gain := 1 + 0.01*random.NormFloat64()
	for i, v := range m.Pix {
		out.Pix[i] = byte(min(255, max(0, gain*float64(v)+sigma*random.NormFloat64()+0.5)))
	}
	return out
}
