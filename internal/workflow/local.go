package workflow

import (
	"context"
	"slices"
	"time"

	"ekyc/internal/engine"
	"ekyc/internal/profile"
	"ekyc/internal/vault"
)

// Outcome is a decided verification with the outcomes of its steps, of which those are nil that did not run.
type Outcome struct {
	*Result
	Selfie       *engine.SelfieOutcome
	DocumentSide *engine.DocumentOutcome
	Match        *engine.MatchOutcome
}

// Examine looks at everything of a verification on the spot that can be refused before a model is loaded. Errors: ErrMissingField with the detail
// "missing" where the workflow cannot do without something, those of vision.Inspect with the detail "image", ErrFramesCount.
func Examine(sub Submission) error {
	missing := sub.given().lacks(sub.Workflow.plan)
	if sub.KYA == nil && demandsProfile(sub.Workflow.plan) {
		missing = append(missing, needProfile)
	}
	if len(missing) > 0 {
		return missingField(missing...)
	}
	return sub.withoutUnneeded().examinePhotographs()
}

// Verify runs one verification on the spot, without a queue, a database or a bill: the steps and the decision of a job. Of the submission, its
// workflow, of Pin, its scope's environment, the photographs, the hints and the profile count; the document is judged on the day of at. Errors: those of
// Examine and of decoding with the detail "image", ErrInvalidArgument, ErrCancelled.
func Verify(ctx context.Context, e Engine, checker *profile.Checker, sub Submission, at time.Time) (*Outcome, error) {
	if err := Examine(sub); err != nil {
		return nil, err
	}
	sub = sub.withoutUnneeded()
	x := &execution{
		plan: sub.Workflow.plan, engine: e, profile: checker, given: sub.given(), environment: sub.Scope.Environment, at: at,
		known: &progress{request: request{Hints: sub.Hints, TypeHint: sub.TypeHint, CountryHint: sub.CountryHint, KYA: sub.KYA}},
		read: func(_ context.Context, kinds ...vault.MediaKind) ([][]byte, error) {
			return sub.photographs(kinds...), nil
		},
		keep:   func(context.Context, part, []Step, any) error { return nil },
		forget: func(context.Context, []part) error { return nil },
		guard:  func(ctx context.Context, _ part, step func(context.Context) error) error { return step(ctx) },
	}
	if err := x.follow(ctx); err != nil {
		return nil, err
	}
	result, _, err := x.decide()
	if err != nil {
		return nil, err
	}
	result.Workflow = WorkflowResult{Name: sub.Workflow.Name, Version: sub.Workflow.Version, Hash: sub.Workflow.Hash}
	return &Outcome{Result: result, Selfie: x.known.live(), DocumentSide: x.known.validated(), Match: x.known.match}, nil
}

// photographs are those of the kinds, in their order.
func (sub Submission) photographs(kinds ...vault.MediaKind) (files [][]byte) {
	if slices.Contains(kinds, sub.faceKind()) {
		files = append(files, sub.Selfie...)
	}
	if slices.Contains(kinds, vault.MediaDocumentFront) && sub.Front != nil {
		files = append(files, sub.Front)
	}
	if slices.Contains(kinds, vault.MediaDocumentBack) && len(sub.Back) > 0 {
		files = append(files, sub.Back)
	}
	return files
}
