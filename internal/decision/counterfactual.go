package decision

import (
	"fmt"

	"ekyc"
)

// Counterfactual is the smallest change of one factor's value that changes the decision, found and confirmed by deciding again.
// The verdicts on liveness and document are kept as they are; a similarity that reaches the threshold is a match.
type Counterfactual struct {
	Factor   FactorName    `json:"factor"`
	Value    Share         `json:"value"`    // as it is
	Needed   Share         `json:"needed"`   // nearest value with another decision
	Score    Points        `json:"score"`    // then
	Decision ekyc.Decision `json:"decision"` // then
	Message  string        `json:"message"`
}

// counterfactual tries every factor that ran, upwards and downwards. Of equal changes the first factor's wins, upwards first.
func counterfactual(p *Policy, in *Input, o *outcome) *Counterfactual {
	var best *Counterfactual
	for i := range factorNames {
		if !o.ran[i] {
			continue
		}
		for _, end := range []Share{fullShare, 0} {
			c := nearest(p, in, o, i, end)
			if c != nil && (best == nil || distance(c) < distance(best)) {
				best = c
			}
		}
	}
	return best
}

func distance(c *Counterfactual) Share { return max(c.Needed-c.Value, c.Value-c.Needed) }

// nearest bisects between a factor's value and an end of its range. Raising a value never makes a decision worse, so there is
// one place where it changes. The result is nil where the end decides as before.
func nearest(p *Policy, in *Input, o *outcome, i int, end Share) *Counterfactual {
	decide := func(value Share) outcome {
		changed := in.with(i, value)
		return settle(p, &changed)
	}
	same, other := o.values[i], end
	if decide(end).decision == o.decision {
		return nil
	}
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
