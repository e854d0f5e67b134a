package ocr

import (
	"cmp"
	"context"
	"math"

	"ekyc"
	"ekyc/internal/vision"
)

// DetectorOptions are the numbers that belong to a detector's weights. The zero value of a field means PP-OCR's published number.
type DetectorOptions struct {
	PixelThreshold float64               // probability from which a pixel is text; 0.3
	BoxThreshold   float64               // mean probability that a box must reach; 0.5
	UnclipRatio    float64               // how far the shrunken kernel is grown back: distance = area × ratio / perimeter; 1.6
	Multiple       int                   // the sides of the input are multiples of it; 32
	Normalisation  *vision.Normalisation // ImageNet's mean and deviation, blue first
}

// imageNet is the normalisation of the PP-OCR detectors. PaddleOCR applies ImageNet's numbers for red, green and blue to images that
// OpenCV read as blue, green and red, so red gets blue's.
func imageNet() *vision.Normalisation {
	return &vision.Normalisation{
		Mean: [3]float32{255 * 0.406, 255 * 0.456, 255 * 0.485}, Std: [3]float32{255 * 0.225, 255 * 0.224, 255 * 0.229}, BGR: true,
	}
}

const (
	// minKernelSide: a kernel thinner than this many input pixels is noise (PaddleOCR: min_size).
	minKernelSide = 3
	// minKernelPixels: and so is one of fewer pixels than three by four.
	minKernelPixels = 12
)

// Detector finds lines of text. It is safe for concurrent use.
type Detector struct {
	session *vision.Session
	options DetectorOptions
}

// NewDetector makes a detector of a session whose input is [1, 3, height, width] and whose output is a map of the
// probability of text, [1, 1, height, width] (Liao et al. 2020, "Real-time Scene Text Detection with Differentiable Binarization").
func NewDetector(session *vision.Session, options DetectorOptions) *Detector {
	options.PixelThreshold = cmp.Or(options.PixelThreshold, 0.3)
	options.BoxThreshold = cmp.Or(options.BoxThreshold, 0.5)
	options.UnclipRatio = cmp.Or(options.UnclipRatio, 1.6)
	options.Multiple = cmp.Or(options.Multiple, 32)
	if options.Normalisation == nil {
		options.Normalisation = imageNet()
	}
	return &Detector{session, options}
}

// Detect finds the lines of text in m, in pixels of m, in no particular order. The raster is read at the size it has, apart from
// rounding its sides to the network's multiple: shrink or enlarge it first. Errors: ErrCancelled, ErrInternal.
func (d *Detector) Detect(ctx context.Context, m *vision.RGB) ([]Box, error) {
	width, height := d.round(m.Width), d.round(m.Height)
	out, err := d.session.Run(ctx, vision.Planar(*d.options.Normalisation, m.Resize(width, height)))
	if err != nil {
		return nil, err
	}
	if len(out) == 0 || len(out[0].Data) != width*height {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "model %s gives no map of its input's size", d.session.Name())
	}
	scale := vision.Point{X: float64(m.Width) / float64(width), Y: float64(m.Height) / float64(height)}
	return d.boxes(out[0].Data, width, height, scale), nil
}

func (d *Detector) round(side int) int {
	n := d.options.Multiple
	return max(1, int(math.Round(float64(side)/float64(n)))) * n
}

// boxes turns the probability map into rotated rectangles.
func (d *Detector) boxes(probability []float32, width, height int, scale vision.Point) []Box {
	k := kernels{probability: probability, width: width, height: height, threshold: float32(d.options.PixelThreshold), seen: make([]bool, width*height)}
	var boxes []Box
	for start := range probability {
		if probability[start] < k.threshold || k.seen[start] {
			continue
		}
		outline, pixels, mean := k.flood(start)
		if pixels < minKernelPixels || mean < d.options.BoxThreshold {
			continue
		}
		q := vision.MinAreaRect(outline)
		if min(q.Width(), q.Height()) < minKernelSide {
			continue
		}
		q = d.unclip(q)
		for i := range q {
			q[i] = vision.Point{X: q[i].X * scale.X, Y: q[i].Y * scale.Y}
		}
		boxes = append(boxes, Box{q, mean})
	}
	return boxes
}

// unclip grows a kernel's rectangle back to the size of the text.
func (d *Detector) unclip(q vision.Quad) vision.Quad {
	w, h := q.Width(), q.Height()
	by := w * h * d.options.UnclipRatio / (2 * (w + h))
	return Grow(q, by, by)
}

// Grow moves the sides of a rectangle outwards: the ends by along, top and bottom by across (pixels; negative shrinks).
func Grow(q vision.Quad, along, across float64) vision.Quad {
	u, v := unit(q[0], q[1]), unit(q[0], q[3])
	u, v = u.Scale(along), v.Scale(across)
	return vision.Quad{q[0].Sub(u).Sub(v), q[1].Add(u).Sub(v), q[2].Add(u).Add(v), q[3].Sub(u).Add(v)}
}

func unit(from, to vision.Point) vision.Point {
	l := from.Distance(to)
	if l == 0 {
		return vision.Point{}
	}
	return to.Sub(from).Scale(1 / l)
}

// kernels walks the connected parts of a probability map.
type kernels struct {
	probability   []float32
	width, height int
	threshold     float32
	seen          []bool
	stack         []int
}

// flood takes the 8-connected part at start: the corners of its first and last pixel in each row (enough for the convex
// hull), the number of its pixels and their mean probability.
func (k *kernels) flood(start int) (outline []vision.Point, pixels int, mean float64) {
	type extent struct{ from, to int }
	rows := map[int]extent{}
	k.stack = append(k.stack[:0], start)
	k.seen[start] = true
	sum := 0.0
	for len(k.stack) > 0 {
		p := k.stack[len(k.stack)-1]
		k.stack = k.stack[:len(k.stack)-1]
		x, y := p%k.width, p/k.width
		pixels++
		sum += float64(k.probability[p])
		if e, ok := rows[y]; ok {
			rows[y] = extent{min(e.from, x), max(e.to, x)}
		} else {
			rows[y] = extent{x, x}
		}
		k.push(x, y)
	}
	for y, e := range rows {
		x0, x1, y0, y1 := float64(e.from), float64(e.to+1), float64(y), float64(y+1)
		outline = append(outline, vision.Point{X: x0, Y: y0}, vision.Point{X: x1, Y: y0}, vision.Point{X: x0, Y: y1}, vision.Point{X: x1, Y: y1})
	}
	return outline, pixels, sum / float64(pixels)
}

func (k *kernels) push(x, y int) {
	for ny := max(0, y-1); ny <= min(k.height-1, y+1); ny++ {
		for nx := max(0, x-1); nx <= min(k.width-1, x+1); nx++ {
			if p := ny*k.width + nx; !k.seen[p] && k.probability[p] >= k.threshold {
				k.seen[p] = true
				k.stack = append(k.stack, p)
			}
		}
	}
}
