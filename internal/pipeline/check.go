package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document/check"
)

// Limits of a definition.
const (
	mostRules          = 200
	mostStops          = 20 // of one step
	mostListed         = 300
	mostProblems       = 50 // that are told
	longestName        = 63
	longestDescription = 2000 // characters
	longestMessage     = 500  // characters
	longestProblem     = 300  // bytes of a message
	mostAge            = 120
	mostGrace          = 3650
)

var (
	nameShape = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	ruleShape = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
)

// Check examines a definition that was not read from a text. Error: that of Parse, with problems without lines.
func Check(d *Definition, o Options) error {
	if _, problems := examine(d, o); len(problems) > 0 {
		return refused(problems)
	}
	return nil
}

// refused is the error of what is wrong with a definition.
func refused(problems []Problem) error {
	problems = slices.Clone(problems[:min(len(problems), mostProblems)])
	for i := range problems {
		problems[i].Message = cut(problems[i].Message, longestProblem)
	}
	first := problems[0]
	where := first.Path
	if first.Line > 0 {
		where = strings.TrimSuffix(fmt.Sprintf("line %d, column %d, %s", first.Line, first.Column, first.Path), ", ")
	}
	return ekyc.Errorf(ekyc.ErrInvalidArgument, "the workflow is not valid: %s: %s", where, first.Message).With("problems", problems)
}

// examination collects what is wrong with a definition.
type examination struct {
	*Definition
	options    Options
	problems   []Problem
	conditions map[string]*condition // by their paths
	plan       plan
	ordered    bool // the plan is one
	factorless bool // no step gives points, kya apart
	cost       uint64
	reckoned   uint64          // the part of the cost that is taken again and again
	named      map[string]bool // rules and early stops
}

// examine finds everything that is wrong with a definition, in the order of its members, and compiles its conditions. A problem within a condition has its
// place in the condition's own text, as the line from 1 and the column from 1.
func examine(d *Definition, o Options) (map[string]*condition, []Problem) {
	e := &examination{Definition: d, options: o, conditions: map[string]*condition{}}
	e.names()
	e.steps()
	e.faceMatch()
	e.liveness()
	e.document()
	e.kya()
	e.policy()
	e.rules()
	return e.conditions, e.problems
}

