package document

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"

	"ekyc/internal/document/forensic"
	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

// side is one photograph while it is read.
type side struct {
	index    int
	pyramid  *vision.Pyramid
	boxes    []ocr.Box // text, native pixels
	zone     *zone
	angle    float64 // reading direction, radians
	geometry Geometry
	image    *vision.RGB
	toNative vision.Homography // from pixels of image
	toImage  vision.Homography
	lines    []TextLine
	portrait *Portrait
	codes    []BarcodeReading
	evidence func() *forensic.Evidence // waits for what examine has begun
	searches *sync.WaitGroup           // all that examine has begun for one reading, whose sides share it: a search may outlast its side; nil: none is wanted
}

const (
	// sceneSide is the longer side at which text is detected in the photograph, and pageSide that on the rectified document: print of 1.6 mm
	// on a passport page is then 12 pixels high, on a card 17.
	sceneSide, pageSide = 960, 1088
	// leastSide: smaller images are enlarged to it before detection; the detector misses characters under 8 pixels.
	leastSide = 800
	// detailed: a document whose longer side has at least this many pixels in the scene's detection is not detected again.
	detailed = 620
	// mostLines bounds the recognition of print: documents have up to 60 lines, and a wall of text is not one.
	mostLines = 90
)

// detect finds lines of text with the image's longer side at the given size (or leastSide where it is smaller), in native pixels.
func (r *Reader) detect(ctx context.Context, p *vision.Pyramid, longer int) ([]ocr.Box, error) {
	m, k := p.Fit(longer)
	if l := max(m.Width, m.Height); l < leastSide {
		f := leastSide / float64(l)
		m = m.Sample(m.Bounds(), int(float64(m.Width)*f), int(float64(m.Height)*f))
		k *= f
	}
	boxes, err := r.models.Detector.Detect(ctx, m)
	for i := range boxes {
		boxes[i].Quad = boxes[i].Quad.Scale(1 / k)
	}
	return boxes, err
}

// look finds the print and the straight lines of a photograph.
func (r *Reader) look(ctx context.Context, p *vision.Pyramid, index int, searches *sync.WaitGroup, watch *stopwatch) (*side, *lineSearch, error) {
	defer watch.start("detect")()
	s := &side{index: index, pyramid: p, searches: searches}
	var err error
	var group sync.WaitGroup
	var lines *lineSearch
	group.Go(func() { lines = findLines(p) })
	s.boxes, err = r.detect(ctx, p, sceneSide)
	group.Wait()
	return s, lines, err
}

// seek looks for the machine readable zone of a side, and for outlines of documents at the same time.
func (r *Reader) seek(ctx context.Context, s *side, lines *lineSearch, watch *stopwatch) (outlines []outline, err error) {
	var group sync.WaitGroup
	group.Go(func() {
		defer watch.start("locate")()
		outlines = lines.outlines(s.boxes)
	})
	stop := watch.start("mrz")
	s.zone, err = r.findZone(ctx, s.pyramid, s.boxes)
	stop()
	group.Wait()
	return outlines, err
}

// readSide reads one side, whose zone was looked for, up to its text; what the text means is decided over both sides.
func (r *Reader) readSide(ctx context.Context, s *side, outlines []outline, watch *stopwatch) error {
	lap := watch.start("locate")
	if err := r.orient(ctx, s, outlines); err != nil {
		return err
	}
	s.geometry = locate(s.pyramid, s.boxes, outlines, s.zone, s.angle)
	s.rectify()
	lap()
	if err := r.detail(ctx, s, watch); err != nil {
		return err
	}
	return r.readPage(ctx, s, watch)
}

// orient settles the reading direction: the machine readable zone's, else that of what the outline or the whole image shows.
func (r *Reader) orient(ctx context.Context, s *side, outlines []outline) (err error) {
	if s.zone != nil {
		s.angle = s.zone.angle()
		return nil
	}
	page, believed := s.pyramid.Native().Bounds().Quad(), false
	if len(outlines) > 0 && outlines[0].believed() {
		page, believed = outlines[0].quad, true
	}
	s.angle, err = r.readingAngle(ctx, s.pyramid, s.boxes, page, believed)
	return err
}

