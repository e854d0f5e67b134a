package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/face/liveness"
	"ekyc/internal/workflow"
)

// VerifyBody asks for a whole verification.
type VerifyBody struct {
	ImageLive Image          `json:"image_live_base64,omitempty"`
	Frames    []Image        `json:"frames_base64,omitempty" minItems:"2" maxItems:"32" doc:"Frames of one recording, oldest first, in place of one image."`
	Hints     liveness.Hints `json:"hints,omitempty"`
	Answered
	DocumentImages
	KYA         *ProfileClaim     `json:"kya,omitempty" doc:"What the person says of himself; without it KYA is left out and its weight spread."`
	Workflow    *WorkflowChoice   `json:"workflow,omitempty" doc:"The workflow by name, or by name with what is to differ from it for this verification."`
	SubjectRef  string            `json:"subject_ref,omitempty" maxLength:"200" doc:"The client's own name of the person. Personal data: encrypted, and found again by a keyed hash. Kept and answered in Unicode's composed form (NFC), so that all spellings of it are one subject's; control characters are refused."`
	CallbackURL string            `json:"callback_url,omitempty" maxLength:"2048" doc:"One further receiver of this job's event, signed with the default webhook secret."`
	Metadata    map[string]string `json:"metadata,omitempty" doc:"Up to 50 entries that come back with the job. Personal data."`
	Consent     *GivenConsent     `json:"consent,omitempty" doc:"What the person has agreed to; it becomes a record of the subject."`
	Store       *bool             `json:"store,omitempty" doc:"false: nothing that tells of the person is kept longer than an hour after the end."`
}

func (b *VerifyBody) frames() []Image { return b.Frames }

// problems leaves it to the workflow which pictures are needed.
func (b *VerifyBody) problems() []FieldProblem {
	var found []FieldProblem
	if b.selfie() != nil {
		found = liveProblems(b.ImageLive, b.Frames)
	}
	found = append(found, b.challengeProblems(b.Frames)...)
	found = append(found, b.hintProblems()...)
	found = append(found, refProblems(b.SubjectRef)...)
	if b.KYA != nil && len(b.KYA.problems()) > 0 {
		found = append(found, FieldProblem{"/kya", "holds nothing to check"})
	}
	if b.Consent != nil {
		found = append(found, b.Consent.problems("/consent")...)
	}
	return found
}

// selfie is the live pictures; nil where there are none.
func (b *VerifyBody) selfie() [][]byte {
	if b.ImageLive == nil && b.Frames == nil {
		return nil
	}
	return pictures(b.ImageLive, b.Frames)
}

// AcceptedAnswer names the job.
type AcceptedAnswer struct {
	JobID     ekyc.ID         `json:"job_id"`
	Status    workflow.Status `json:"status" enum:"queued"`
	SubjectID ekyc.ID         `json:"subject_id"`
	Usage     []Usage         `json:"usage" doc:"The modules that the verification may use. None is billed yet; the job says which were."`
}

func (s *Server) verifyRoutes(f *surface) {
	handle(f, route{
		method: http.MethodPost, path: "/kyc/verify", id: "kyc-verify", tag: "verifications", scope: "workflow", maxBody: recording, status: http.StatusAccepted,
		summary: "Verify a person",
		description: "Takes the pictures, answers at once with a job, and works: liveness and reading side by side, validation, face match, profile, decision, or as the workflow says otherwise. " +
			"The outcome comes by webhook and stands at /v1/jobs/{id}. Which pictures are needed is the workflow's matter; those that it has no use for are not looked at.",
		errors: []ekyc.ErrorCode{ekyc.ErrQuotaExceeded, ekyc.ErrURLDenied, ekyc.ErrChallengeInvalid, ekyc.ErrImageTypeUnsupported, ekyc.ErrImageTooLarge, ekyc.ErrImageDimensions, ekyc.ErrImageCorrupt},
	}, s.verify)
}

