package vision

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
)

// scenery draws a picture of soft shapes, another one for each seed.
func scenery(seed uint64, width, height int) *RGB {
	r := rand.New(rand.NewPCG(seed, 1))
	m := NewRGB(width, height)
	type spot struct{ x, y, size, light float64 }
	var spots []spot
	for range 24 {
		spots = append(spots, spot{r.Float64(), r.Float64(), 0.04 + 0.2*r.Float64(), 160*r.Float64() - 80})
	}
	for y := range height {
		for x := range width {
			light := 120.0
			for _, s := range spots {
				dx, dy := float64(x)/float64(width)-s.x, float64(y)/float64(height)-s.y
				light += s.light * math.Exp(-(dx*dx+dy*dy)/(s.size*s.size))
			}
			v := byte(max(20, min(235, light)))
			i := 3 * (y*width + x)
			m.Pix[i], m.Pix[i+1], m.Pix[i+2] = v, v, v
		}
	}
	return m
}

func fingerprint(t *testing.T, m *RGB) Fingerprint {
	t.Helper()
	f := NewPyramid(m).Fingerprint()
	if f == nil {
		t.Fatal("no fingerprint")
	}
	return *f
}

// coded is the picture as it comes out of a JPEG file of the quality.
func coded(t *testing.T, m *RGB, quality int) *RGB {
	t.Helper()
	data, err := EncodeJPEG(m, quality)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Decode(data, SceneLimits)
	if err != nil {
		t.Fatal(err)
	}
	return p.Native()
}

func TestFingerprintsSurviveWhatFilesGoThrough(t *testing.T) {
	t.Parallel()
	const near = 12 // reuse.Nearest
	for seed := range uint64(6) {
		m := scenery(seed, 700+int(seed)*61, 500+int(seed)*37)
		f := fingerprint(t, m)
		lighter, darker := NewRGB(m.Width, m.Height), NewRGB(m.Width, m.Height)
		for i, v := range m.Pix {
			lighter.Pix[i], darker.Pix[i] = v+12, byte(int(v)*9/10)
		}
		for name, other := range map[string]*RGB{
			"quality 60": coded(t, m, 60), "quality 95": coded(t, m, 95), "half": m.Resize((m.Width+1)/2, (m.Height+1)/2),
			"half in quality 60": coded(t, m.Resize((m.Width+1)/2, (m.Height+1)/2), 60), "lighter": lighter, "darker": darker,
		} {
			if d := f.Distance(fingerprint(t, other)); d > near {
				t.Errorf("%d %s: %d bits differ", seed, name, d)
			}
		}
		if d := f.Distance(fingerprint(t, scenery(seed+100, m.Width, m.Height))); d < 4*near {
			t.Errorf("%d: another picture differs in %d bits only", seed, d)
		}
		if d := f.Distance(fingerprint(t, m.Mirror())); d < 4*near {
			t.Errorf("%d: the mirrored picture differs in %d bits only", seed, d)
		}
	}
}

func TestPicturesWithoutDetailHaveNoFingerprint(t *testing.T) {
	t.Parallel()
	plain, grainy := NewRGB(400, 300), NewRGB(400, 300)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range plain.Pix {
		plain.Pix[i], grainy.Pix[i] = 90, byte(90+r.IntN(12)) // a wall, as a sensor sees it
	}
	for name, m := range map[string]*RGB{"one colour": plain, "grain": grainy, "nothing": NewRGB(1, 1)} {
		if NewPyramid(m).Fingerprint() != nil {
			t.Errorf("%s has a fingerprint", name)
		}
	}
}

func TestFingerprintsAsText(t *testing.T) {
	t.Parallel()
	f := fingerprint(t, scenery(1, 300, 300))
	text, err := json.Marshal(f)
	var back Fingerprint
	if err != nil || len(text) != 2+FingerprintBits/4 || json.Unmarshal(text, &back) != nil || back != f || f.Distance(back) != 0 {
		t.Errorf("%s %v", text, err)
	}
	for _, bad := range []string{`"00"`, `"zz"`, `""`, `7`} {
		if json.Unmarshal([]byte(bad), &back) == nil {
			t.Errorf("%s is a fingerprint", bad)
		}
	}
}

func BenchmarkFingerprint(b *testing.B) {
	p := NewPyramid(scenery(1, 1200, 900))
	p.Fit(200)
	for b.Loop() {
		p.Fingerprint()
	}
}
