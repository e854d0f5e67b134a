package mrz

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"ekyc"
)

func FuzzParse(f *testing.F) {
	for _, lines := range specimens {
		f.Add(strings.Join(lines, "\n"))
		f.Add(strings.ToLower(strings.Join(lines, "")))
	}
	for _, lines := range licences {
		f.Add(strings.Join(lines, "\n"))
	}
	f.Add("I<UTOD23145890<7349<<<<<<<<<<<\n3407127M9507122UTO<<<<<<<<<<<2\nSTEVENSON<<PETER<JOHN<<<<<<<<<")
	f.Add("IDFRA<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<\n<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<")
	f.Add("é<\n\x00")
	f.Fuzz(func(t *testing.T, text string) {
		z, err := Parse([]string{text})
		if err != nil {
			if ekyc.CodeOf(err) != ekyc.ErrMRZUnreadable {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		again, err := Parse(z.Lines)
		if err != nil || again.Valid() != z.Valid() || again.DocumentNumber != z.DocumentNumber {
			t.Fatalf("its own lines are read otherwise: %v", err)
		}
		for field, status := range z.Statuses() {
			if z.Valid() && status == Refuted {
				t.Fatalf("valid, and %s refuted", field)
			}
		}
		z.BlindSpots()
		for _, e := range z.Evidence() {
			if e.Status != z.Status(e.Field) || e.Status != Proven && len(e.BlindSpots)+len(e.Exchanges) > 0 {
				t.Fatalf("the evidence of %s is %+v", e.Field, e)
			}
		}
		whole := z.Lines
		for lost := range whole {
			lines := slices.Clone(whole)
			lines[lost] = ""
			if part, err := Parse(lines); err == nil && (part.Valid() || len(part.Evidence()) >= len(z.Evidence())) {
				t.Fatalf("without line %d it is still whole", lost)
			}
		}
	})
}

// FuzzDecodePart gives one byte a frame, as FuzzDecodeZone, of one or two rows.
func FuzzDecodePart(f *testing.F) {
	for _, lines := range licences {
		f.Add(favoured(lines[0]), favoured(lines[len(lines)-1]), len(lines) > 1)
	}
	f.Add(favoured(specimens[TD3][1]), []byte{}, false)
	f.Add(favoured(specimens[TD1][0]), favoured(specimens[TD1][1]), true)
	decoder := NewDecoder(DecoderOptions{})
	f.Fuzz(func(t *testing.T, upper, lower []byte, both bool) {
		if len(upper) > 200 || len(lower) > 200 {
			return
		}
		rows := []Row{{LogProbs: framesOf(upper), V: 0, Height: 20}}
		if both {
			rows = append(rows, Row{LogProbs: framesOf(lower), V: 30, Height: 20})
		}
		r, err := decoder.Part(rows)
		if err != nil {
			if code := ekyc.CodeOf(err); code != ekyc.ErrMRZUnreadable && code != ekyc.ErrInvalidArgument {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		if len(r.Rows) != len(rows) || len(r.Lines)-len(r.Zone.Lost) != len(rows) || len(r.Zone.Lost) > 0 && r.Zone.Valid() {
			t.Fatalf("%s of %d rows, lost %v", r.Format, len(rows), r.Zone.Lost)
		}
		grammar := Grammar(r.Format)
		for i, line := range r.Lines {
			for k := range len(line) {
				if !grammar[i][k].Allows(line[k]) {
					t.Fatalf("line %d, column %d: %c", i, k, line[k])
				}
			}
		}
	})
}

// favoured and framesOf are a fuzzed byte's two ways: the class that a frame favours, and how much.
func favoured(line string) []byte {
	var frames []byte
	for k := range len(line) {
		class, _ := ClassOf(line[k])
		frames = append(frames, byte(class+3*Classes), 3*Classes)
	}
	return frames
}

func framesOf(data []byte) []float32 {
	strengths := []float64{0, 0.03, 0.4, 0.9, 0.99, 1, 1}
	var values []float32
	for _, b := range data {
		values = append(values, frame(map[int]float64{int(b) % Classes: strengths[int(b)/Classes]})...)
	}
	return values
}

// FuzzDecodeZone gives one byte per frame, rows apart by a byte of 255: the class that the frame favours, and how much.
func FuzzDecodeZone(f *testing.F) {
	for _, lines := range specimens {
		var seed []byte
		for _, line := range lines {
			for k := range len(line) {
				class, _ := ClassOf(line[k])
				seed = append(seed, byte(class+3*Classes), 3*Classes)
			}
			seed = append(seed, 255)
		}
		f.Add(seed, 30.0, 20.0)
	}
	f.Add([]byte{0, 1, 2}, math.NaN(), 1.0)
	f.Add([]byte{255, 255}, -1.0, math.Inf(1))
	decoder := NewDecoder(DecoderOptions{})
	strengths := []float64{0, 0.03, 0.4, 0.9, 0.99, 1, 1}
	f.Fuzz(func(t *testing.T, data []byte, spacing, height float64) {
		if len(data) > 600 {
			return
		}
		var rows []Row
		for i, part := range bytes.Split(data, []byte{255}) {
			var values []float32
			for _, b := range part {
				values = append(values, frame(map[int]float64{int(b) % Classes: strengths[int(b)/Classes]})...)
			}
			if len(part) > 0 {
				rows = append(rows, Row{LogProbs: values, V: float64(i) * spacing, Height: height})
			}
		}
		r, err := decoder.Zone(rows)
		if err != nil {
			if code := ekyc.CodeOf(err); code != ekyc.ErrMRZUnreadable && code != ekyc.ErrInvalidArgument {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		grammar := Grammar(r.Format)
		for i, line := range r.Lines {
			for k := range len(line) {
				c := r.Characters[i][k]
				if !grammar[i][k].Allows(line[k]) || c.Symbol != line[k] || !(c.Confidence >= 0 && c.Confidence <= 1) || !(c.Margin >= 0) {
					t.Fatalf("line %d, column %d: %+v", i, k, c)
				}
			}
		}
	})
}
