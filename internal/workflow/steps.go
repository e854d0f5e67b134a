package workflow

import (
	"context"
	"time"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/pipeline"
	"ekyc/internal/profile"
	"ekyc/internal/vault"
)

// run brings a job to its end, beginning after the parts that earlier attempts persisted.
func (s *Service) run(ctx context.Context, c *claim) (err error) {
	if c.Interruptions >= mostInterruptions {
		return errInterrupted
	}
	plan, err := s.planOf(c)
	if err != nil {
		return err
	}
	p, err := s.load(ctx, c)
	if err != nil {
		return err
	}
	x := s.executionOf(c, p, plan)
	if err := x.follow(ctx); err != nil {
		return err
	}
	ctx, end := s.options.Span(ctx, "", string(partDecision)) // with everything that it sets going
	defer func() { end(err) }()
	return s.complete(ctx, c, x)
}

// executionOf is the work on a claimed job, whose photographs are in the vault and whose parts go into the table.
func (s *Service) executionOf(c *claim, p *progress, plan *pipeline.Pipeline) *execution {
	return &execution{
		plan: plan, engine: s.engine, profile: s.profile, environment: c.Scope.Environment, at: c.CreatedAt, known: p,
		given: p.given(),
		read: func(ctx context.Context, kinds ...vault.MediaKind) ([][]byte, error) {
			return s.read(ctx, c, p.media, kinds...)
		},
		keep: func(ctx context.Context, name part, steps []Step, outcome any) error {
			return s.persist(ctx, c, name, steps, outcome)
		},
		forget: func(ctx context.Context, parts []part) error { return s.discard(ctx, c, parts) },
		guard: func(ctx context.Context, name part, step func(context.Context) error) (err error) {
			if name != partValidate { // which is over in less than its span would take
				var end func(error)
				ctx, end = s.options.Span(ctx, "", string(name))
				defer func() { end(err) }()
			}
			return s.safely(ctx, c, step)
		},
	}
}

// read gives a job's photographs of the kinds, in their order. Errors: ErrGone where they are no longer held.
func (s *Service) read(ctx context.Context, c *claim, media []vault.Media, kinds ...vault.MediaKind) ([][]byte, error) {
	var photographs [][]byte
	for _, m := range media {
		for _, kind := range kinds {
			if m.Kind != kind {
				continue
			}
			data, _, err := s.vault.ReadMedia(ctx, c.Scope, m.ID)
			if ekyc.CodeOf(err) == ekyc.ErrNotFound {
				return nil, noLongerHeld()
			}
			if err != nil {
				return nil, err
			}
			photographs = append(photographs, data)
		}
	}
	if len(photographs) == 0 {
		return nil, noLongerHeld()
	}
	return photographs, nil
}

func noLongerHeld() error { return ekyc.Errorf(ekyc.ErrGone, "what the job needs is no longer held") }

// unserved is a step that was asked for and had nothing to work on.
func unserved(step pipeline.StepName) engine.Step {
	return engine.Step{Name: string(step), Status: engine.StepFailed, Code: ekyc.ErrMissingField, Message: "the submission brought nothing to work on"}
}

// judgeLiveness is the step liveness. It enrols the live face where that is to be compared.
func (x *execution) judgeLiveness(ctx context.Context, p progress) (record, error) {
	outcome := &engine.SelfieOutcome{Step: unserved(pipeline.StepLiveness)}
	if x.given.serves(pipeline.StepLiveness) {
		frames, err := x.read(ctx, vault.MediaSelfie, vault.MediaFrame)
		if err != nil {
			return nil, err
		}
		outcome, err = x.engine.Selfie(ctx, engine.SelfieRequest{
			Frames: frames, Hints: p.request.Hints, Challenge: p.request.Challenge, SkipEnrol: p.face != nil || !x.plan.Includes(pipeline.StepFaceMatch),
			FaceCropSide: p.crops,
		})
		if err != nil {
			return nil, err
		}
	}
	return func(p *progress) { p.selfie = outcome }, x.keep(ctx, partSelfie, stepsOf(outcome.Step), outcome)
}

