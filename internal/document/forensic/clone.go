package forensic

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"ekyc/internal/vision"
)

// CloneNames are the measures of an area that appears twice: of the shift that most pairs of alike places share, the logarithm of their number, how
// much they differ as a share of their contrast, the least that one does, how far apart they are in blocks of a file, and the noise of the picture.
func CloneNames() []string { return []string{"pairs", "likeness", "most_alike", "extent", "noise"} }

const (
	// cloneReach: places are compared within 2*cloneReach+1 pixels.
	cloneReach = 9
	// apart: nearer places are the same print.
	apart = 28
	// mostPlaces bounds the work; the strongest are kept.
	mostPlaces = 7000
	// nearestKeys is how many places of the most similar key each is compared with.
	nearestKeys = 5
	// leastNoise in grey levels of detail: without noise the same print looks the same everywhere, and a copy cannot be told.
	leastNoise = 0.1
)

// spot is a place with much to see.
type spot struct {
	x, y     int
	strength int32
	key      [16]float32
	order    float32
}

// cloneEvidence looks for places that look alike down to their noise at one shift. Documents repeat letters and ornaments, whose print is
// alike and whose noise is not.
func cloneEvidence(s Scene, p *plane) []float64 {
	noise := p.floor
	if noise < leastNoise {
		return nil
	}
	spots := p.spots(s)
	slices.SortFunc(spots, func(a, b spot) int { return cmp.Compare(a.order, b.order) })
	type shift struct{ dx, dy int }
	type pair struct {
		a, b     int
		likeness float64
	}
	byShift := map[shift][]pair{}
	for i := range spots {
		for j := i + 1; j < min(len(spots), i+1+nearestKeys*8); j++ {
			if spots[j].order-spots[i].order > 0.04 {
				break
			}
			if keyDistance(&spots[i].key, &spots[j].key) > 0.12 {
				continue
			}
			a, b := i, j
			if spots[a].y > spots[b].y || spots[a].y == spots[b].y && spots[a].x > spots[b].x {
				a, b = b, a
			}
			dx, dy := spots[b].x-spots[a].x, spots[b].y-spots[a].y
			if dx*dx+dy*dy < apart*apart {
				continue
			}
			if l := p.likeness(spots[a], dx, dy); l < leastAlike {
				byShift[shift{dx, dy}] = append(byShift[shift{dx, dy}], pair{a, b, l})
			}
		}
	}
	best := []float64{0, leastAlike, leastAlike, 0, noise}
	most := 0.0
	for _, by := range slices.SortedFunc(maps.Keys(byShift), func(a, b shift) int { return cmp.Or(cmp.Compare(a.dx, b.dx), cmp.Compare(a.dy, b.dy)) }) {
		pairs := byShift[by]
		var alike, xs, ys []float64
		for _, q := range pairs {
			alike = append(alike, q.likeness)
			xs, ys = append(xs, float64(spots[q.a].x)), append(ys, float64(spots[q.a].y))
		}
		middle := median(alike)
		score := float64(len(pairs)) * (1.2*leastAlike - middle)
		if score > most {
			most = score
			extent := math.Hypot(slices.Max(xs)-slices.Min(xs), slices.Max(ys)-slices.Min(ys))
			best = []float64{math.Log1p(float64(len(pairs))), middle, alike[0], extent / block, noise}
		}
	}
	return best
}

// spots finds the places in print that stand out from their surroundings: where the second difference over three pixels is largest within six.
func (p *plane) spots(s Scene) []spot {
	var found []spot
	seen := map[[2]int]bool{} // the boxes of slanting lines overlap
	for _, q := range s.Lines {
		local := p.local(q)
		for _, at := range p.spotsIn(local.Bounds(), nil) {
			place := [2]int{at.x, at.y}
			if !seen[place] && inside(local, vision.Point{X: float64(at.x), Y: float64(at.y)}) {
				seen[place] = true
				found = append(found, at)
			}
		}
	}
	if len(found) > mostPlaces {
		slices.SortFunc(found, func(a, b spot) int { return cmp.Compare(b.strength, a.strength) })
		found = found[:mostPlaces]
	}
	for i := range found {
		p.describe(&found[i])
	}
	return found
}

// inside says whether a point lies in a quadrilateral whose corners go clockwise.
func inside(q vision.Quad, p vision.Point) bool {
	for i := range q {
		a, b := q[i], q[(i+1)%len(q)]
		if (b.X-a.X)*(p.Y-a.Y)-(b.Y-a.Y)*(p.X-a.X) < 0 {
			return false
		}
	}
	return true
}

