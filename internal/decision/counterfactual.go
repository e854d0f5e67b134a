package decision

import (
	"fmt"
	"slices"

	"ekyc"
)

// Counterfactual is the smallest change of one factor's value that changes the decision, found and confirmed by deciding again.
// The verdicts on liveness and document are kept as they are; a similarity that reaches the threshold is a match. Where an early stop spared a
// step there is none: what that step would have found is not known.
type Counterfactual struct {
	Factor   FactorName    `json:"factor"`
	Value    Share         `json:"value"`    // as it is
	Needed   Share         `json:"needed"`   // nearest value with another decision
	Score    Points        `json:"score"`    // then
	Decision ekyc.Decision `json:"decision"` // then
	Message  string        `json:"message"`
}

// counterfactual tries every factor that ran, upwards and downwards. Of equal changes the first factor's wins, upwards first.
func counterfactual(p *Policy, in *Input, o *outcome, own OwnRules) *Counterfactual {
	var best *Counterfactual
	if o.skipped != [factorCount]bool{} {
		return nil
	}
	for i := range factorNames {
		if !o.ran[i] {
			continue
		}
		turns := own.turns(in, factorNames[i])
		for _, end := range []Share{FullShare, 0} {
			c := nearest(p, in, o, own, i, stations(o.values[i], end, turns))
			if c != nil && (best == nil || distance(c) < distance(best)) {
				best = c
			}
		}
	}
	return best
}

func distance(c *Counterfactual) Share { return max(c.Needed-c.Value, c.Value-c.Needed) }

// stations are the values to be tried on the way from a value to an end of the range, the nearest first: the end, and where the workflow's own rules can
// change. Between two of them only the score changes.
func stations(from, end Share, turns []Share) []Share {
	list := []Share{end}
	for _, turn := range turns {
		for _, s := range []Share{turn - 1, turn, turn + 1} {
			if s > min(from, end) && s < max(from, end) {
				list = append(list, s)
			}
		}
	}
	slices.Sort(list)
	if end < from {
		slices.Reverse(list)
	}
	return slices.Compact(list)
}

// nearest bisects between the last station that decides as before and the first that does not. Between two stations raising a value never makes a decision
// worse, so there is one place where it changes. The result is nil where all stations decide as before.
func nearest(p *Policy, in *Input, o *outcome, own OwnRules, i int, stations []Share) *Counterfactual {
	decide := func(value Share) outcome {
		changed := in.with(i, value)
		return settle(p, &changed, own.holding(&changed, factorNames[i]))
	}
	same, at := o.values[i], 0
	for ; at < len(stations) && decide(stations[at]).decision == o.decision; at++ {
		same = stations[at]
	}
	if at == len(stations) {
		return nil
	}
	other := stations[at]
	for other-same > 1 || same-other > 1 {
		middle := (same + other) / 2
		if decide(middle).decision == o.decision {
			same = middle
		} else {
			other = middle
		}
	}
	then := decide(other)
	if then.decision == o.decision {
		return nil
	}
	return &Counterfactual{
		Factor: factorNames[i], Value: o.values[i], Needed: other, Score: then.score, Decision: then.decision,
		Message: fmt.Sprintf("%s %s instead of %s gives %s", factorNames[i], other, o.values[i], then.decision),
	}
}
