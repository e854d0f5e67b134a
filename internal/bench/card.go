package bench

import (
	"maps"
	"slices"

	"ekyc/internal/card"
	"ekyc/internal/face"
)

// Card gives the parts on faces and liveness in the form that is published. Command says how to measure again.
func (r *Result) Card(profile, command string) (*card.Card, error) {
	c := &card.Card{Version: r.Version, MeasuredAt: r.StartedAt, Command: command, Profile: profile, CPU: r.Machine.CPU, Cores: r.Machine.Cores, Models: r.Models}
	if r.Face != nil {
		c.Face = r.Face.card()
	}
	if r.Liveness != nil {
		c.Liveness = r.Liveness.card()
	}
	return c, c.Describe()
}

func (f *FaceResult) card() *card.FaceCard {
	out := &card.FaceCard{Threshold: face.DefaultThreshold, Rows: []card.FaceErrors{}, Quality: []card.FaceCodes{}, LatencyMS: card.Percentiles(f.Latency)}
	for _, name := range slices.Sorted(maps.Keys(f.Groups)) {
		g := f.Groups[name]
		out.Rows = append(out.Rows, g.errors(name, SplitAll, ""))
		for _, p := range f.Parts {
			if p.Group == name {
				out.Rows = append(out.Rows, p.errors(name, p.Half, p.Slice))
			}
		}
		codes := card.FaceCodes{Set: name, Codes: map[string]card.Proportion{}}
		for code, rate := range g.Quality {
			codes.Codes[code] = card.Proportion(rate)
		}
		out.Quality = append(out.Quality, codes)
	}
	for _, origin := range slices.Sorted(maps.Keys(f.Protocol)) {
		if g := f.Protocol[origin]; g.Mated > 0 && g.NonMated > 0 {
			out.Rows = append(out.Rows, g.errors(origin, SplitAll, ""))
		}
	}
	return out
}

func (g FaceGroup) errors(set string, half Split, slice string) card.FaceErrors {
	return card.FaceErrors{
		Set: set, Half: string(half), Slice: slice, Mated: g.Mated, NonMated: g.NonMated, FailedToEnrol: card.Proportion(g.FailedEnrol),
		FNMRAtFMR1e2: card.Proportion(g.FNMRAtFMR["0.01"]), FNMRAtFMR1e3: card.Proportion(g.FNMRAtFMR["0.001"]), FNMRAtFMR1e4: card.Proportion(g.FNMRAtFMR["0.0001"]),
		FMRAtThreshold: card.Proportion(g.AtDefault.FMR), FNMRAtThreshold: card.Proportion(g.AtDefault.FNMR), CosineAtFMR: g.CosineAtFMR,
	}
}

func (l *LivenessResult) card() *card.LivenessCard {
	out := &card.LivenessCard{Rows: []card.AttackErrors{}, LatencyMS: card.Percentiles(l.Latency)}
	for _, name := range slices.Sorted(maps.Keys(l.Groups)) {
		out.Rows = append(out.Rows, l.Groups[name].errors(name, SplitAll, ""))
		for _, p := range l.Parts {
			if p.Group == name {
				out.Rows = append(out.Rows, p.errors(name, p.Half, p.Slice))
			}
		}
	}
	if k := l.Groups[allSources].Controls; k != nil {
		out.Controls = &card.Controls{AUCSharpnessMatched: k.AUCSharpnessMatched, AUCSharpnessAlone: k.AUCSharpnessAlone, Flips: proportions(k.Flips)}
	}
	return out
}

func (g LivenessGroup) errors(source string, half Split, slice string) card.AttackErrors {
	e := card.AttackErrors{
		Source: source, Half: string(half), Slice: slice, BPCER: card.Proportion(g.BPCER), Refused: card.Proportion(g.Refused),
		APCER: proportions(g.APCER), Zones: map[string]map[string]card.Proportion{},
	}
	for zone, rates := range g.Zones {
		e.Zones[zone] = proportions(rates)
	}
	if len(g.APCER) > 0 && g.BPCER.N > 0 {
		at10 := card.Proportion(g.BPCERAtAPCER10)
		e.AUC, e.BPCERAtAPCER10 = &g.AUC, &at10
	}
	return e
}

func proportions(rates map[string]Rate) map[string]card.Proportion {
	out := map[string]card.Proportion{}
	for name, r := range rates {
		out[name] = card.Proportion(r)
	}
	return out
}
