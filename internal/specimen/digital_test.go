package specimen

import (
	"math"
	"testing"

	"ekyc/internal/vision"
)

func TestFilesAreChangedWhereTheTruthSays(t *testing.T) {
	t.Parallel()
	for _, attack := range []AttackKind{AreaCloned, FieldRetouched, FieldSpliced, PortraitPasted} {
		t.Run(string(attack), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				d := generate(t, Spec{Kind: Passport, Seed: seed})
				spec := small
				spec.Seed = seed
				forged, err := d.Attack(attack, spec, nil)
				if err != nil {
					t.Fatal(err)
				}
				honest, err := d.Photograph(0, spec)
				if err != nil {
					t.Fatal(err)
				}
				before, errBefore := decoded(honest)
				after, errAfter := decoded(forged)
				if errBefore != nil || errAfter != nil {
					t.Fatal(errBefore, errAfter)
				}
				f := forged.Truth.Forgery
				inside, outside := changes(before, after, forged.Truth, f.Field)
				if inside < 3*outside {
					t.Errorf("seed %d: the mean change of a pixel is %.2f in %s and %.2f elsewhere", seed, inside, f.Field, outside)
				}
				value, stated := forged.Truth.Fields[f.Field]
				switch attack {
				case AreaCloned:
					if stated {
						t.Errorf("the truth states %s, of which a piece was copied over", f.Field)
					}
				case FieldRetouched, FieldSpliced:
					if value != f.After || f.Before == f.After || d.Fields[f.Field] != f.Before {
						t.Errorf("edited %s: fields say otherwise", f.Field)
					}
				case PortraitPasted:
					if f.Field != regionPortrait {
						t.Errorf("a portrait was pasted over %q", f.Field)
					}
				}
			}
		})
	}
}

// changes is the mean change of a pixel in the region of a field, and outside of the document's middle lines where nothing was done: its zone.
func changes(before, after *vision.RGB, truth Truth, field string) (inside, outside float64) {
	mean := func(box vision.Rect) float64 {
		sum, n := 0.0, 0.0
		for y := max(0, int(box.Y0)); y < min(before.Height, int(box.Y1)); y++ {
			for x := max(0, int(box.X0)); x < min(before.Width, int(box.X1)); x++ {
				i := 3 * (y*before.Width + x)
				sum, n = sum+math.Abs(float64(before.Pix[i])-float64(after.Pix[i])), n+1
			}
		}
		return sum / max(1, n)
	}
	for _, r := range truth.Regions {
		switch r.Name {
		case field:
			inside = max(inside, mean(r.Quad.Bounds()))
		case regionMRZ:
			outside = mean(r.Quad.Bounds())
		}
	}
	return inside, outside
}

func TestACopyHasNoColour(t *testing.T) {
	t.Parallel()
	d := generate(t, Spec{Kind: Passport, Seed: 3})
	spread := func(p *Picture, err error) float64 {
		if err != nil {
			t.Fatal(err)
		}
		m, err := decoded(p)
		if err != nil {
			t.Fatal(err)
		}
		box := p.Truth.Quad.Bounds()
		page := m.Crop(vision.Rect{X0: box.X0 + 0.1*box.Width(), X1: box.X1 - 0.1*box.Width(), Y0: box.Y0 + 0.1*box.Height(), Y1: box.Y1 - 0.1*box.Height()})
		var sum, square float64
		for i := 0; i < len(page.Pix); i += 3 {
			v := float64(page.Pix[i]) - float64(page.Pix[i+2])
			sum, square = sum+v, square+v*v
		}
		n := float64(len(page.Pix) / 3)
		return math.Sqrt(square/n - sum/n*sum/n)
	}
	spec := small
	spec.Seed = 3
	if honest, copied := spread(d.Photograph(0, spec)), spread(d.Attack(MonochromeCopy, spec, nil)); copied > 0.6*honest {
		t.Errorf("red less blue spreads by %.1f in a copy and by %.1f in the document", copied, honest)
	}
}
