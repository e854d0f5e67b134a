package forensic

import (
	"math"

	"ekyc/internal/vision"
)

// block is the side of a block of a JPEG file.
const block = 8

// plane is the luminance of the native pixels around a document, its left and top on the grid of blocks.
type plane struct {
	left, top     int // in the photograph
	width, height int
	pix           []byte
	fine          []uint16 // the same times fineLevels: rounded once more, it would blur what the file has rounded
	clipped       []bool   // see atLimits; the blocks at the right and the bottom that are cut off count too

	columns, rows int
	mean          []float32 // of each block
	detail        []float32 // mean absolute diagonal difference of each block: noise, and little of the edges
	slope         []float32 // mean absolute difference of neighbours in each block
	combs         *combs
	floor         float64 // detail of the quietest tenth of the blocks that are neither burnt nor black
}

// newPlane cuts the box out of a photograph; nil where nothing of it is inside.
func newPlane(m *vision.RGB, box vision.Rect) *plane {
	x0, y0 := max(0, int(box.X0))/block*block, max(0, int(box.Y0))/block*block
	x1, y1 := min(m.Width, int(box.X1)+1), min(m.Height, int(box.Y1)+1)
	if x1-x0 < 4*block || y1-y0 < 4*block {
		return nil
	}
	p := &plane{left: x0, top: y0, width: x1 - x0, height: y1 - y0}
	p.pix, p.fine = make([]byte, p.width*p.height), make([]uint16, p.width*p.height)
	p.columns, p.rows = p.width/block, p.height/block
	stride := (p.width + block - 1) / block
	p.clipped = make([]bool, stride*((p.height+block-1)/block))
	for y := range p.height {
		in := m.Pix[3*((y+y0)*m.Width+x0):][:3*p.width]
		out, fine := p.pix[y*p.width:][:p.width], p.fine[y*p.width:][:p.width]
		for x := range out {
			q := in[3*x : 3*x+3 : 3*x+3]
			if min(q[0], q[1], q[2]) == 0 || max(q[0], q[1], q[2]) == 255 {
				p.clipped[y/block*stride+x/block] = true
			}
			light := 19595*uint32(q[0]) + 38470*uint32(q[1]) + 7471*uint32(q[2]) // ITU-R BT.601, as JPEG has it, times 65536
			out[x], fine[x] = byte((light+1<<15)>>16), uint16(light>>(16-fineBits))
		}
	}
	return p
}

// atLimits says whether a colour of a block has reached the limits of the camera, so that its luminance is not what the file holds.
func (p *plane) atLimits(k int) bool {
	return p.clipped[k/p.columns*((p.width+block-1)/block)+k%p.columns]
}

// fineLevels are the parts of a grey level.
const fineBits, fineLevels = 6, 1 << fineBits

// Blocks whose mean lies outside have lost their noise to the limits of the camera.
const darkest, brightest = 16, 244

// map8 measures every block. Differences do not cross the edges of blocks, so that these leave no trace.
func (p *plane) map8() {
	n := p.columns * p.rows
	p.mean, p.detail, p.slope = make([]float32, n), make([]float32, n), make([]float32, n)
	for j := range p.rows {
		for i := range p.columns {
			sum, slope, detail := 0, 0, 0
			for y := range block / 2 {
				a := p.pix[(j*block+2*y)*p.width+i*block:][:block:block]
				b := p.pix[(j*block+2*y+1)*p.width+i*block:][:block:block]
				for x := range block - 1 {
					d, e := int(a[x+1])-int(a[x]), int(b[x+1])-int(b[x])
					sum += int(a[x]) + int(b[x])
					slope += abs(d) + abs(int(b[x])-int(a[x]))
					detail += abs(e - d)
				}
			}
			const pairs = (block - 1) * block / 2
			k := j*p.columns + i
			p.mean[k], p.slope[k], p.detail[k] = float32(sum)/(2*pairs), float32(slope)/(2*pairs), float32(detail)/pairs
		}
	}
	var all []float64
	for k := 0; k < n; k += 3 {
		if p.mean[k] > darkest && p.mean[k] < brightest {
			all = append(all, float64(p.detail[k]))
		}
	}
	p.floor = quantile(all, 0.1)
	p.combs = newCombs(p)
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}

// local is a quadrilateral of the photograph in pixels of the plane.
func (p *plane) local(q vision.Quad) vision.Quad {
	for i := range q {
		q[i] = q[i].Sub(vision.Point{X: float64(p.left), Y: float64(p.top)})
	}
	return q
}

// spans calls f for each row of pixels inside a convex quadrilateral of the plane, with the first and the last but one column.
func (p *plane) spans(q vision.Quad, f func(y, x0, x1 int)) {
	b := q.Bounds()
	for y := max(0, int(b.Y0)); y < min(p.height, int(b.Y1)+1); y++ {
		at := float64(y) + 0.5
		left, right := math.Inf(1), math.Inf(-1)
		for i := range q {
			from, to := q[i], q[(i+1)%4]
			if (from.Y <= at) == (to.Y <= at) {
				continue
			}
			x := from.X + (to.X-from.X)*(at-from.Y)/(to.Y-from.Y)
			left, right = min(left, x), max(right, x)
		}
		if x0, x1 := max(0, int(left+0.5)), min(p.width, int(right+0.5)); left < right && x0 < x1 {
			f(y, x0, x1)
		}
	}
}

// blocks calls f for each block whose middle lies in a quadrilateral of the plane and which is neither burnt nor black.
func (p *plane) blocks(q vision.Quad, f func(k int)) {
	p.spans(q, func(y, x0, x1 int) {
		if y%block != block/2 || y/block >= p.rows {
			return
		}
		for i := (x0 + block/2 - 1) / block; i < p.columns && i*block+block/2 < x1; i++ {
			if k := y/block*p.columns + i; i >= 0 && p.mean[k] > darkest && p.mean[k] < brightest {
				f(k)
			}
		}
	})
}

// grow widens a quadrilateral along its own axes by so many pixels on each side.
func grow(q vision.Quad, along, across float64) vision.Quad {
	u, v := direction(q[0], q[1]), direction(q[0], q[3])
	a, b := u.Scale(along), v.Scale(across)
	return vision.Quad{q[0].Sub(a).Sub(b), q[1].Add(a).Sub(b), q[2].Add(a).Add(b), q[3].Sub(a).Add(b)}
}

func direction(from, to vision.Point) vision.Point {
	d := to.Sub(from)
	if n := math.Hypot(d.X, d.Y); n > 0 {
		return d.Scale(1 / n)
	}
	return vision.Point{}
}
