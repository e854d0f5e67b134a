package document

import (
	"cmp"
	"context"
	"math"
	"slices"

	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

const (
	// directionVotes lines, the longest, are asked which way up they are.
	directionVotes = 10
	// axisAspect: a box this long beside its height tells the direction of print.
	axisAspect = 3.0
)

// textAxis is the direction of print in the photograph modulo a half turn: the mean over the boxes weighted by their length, with
// the angles doubled so that opposite directions agree. share is how much of the print agrees with it, 0 to 1.
func textAxis(boxes []ocr.Box) (angle, share float64) {
	var x, y, all float64
	for _, b := range boxes {
		if b.Long() >= axisAspect*b.Short() {
			x += b.Long() * math.Cos(2*b.Along())
			y += b.Long() * math.Sin(2*b.Along())
			all += b.Long()
		}
	}
	if all == 0 {
		return 0, 0
	}
	return math.Atan2(y, x) / 2, math.Hypot(x, y) / all
}

const (
	// pageWeight and lineWeight are the weights of the page's and the lines' opinion on what is up. On photographs of documents the network
	// for pages was right on all of 252, that for lines on nine in ten.
	pageWeight, lineWeight = 1.0, 0.5
)

// readingAngle settles the reading direction of what a quadrilateral of the photograph shows, in radians from the x axis: first along
// which sides of the quadrilateral the print runs and which way up the page is, then the direction of the print itself, which is more
// exact where the quadrilateral is the whole image.
func (r *Reader) readingAngle(ctx context.Context, p *vision.Pyramid, boxes []ocr.Box, page vision.Quad, exact bool) (float64, error) {
	var inside []ocr.Box
	for _, b := range boxes {
		if contains(page, b.Quad.Center()) {
			inside = append(inside, b)
		}
	}
	axis, share := textAxis(inside)
	turns := [4]float64{0.25, 0.25, 0.25, 0.25}
	if r.models.Orientation != nil {
		var err error
		if turns, err = r.models.Orientation.Turns(ctx, p, page); err != nil {
			return 0, err
		}
	}
	down, err := r.upsideDown(ctx, p, inside, axis)
	if err != nil {
		return 0, err
	}
	best, angle := math.Inf(-1), 0.0
	for turn, probability := range turns {
		q := page.Turn(-turn) // content turned clockwise once starts at the top right corner
		a := vision.Angle(q[0].Midpoint(q[3]), q[1].Midpoint(q[2]))
		along := math.Cos(a - axis) // 1 when the print runs as the lines were cut, −1 against it
		score := pageWeight*probability + share*math.Abs(along)
		if math.Abs(along) > 0.5 {
			score += lineWeight * along * (1 - 2*down) / 2
			if !exact {
				a = axis
				if along < 0 {
					a += math.Pi
				}
			}
		}
		if score > best {
			best, angle = score, a
		}
	}
	return math.Remainder(angle, 2*math.Pi), nil
}

// upsideDown is the mean probability that the longest lines, cut along the axis, stand on their head; one half where nothing tells.
func (r *Reader) upsideDown(ctx context.Context, p *vision.Pyramid, boxes []ocr.Box, axis float64) (float64, error) {
	if r.models.Direction == nil {
		return 0.5, nil
	}
	order := slices.DeleteFunc(slices.Clone(boxes), func(b ocr.Box) bool {
		return b.Long() < axisAspect*b.Short() || angleBetween(b.Along(), axis) > joinAngle
	})
	slices.SortStableFunc(order, func(a, b ocr.Box) int { return cmp.Compare(b.Long(), a.Long()) })
	var quads []vision.Quad
	for _, b := range order[:min(len(order), directionVotes)] {
		quads = append(quads, alignQuad(b.Quad, axis))
	}
	down, err := r.models.Direction.UpsideDown(ctx, p, quads)
	if err != nil || len(down) == 0 {
		return 0.5, err
	}
	mean := 0.0
	for _, d := range down {
		mean += d / float64(len(down))
	}
	return mean, nil
}

// alignQuad renames the corners of a quadrilateral so that its top edge points as nearly as possible in the reading direction.
func alignQuad(q vision.Quad, angle float64) vision.Quad {
	best, out := math.Inf(1), q
	for range 4 {
		d := math.Abs(math.Remainder(vision.Angle(q[0], q[1])-angle, 2*math.Pi))
		if d < best {
			best, out = d, q
		}
		q = q.Turn(1)
	}
	return out
}

// quarterTurns is the number of clockwise quarter turns that make content whose reading direction is angle upright.
func quarterTurns(angle float64) int {
	n := int(math.Round(-angle / (math.Pi / 2)))
	return ((n % 4) + 4) % 4
}