func (e *examination) report(path, format string, args ...any) {
	e.problems = append(e.problems, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (e *examination) names() {
	if !nameShape.MatchString(e.Name) {
		e.report("name", "a name has small letters, digits and hyphens, begins with a letter and has at most %d characters", longestName)
	}
	if utf8.RuneCountInString(e.Description) > longestDescription {
		e.report("description", "at most %d characters are permitted", longestDescription)
	}
}

// theSteps are the steps with the default in place of none.
func (e *examination) theSteps() []Step {
	if len(e.Steps) == 0 {
		return DefaultSteps()
	}
	return e.Steps
}

func (e *examination) has(s StepName) bool {
	return slices.ContainsFunc(e.theSteps(), func(step Step) bool { return step.Step == s })
}

func (e *examination) steps() {
	steps := e.theSteps()
	seen := map[StepName]bool{}
	for i := range steps {
		s, path := &steps[i], fmt.Sprintf("steps[%d]", i)
		switch {
		case !slices.Contains(stepNames, s.Step):
			e.report(path+".step", "there is no step %q%s", s.Step, words(stepNames...).meant(string(s.Step)))
			continue
		case seen[s.Step]:
			e.report(path+".step", "%s is listed twice", s.Step)
		}
		seen[s.Step] = true
		e.step(s, path)
	}
	if e.factorless = !seen[StepLiveness] && !seen[StepValidate] && !seen[StepFaceMatch]; e.factorless {
		e.report("steps", "one of liveness, validate and face_match is needed")
	}
	if len(seen) != len(steps) {
		return // the order of what is listed twice or unknown means nothing
	}
	p, cycle := planOf(steps)
	if cycle != nil {
		at := slices.IndexFunc(steps, func(s Step) bool { return s.Step == cycle[0] })
		path := fmt.Sprintf("steps[%d]", at)
		if steps[at].After != nil {
			path += ".after"
		}
		e.report(path, "steps wait for one another: %s", strings.Join(texted(cycle), ", which waits for "))
		return
	}
	e.plan, e.ordered = p, true
	for i := range steps {
		e.stops(&steps[i], fmt.Sprintf("steps[%d]", i))
	}
}

func texted[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, word := range list {
		out[i] = string(word)
	}
	return out
}

func (e *examination) step(s *Step, path string) {
	if s.Step == StepDecision {
		if s.Provider != "" || s.After != nil || s.OnDemand || len(s.Stop) > 0 {
			e.report(path, "decision comes last and has no members of its own")
		}
		return
	}
	e.provider(s, path)
	for _, needed := range needs(s.Step) {
		i := slices.IndexFunc(e.Steps, func(other Step) bool { return other.Step == needed })
		if !e.has(needed) {
			e.report(path+".step", "%s needs %s, which is not among the steps", s.Step, needed)
		} else if i >= 0 && e.Steps[i].OnDemand && !s.OnDemand {
			e.report(path+".step", "%s needs %s, which is on demand: put %s on demand too", s.Step, needed, s.Step)
		}
	}
	for i, other := range s.After {
		at := fmt.Sprintf("%s.after[%d]", path, i)
		switch {
		case !slices.Contains(stepNames, other):
			e.report(at, "there is no step %q%s", other, words(stepNames...).meant(string(other)))
		case other == StepDecision:
			e.report(at, "decision comes last: nothing waits for it")
		case !e.has(other):
			e.report(at, "%s is not among the steps", other)
		case slices.Contains(s.After[:i], other):
			e.report(at, "%s is listed twice", other)
		}
	}
}

func (e *examination) provider(s *Step, path string) {
	known := e.options.Providers[s.Step]
	if known == nil {
		known = []string{DefaultProvider}
	}
	if s.Provider != "" && !e.options.anyProvider && !slices.Contains(known, s.Provider) {
		e.report(path+".provider", "there is no provider %q of %s; there is %s", s.Provider, s.Step, strings.Join(known, ", "))
	}
}

// cut shortens a text.
func cut(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}

func (e *examination) faceMatch() {
	f := e.FaceMatch
	if f != (FaceMatch{}) && !e.has(StepFaceMatch) {
		e.report("face_match", "face_match is not among the steps")
	}
	if f.Threshold != nil && f.TargetFMR != nil {
		e.report("face_match", "threshold and target_fmr exclude each other")
	}
	if t := f.Threshold; t != nil && !(*t > 0 && *t <= 1) {
		e.report("face_match.threshold", "above 0 to 1 is permitted")
	}
	if r := f.TargetFMR; r != nil && !(*r > 0 && *r < 1) {
		e.report("face_match.target_fmr", "above 0 and below 1 is permitted")
	}
}

func (e *examination) liveness() {
	l := e.Liveness
	if l != (Liveness{}) && !e.has(StepLiveness) {
		e.report("liveness", "liveness is not among the steps")
	}
	if l.MinMethod != "" && l.MinMethod.rank() < 0 {
		e.report("liveness.min_method", "there is no method %q%s", string(l.MinMethod), words(MethodActive, MethodChallenge).meant(string(l.MinMethod)))
	}
	if s := l.MinLiveScore; s != nil && !(*s >= 0 && *s <= 1) {
		e.report("liveness.min_live_score", "0 to 1 is permitted")
	}
}

func (e *examination) document() {
	d := &e.Document
	if !d.empty() && !e.has(StepValidate) {
		e.report("document", "validate is not among the steps")
	}
	for i, name := range d.MandatoryFields {
		if keys := check.Keys(); !slices.Contains(keys, check.Key(name)) {
			e.report(fmt.Sprintf("document.mandatory_fields[%d]", i), "there is no field %q%s", name, words(keys...).meant(name))
		}
	}
	for i, kind := range d.AcceptedTypes {
		if !slices.Contains(documentTypes, kind) {
			e.report(fmt.Sprintf("document.accepted_types[%d]", i), "there is no type %q%s", string(kind), words(documentTypes...).meant(string(kind)))
		}
	}
	e.countries("accepted_countries", d.AcceptedCountries)
	e.countries("refused_countries", d.RefusedCountries)
	if len(d.AcceptedCountries) > 0 && len(d.RefusedCountries) > 0 {
		e.report("document.refused_countries", "accepted_countries and refused_countries exclude each other: what is not accepted is refused")
	}
	for _, list := range []struct {
		name   string
		length int
	}{
		{"mandatory_fields", len(d.MandatoryFields)}, {"accepted_types", len(d.AcceptedTypes)},
		{"accepted_countries", len(d.AcceptedCountries)}, {"refused_countries", len(d.RefusedCountries)},
	} {
		if list.length > mostListed {
			e.report("document."+list.name, "at most %d entries are permitted", mostListed)
		}
	}
	e.ages(d)
	if d.SpecimensAllowed && e.options.Environment != ekyc.Test {
		e.report("document.specimens_allowed", "specimens can pass in the test environment only")
	}
}

func (d *Document) empty() bool {
	return len(d.MandatoryFields)+len(d.AcceptedTypes)+len(d.AcceptedCountries)+len(d.RefusedCountries)+d.MinAge+d.MaxAge+d.ExpiryGraceDays == 0 && !d.SpecimensAllowed
}

func (e *examination) ages(d *Document) {
	if d.MinAge < 0 || d.MinAge > mostAge {
		e.report("document.min_age", "0 to %d is permitted", mostAge)
	}
	if d.MaxAge < 0 || d.MaxAge > mostAge {
		e.report("document.max_age", "0 to %d is permitted", mostAge)
	}
	if d.MaxAge != 0 && d.MaxAge < d.MinAge {
		e.report("document.max_age", "nobody is at least %d and at most %d years old", d.MinAge, d.MaxAge)
	}
	if d.ExpiryGraceDays < 0 || d.ExpiryGraceDays > mostGrace {
		e.report("document.expiry_grace_days", "0 to %d is permitted", mostGrace)
	}
}

// countries examines codes as documents print them, so that Germany's D may be named as DEU or D.
func (e *examination) countries(member string, codes []string) {
	for i, code := range codes {
		if c, found := ekyc.CountryByCode(code); !found || c.Code != code {
			e.report(fmt.Sprintf("document.%s[%d]", member, i), "there is no country %q%s", code, countryHelp(code))
		}
	}
}

func (e *examination) kya() {
	enabled := e.KYA.Enabled
	if enabled == nil {
		return
	}
	i := slices.IndexFunc(e.Steps, func(s Step) bool { return s.Step == StepKYA })
	switch {
	case *enabled && !e.has(StepKYA):
		e.report("kya.enabled", "kya is not among the steps")
	case !*enabled && i >= 0 && e.Steps[i].OnDemand:
		e.report("kya.enabled", "the step kya is on demand, and can never be asked for while it is not enabled")
	}
}

// policy examines weights, thresholds and hard rules.
func (e *examination) policy() {
	n := e.normal()
	p := n.policy()
	if e.HardRules != nil {
		p.HardRules = e.HardRules // in their own order
	}
	p.Waived = e.Waived
	if len(e.Waived) > 0 && !e.options.ByOperator {
		e.report("waived", "only the platform's operator can waive rules")
	}
	if len(e.HardRules) > mostListed || len(e.Waived) > mostListed {
		e.report("hard_rules", "at most %d entries are permitted", mostListed)
		return
	}
	for _, problem := range p.Problems() {
		member, _, _ := strings.Cut(problem.Path, "[")
		if member == "steps" || member == "on_demand" || member == "version" || member == "weights" && problem.Path == member && e.factorless {
			continue // told of the steps themselves
		}
		e.report(problem.Path, "%s", problem.Message)
	}
}

// decisionsOfStops are those that an early stop can give.
var decisionsOfStops = words(ekyc.Review, ekyc.Rejected)

// effects are those of rules.
var effects = words(EffectReason, EffectReviewAtBest, EffectReview, EffectRejected, EffectRequire)

// tells are the closed texts.
var tells = words(decision.TellRetake, decision.TellSelfie, decision.TellOtherDocument, decision.TellAge, decision.TellProfile)
