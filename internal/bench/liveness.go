package bench

import (
	"context"
	"maps"
	"math"
	"path/filepath"
	"slices"

	"ekyc"
	"ekyc/internal/face/liveness"
	"ekyc/internal/vision"
)

// live is the label of a picture of a living person; every other label names the species of an attack.
const live = "live"

// allSources is the group of all pictures.
const allSources = "all"

// attackErrorRate is the APCER of the worst species at which BPCER is quoted.
const attackErrorRate = 0.10

// sharpnessSide is the size of the face at which sharpness is compared, in pixels.
const sharpnessSide = 112

// sharpnessTolerance is how near, as a ratio, two pictures must be in sharpness to be compared with sharpness controlled.
const sharpnessTolerance = 1.1

// presentation is one picture with what the program made of it.
type presentation struct {
	label     string
	score     float64 // live_score; 0 when refused
	isLive    bool
	zone      string
	refused   bool
	sharpness float64
	flipped   map[string]bool
}

// liveness judges every picture of spoof/ and, to see how steady the verdict is, the same picture a little changed.
func (b *Bench) liveness(ctx context.Context) (*LivenessResult, error) {
	rows, err := readTable(filepath.Join(b.dir, "spoof", "labels.csv"))
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(row map[string]string) bool { return !b.split.keeps(livenessKey(row)) })
	all := make([]presentation, len(rows))
	err = b.each(ctx, "liveness", len(rows), func(i int) error {
		data, err := b.read("spoof", rows[i]["file"])
		if err != nil {
			return err
		}
		all[i], err = b.present(ctx, data, rows[i]["label"])
		if all[i].refused {
			b.fault("spoof/"+rows[i]["file"], "refused")
		} else if all[i].isLive != (rows[i]["label"] == live) {
			b.fault("spoof/"+rows[i]["file"], "taken for "+all[i].zone)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	result := &LivenessResult{Groups: map[string]LivenessGroup{}}
	bySource := map[string][]presentation{}
	for i, row := range rows {
		bySource[source(row["file"])] = append(bySource[source(row["file"])], all[i])
	}
	for name, group := range bySource {
		result.Groups[name] = livenessGroup(group)
	}
	whole := livenessGroup(all)
	whole.Controls = controls(all)
	result.Groups[allSources] = whole
	for _, part := range b.partsOf(rows, "") {
		parted := map[string][]presentation{}
		for i, row := range rows {
			if part.keeps[row["file"]] {
				parted[allSources] = append(parted[allSources], all[i])
				parted[source(row["file"])] = append(parted[source(row["file"])], all[i])
			}
		}
		for _, name := range slices.Sorted(maps.Keys(parted)) {
			result.Parts = append(result.Parts, LivenessPart{name, part.half, part.slice, livenessGroup(parted[name])})
		}
	}
	result.Latency, err = b.timeLiveness(ctx)
	return result, err
}

// livenessKey is what halves the set: the subject where one is named, else the file.
func livenessKey(row map[string]string) string {
	if s := row["subject"]; s != "" && s != "unlabelled" {
		return source(row["file"]) + s
	}
	return row["file"]
}

// present judges one picture and its variations. Only a stop of the bench is an error; a refusal is a finding.
func (b *Bench) present(ctx context.Context, data []byte, label string) (presentation, error) {
	p := presentation{label: label, flipped: map[string]bool{}}
	picture, err := vision.Decode(data, faceLimits)
	if err != nil {
		p.refused = true
		return p, nil
	}
	verdict, err := b.engine.Liveness(ctx, []*vision.Picture{picture}, liveness.Hints{})
	if ekyc.CodeOf(err) == ekyc.ErrCancelled {
		return p, err
	}
	if err != nil {
		p.refused = true
		return p, nil
	}
	p.score, p.isLive, p.zone = verdict.LiveScore, verdict.IsLive, string(verdict.Zone)
	box := verdict.Scene.Face().Box
	p.sharpness = picture.Sample(box, sharpnessSide, sharpnessSide).Gray().Sharpness()
	for name, variation := range variations {
		changed, err := variation(picture.Native())
		if err != nil {
			return p, err
		}
		again, err := b.engine.Liveness(ctx, []*vision.Picture{{Pyramid: vision.NewPyramid(changed), Info: picture.Info}}, liveness.Hints{})
		if ekyc.CodeOf(err) == ekyc.ErrCancelled {
			return p, err
		}
		p.flipped[name] = err != nil || again.IsLive != verdict.IsLive
	}
	return p, nil
}

// variations are changes of a picture that change nothing about who or what is before the camera.
var variations = map[string]func(*vision.RGB) (*vision.RGB, error){
	"jpeg_95": func(m *vision.RGB) (*vision.RGB, error) { return recompress(m, 95) },
	"jpeg_70": func(m *vision.RGB) (*vision.RGB, error) { return recompress(m, 70) },
	"half":    func(m *vision.RGB) (*vision.RGB, error) { return m.Halve(), nil },
	"mirror":  func(m *vision.RGB) (*vision.RGB, error) { return m.Mirror(), nil },
	"blur":    func(m *vision.RGB) (*vision.RGB, error) { return m.Blend(m.Blur(), 1), nil },
	"sharpen": func(m *vision.RGB) (*vision.RGB, error) { return m.Blend(m.Blur(), -0.5), nil },
}

func recompress(m *vision.RGB, quality int) (*vision.RGB, error) {
	data, err := vision.EncodeJPEG(m, quality)
	if err != nil {
		return nil, err
	}
	p, err := vision.Decode(data, documentLimits)
	if err != nil {
		return nil, err
	}
	return p.Native(), nil
}

func livenessGroup(all []presentation) LivenessGroup {
	g := LivenessGroup{APCER: map[string]Rate{}, Zones: map[string]map[string]Rate{}}
	var bpcer, refused tally
	apcer := map[string]*tally{}
	var genuine, attacks []float64
	labels := map[string]int{}
	zones := map[string]map[string]int{"live": {}, "review": {}, "attack": {}}
	for _, p := range all {
		refused.add(p.refused)
		labels[p.label]++
		if !p.refused {
			zones[p.zone][p.label]++
		}
		if p.label == live {
			bpcer.add(!p.isLive)
			genuine = append(genuine, p.score)
			continue
		}
		if apcer[p.label] == nil {
			apcer[p.label] = &tally{}
		}
		apcer[p.label].add(p.isLive)
		attacks = append(attacks, p.score)
	}
	g.BPCER, g.Refused, g.AUC = bpcer.rate(), refused.rate(), AUC(genuine, attacks)
	for species, t := range apcer {
		g.APCER[species] = t.rate()
		if g.APCERWorst.N == 0 || t.rate().Value > g.APCERWorst.Value {
			g.APCERWorst = t.rate()
		}
	}
	g.BPCERAtAPCER10 = missAtWorstSpecies(all)
	for zone, counts := range zones {
		g.Zones[zone] = map[string]Rate{}
		for label, n := range labels {
			g.Zones[zone][label] = NewRate(counts[label], n)
		}
	}
	return g
}

// missAtWorstSpecies is BPCER at the lowest threshold that keeps the APCER of every species at or under 10 %.
func missAtWorstSpecies(all []presentation) Rate {
	species := map[string][]float64{}
	var genuine []float64
	for _, p := range all {
		if p.label == live {
			genuine = append(genuine, p.score)
		} else {
			species[p.label] = append(species[p.label], p.score)
		}
	}
	threshold := math.Inf(-1)
	for _, scores := range species {
		_, t := MissAtFalseRate(nil, scores, attackErrorRate)
		threshold = max(threshold, t)
	}
	missed := 0
	for _, s := range genuine {
		if s < threshold {
			missed++
		}
	}
	return NewRate(missed, len(genuine))
}

// controls repeat the AUC with each living face compared only with attacks of about the same sharpness, and for sharpness alone.
func controls(all []presentation) *LivenessControls {
	var wins, pairs float64
	var liveSharp, attackSharp []float64
	for _, x := range all {
		if x.refused {
			continue
		}
		if x.label != live {
			attackSharp = append(attackSharp, x.sharpness)
			continue
		}
		liveSharp = append(liveSharp, x.sharpness)
		for _, y := range all {
			if y.refused || y.label == live || max(x.sharpness, y.sharpness) > sharpnessTolerance*min(x.sharpness, y.sharpness) {
				continue
			}
			pairs++
			if x.score > y.score {
				wins++
			} else if x.score == y.score {
				wins += 0.5
			}
		}
	}
	c := &LivenessControls{AUCSharpnessAlone: AUC(liveSharp, attackSharp), AUCSharpnessMatched: 0.5, Flips: map[string]Rate{}}
	if pairs > 0 {
		c.AUCSharpnessMatched = wins / pairs
	}
	for name := range variations {
		var t tally
		for _, p := range all {
			if !p.refused {
				t.add(p.flipped[name])
			}
		}
		c.Flips[name] = t.rate()
	}
	return c
}
