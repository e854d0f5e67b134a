package pipeline

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"ekyc/internal/decision"
)

func ruleAt(i int) string    { return fmt.Sprintf("rules[%d].when", i) }
func stopAt(i, j int) string { return fmt.Sprintf("steps[%d].stop[%d].when", i, j) }

// stops examines the early stops of a step. What one looks at must be known whenever the step is done, so that it stops the same verifications every time.
func (e *examination) stops(s *Step, path string) {
	if len(s.Stop) > mostStops {
		e.report(path+".stop", "at most %d early stops are permitted", mostStops)
		return
	}
	for j, stop := range s.Stop {
		at := fmt.Sprintf("%s.stop[%d]", path, j)
		e.ruleName(at, stop.Name)
		if !decisionsOfStops.has(string(stop.Decision)) {
			e.report(at+".decision", "an early stop decides review or rejected")
		}
		c := e.condition(at+".when", stop.When)
		if c == nil {
			continue
		}
		for _, u := range c.uses {
			made := u.variable.step
			if made == StepDecision {
				e.within(at+".when", u.at, "%s is known only before the decision, when no step is left to be stopped", u.variable.path())
			} else if made != "" && e.has(made) && !e.plan.behind[s.Step][made] {
				e.within(at+".when", u.at, "%s is known only after %s, which %s does not wait for; put %s into its after", u.variable.path(), made, s.Step, made)
			}
		}
	}
}

// ruleName examines the name of a rule or an early stop, which no other has.
func (e *examination) ruleName(path, name string) {
	if !ruleShape.MatchString(name) {
		e.report(path+".name", "a name has small letters, digits, hyphens and underscores, begins with a letter and has at most %d characters", longestName)
		return
	}
	if e.named == nil {
		e.named = map[string]bool{}
	}
	if e.named[name] {
		e.report(path+".name", "%q is the name of another rule or early stop", name)
	}
	e.named[name] = true
}

// condition compiles a condition; nil where it is not valid.
func (e *examination) condition(path, text string) *condition {
	if strings.TrimSpace(text) == "" {
		e.report(path, "a condition is needed")
		return nil
	}
	c, faults := theLanguage().compile(text)
	for _, f := range faults {
		e.within(path, f.at, "%s", f.message)
	}
	if c == nil {
		return nil
	}
	e.conditions[path] = c
	if e.cost += c.cost; e.cost > mostCostTogether && e.cost-c.cost <= mostCostTogether {
		e.report(path, "the conditions up to this one could take %d units of work together; %d are permitted", e.cost, uint64(mostCostTogether))
	}
	if !c.steady {
		if e.reckoned += c.cost; e.reckoned > mostCostReckoned && e.reckoned-c.cost <= mostCostReckoned {
			e.report(path, "the conditions up to this one that reckon with live_score, similarity, confidence or score, rather than compare them with a number, could take %d units of work together; %d are permitted",
				e.reckoned, mostCostReckoned)
		}
	}
	for _, u := range c.uses {
		if made := u.variable.step; made != "" && made != StepDecision && !e.has(made) {
			e.within(path, u.at, "%s is never known: %s is not among the steps", u.variable.path(), made)
		}
	}
	return c
}

// within reports a problem at a place of a condition's own text.
func (e *examination) within(path string, at place, format string, args ...any) {
	e.problems = append(e.problems, Problem{Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (e *examination) rules() {
	if len(e.Rules) > mostRules {
		e.report("rules", "at most %d rules are permitted", mostRules)
		return
	}
	for i := range e.Rules {
		r, path := &e.Rules[i], fmt.Sprintf("rules[%d]", i)
		e.ruleName(path, r.Name)
		if !effects.has(string(r.Then)) {
			e.report(path+".then", "there is no effect %q%s", string(r.Then), effects.meant(string(r.Then)))
		}
		if utf8.RuneCountInString(r.Message) > longestMessage {
			e.report(path+".message", "at most %d characters are permitted", longestMessage)
		}
		if r.Tell != decision.TellNeutral && !tells.has(string(r.Tell)) {
			e.report(path+".tell", "there is no text %q%s", string(r.Tell), tells.meant(string(r.Tell)))
		}
		c := e.condition(path+".when", r.When)
		e.requirement(r, path, c)
	}
}

// requirement examines the step that a rule asks for.
func (e *examination) requirement(r *Rule, path string, c *condition) {
	if r.Then != EffectRequire {
		if r.Step != "" {
			e.report(path+".step", "only a rule that says require_step names a step")
		}
		return
	}
	switch {
	case r.Step == "":
		e.report(path+".step", "the step that the rule asks for is needed")
		return
	case !e.has(r.Step):
		e.report(path+".step", "%s is not among the steps", string(r.Step))
		return
	case !e.ordered:
		return
	case !e.plan.onDemand(r.Step):
		e.report(path+".step", "%s runs in any case: put it on demand, or leave the rule out", r.Step)
		return
	}
	if r.Tell != decision.TellNeutral {
		e.report(path+".tell", "a rule that asks for a step tells the person nothing")
	}
	if c == nil {
		return
	}
	for _, u := range c.uses {
		if made := u.variable.step; made == StepDecision || made != "" && e.plan.behind[made][r.Step] {
			e.within(path+".when", u.at, "%s is not known before %s has run, which the rule asks for", u.variable.path(), r.Step)
		}
	}
}
