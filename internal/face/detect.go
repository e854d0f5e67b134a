package face

import (
	"cmp"
	"context"
	"math"
	"slices"

	"ekyc"
	"ekyc/internal/vision"
)

// Detection is a face box with six points, in native pixels of the picture.
type Detection struct {
	Box       vision.Rect     `json:"box"`
	Score     float64         `json:"score"` // 0 to 1
	KeyPoints [6]vision.Point `json:"-"`     // right eye, left eye, nose tip, mouth centre, right ear, left ear: the subject's right
}

// Places of Detection.KeyPoints that give the angle of the head.
const (
	rightEyePoint = iota
	leftEyePoint
)

const (
	detectorSide = 256 // input of the BlazeFace back model
	// The thresholds of the MediaPipe graph face_detection_back and of UltraFace's authors.
	detectorScore   = 0.5
	detectorOverlap = 0.3
	fastScore       = 0.7
	fastOverlap     = 0.4
	fastWidth       = 320
	fastHeight      = 240

	// Half the side of a box, in detector pixels, under which there is nothing to align.
	smallestBox = 1.0
	// Around a box of the second detector the first one looks at a square of this many sides of the box.
	closeUpSides = 2.2
	// A face that fills the whole picture is found when the picture is shown smaller than the frame.
	tightCropSides = 1.7
	// A face that lies on its side or stands on its head may be found as an upright one, but with little confidence: of the
	// upright faces of LFW two in a hundred score less.
	sureScore   = 0.75
	turnedSides = 1.1
	// Small faces are looked for in overlapping tiles of this share of the longer side.
	tileShare = 0.45
	tileStep  = 0.275
)

// view shows a part of the picture to the detector: it carries detector pixels to native ones.
type view struct{ toNative vision.Similarity }

// newView shows a square of the given side about centre, its content turned counterclockwise by quarter turns.
func newView(center vision.Point, side float64, quarterTurns int) view {
	k := side / detectorSide
	sin, cos := math.Sincos(float64(quarterTurns) * math.Pi / 2)
	a, b := k*cos, k*sin
	const h = detectorSide / 2.0
	return view{vision.Similarity{A: a, B: b, TX: center.X - (a*h - b*h), TY: center.Y - (b*h + a*h)}}
}

