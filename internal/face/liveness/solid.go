package liveness

import (
	"math"

	"ekyc/internal/face"
	"ekyc/internal/vision"
)

// solidity compares two explanations of how the landmarks moved between two frames, each with eight parameters: a flat
// picture moves by a homography, a head seen from a distance by an affine map of space to the plane. It is the ratio of
// their residuals: over 1 for a solid. The depths are those that the landmark model gives the first frame; it gives a
// picture of a face the same, so they are shape, not evidence: the evidence is how the points move. The verdict is nil
// where the two explain the movement about equally well.
func solidity(first, second *face.Landmarks) (ratio float64, solid *bool) {
	flat, ok1 := homographyResidual(first, second)
	deep, ok2 := spaceResidual(first, second)
	if !ok1 || !ok2 || deep == 0 {
		return 1, nil
	}
	ratio = flat / deep
	switch {
	case ratio >= solidRatio:
		yes := true
		return ratio, &yes
	case ratio <= 1/solidRatio:
		no := false
		return ratio, &no
	}
	return ratio, nil
}

// spaceResidual is the root mean square distance that is left after the best affine map of (x, y, depth) to the plane.
func spaceResidual(first, second *face.Landmarks) (float64, bool) {
	origin, scale := spread(first)
	rows, u, v := make([][]float64, len(first.Points)), make([]float64, len(first.Points)), make([]float64, len(first.Points))
	for i, p := range first.Points {
		rows[i] = []float64{(p.X - origin.X) / scale, (p.Y - origin.Y) / scale, first.Depth[i] / scale, 1}
		u[i], v[i] = second.Points[i].X, second.Points[i].Y
	}
	a, ok1 := leastSquares(rows, u)
	b, ok2 := leastSquares(rows, v)
	if !ok1 || !ok2 {
		return 0, false
	}
	sum := 0.0
	for i, r := range rows {
		sum += squared(dot(a, r)-u[i]) + squared(dot(b, r)-v[i])
	}
	return math.Sqrt(sum / float64(len(rows))), true
}

// homographyResidual is the root mean square distance that is left after the best homography: the algebraic solution,
// weighted anew by its denominators until those agree with the distance that is wanted.
func homographyResidual(first, second *face.Landmarks) (float64, bool) {
	const rounds = 4
	o1, s1 := spread(first)
	o2, s2 := spread(second)
	n := len(first.Points)
	rows, want := make([][]float64, 2*n), make([]float64, 2*n)
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = 1
	}
	at := func(i int) (x, y, u, v float64) {
		p, q := first.Points[i], second.Points[i]
		return (p.X - o1.X) / s1, (p.Y - o1.Y) / s1, (q.X - o2.X) / s2, (q.Y - o2.Y) / s2
	}
	var h []float64
	for range rounds {
		for i := range n {
			x, y, u, v := at(i)
			w := weights[i]
			rows[2*i] = []float64{w * x, w * y, w, 0, 0, 0, -w * u * x, -w * u * y}
			rows[2*i+1] = []float64{0, 0, 0, w * x, w * y, w, -w * v * x, -w * v * y}
			want[2*i], want[2*i+1] = w*u, w*v
		}
		var ok bool
		if h, ok = leastSquares(rows, want); !ok {
			return 0, false
		}
		for i := range n {
			x, y, _, _ := at(i)
			d := h[6]*x + h[7]*y + 1
			if math.Abs(d) < 0.1 {
				return 0, false
			}
			weights[i] = 1 / d
		}
	}
	sum := 0.0
	for i := range n {
		x, y, u, v := at(i)
		d := h[6]*x + h[7]*y + 1
		sum += squared((h[0]*x+h[1]*y+h[2])/d-u) + squared((h[3]*x+h[4]*y+h[5])/d-v)
	}
	return s2 * math.Sqrt(sum/float64(n)), true
}

// shapeTravel is how far the landmarks moved between two frames beyond a shift, turn and scale of the whole, root mean
// square in eye distances.
func shapeTravel(first, second *face.Landmarks) float64 {
	s := vision.FitSimilarity(first.Points[:], second.Points[:])
	sum := 0.0
	for i, p := range first.Points {
		d := s.Apply(p).Distance(second.Points[i])
		sum += d * d
	}
	right, left := second.EyeCenters()
	return math.Sqrt(sum/float64(len(first.Points))) / max(1, right.Distance(left))
}

// spread is the mean of the landmarks and their root mean square distance from it.
func spread(l *face.Landmarks) (mean vision.Point, scale float64) {
	for _, p := range l.Points {
		mean = mean.Add(p)
	}
	mean = mean.Scale(1 / float64(len(l.Points)))
	for _, p := range l.Points {
		scale += squared(p.Distance(mean))
	}
	return mean, max(1e-9, math.Sqrt(scale/float64(len(l.Points))))
}

// leastSquares solves rows·x = want by the normal equations; false when they are singular. The unknowns are few and the
// columns of similar size, so the squared condition number does no harm.
func leastSquares(rows [][]float64, want []float64) ([]float64, bool) {
	n := len(rows[0])
	a := make([][]float64, n)
	for i := range a {
		a[i] = make([]float64, n+1)
	}
	for k, r := range rows {
		for i, x := range r {
			for j, y := range r {
				a[i][j] += x * y
			}
			a[i][n] += x * want[k]
		}
	}
	for c := range n {
		pivot := c
		for r := c + 1; r < n; r++ {
			if math.Abs(a[r][c]) > math.Abs(a[pivot][c]) {
				pivot = r
			}
		}
		if math.Abs(a[pivot][c]) < 1e-12 {
			return nil, false
		}
		a[c], a[pivot] = a[pivot], a[c]
		for r := range n {
			if r == c {
				continue
			}
			k := a[r][c] / a[c][c]
			for j := c; j <= n; j++ {
				a[r][j] -= k * a[c][j]
			}
		}
	}
	x := make([]float64, n)
	for i := range x {
		x[i] = a[i][n] / a[i][i]
	}
	return x, true
}

func dot(a, b []float64) (sum float64) {
	for i, x := range a {
		sum += x * b[i]
	}
	return
}

func squared(x float64) float64 { return x * x }