// rectify makes the document's upright image.
func (s *side) rectify() {
	w, h := s.geometry.rectifiedSize()
	frame := vision.Rect{X1: float64(w), Y1: float64(h)}.Quad()
	toNative, ok := vision.Between(frame, s.geometry.Quad)
	toImage, ok2 := vision.Between(s.geometry.Quad, frame)
	if !ok || !ok2 { // an outline without area: the whole photograph instead
		s.geometry.Quad, s.geometry.Method = s.pyramid.Native().Bounds().Quad(), ByFrame
		w, h = s.geometry.rectifiedSize()
		frame = vision.Rect{X1: float64(w), Y1: float64(h)}.Quad()
		toNative, _ = vision.Between(frame, s.geometry.Quad)
		toImage, _ = vision.Between(s.geometry.Quad, frame)
	}
	s.toNative, s.toImage = toNative, toImage
	s.image = s.pyramid.Warp(toNative, w, h, vision.BorderReplicate)
}

// detail detects the text again on the rectified document where it was small in the scene, and looks for the zone again with it.
func (r *Reader) detail(ctx context.Context, s *side, watch *stopwatch) error {
	native := s.pyramid.Native()
	factor := min(1, sceneSide/float64(max(native.Width, native.Height)))
	if s.geometry.Method == ByFrame || factor*max(s.geometry.Quad.Width(), s.geometry.Quad.Height()) >= detailed {
		return nil
	}
	defer watch.start("detect")()
	page, k := s.image.Fit(pageSide)
	boxes, err := r.models.Detector.Detect(ctx, page)
	if err != nil {
		return err
	}
	if len(boxes) == 0 {
		return nil
	}
	for i := range boxes {
		boxes[i].Quad = s.toNative.ApplyQuad(boxes[i].Quad.Scale(1 / k))
	}
	s.boxes = boxes
	if s.zone != nil {
		return nil
	}
	if s.zone, err = r.findZone(ctx, s.pyramid, boxes); err != nil || s.zone == nil {
		return err
	}
	if math.Cos(s.zone.angle()-s.angle) < 0 { // the zone knows better what is up
		s.angle = s.zone.angle()
		s.geometry.Quad = alignQuad(s.geometry.Quad, s.angle)
		s.rectify()
	}
	s.geometry.complete(s.pyramid, s.zone, s.angle)
	return nil
}

// readPage reads the print, looks for the portrait and for bar codes, at the same time.
func (r *Reader) readPage(ctx context.Context, s *side, watch *stopwatch) error {
	var group sync.WaitGroup
	var faceErr, codeErr error
	group.Go(func() {
		lap := watch.start("portrait")
		s.portrait, faceErr = r.findPortrait(ctx, s.pyramid, s)
		lap()
		s.examine(watch)
	})
	group.Go(func() {
		defer watch.start("barcode")()
		s.codes, codeErr = findCodes(s)
	})
	lap := watch.start("read")
	err := r.readLines(ctx, s)
	lap()
	group.Wait()
	return cmp.Or(err, faceErr, codeErr)
}

// readLines recognises the lines inside the document, apart from the machine readable zone's.
func (r *Reader) readLines(ctx context.Context, s *side) error {
	var quads []vision.Quad
	var crops []*vision.RGB
	for _, b := range s.pageBoxes() {
		q := alignQuad(b.Quad, s.angle)
		if crop, ok := r.models.Recogniser.Cut(s.pyramid, q); ok {
			quads, crops = append(quads, q), append(crops, crop)
		}
	}
	lines, err := r.models.Recogniser.Read(ctx, crops, nil)
	if err != nil {
		return err
	}
	for i, l := range lines {
		if l.Text != "" {
			s.lines = append(s.lines, TextLine{Text: l.Text, Confidence: l.Confidence, Quad: quads[i], Box: s.toImage.ApplyQuad(quads[i]).Bounds()})
		}
	}
	slices.SortStableFunc(s.lines, func(a, b TextLine) int {
		return cmp.Or(cmp.Compare(a.Box.Y0, b.Box.Y0), cmp.Compare(a.Box.X0, b.Box.X0))
	})
	return nil
}

// pageBoxes are the boxes worth reading: on the document, not of the zone, in the reading direction; the largest if there are too many.
func (s *side) pageBoxes() []ocr.Box {
	outer := ocr.Grow(s.geometry.Quad, 0.02*s.geometry.Quad.Width(), 0.02*s.geometry.Quad.Height())
	keep := slices.DeleteFunc(slices.Clone(s.boxes), func(b ocr.Box) bool {
		c := b.Quad.Center()
		switch {
		case s.geometry.Method != ByFrame && !contains(outer, c):
			return true
		case s.zone != nil && contains(s.zone.quad(), c):
			return true
		}
		return b.Long() >= axisAspect*b.Short() && angleBetween(b.Along(), s.angle) > math.Pi/6
	})
	slices.SortStableFunc(keep, func(a, b ocr.Box) int { return cmp.Compare(b.Quad.Area(), a.Quad.Area()) })
	return keep[:min(len(keep), mostLines)]
}