// Detect finds faces, best first; none is not an error. The whole picture is looked at once. An unsure find is compared with
// those in the picture's quarter turns; only when there is none come the second detector, a smaller showing (tight crops) and
// tiles (small faces). Errors: ErrCancelled.
func (a *Analyzer) Detect(ctx context.Context, p *vision.Pyramid) ([]Detection, error) {
	size := p.Native().Bounds()
	longer := max(size.Width(), size.Height())
	found, err := a.detectIn(ctx, p, newView(size.Center(), longer, 0))
	if err != nil || len(found) > 0 && found[0].Score >= sureScore {
		return found, err
	}
	var views []view
	for turns := 1; turns <= 3; turns++ {
		views = append(views, newView(size.Center(), longer*turnedSides, turns))
	}
	if len(found) == 0 {
		if found, err = a.secondOpinion(ctx, p); err != nil || len(found) > 0 {
			return found, err
		}
		views = append(views, newView(size.Center(), longer*tightCropSides, 0))
		views = append(views, tiles(size)...)
	}
	for _, v := range views {
		some, err := a.detectIn(ctx, p, v)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return blend(found, detectorOverlap), nil
}

// Boxes gives only the boxes of Detect.
func (a *Analyzer) Boxes(ctx context.Context, p *vision.Pyramid) ([]vision.Rect, error) {
	found, err := a.Detect(ctx, p)
	if err != nil {
		return nil, err
	}
	var boxes []vision.Rect
	for _, d := range found {
		boxes = append(boxes, d.Box)
	}
	return boxes, nil
}

// tiles are overlapping squares over the picture.
func tiles(size vision.Rect) []view {
	longer := max(size.Width(), size.Height())
	side, step := longer*tileShare, longer*tileStep
	along := func(length float64) (centers []float64) {
		n := max(1, int(math.Ceil((length-side)/step))+1)
		for i := range n {
			centers = append(centers, length*(float64(i)+0.5)/float64(n))
		}
		return
	}
	var out []view
	for _, y := range along(size.Height()) {
		for _, x := range along(size.Width()) {
			out = append(out, newView(vision.Point{X: x, Y: y}, side, 0))
		}
	}
	return out
}

// detectIn runs the detector on one view of the picture.
func (a *Analyzer) detectIn(ctx context.Context, p *vision.Pyramid, v view) ([]Detection, error) {
	input := p.Warp(v.toNative.Homography(), detectorSide, detectorSide, vision.BorderBlack)
	out, err := a.models.Detector.Run(ctx, vision.Interleaved(vision.UniformNormalisation(127.5, 127.5), input))
	if err != nil {
		return nil, err
	}
	if len(out) != 4 || len(out[0].Data) != 512 || len(out[1].Data) != 384 || len(out[2].Data) != 512*16 || len(out[3].Data) != 384*16 {
		return nil, ekyc.Errorf(ekyc.ErrModelAltered, "the face detector does not have the outputs of BlazeFace")
	}
	found := append(decodeAnchors(out[0].Data, out[2].Data, 16, 2), decodeAnchors(out[1].Data, out[3].Data, 8, 6)...)
	found = blend(found, detectorOverlap)
	for i := range found {
		found[i] = found[i].moved(v.toNative)
	}
	return found, nil
}

// decodeAnchors reads the scores and boxes of one grid of BlazeFace anchors, in detector pixels. The anchors have unit size
// and sit at the cell centres, perCell to a cell.
func decodeAnchors(scores, boxes []float32, grid, perCell int) []Detection {
	var out []Detection
	for i, logit := range scores {
		score := vision.Sigmoid(float64(logit))
		if score < detectorScore {
			continue
		}
		cell := i / perCell
		ax := (float64(cell%grid) + 0.5) * detectorSide / float64(grid)
		ay := (float64(cell/grid) + 0.5) * detectorSide / float64(grid)
		r := boxes[16*i : 16*i+16]
		at := func(j int) vision.Point { return vision.Point{X: float64(r[j]) + ax, Y: float64(r[j+1]) + ay} }
		c, w, h := at(0), float64(r[2])/2, float64(r[3])/2
		if !(w >= smallestBox && h >= smallestBox) {
			continue // also what is not a number
		}
		d := Detection{Box: vision.Rect{X0: c.X - w, Y0: c.Y - h, X1: c.X + w, Y1: c.Y + h}, Score: score}
		for j := range d.KeyPoints {
			d.KeyPoints[j] = at(4 + 2*j)
		}
		out = append(out, d)
	}
	return out
}

// moved carries a detection over by a similarity; the box stays upright and keeps its scaled size about its centre.
func (d Detection) moved(s vision.Similarity) Detection {
	c := s.Apply(d.Box.Center())
	w, h := d.Box.Width()*s.Scale()/2, d.Box.Height()*s.Scale()/2
	d.Box = vision.Rect{X0: c.X - w, Y0: c.Y - h, X1: c.X + w, Y1: c.Y + h}
	for i := range d.KeyPoints {
		d.KeyPoints[i] = s.Apply(d.KeyPoints[i])
	}
	return d
}

// blend keeps the best of overlapping detections and moves it to their mean by score, as MediaPipe's weighted
// non-maximum suppression does (Bazarevsky et al., BlazeFace, 2019): it trembles less than a plain one.
func blend(found []Detection, overlap float64) []Detection {
	slices.SortStableFunc(found, func(a, b Detection) int { return cmp.Compare(b.Score, a.Score) })
	var out []Detection
	used := make([]bool, len(found))
	for i, best := range found {
		if used[i] {
			continue
		}
		mean, sum := Detection{Score: best.Score}, 0.0
		for j := i; j < len(found); j++ {
			d := found[j]
			if used[j] || j != i && best.Box.IoU(d.Box) <= overlap {
				continue
			}
			used[j] = true
			sum += d.Score
			mean.add(d, d.Score)
		}
		mean.divide(sum)
		out = append(out, mean)
	}
	return out
}

func (d *Detection) add(o Detection, k float64) {
	b := o.Box.Scale(k)
	d.Box = vision.Rect{X0: d.Box.X0 + b.X0, Y0: d.Box.Y0 + b.Y0, X1: d.Box.X1 + b.X1, Y1: d.Box.Y1 + b.Y1}
	for i := range d.KeyPoints {
		d.KeyPoints[i] = d.KeyPoints[i].Add(o.KeyPoints[i].Scale(k))
	}
}

func (d *Detection) divide(by float64) {
	d.Box = d.Box.Scale(1 / by)
	for i := range d.KeyPoints {
		d.KeyPoints[i] = d.KeyPoints[i].Scale(1 / by)
	}
}

// secondOpinion asks the other detector and lets the first look closely where that one sees a face.
func (a *Analyzer) secondOpinion(ctx context.Context, p *vision.Pyramid) ([]Detection, error) {
	if a.models.FastDetector == nil {
		return nil, nil
	}
	boxes, err := a.fastBoxes(ctx, p)
	if err != nil {
		return nil, err
	}
	var found []Detection
	for _, b := range boxes {
		near, err := a.detectIn(ctx, p, newView(b.Box.Center(), closeUpSides*max(b.Box.Width(), b.Box.Height()), 0))
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(near, func(d Detection) bool { return d.Box.IoU(b.Box) > detectorOverlap }); i >= 0 {
			found = append(found, near[i])
		} else {
			found = append(found, b)
		}
	}
	return blend(found, detectorOverlap), nil
}

// fastBoxes runs UltraFace on the whole picture. Its boxes have no points, so those of an average upright face stand in.
func (a *Analyzer) fastBoxes(ctx context.Context, p *vision.Pyramid) ([]Detection, error) {
	size := p.Native().Bounds()
	input := p.Sample(size, fastWidth, fastHeight)
	out, err := a.models.FastDetector.Run(ctx, vision.Planar(vision.UniformNormalisation(127, 128), input))
	if err != nil {
		return nil, err
	}
	if len(out) != 2 || len(out[1].Data) != 2*len(out[0].Data) {
		return nil, ekyc.Errorf(ekyc.ErrModelAltered, "the second face detector does not have the outputs of UltraFace")
	}
	var found []Detection
	for i := range len(out[0].Data) / 2 {
		if score := float64(out[0].Data[2*i+1]); score >= fastScore {
			b := out[1].Data[4*i : 4*i+4]
			w, h := size.Width(), size.Height()
			box := vision.Rect{X0: float64(b[0]) * w, Y0: float64(b[1]) * h, X1: float64(b[2]) * w, Y1: float64(b[3]) * h}
			if !(box.Width() >= smallestBox && box.Height() >= smallestBox) {
				continue
			}
			found = append(found, Detection{Box: box, Score: score, KeyPoints: averagePoints(box)})
		}
	}
	return blend(found, fastOverlap), nil
}

// averagePoints places the six points of an upright frontal face in a box from the forehead to the chin.
func averagePoints(b vision.Rect) (points [6]vision.Point) {
	for i, at := range [6]vision.Point{{X: 0.3, Y: 0.38}, {X: 0.7, Y: 0.38}, {X: 0.5, Y: 0.6}, {X: 0.5, Y: 0.78}, {X: 0.02, Y: 0.45}, {X: 0.98, Y: 0.45}} {
		points[i] = vision.Point{X: b.X0 + at.X*b.Width(), Y: b.Y0 + at.Y*b.Height()}
	}
	return
}
