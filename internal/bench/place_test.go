package bench

import (
	"math"
	"testing"

	"ekyc/internal/document"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

func TestOverlapOfOutlines(t *testing.T) {
	t.Parallel()
	unit := vision.Rect{X1: 100, Y1: 100}.Quad()
	for name, c := range map[string]struct {
		other vision.Quad
		want  float64
	}{
		"itself":        {unit, 1},
		"mirrored":      {vision.Quad{unit[1], unit[0], unit[3], unit[2]}, 1},
		"turned":        {unit.Turn(1), 1},
		"half beside":   {vision.Rect{X0: 50, X1: 150, Y1: 100}.Quad(), 1.0 / 3},
		"elsewhere":     {vision.Rect{X0: 200, X1: 300, Y1: 100}.Quad(), 0},
		"quarter of it": {vision.Rect{X0: 25, Y0: 25, X1: 75, Y1: 75}.Quad(), 0.25},
	} {
		if got := overlapOf(unit, c.other); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %.4f, want %.4f", name, got, c.want)
		}
	}
}

// TestPlacesCountWhatIsWrong: a reading that lies on its side, misses its zone or is not there fails what is asked of it.
func TestPlacesCountWhatIsWrong(t *testing.T) {
	t.Parallel()
	quad, lines := vision.Rect{X1: 158, Y1: 100}.Quad(), []string{"A<", "B<"}
	label := documentLabel{Places: []specimen.Place{{Scene: specimen.Plain, Quad: quad, MRZ: lines}}}
	reading := func(q vision.Quad, mrz []string) *document.Reading {
		return &document.Reading{Sides: []document.Side{{Geometry: document.Geometry{Quad: q}}}, MRZ: &document.MRZ{Lines: mrz}}
	}
	for name, c := range map[string]struct {
		reading               *document.Reading
		found, upright, exact float64
	}{
		"right":       {reading(quad, lines), 1, 1, 1},
		"on its side": {reading(quad.Turn(1), lines), 1, 0, 1},
		"wrong zone":  {reading(quad, []string{"A<", "8<"}), 1, 1, 0},
		"no document": {&document.Reading{}, 0, 0, 0},
		"half of it":  {reading(vision.Rect{X1: 79, Y1: 100}.Quad(), lines), 0, 1, 1},
	} {
		p := places{}
		wrong := p.add(label, c.reading)
		g := p.result()["plain"]
		if g.Found.Value != c.found || g.Upright.Value != c.upright || g.MRZ.Value != c.exact || (wrong == "") != (name == "right") {
			t.Errorf("%s: %+v, said %q", name, g, wrong)
		}
	}
}
