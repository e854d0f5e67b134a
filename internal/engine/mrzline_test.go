package engine

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"ekyc/internal/document/mrz"
	"ekyc/internal/vision"
)

// The size of the line network's input.
const lineWidth, lineHeight = 736, 32

// TestTheLineNetworkReadsAsItDidWhenItWasExported decodes generated line crops and compares with what the training code read.
func TestTheLineNetworkReadsAsItDidWhenItWasExported(t *testing.T) {
	t.Parallel()
	const dir = "testdata/lines"
	data, err := os.ReadFile(filepath.Join(dir, "line_examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var examples []struct {
		File   string `json:"file"`
		Text   string `json:"text"`
		Greedy string `json:"greedy"`
	}
	if err := json.Unmarshal(data, &examples); err != nil || len(examples) < 6 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	var differing []string // one may: it was chosen for an edge between two readings, and resizing rounds otherwise here
	session := open(t).sessions[mrzLineModel]
	for _, x := range examples {
		file, err := os.ReadFile(filepath.Join(dir, x.File))
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := png.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		crop := vision.FromImage(decoded).Gray().Resize(lineWidth, lineHeight)
		out, err := session.Run(t.Context(), vision.PlanarGray(0, 1, crop))
		if err != nil {
			t.Fatal(err)
		}
		if got := greedy(out[0].Data); got != x.Greedy {
			differing = append(differing, x.File)
			if len(got) < len(x.Greedy) || len(got) > len(x.Greedy)+1 {
				t.Errorf("%s: read %s, at export %s", x.File, got, x.Greedy)
			}
		}
	}
	if len(differing) > 1 {
		t.Errorf("read otherwise than at export: %v", differing)
	}
}

// greedy takes the likeliest class of each frame and drops repeats and blanks.
func greedy(logProbabilities []float32) string {
	var text []byte
	last := mrz.ClassBlank
	for at := 0; at < len(logProbabilities); at += mrz.Classes {
		best := 0
		for class, v := range logProbabilities[at : at+mrz.Classes] {
			if v > logProbabilities[at+best] {
				best = class
			}
		}
		if best != mrz.ClassBlank && best != last {
			text = append(text, mrz.CharacterOf(best))
		}
		last = best
	}
	return string(text)
}