// spotsIn adds those of one box of the plane.
func (p *plane) spotsIn(box vision.Rect, found []spot) []spot {
	const step, reach, least = 3, 6, 80
	const margin = 2 * block // from the edge of the plane: what describing a place needs
	x0, y0 := max(margin, int(box.X0)), max(margin, int(box.Y0))
	x1, y1 := min(p.width-margin, int(box.X1)), min(p.height-margin, int(box.Y1))
	w, h := x1-x0, y1-y0
	if w <= 2*reach || h <= 2*reach {
		return found
	}
	strength := make([]int32, w*h)
	for y := range h {
		at := (y+y0)*p.width + x0
		for x := range w {
			k := at + x
			strength[y*w+x] = int32(abs(4*int(p.pix[k]) - int(p.pix[k-step]) - int(p.pix[k+step]) - int(p.pix[k-step*p.width]) - int(p.pix[k+step*p.width])))
		}
	}
	for y := reach; y < h-reach; y++ {
		for x := reach; x < w-reach; x++ {
			if v := strength[y*w+x]; v >= least && highest(strength, w, x, y, reach) {
				found = append(found, spot{x: x + x0, y: y + y0, strength: v})
			}
		}
	}
	return found
}

func highest(strength []int32, w, x, y, reach int) bool {
	v := strength[y*w+x]
	for dy := -reach; dy <= reach; dy++ {
		for dx, other := range strength[(y+dy)*w+x-reach:][:2*reach+1] {
			if other > v || other == v && (dy < 0 || dy == 0 && dx < reach) {
				return false
			}
		}
	}
	return true
}

// describe gives a place its key: the light of sixteen squares of five pixels, apart from their mean and spread.
func (p *plane) describe(s *spot) {
	const square = 5
	mean := float32(0)
	for j := range 4 {
		for i := range 4 {
			sum := 0
			for y := range square {
				row := p.pix[(s.y+(j-2)*square+y)*p.width+s.x+(i-2)*square:][:square]
				for _, v := range row {
					sum += int(v)
				}
			}
			s.key[j*4+i] = float32(sum) / (square * square)
			mean += s.key[j*4+i] / 16
		}
	}
	norm := float32(0)
	for i := range s.key {
		s.key[i] -= mean
		norm += s.key[i] * s.key[i]
	}
	norm = float32(math.Sqrt(float64(norm))) + 1
	for i := range s.key {
		s.key[i] /= norm
		s.order += s.key[i] * orderWeights[i]
	}
}

// orderWeights project keys on one line on which alike ones lie near each other; any weights of mixed signs do.
var orderWeights = [16]float32{0.31, -0.12, 0.22, 0.41, -0.35, 0.17, -0.28, 0.09, 0.25, -0.38, 0.14, 0.33, -0.07, 0.29, -0.19, -0.24}

func keyDistance(a, b *[16]float32) (d float32) {
	for i := range a {
		d = max(d, max(a[i]-b[i], b[i]-a[i]))
	}
	return d
}

// leastAlike is the difference, as a share of the contrast, from which two places are two things.
const leastAlike = 0.14

// likeness is how much two places differ from each other, beside how much each differs from its own mean.
func (p *plane) likeness(a spot, dx, dy int) float64 {
	const side = 2*cloneReach + 1
	if a.x-cloneReach < 0 || a.y-cloneReach < 0 || a.x+cloneReach >= p.width || a.y+cloneReach >= p.height ||
		a.x+dx-cloneReach < 0 || a.x+dx+cloneReach >= p.width || a.y+dy+cloneReach >= p.height {
		return math.Inf(1)
	}
	one, two := 0, 0
	for y := -cloneReach; y <= cloneReach; y++ {
		u, v := p.row(a.x, a.y+y), p.row(a.x+dx, a.y+y+dy)
		for x := range u {
			one, two = one+int(u[x]), two+int(v[x])
		}
	}
	one, two = one/(side*side), two/(side*side)
	apart, contrast := 0, 0
	for y := -cloneReach; y <= cloneReach; y++ {
		u, v := p.row(a.x, a.y+y), p.row(a.x+dx, a.y+y+dy)
		for x := range u {
			apart += abs(int(u[x]) - one - int(v[x]) + two)
			contrast += abs(int(u[x]) - one)
		}
	}
	return float64(apart) / float64(max(side*side*4, contrast))
}

// row is the pixels that are compared beside a place.
func (p *plane) row(x, y int) []byte { return p.pix[y*p.width+x-cloneReach:][:2*cloneReach+1] }
