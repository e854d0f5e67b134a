package document_test

import (
	"math"
	"slices"
	"testing"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

// readScene reads a specimen photographed in a scene; the picture is small, so that reading it is quick.
func readScene(t *testing.T, kind specimen.Kind, side int, scene specimen.Scene) (*document.Reading, specimen.Truth) {
	t.Helper()
	b := setup(t)
	portrait, err := b.gallery.Portrait(b.gallery.People()[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	d, err := specimen.Generate(specimen.Spec{Kind: kind, Seed: 4104, Portrait: portrait})
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Photograph(side, specimen.PhotoSpec{Seed: 4104, Width: 2000, Height: 1500, Difficulty: 0.2, Scene: scene})
	if err != nil {
		t.Fatal(err)
	}
	reading, err := b.reader.Read(t.Context(), document.Input{Front: decode(t, p.Data), At: specimen.Epoch})
	if err != nil {
		t.Fatal(err)
	}
	return reading, p.Truth
}

// near says whether every corner lies within a share of the outline's width.
func near(a, b vision.Quad) bool {
	const share = 0.04
	for i := range a {
		if a[i].Distance(b[i]) > share*b.Width() {
			return false
		}
	}
	return true
}

// TestADocumentIsFoundInEveryScene: corners in the document's own order say where it is and what is up, in one.
func TestADocumentIsFoundInEveryScene(t *testing.T) {
	t.Parallel()
	for _, scene := range []specimen.Scene{specimen.Fingers, specimen.Patterned, specimen.QuarterTurn, specimen.Mirrored, specimen.Scan, specimen.Page} {
		t.Run(string(scene), func(t *testing.T) {
			t.Parallel()
			reading, truth := readScene(t, specimen.IDCardTD2, 0, scene)
			g := reading.Sides[0].Geometry
			if !near(g.Quad, truth.Quad) {
				t.Errorf("found by %s at %v, it lies at %v", g.Method, g.Quad, truth.Quad)
			}
			if !slices.Equal(reading.MRZ.Lines, truth.MRZ) {
				t.Errorf("the machine readable zone is read as %q, printed is %q", reading.MRZ.Lines, truth.MRZ)
			}
			mirrored := scene == specimen.Mirrored
			if g.Mirrored != mirrored || slices.Contains(reading.Quality.Codes, document.MirroredPicture) != mirrored {
				t.Errorf("mirrored %t, codes %v", g.Mirrored, reading.Quality.Codes)
			}
			if c := reading.MRZ.Region.Quad.Center(); !inBounds(truth, "mrz", c) {
				t.Errorf("the zone is placed at %v", c)
			}
		})
	}
}

// inBounds says whether a point of the photograph lies where the truth has a part.
func inBounds(truth specimen.Truth, part string, p vision.Point) bool {
	return slices.ContainsFunc(truth.Regions, func(r specimen.Region) bool {
		b := r.Quad.Bounds()
		return r.Name == part && p.X > b.X0 && p.X < b.X1 && p.Y > b.Y0 && p.Y < b.Y1
	})
}

// TestFrontAndBackInOnePictureAreOneReading: portrait and print of the one, machine readable zone of the other.
func TestFrontAndBackInOnePictureAreOneReading(t *testing.T) {
	t.Parallel()
	reading, truth := readScene(t, specimen.IDCardTD1, 0, specimen.BothSides)
	if len(reading.Sides) != 2 {
		t.Fatalf("%d sides", len(reading.Sides))
	}
	if !near(reading.Sides[0].Geometry.Quad, truth.Quad) || !near(reading.Sides[1].Geometry.Quad, truth.Neighbour.Quad) {
		t.Errorf("front at %v, back at %v", reading.Sides[0].Geometry.Quad, reading.Sides[1].Geometry.Quad)
	}
	if !slices.Equal(reading.MRZ.Lines, truth.MRZ) || reading.MRZ.Region.Side != 1 {
		t.Errorf("the machine readable zone on side %d is not the back's", reading.MRZ.Region.Side)
	}
	if reading.Portrait == nil || reading.Portrait.Region.Side != 0 {
		t.Error("the front's portrait is missing")
	}
	if f := reading.Fields[document.KeyDocumentNumber]; f.Value != truth.Fields["document_number"] || len(reading.Readings[document.KeySurname]) < 2 {
		t.Errorf("the number is %q; the surname was read %d times", f.Value, len(reading.Readings[document.KeySurname]))
	}
}

// TestOneOfTwoDocumentsIsReadAndTheOtherTold: never a mixture of both.
func TestOneOfTwoDocumentsIsReadAndTheOtherTold(t *testing.T) {
	t.Parallel()
	reading, truth := readScene(t, specimen.Passport, 0, specimen.TwoDocuments)
	if g := reading.Sides[0].Geometry; g.Others != 1 || !slices.Contains(reading.Quality.Codes, document.SeveralDocuments) {
		t.Errorf("%d others, codes %v", g.Others, reading.Quality.Codes)
	}
	lines, quad := truth.MRZ, truth.Quad
	if !near(reading.Sides[0].Geometry.Quad, quad) {
		lines, quad = truth.Neighbour.MRZ, truth.Neighbour.Quad
	}
	if !near(reading.Sides[0].Geometry.Quad, quad) || !slices.Equal(reading.MRZ.Lines, lines) {
		t.Error("what was read is neither the one document nor the other")
	}
}

// TestEmptyScenesAreRefused: a page, a dark room, a pattern, and two sheets with nothing on them.
func TestEmptyScenesAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, shade := range map[string]func(x, y int) byte{
		"empty page": func(int, int) byte { return 250 },
		"dark room":  func(int, int) byte { return 3 },
		"stripes":    func(x, y int) byte { return byte(127 + 100*math.Sin(float64(x+y)/9)) },
		"two white sheets": func(x, y int) byte {
			if y > 100 && y < 700 && (x > 60 && x < 560 || x > 640 && x < 1140) {
				return 245
			}
			return 90
		},
	} {
		m := vision.NewRGB(1200, 800)
		for i := range m.Pix {
			m.Pix[i] = shade(i/3%m.Width, i/3/m.Width)
		}
		_, err := b.reader.Read(t.Context(), document.Input{Front: vision.NewPyramid(m), At: specimen.Epoch})
		if ekyc.CodeOf(err) != ekyc.ErrDocumentNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}
