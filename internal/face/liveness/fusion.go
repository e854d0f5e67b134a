package liveness

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"ekyc/internal/vision"
)

// Fusion joins the evidence into LiveScore by a logistic model. The weights are data and were set by hand from what is known
// of each measure before anything was counted, since no honest training set can be had; Middle, Spread and the zones were
// placed on the tune half of the reference set. README.md in this folder gives the reasons.
type Fusion struct {
	Version  int                `json:"version"`
	Origin   string             `json:"origin"`
	Networks map[Kind]float64   `json:"networks"` // weight of the log odds of each kind of network in their mean
	Penalty  map[string]Penalty `json:"penalties"`
	Middle   float64            `json:"middle"` // mean log odds that stand for a live score of 0.5
	Spread   float64            `json:"spread"` // log odds that one unit of the logistic is worth
	// The zones of LiveScore: attack below the first, live from the second on, review between.
	AttackBelow float64 `json:"attack_below"`
	LiveFrom    float64 `json:"live_from"`
}

// Penalty takes log odds off for a measure: none up to From, all of Weight from To on.
type Penalty struct {
	From   float64 `json:"from"`
	To     float64 `json:"to"`
	Weight float64 `json:"weight"`
}

//go:embed fusion.json
var fusionData []byte

func shippedFusion() (*Fusion, error) {
	f := &Fusion{}
	if err := json.Unmarshal(fusionData, f); err != nil {
		return nil, fmt.Errorf("fusion data: %w", err)
	}
	return f, f.validate()
}

func (f *Fusion) validate() error {
	if !(f.Spread > 0 && f.AttackBelow > 0 && f.AttackBelow <= decisionScore && f.LiveFrom >= decisionScore && f.LiveFrom < 1) {
		return fmt.Errorf("fusion data: the zones or the spread are not in order")
	}
	for name, p := range f.Penalty {
		if !(p.To > p.From && p.Weight >= 0) {
			return fmt.Errorf("fusion data: penalty %s is not in order", name)
		}
	}
	return nil
}

// networkWeight is a network's share in the mean.
func (f *Fusion) networkWeight(m AttackModel) float64 {
	if m.Weight > 0 {
		return m.Weight
	}
	return f.Networks[m.Kind]
}

// ofNetwork is a network's evidence on the scale of the mean: one that says where it is undecided is so at Middle.
func (f *Fusion) ofNetwork(m AttackModel, score float64) float64 {
	if m.LiveFrom > 0 {
		return score + f.Middle - logOdds(m.LiveFrom)
	}
	return score
}

// score joins the evidence. Without any network the rest can only lower an undecided score.
func (f *Fusion) score(evidence map[string]float64) float64 {
	z, any := evidence["networks"]
	if !any {
		z = f.Middle
	}
	z = (z - f.Middle) / f.Spread
	for _, name := range slices.Sorted(maps.Keys(f.Penalty)) { // in one order, so that sums do not differ in the last bit
		p := f.Penalty[name]
		if v, measured := evidence[name]; measured {
			z -= p.Weight * min(1, max(0, (v-p.From)/(p.To-p.From)))
		}
	}
	return vision.Sigmoid(z)
}
