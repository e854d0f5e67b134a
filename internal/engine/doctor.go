package engine

//go:generate go test -run TestEveryModelGivesItsGoldenOutput -update-golden .

import (
	"context"
	_ "embed"
	"encoding/json"
	"math"
	"slices"
	"time"

	"ekyc"
	"ekyc/internal/document/ocr/tesseract"
	"ekyc/internal/models"
	"ekyc/internal/vision"
)

// Golden is what a model gives for the known input, kept small: of each output, by position, the mean, the root of the mean square
// and the first values.
type Golden struct {
	SHA256  string              `json:"sha256"` // of the model that gave it
	Outputs []OutputFingerprint `json:"outputs"`
}

// OutputFingerprint sums up one output tensor.
type OutputFingerprint struct {
	Count int       `json:"count"`
	Mean  float64   `json:"mean"`
	RMS   float64   `json:"rms"`
	First []float64 `json:"first"`
}

// Diagnosis is what the doctor found out about one model.
type Diagnosis struct {
	Model     string              `json:"model"`
	Healthy   bool                `json:"healthy"`
	Problem   string              `json:"problem,omitempty"`
	Got       []OutputFingerprint `json:"got,omitempty"`
	LatencyMS float64             `json:"latency_ms"` // median of a few runs on one thread
}

const (
	// goldenTolerance is the relative difference that other processors' instructions may make: sums in another order differ by
	// some 1e-4, a wrong weight or channel order by far more than this.
	goldenTolerance = 0.02
	// goldenRuns is how often a model runs for its latency.
	goldenRuns = 5
	// goldenFreeSide stands for a dimension that the model leaves free.
	goldenFreeSide = 320
	goldenFirst    = 4
)

//go:embed golden.json
var goldenFile []byte

// Goldens are the expected fingerprints by model name.
func Goldens() (map[string]Golden, error) {
	var g map[string]Golden
	if err := json.Unmarshal(goldenFile, &g); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the golden outputs are damaged").Because(err)
	}
	return g, nil
}

// Examine runs every model of the library on the known input and compares. A model without a golden output (an operator's
// own) is healthy when it runs and gives finite numbers.
func Examine(ctx context.Context, library *models.Library) ([]Diagnosis, error) {
	goldens, err := Goldens()
	if err != nil {
		return nil, err
	}
	l, err := newLoader(library)
	if err != nil {
		return nil, err
	}
	var all []Diagnosis
	for _, asset := range library.OfKind(models.KindModel) {
		d := l.examine(ctx, asset, goldens[asset.Name])
		if ctx.Err() != nil {
			return nil, ekyc.Errorf(ekyc.ErrCancelled, "the examination was stopped").Because(ctx.Err())
		}
		all = append(all, d)
	}
	return all, nil
}

func (l *loader) examine(ctx context.Context, asset models.Asset, want Golden) Diagnosis {
	d := Diagnosis{Model: asset.Name}
	session, err := l.session(asset.Name)
	if err != nil {
		d.Problem = err.Error()
		return d
	}
	defer session.Close()
	inputs := goldenInputs(asset)
	var times []time.Duration
	for range goldenRuns {
		start := time.Now()
		outputs, err := session.Run(ctx, inputs...)
		if err != nil {
			d.Problem = err.Error()
			return d
		}
		times = append(times, time.Since(start))
		d.Got = fingerprints(outputs)
	}
	d.LatencyMS = float64(median(times)) / float64(time.Millisecond)
	d.Problem = differs(d.Got, want, asset.SHA256)
	d.Healthy = d.Problem == ""
	return d
}

// ExamineScripts opens the data of each script that the print recogniser does not know. Documents are read without them too; then
// print in that script stays unread.
func ExamineScripts() []Diagnosis {
	var all []Diagnosis
	for _, script := range tesseract.Scripts {
		start := time.Now()
		d := Diagnosis{Model: "tesseract " + string(script)}
		reader, err := tesseract.Open("", script)
		if err != nil {
			d.Problem = err.Error()
		} else {
			d.Healthy = true
			reader.Close()
		}
		d.LatencyMS = float64(time.Since(start)) / float64(time.Millisecond)
		all = append(all, d)
	}
	return all
}

