package engine

import (
	"testing"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/document/forensic"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

// tracedPhoto is a photograph as a careful person takes it.
var tracedPhoto = specimen.PhotoSpec{Seed: 11, Width: 2000, Height: 1500, Difficulty: 0.05}

func tracedDocument(t *testing.T, kind specimen.Kind, seed uint64) *specimen.Document {
	t.Helper()
	portrait, err := gallery(t).Portrait(gallery(t).People()[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	d, err := specimen.Generate(specimen.Spec{Kind: kind, Seed: seed, Portrait: portrait})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// traces reads a picture and gives the outcome of the checks of traces of forgery by name.
func traces(t *testing.T, p *specimen.Picture) (*document.Reading, map[string]ekyc.CheckStatus) {
	t.Helper()
	r, err := open(t).ReadDocument(t.Context(), DocumentRequest{Front: picture(t, p), At: judged})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]ekyc.CheckStatus{}
	for _, c := range open(t).Validate(r, check.Policy{SpecimensAllowed: true}, judged).Checks {
		found[c.Name] = c.Status
	}
	return r, found
}

// traceChecks are the checks by the trace that they judge.
var traceChecks = map[forensic.Trace]string{
	forensic.Portrait: "alteration_portrait", forensic.Text: "alteration_text", forensic.Cloned: "alteration_cloned_area",
	forensic.Compression: "alteration_compression", forensic.Noise: "alteration_noise", forensic.Monochrome: "copy_monochrome",
	forensic.Screen: "recapture_screen", forensic.Print: "recapture_print",
}

func TestForgeriesLeaveTheirTraces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		trace  forensic.Trace
		attack specimen.AttackKind
		kind   specimen.Kind
		seed   uint64
	}{
		{forensic.Text, specimen.FieldRetouched, specimen.Passport, 46},
		{forensic.Noise, specimen.FieldRetouched, specimen.Passport, 46},
		{forensic.Monochrome, specimen.MonochromeCopy, specimen.Passport, 31},
		{forensic.Screen, specimen.ScreenRecapture, specimen.Passport, 31},
	} {
		t.Run(string(c.trace), func(t *testing.T) {
			t.Parallel()
			other, err := gallery(t).Portrait(gallery(t).People()[1], 0)
			if err != nil {
				t.Fatal(err)
			}
			forged, err := tracedDocument(t, c.kind, c.seed).Attack(c.attack, tracedPhoto, other)
			if err != nil {
				t.Fatal(err)
			}
			r, found := traces(t, forged)
			if status := found[traceChecks[c.trace]]; status != ekyc.Warn && status != ekyc.Fail {
				t.Errorf("%s of %s: %s, measure %.2f among %v", traceChecks[c.trace], c.attack, status, r.Traces[c.trace], r.Traces)
			}
		})
	}
}

// Programs for messages save pictures again, smaller and softer: that is no forgery.
func TestHarmlessFilesLeaveNoTrace(t *testing.T) {
	t.Parallel()
	honest, err := tracedDocument(t, specimen.Passport, 31).Photograph(0, tracedPhoto)
	if err != nil {
		t.Fatal(err)
	}
	m := picture(t, honest).Native()
	for name, file := range map[string]struct {
		image   *vision.RGB
		quality int
	}{"as taken": {m, 95}, "saved at 70": {m, 70}, "half the size": {m.Halve(), 85}, "softer": {m.Blur(), 85}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := vision.EncodeJPEG(file.image, file.quality)
			if err != nil {
				t.Fatal(err)
			}
			r, found := traces(t, &specimen.Picture{Data: data})
			for trace, name := range traceChecks {
				if found[name] != ekyc.Pass {
					t.Errorf("%s: %s, measure %.2f", name, found[name], r.Traces[trace])
				}
			}
		})
	}
}
