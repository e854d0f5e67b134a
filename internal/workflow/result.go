package workflow

import (
	"context"
	"time"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
	"ekyc/internal/profile"
)

// Result is what a completed job answers, as JSON. It holds no embeddings.
type Result struct {
	decision.Result
	UserMessages []decision.Text  `json:"user_messages"` // what the person may be told; empty where accepted
	Liveness     *liveness.Result `json:"liveness"`      // nil where no face was found
	Document     *DocumentResult  `json:"document"`      // nil where no document was found
	Validation   *check.Result    `json:"validation"`
	FaceMatch    *FaceMatchResult `json:"face_match"`
	KYA          *KYAResult       `json:"kya"` // nil where the workflow has no profile checks, or they could not run
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
	Name string `json:"name"`
	Hash string `json:"hash"`
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

// checkProfile runs the profile checks against what the document says. What is wrong with the profile is an outcome.
func (s *Service) checkProfile(ctx context.Context, c *claim, p *progress) (*profileOutcome, error) {
	ctx, end := s.options.Span(ctx, "", string(partKYA))
	start := time.Now()
	in := *p.request.KYA
	in.Document, in.At = documentFacts(p.document.Reading), c.CreatedAt
	found, err := s.profile.Check(ctx, in)
	end(err)
	out := &profileOutcome{Step: Step{Name: string(partKYA), Status: string(engine.StepCompleted), DurationMS: milliseconds(time.Since(start))}}
	switch code := ekyc.CodeOf(err); {
	case err == nil:
		out.Result = &KYAResult{Checks: found.Checks, Score: found.Score, Confidence: found.Confidence, Evaluated: found.Evaluated}
	case isOurs(code):
		return nil, err
	default:
		out.Step.Status, out.Step.Code = string(engine.StepFailed), code
	}
	return out, nil
}

// documentFacts is what the profile is compared with; nil where no document was read.
func documentFacts(r *document.Reading) *profile.DocumentFacts {
	if r == nil {
		return nil
	}
	value := func(key check.Key) string { return r.Fields[document.Key(key)].Value }
	country := r.Detected.Country
	if r.Detected.CountryISO != "" {
		country = r.Detected.CountryISO
	}
	return &profile.DocumentFacts{
		GivenNames: value(check.GivenNames), Surname: value(check.Surname), FullName: value(check.FullName),
		Country: country, Nationality: value(check.Nationality), DateOfBirth: value(check.DateOfBirth),
	}
}

// used are the modules that gave an answer.
func (p *progress) used() map[ekyc.Module]int64 {
	used := map[ekyc.Module]int64{ekyc.ModuleWorkflow: 1}
	for module, ran := range map[ekyc.Module]bool{
		ekyc.ModuleLiveness: p.selfie.Liveness != nil, ekyc.ModuleOCR: p.document.Reading != nil,
		ekyc.ModuleValidate: p.document.Validation != nil, ekyc.ModuleFaceMatch: p.match.Match != nil, ekyc.ModuleKYA: p.profile.ran(),
	} {
		if ran {
			used[module] = 1
		}
	}
	return used
}

func resultFrom(c *claim, p *progress, verdict decision.Result, decided Step) *Result {
	r := &Result{
		Result: verdict, UserMessages: verdict.ForPerson(), Liveness: p.selfie.Liveness, Validation: p.document.Validation,
		Workflow: WorkflowResult{Name: c.Settings.Name, Hash: c.WorkflowHash},
		Steps:    stepsOf(p.selfie.Step, p.document.OCR, p.document.Validate, p.match.Step),
	}
	if r.UserMessages == nil {
		r.UserMessages = []decision.Text{}
	}
	if d := p.document.Reading; d != nil {
		r.Document = &DocumentResult{
			Detected: d.Detected, Fields: d.Fields, Conflicts: d.Conflicts, MRZ: d.MRZ, Barcodes: d.Barcodes, Quality: d.Quality,
		}
	}
	if p.match.Match != nil {
		r.FaceMatch = &FaceMatchResult{Match: *p.match.Match, Live: p.selfie.Sample.Quality, Document: p.document.Portrait.Quality}
	}
	if p.profile != nil {
		r.KYA = p.profile.Result
		r.Steps = append(r.Steps, p.profile.Step)
	}
	r.Steps = append(r.Steps, decided)
	return r
}