// goldenInputs is the known picture in the shape of each input, normalised as the model wants it, the same on every machine.
func goldenInputs(asset models.Asset) []vision.Tensor {
	tensors := make([]vision.Tensor, 0, len(asset.Inputs))
	for _, in := range asset.Inputs {
		shape, count := make([]int64, len(in.Shape)), 1
		for i, n := range in.Shape {
			switch {
			case n > 0:
			case i == 0:
				n = 1
			default:
				n = goldenFreeSide
			}
			shape[i] = n
			count *= int(n)
		}
		data := make([]float32, count)
		mean, std := 127.5, 127.5
		if p := asset.Preprocessing; p != nil && len(p.Mean) > 0 && len(p.Std) > 0 {
			mean, std = p.Mean[0], p.Std[0]
		}
		for i := range data {
			data[i] = float32((goldenPixel(pixelAt(shape, asset.Preprocessing, i)) - mean) / std)
		}
		tensors = append(tensors, vision.Tensor{Shape: shape, Data: data})
	}
	return tensors
}

// pixelAt gives column and row of the i-th number of a tensor.
func pixelAt(shape []int64, p *models.Preprocessing, i int) (x, y int) {
	if len(shape) != 4 {
		return i, 0
	}
	if p != nil && p.Layout == "NHWC" {
		i /= int(shape[3])
		return i % int(shape[2]), i / int(shape[2])
	}
	return i % int(shape[3]), i / int(shape[3]) % int(shape[2])
}

// goldenPixel is a page of lines of dark strokes, like print, on a ground that grows lighter to the right: something to find
// for models that look for text, and texture for all others.
func goldenPixel(x, y int) float64 {
	const line, ink, stroke = 44, 26, 3
	ground := 170 + 60*math.Sin(float64(x)/97)
	if y%line < ink && (x/stroke*2654435761+y/line*40503)>>7&3 == 0 {
		return 25
	}
	return ground
}

func fingerprints(outputs []vision.Tensor) []OutputFingerprint {
	prints := make([]OutputFingerprint, 0, len(outputs))
	for _, t := range outputs {
		f := OutputFingerprint{Count: len(t.Data)}
		squares := 0.0
		for i, v := range t.Data {
			f.Mean += float64(v)
			squares += float64(v) * float64(v)
			if i < goldenFirst {
				f.First = append(f.First, float64(v))
			}
		}
		n := math.Max(1, float64(len(t.Data)))
		f.Mean, f.RMS = f.Mean/n, math.Sqrt(squares/n)
		prints = append(prints, f)
	}
	return prints
}

// differs says in words where an output departs from the golden one; "" when it does not.
func differs(got []OutputFingerprint, want Golden, sha256 string) string {
	for _, g := range got {
		if math.IsNaN(g.RMS) || math.IsInf(g.RMS, 0) {
			return "it gives numbers that are not finite"
		}
	}
	if want.SHA256 != sha256 { // an operator's own weights, or none recorded
		return ""
	}
	if len(got) != len(want.Outputs) {
		return "it has another number of outputs than it should"
	}
	for i, g := range got {
		w := want.Outputs[i]
		near := func(a, b float64) bool { return math.Abs(a-b) <= goldenTolerance*math.Max(w.RMS, 1e-3) }
		ok := g.Count == w.Count && near(g.Mean, w.Mean) && near(g.RMS, w.RMS) && len(g.First) == len(w.First)
		for j := range w.First {
			ok = ok && near(g.First[j], w.First[j])
		}
		if !ok {
			return "an output differs from the golden one: the library or this processor computes something else"
		}
	}
	return ""
}

func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)/2]
}
