package document

import (
	"cmp"
	"context"
	"slices"

	"ekyc/internal/vision"
)

// A mirrored photograph. The detector finds its print as any other; the recogniser makes nothing of it. Only a side with nothing machine readable
// whose print reads badly is looked at in the mirror, and then a few lines first.
const (
	// mirrorLines are read in the mirror: the longest.
	mirrorLines = 8
	// poorPrint is the mean confidence of the longest lines below which print reads badly. On generated photographs eight sides that were not
	// mirrored had 0.91 to 0.99, two mirrored ones 0.68 and 0.82.
	poorPrint = 0.90
	// mirrorGain is by how much the mirror must make the lines better: print that is not mirrored loses a quarter and more in it.
	mirrorGain = 0.03
)

// unmirrored gives the side as it reads in the mirror where it reads better there, else the side itself.
func (r *Reader) unmirrored(ctx context.Context, s *side, watch *stopwatch) (*side, error) {
	if s.machine() {
		return s, nil
	}
	longest := s.longestLines()
	asIs := meanConfidence(longest)
	if len(longest) < leastTexts || asIs >= poorPrint {
		return s, nil
	}
	better, err := r.readsMirrored(ctx, s.pyramid, longest, asIs+mirrorGain)
	if err != nil || !better {
		return s, err
	}
	m, lines, err := r.look(ctx, vision.NewPyramid(s.pyramid.Native().Mirror()), s.index, s.searches, watch)
	if err != nil {
		return nil, err
	}
	outlines, err := r.seek(ctx, m, lines, watch)
	if err != nil {
		return nil, err
	}
	if err := r.readSide(ctx, m, outlines, watch); err != nil {
		return nil, err
	}
	if m.zone == nil && meanConfidence(m.longestLines()) < asIs+mirrorGain {
		return s, nil
	}
	m.geometry.Mirrored = true
	return m, nil
}

func (s *side) longestLines() []TextLine {
	longest := slices.Clone(s.lines)
	slices.SortStableFunc(longest, func(a, b TextLine) int { return cmp.Compare(b.Quad.Width(), a.Quad.Width()) })
	return longest[:min(len(longest), mirrorLines)]
}

func meanConfidence(lines []TextLine) float64 {
	sum := 0.0
	for _, l := range lines {
		sum += l.Confidence
	}
	return sum / float64(max(1, len(lines)))
}

// readsMirrored says whether the lines, seen in a mirror either way up, reach a mean confidence.
func (r *Reader) readsMirrored(ctx context.Context, p *vision.Pyramid, lines []TextLine, least float64) (bool, error) {
	for _, flip := range [2]func(q vision.Quad) vision.Quad{
		func(q vision.Quad) vision.Quad { return vision.Quad{q[1], q[0], q[3], q[2]} }, // left and right change places
		func(q vision.Quad) vision.Quad { return vision.Quad{q[3], q[2], q[1], q[0]} }, // top and bottom do
	} {
		var crops []*vision.RGB
		for _, l := range lines {
			if crop, ok := r.models.Recogniser.Cut(p, flip(l.Quad)); ok {
				crops = append(crops, crop)
			}
		}
		read, err := r.models.Recogniser.Read(ctx, crops, nil)
		if err != nil {
			return false, err
		}
		sum := 0.0
		for _, l := range read {
			sum += l.Confidence
		}
		if sum >= least*float64(max(1, len(lines))) {
			return true, nil
		}
	}
	return false, nil
}

// unmirror carries every place on mirrored sides back into the photograph that was sent.
func (out *Reading) unmirror(sides []*side) {
	moved := map[*Region]bool{}
	for i, s := range sides {
		if !s.geometry.Mirrored {
			continue
		}
		width := float64(s.pyramid.Native().Width)
		back := func(q *vision.Quad) {
			for k := range q {
				q[k].X = width - q[k].X
			}
		}
		region := func(r *Region) {
			if r != nil && r.Side == s.index && !moved[r] {
				moved[r] = true
				back(&r.Quad)
			}
		}
		back(&out.Sides[i].Geometry.Quad)
		for k := range out.Sides[i].Text {
			back(&out.Sides[i].Text[k].Quad)
		}
		if out.MRZ.Found && out.MRZ.Region.Side == s.index {
			for k := range out.MRZ.Rows {
				back(&out.MRZ.Rows[k])
			}
			region(&out.MRZ.Region)
		}
		for k := range out.Barcodes {
			region(&out.Barcodes[k].Region)
		}
		if out.Portrait != nil {
			region(&out.Portrait.Region)
		}
		for _, readings := range out.Readings {
			for _, f := range readings {
				region(f.Region)
			}
		}
		for _, f := range out.Fields {
			region(f.Region)
		}
	}
}