// readDocument is the step ocr. It enrols the portrait where that is to be compared.
func (x *execution) readDocument(ctx context.Context, p progress) (record, error) {
	outcome := &engine.DocumentOutcome{OCR: unserved(pipeline.StepOCR), Validate: engine.Step{Name: engine.StepValidate, Status: engine.StepSkipped}}
	if x.given.serves(pipeline.StepOCR) {
		front, err := x.read(ctx, vault.MediaDocumentFront)
		if err != nil {
			return nil, err
		}
		upload := engine.DocumentUpload{
			Front: front[0], TypeHint: p.request.TypeHint, CountryHint: p.request.CountryHint, Checks: x.checks(), At: x.at,
			SkipValidate: true, SkipEnrol: !x.plan.Includes(pipeline.StepFaceMatch), WantFaceCrop: p.crops > 0, FaceCropSide: p.crops,
		}
		if x.given.Back {
			back, err := x.read(ctx, vault.MediaDocumentBack)
			if err != nil {
				return nil, err
			}
			upload.Back = back[0]
		}
		if outcome, err = x.engine.Document(ctx, upload); err != nil {
			return nil, err
		}
	}
	return func(p *progress) { p.document = outcome }, x.keep(ctx, partDocument, stepsOf(outcome.OCR), outcome)
}

// checks is what a document must satisfy. Trials are made with specimens.
func (x *execution) checks() check.Policy {
	d := x.plan.Definition().Document
	p := check.Policy{
		ExpiryGraceDays: d.ExpiryGraceDays, MinAge: d.MinAge, AcceptedTypes: d.AcceptedTypes, AcceptedCountries: d.AcceptedCountries,
		SpecimensAllowed: d.SpecimensAllowed || x.environment == ekyc.Test,
	}
	for _, name := range d.MandatoryFields {
		p.MandatoryFields = append(p.MandatoryFields, check.Key(name))
	}
	return p
}

// validate is the step validate, which needs no picture and no model.
func (x *execution) validate(ctx context.Context, p progress) (record, error) {
	start := time.Now()
	outcome := &validateOutcome{Step: Step{Name: string(pipeline.StepValidate), Status: string(engine.StepSkipped)}}
	if p.document.Evidence != nil {
		result := check.Validate(*p.document.Evidence)
		outcome.Result, outcome.Bare = &result, bareVerdict(*p.document.Evidence)
	}
	if p.document.Validation != nil { // it was read by a program that validated in the same step
		outcome.Result = p.document.Validation
	}
	if outcome.Result != nil {
		outcome.Step.Status, outcome.Step.DurationMS = string(engine.StepCompleted), milliseconds(time.Since(start))
	}
	return func(p *progress) { p.validation = outcome }, x.keep(ctx, partValidate, []Step{outcome.Step}, outcome)
}

// bareVerdict is the verdict without what the workflow demands beyond a document in order.
func bareVerdict(in check.Input) *pipeline.Verdict {
	in.Policy.AcceptedTypes, in.Policy.AcceptedCountries, in.Policy.MinAge = nil, nil, 0
	bare := check.Validate(in)
	return &pipeline.Verdict{Valid: bare.DocumentValid, Confidence: bare.Confidence, Retakeable: bare.Retake}
}