func (s *Server) verify(ctx context.Context, call *Call, _ *none, b *VerifyBody) (*AcceptedAnswer, error) {
	submission, err := s.submission(ctx, call, b)
	if err != nil {
		return nil, err
	}
	var out *AcceptedAnswer
	submission.Also = func(ctx context.Context, tx pgx.Tx, j workflow.Job) error {
		out = &AcceptedAnswer{JobID: j.ID, Status: workflow.Queued, SubjectID: j.Subject, Usage: usageAnswer(j.Usage)}
		if err := s.Audit.Append(ctx, tx, audit.Entry{Action: audit.JobSubmit, Scope: call.Scope, Objects: []ekyc.ID{j.ID}}); err != nil {
			return err
		}
		if err := s.bringConsent(ctx, tx, j, b.Consent); err != nil {
			return err
		}
		return call.Remember(ctx, tx, http.StatusAccepted, out, j.Subject, submission.Store)
	}
	if _, err := s.Jobs.Submit(ctx, submission); err != nil {
		return nil, missingMembers(named(err, map[string]string{"selfie": liveName(b.Frames), "front": "/image_front_base64", "back": "/image_back_base64"}))
	}
	call.charge(ekyc.ModuleWorkflow, false) // billed when it has been done
	return out, nil
}

func (s *Server) submission(ctx context.Context, call *Call, b *VerifyBody) (workflow.Submission, error) {
	var settings workflow.Settings
	if b.Workflow != nil {
		settings = b.Workflow.Settings
	}
	pinned, err := s.Jobs.Pin(ctx, call.Scope, settings)
	if err != nil {
		return workflow.Submission{}, settingsError(err)
	}
	u := b.upload(s)
	p := call.Principal
	out := workflow.Submission{
		Scope: call.Scope, KeyID: p.Key.ID, PlanName: p.Plan.Name, PlanVersion: p.Plan.Version, Weight: p.Plan.Weight, Entitlement: EntitlementOf(p.Plan),
		Selfie: b.selfie(), Front: b.ImageFront, Back: b.ImageBack, Hints: b.Hints, TypeHint: u.TypeHint, CountryHint: u.CountryHint,
		Workflow: pinned, SubjectRef: b.SubjectRef, CallbackURL: b.CallbackURL, Metadata: b.Metadata, Store: b.Store == nil || *b.Store,
		TraceParent: traceParentOf(ctx),
	}
	if b.ChallengeID != "" {
		out.Challenge = (&answering{server: s, call: call, body: &b.Answered}).take
	}
	if b.KYA != nil {
		in := b.KYA.input(s.options.Now())
		out.KYA = &in
	}
	return out, nil
}

// settingsError gives what is wrong with the settings the form that all problems of members have.
func settingsError(err error) error {
	known, ok := errors.AsType[*ekyc.Error](err)
	if !ok {
		return err
	}
	named, ok := known.Details["fields"].(map[string]string)
	if !ok {
		return err
	}
	var fields []FieldProblem
	for _, name := range slices.Sorted(maps.Keys(named)) {
		fields = append(fields, FieldProblem{"/workflow/" + strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(name), named[name]})
	}
	return refuseFields(fields)
}

// missingMembers names the members of the body that a workflow cannot do without.
func missingMembers(err error) error {
	known, ok := errors.AsType[*ekyc.Error](err)
	if !ok || known.Code != ekyc.ErrMissingField {
		return err
	}
	missing, ok := known.Details["missing"].([]string)
	if !ok {
		return err
	}
	members := map[string]string{
		"selfie": "/image_live_base64", "frames": "/frames_base64", "challenge": "/challenge_id", "front": "/image_front_base64", "kya": "/kya",
	}
	var fields []FieldProblem
	for _, name := range missing {
		fields = append(fields, FieldProblem{members[name], requiredProblem})
	}
	return missingOr(refuseFields(fields))
}

// traceParentOf is the trace as W3C writes it, to be carried through the queue.
func traceParentOf(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, carrier)
	return carrier.Get("traceparent")
}
