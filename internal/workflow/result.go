package workflow

import (
	"time"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
)

// Result is what a completed job answers, as JSON. It holds no embeddings.
type Result struct {
	decision.Result
	UserMessages []decision.Text  `json:"user_messages"` // what the person may be told; empty where accepted
	Liveness     *liveness.Result `json:"liveness"`      // nil where no face was found, and, as the others, where the step did not run
	Document     *DocumentResult  `json:"document"`      // nil where no document was found
	Validation   *check.Result    `json:"validation"`
	FaceMatch    *FaceMatchResult `json:"face_match"`
	KYA          *KYAResult       `json:"kya"`
	Signals      *SignalsResult   `json:"signals,omitempty"` // nil where nobody has looked
	Workflow     WorkflowResult   `json:"workflow"`
	Steps        []Step           `json:"steps"`
}

// DocumentResult is what was read.
type DocumentResult struct {
	Detected  document.Detected               `json:"detected"`
	Fields    map[document.Key]document.Field `json:"fields"`
	Conflicts []document.Key                  `json:"conflicts"` // fields of which two sources give different values
	MRZ       *document.MRZ                   `json:"mrz"`
	Barcodes  []document.BarcodeReading       `json:"barcodes"`
	Quality   document.Quality                `json:"quality"`
}

// FaceMatchResult is the comparison with the quality of both faces.
type FaceMatchResult struct {
	face.Match
	Live     face.Quality `json:"live_quality"`
	Document face.Quality `json:"document_quality"`
}

// KYAResult is what the profile checks found.
type KYAResult struct {
	Checks     []ekyc.Check `json:"checks"`
	Score      float64      `json:"score"`      // 0 to 1
	Confidence float64      `json:"confidence"` // 0 to 1
	Evaluated  int          `json:"evaluated"`  // checks that the score rests on
}

// WorkflowResult names the workflow that judged.
type WorkflowResult struct {
	Name    string `json:"name"`
	Version int    `json:"version"` // 0 for jobs from before there were versions
	Hash    string `json:"hash"`    // of everything that judged, with what the request had otherwise
}

// profileOutcome is the persisted outcome of the profile checks.
type profileOutcome struct {
	Step   Step       `json:"step"`
	Result *KYAResult `json:"result"` // nil where they could not run
}

// evidence is the outcome in the terms of the decision. Checks that could evaluate nothing have not run.
func (o *profileOutcome) evidence() decision.KYAEvidence {
	switch {
	case o == nil:
		return decision.KYAEvidence{State: decision.NotConfigured}
	case !o.ran():
		return decision.KYAEvidence{State: decision.FailedToRun, ErrorCode: o.Step.Code}
	}
	return decision.KYAEvidence{State: decision.Ran, Score: o.Result.Score, Checks: o.Result.Checks}
}

func (o *profileOutcome) ran() bool { return o != nil && o.Result != nil && o.Result.Evaluated > 0 }

// used are the modules that gave an answer.
func (p *progress) used() map[ekyc.Module]int64 {
	used := map[ekyc.Module]int64{ekyc.ModuleWorkflow: 1}
	for _, step := range moduleSteps {
		if p.answered(step) {
			used[ekyc.Module(step)] = 1
		}
	}
	return used
}

// steps are those that ran and those that were spared, in the order in which they are reported.
func (p *progress) steps() []Step {
	steps := []Step{}
	if p.selfie != nil {
		steps = append(steps, stepsOf(p.selfie.Step)...)
	}
	if p.document != nil {
		steps = append(steps, stepsOf(p.document.OCR)...)
	}
	if p.validation != nil {
		steps = append(steps, p.validation.Step)
	}
	if p.match != nil {
		steps = append(steps, stepsOf(p.match.Step)...)
	}
	if p.profile != nil {
		steps = append(steps, p.profile.Step)
	}
	return inOrder(append(steps, p.spared()...))
}

// spared are the steps that an early stop has spared.
func (p *progress) spared() []Step {
	steps := []Step{}
	for _, step := range p.skipped {
		steps = append(steps, Step{Name: string(step), Status: string(engine.StepSkipped)})
	}
	return steps
}

// decide is the last step: the decision with everything that explains it.
func (x *execution) decide() (*Result, Step, error) {
	start := time.Now()
	p := x.known
	p.facts = x.facts()
	verdict, err := x.plan.Decide(p.facts)
	if err != nil {
		return nil, Step{}, err
	}
	decided := Step{Name: string(partDecision), Status: string(engine.StepCompleted), DurationMS: milliseconds(time.Since(start))}
	r := &Result{Result: verdict, UserMessages: verdict.ForPerson(), Signals: signalsResult(p.signals), Steps: append(p.steps(), decided)}
	if r.UserMessages == nil {
		r.UserMessages = []decision.Text{}
	}
	if p.selfie != nil {
		r.Liveness = p.selfie.Liveness
	}
	if p.document != nil && p.document.Reading != nil {
		d := p.document.Reading
		r.Document = &DocumentResult{
			Detected: d.Detected, Fields: d.Fields, Conflicts: d.Conflicts, MRZ: d.MRZ, Barcodes: d.Barcodes, Quality: d.Quality,
		}
	}
	if p.validation != nil {
		r.Validation = p.validation.Result
	}
	if p.match != nil && p.match.Match != nil {
		r.FaceMatch = &FaceMatchResult{Match: *p.match.Match, Live: p.live().Sample.Quality, Document: p.document.Portrait.Quality}
	}
	if p.profile != nil {
		r.KYA = p.profile.Result
	}
	return r, decided, nil
}