// compare is the step face_match. A job can be interrupted by the installation of other models, and faces of different models cannot be compared.
// Errors: *otherModels for what is to be made again.
func (x *execution) compare(ctx context.Context, p progress) (record, error) {
	inventory, err := x.engine.Models(ctx)
	if err != nil {
		return nil, err
	}
	enrolled := func(*progress) {}
	live := p.live()
	if live == nil {
		if live, err = x.enrolFace(ctx, p); err != nil {
			return nil, err
		}
		enrolled = func(p *progress) { p.face = live }
	}
	if parts := outdated(inventory.Matcher.ModelID, p, live); len(parts) > 0 {
		return enrolled, &otherModels{parts}
	}
	threshold := x.plan.Definition().FaceMatch
	options := face.Options{}
	if threshold.Threshold != nil {
		options.Threshold = *threshold.Threshold
	}
	if threshold.TargetFMR != nil {
		options.TargetFMR = *threshold.TargetFMR
	}
	outcome, err := inventory.Matcher.Match(live, p.document, options)
	if err != nil {
		return nil, err
	}
	if !x.given.serves(pipeline.StepFaceMatch) {
		outcome = &engine.MatchOutcome{Step: unserved(pipeline.StepFaceMatch)}
	}
	return func(p *progress) {
		enrolled(p)
		p.match = outcome
	}, x.keep(ctx, partMatch, stepsOf(outcome.Step), outcome)
}

// enrolFace enrols the live face where nobody judges or has judged it.
func (x *execution) enrolFace(ctx context.Context, p progress) (*engine.SelfieOutcome, error) {
	outcome := &engine.SelfieOutcome{Step: unserved(pipeline.StepLiveness)}
	if x.given.serves(pipeline.StepLiveness) {
		frames, err := x.read(ctx, vault.MediaSelfie, vault.MediaFrame)
		if err != nil {
			return nil, err
		}
		if outcome, err = x.engine.Selfie(ctx, engine.SelfieRequest{Frames: frames, SkipLiveness: true, FaceCropSide: p.crops}); err != nil {
			return nil, err
		}
	}
	return outcome, x.keep(ctx, partFace, []Step{}, outcome)
}

// checkProfile is the step kya: the profile checks against what the document says. What is wrong with the profile is an outcome.
func (x *execution) checkProfile(ctx context.Context, p progress) (record, error) {
	start := time.Now()
	outcome := &profileOutcome{Step: Step{Name: string(pipeline.StepKYA), Status: string(engine.StepFailed), Code: ekyc.ErrMissingField}}
	if x.given.Profile {
		in := *p.request.KYA
		in.At = x.at
		if p.document != nil {
			in.Document = claimedAgainst(p.document.Reading)
		}
		found, err := x.profile.Check(ctx, in)
		switch code := ekyc.CodeOf(err); {
		case err == nil:
			outcome.Step.Status, outcome.Step.Code = string(engine.StepCompleted), ""
			outcome.Result = &KYAResult{Checks: found.Checks, Score: found.Score, Confidence: found.Confidence, Evaluated: found.Evaluated}
		case isOurs(code):
			return nil, err
		default:
			outcome.Step.Code = code
		}
		outcome.Step.DurationMS = milliseconds(time.Since(start))
	}
	return func(p *progress) { p.profile = outcome }, x.keep(ctx, partKYA, []Step{outcome.Step}, outcome)
}

// claimedAgainst is what the profile is compared with; nil where no document was read.
func claimedAgainst(r *document.Reading) *profile.DocumentFacts {
	if r == nil {
		return nil
	}
	value := func(key check.Key) string { return r.Fields[document.Key(key)].Value }
	return &profile.DocumentFacts{
		GivenNames: value(check.GivenNames), Surname: value(check.Surname), FullName: value(check.FullName),
		Country: recognisedCountry(r), Nationality: value(check.Nationality), DateOfBirth: value(check.DateOfBirth),
	}
}

// recognisedCountry is the issuer's code of ISO 3166-1, or ICAO's own where it has none.
func recognisedCountry(r *document.Reading) string {
	if r.Detected.CountryISO != "" {
		return r.Detected.CountryISO
	}
	return r.Detected.Country
}

// stepsOf are the engine's steps as clients see them.
func stepsOf(steps ...engine.Step) []Step {
	out := make([]Step, len(steps))
	for i, step := range steps {
		out[i] = Step{Name: step.Name, Status: string(step.Status), Code: step.Code, DurationMS: step.DurationMS}
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
