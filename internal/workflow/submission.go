package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"ekyc"
	"ekyc/internal/drafting"
	"ekyc/internal/face/liveness"
	"ekyc/internal/metering"
	"ekyc/internal/pipeline"
	"ekyc/internal/profile"
	"ekyc/internal/queue"
	"ekyc/internal/store"
	"ekyc/internal/vault"
	"ekyc/internal/vision"
)

// Submission is a verification to be made.
type Submission struct {
	Scope       ekyc.Scope
	KeyID       string // of the API key that asks
	PlanName    string
	PlanVersion int
	Weight      int // of the plan, from 1
	Entitlement metering.Entitlement

	// What the workflow has no use for is neither looked at nor stored.
	Selfie      [][]byte // one photograph, or 2 to 32 frames, oldest first
	Front, Back []byte   // Back may be empty
	Hints       liveness.Hints
	TypeHint    ekyc.DocumentType
	CountryHint string
	KYA         *profile.Input // nil: no profile was given
	Workflow    Pinned         // of Pin; the zero value is the workflow that the program brings

	SubjectRef  string // the client's own name of the person; "" makes a new subject
	CallbackURL string
	Metadata    map[string]string
	Store       bool   // false: nothing that tells of the person is held longer than an hour after the end
	TraceParent string // W3C

	// Challenge, where set, takes the challenge that the frames answer, in the submission's transaction.
	Challenge func(ctx context.Context, tx pgx.Tx) (*liveness.Task, error)

	// Also, where set, runs at the end of the submission's transaction.
	Also func(ctx context.Context, tx pgx.Tx, j Job) error
}

// Bounds of what a client attaches, those of Stripe's metadata.
const (
	mostMetadata = 50
	longestKey   = 40   // characters
	longestValue = 500  // characters
	longestTrace = 1000 // bytes; a trace parent has 55
)

// request is what the worker needs besides the photographs. It is personal data.
type request struct {
	Given       *given            `json:"given,omitempty"`
	Commitments *commitments      `json:"commitments,omitempty"` // nil where no receipts are made
	Hints       liveness.Hints    `json:"hints"`
	Challenge   *liveness.Task    `json:"challenge,omitempty"`
	TypeHint    ekyc.DocumentType `json:"type_hint,omitempty"`
	CountryHint string            `json:"country_hint,omitempty"`
	KYA         *profile.Input    `json:"kya,omitempty"`
	CallbackURL string            `json:"callback_url,omitempty"`
	Sums        []imageSum        `json:"sums,omitempty"` // of the photographs; nil where nothing is compared with other verifications
}

// Submit takes a verification into the queue: quota, subject, photographs, job and turn in one transaction. Errors: those of
// vision.Inspect with the detail "image", ErrFramesCount, ErrInvalidArgument, ErrMissingField, ErrURLDenied, ErrQuotaExceeded,
// ErrUnavailable, and those of Challenge and Also.
func (s *Service) Submit(ctx context.Context, sub Submission) (Job, error) {
	if sub.Workflow.plan == nil {
		var err error
		if sub.Workflow, err = pin(&s.plans, pipeline.Default(), drafting.BuiltInVersion, Settings{}, sub.Scope.Environment); err != nil {
			return Job{}, err
		}
	}
	sub = sub.withoutUnneeded()
	if err := s.examine(sub); err != nil {
		return Job{}, err
	}
	var err error
	if sub.SubjectRef, err = vault.NormalRef(sub.SubjectRef); err != nil {
		return Job{}, err
	}
	if err := s.probe(ctx, sub); err != nil {
		return Job{}, err
	}
	j, err := s.store(ctx, sub)
	if ekyc.CodeOf(err) == ekyc.ErrGone { // the subject of the reference was erased at this moment; now there is none, and one is made
		return s.store(ctx, sub)
	}
	return j, err
}

func (s *Service) store(ctx context.Context, sub Submission) (j Job, err error) {
	written, tried := &vault.Written{}, false
	err = s.db.InTenant(ctx, sub.Scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		tried = false
		j, err = s.submit(written.Note(ctx), tx, sub)
		tried = err == nil // the commit comes next
		return err
	})
	s.vault.Withdraw(ctx, written, err == nil || tried && store.Uncertain(err))
	return j, err
}

// examine looks at everything that can be refused without the database.
func (s *Service) examine(sub Submission) error {
	if missing := sub.given().lacks(sub.Workflow.plan); len(missing) > 0 {
		return missingField(missing...)
	}
	if err := sub.examinePhotographs(); err != nil {
		return err
	}
	return s.Examine(sub)
}

// Examine looks at everything of a submission that can be refused without the database and without its photographs, for those that take the
// photographs later. Errors: ErrMissingField, ErrInvalidArgument, ErrURLDenied.
func (s *Service) Examine(sub Submission) error {
	if sub.KYA == nil && demandsProfile(sub.Workflow.plan) {
		return missingField(needProfile).(*ekyc.Error).With("field", needProfile)
	}
	if sub.KYA != nil {
		if _, err := s.validity.Check(context.Background(), *sub.KYA); err != nil { // looks nothing up
			return err
		}
	}
	if len(sub.Metadata) > mostMetadata {
		return invalid("metadata", "metadata has more than %d members", mostMetadata)
	}
	for key, value := range sub.Metadata {
		if utf8.RuneCountInString(key) > longestKey || utf8.RuneCountInString(value) > longestValue {
			return invalid("metadata", "a member of metadata has a name of more than %d characters, or a value of more than %d", longestKey, longestValue)
		}
	}
	if _, err := vault.NormalRef(sub.SubjectRef); err != nil {
		return err
	}
	if len(sub.TraceParent) > longestTrace {
		return invalid("traceparent", "the trace parent is too long")
	}
	if sub.CallbackURL != "" {
		return s.webhooks.CheckURL(sub.CallbackURL)
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return ekyc.Errorf(ekyc.ErrInvalidArgument, format, args...).With("field", field)
}

func (sub Submission) examinePhotographs() error {
	if len(sub.Selfie) > liveness.MaxFrames {
		return ekyc.Errorf(ekyc.ErrFramesCount, "%d frames were sent; one picture or %d to %d frames are accepted",
			len(sub.Selfie), liveness.MinFrames, liveness.MaxFrames).With("frames", len(sub.Selfie))
	}
	type upload struct {
		name string
		data []byte
	}
	var uploads []upload
	if sub.Front != nil {
		uploads = append(uploads, upload{"front", sub.Front})
	}
	for _, frame := range sub.Selfie {
		uploads = append(uploads, upload{"selfie", frame})
	}
	if len(sub.Back) > 0 {
		uploads = append(uploads, upload{"back", sub.Back})
	}
	for _, u := range uploads {
		_, err := vision.Inspect(u.data, vision.SceneLimits)
		if problem, ok := errors.AsType[*ekyc.Error](err); ok {
			return problem.With("image", u.name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// probe asks for the quota and takes nothing, so that who has none left cannot make the service write photographs. The submission itself
// reserves last, since a reservation holds the tenant's counters until the transaction ends.
func (s *Service) probe(ctx context.Context, sub Submission) error {
	enough := errors.New("there is enough")
	err := s.db.InTenant(ctx, sub.Scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := s.metering.Reserve(ctx, tx, sub.Scope, metering.Reserve{Units: sub.given().units(sub.Workflow.plan), Entitlement: sub.Entitlement})
		if err != nil {
			return err
		}
		return enough
	})
	if errors.Is(err, enough) {
		return nil
	}
	return err
}

// reservedBeyond is how much longer a job's reservation lasts than its photographs, without which it cannot run.
const reservedBeyond = time.Hour

// submit is the transaction of Submit.
func (s *Service) submit(ctx context.Context, tx pgx.Tx, sub Submission) (Job, error) {
	id := ekyc.NewID(ekyc.KindJob)
	var task *liveness.Task
	if sub.Challenge != nil {
		var err error
		if task, err = sub.Challenge(ctx, tx); err != nil {
			return Job{}, err
		}
	}
	subject, made, err := s.vault.EnsureSubject(ctx, tx, sub.Scope, sub.SubjectRef)
	if err != nil {
		return Job{}, err
	}
	if err := s.putPhotographs(ctx, tx, sub, id, subject); err != nil {
		return Job{}, err
	}
	commitments, err := s.commit(sub)
	if err != nil {
		return Job{}, err
	}
	brought := sub.given()
	req, err := s.sealJSON(ctx, tx, sub.Scope, subject, requestOf(id), request{
		Given: &brought, Commitments: commitments, Hints: sub.Hints, Challenge: task,
		TypeHint: sub.TypeHint, CountryHint: sub.CountryHint, KYA: sub.KYA, CallbackURL: sub.CallbackURL, Sums: s.sums(sub),
	})
	if err != nil {
		return Job{}, err
	}
	notes, err := s.sealJSON(ctx, tx, sub.Scope, subject, annotationsOf(id), annotations{sub.Metadata, sub.SubjectRef})
	if err != nil {
		return Job{}, err
	}
	if err := s.putTurns(ctx, tx, 1); err != nil {
		return Job{}, err
	}
	if err := s.putPromptTurn(ctx, tx, sub.Scope); err != nil {
		return Job{}, err
	}
	units := brought.units(sub.Workflow.plan)
	reservation, err := s.metering.Reserve(ctx, tx, sub.Scope, metering.Reserve{
		Units: units, Entitlement: sub.Entitlement, Job: id, Expires: s.options.KeepUploads + reservedBeyond,
	})
	if err != nil {
		return Job{}, err
	}
	r, err := insertJob(ctx, tx, sub, id, subject, made, reservation, modulesOf(units), req, notes)
	if err != nil {
		return Job{}, err
	}
	j := r.job()
	j.Metadata, j.SubjectRef = sub.Metadata, sub.SubjectRef
	if sub.Also != nil {
		return j, sub.Also(ctx, tx, j)
	}
	return j, nil
}

func insertJob(ctx context.Context, tx pgx.Tx, sub Submission, id, subject ekyc.ID, made bool, reservation ekyc.ID, modules []ekyc.Module, request, annotations []byte) (row, error) {
	rows, err := tx.Query(ctx, `
		insert into job as j (tenant_id, environment, id, subject_id, made_subject, key_id, reservation_id, plan, plan_version, weight, entitlement,
			settings, workflow_name, workflow_version, workflow_hash, profile, kept, trace_parent, request, annotations, modules, created_at, available_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, clock_timestamp(), clock_timestamp())
		returning `+columns,
		sub.Scope.Tenant, sub.Scope.Environment, id, subject, made, sub.KeyID, reservation, sub.PlanName, sub.PlanVersion, max(sub.Weight, 1),
		sub.Entitlement, sub.Workflow.Definition, sub.Workflow.Name, sub.Workflow.Version, sub.Workflow.Hash, sub.KYA != nil, sub.Store,
		sub.TraceParent, request, annotations, modules)
	if err != nil {
		return row{}, fmt.Errorf("insert the job: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[row])
	if err != nil {
		return row{}, fmt.Errorf("insert the job: %w", err)
	}
	return r, nil
}

// faceKind is the kind of the photographs of the face: one still, or the frames of a recording.
func (sub Submission) faceKind() vault.MediaKind {
	if len(sub.Selfie) > 1 {
		return vault.MediaFrame
	}
	return vault.MediaSelfie
}

// putPhotographs stores the uploads for as long as the job needs them.
func (s *Service) putPhotographs(ctx context.Context, tx pgx.Tx, sub Submission, job, subject ekyc.ID) error {
	expires := time.Now().Add(s.options.KeepUploads)
	put := func(kind vault.MediaKind, position int, data []byte) error {
		_, err := s.vault.PutMedia(ctx, tx, sub.Scope, vault.MediaInput{
			Subject: subject, Job: job, Kind: kind, Position: position, Data: data, Expires: &expires,
		})
		return err
	}
	for i, frame := range sub.Selfie {
		if err := put(sub.faceKind(), i, frame); err != nil {
			return err
		}
	}
	if sub.Front == nil {
		return nil
	}
	if err := put(vault.MediaDocumentFront, 0, sub.Front); err != nil || len(sub.Back) == 0 {
		return err
	}
	return put(vault.MediaDocumentBack, 0, sub.Back)
}

// sealJSON encrypts a value under the subject's key.
func (s *Service) sealJSON(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, object string, value any) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", object, err)
	}
	return s.vault.Seal(ctx, tx, scope, subject, object, plain)
}

// turnArgs are those of a turn, which is of nobody in particular.
type turnArgs struct{}

// Kind names turns in the queue.
func (turnArgs) Kind() string { return "turn" }

// putTurns puts turns into the queue. A turn is never tried again: what it took is found by its lease.
func (s *Service) putTurns(ctx context.Context, tx pgx.Tx, n int) error {
	return queue.Add(ctx, tx, s.queue, queue.Turns, river.InsertOpts{MaxAttempts: 1}, make([]turnArgs, n)...)
}

// putPromptTurn puts in a second turn for a scope that has nothing else to be done. Whichever turn comes first takes the job, and the
// other finds nothing.
func (s *Service) putPromptTurn(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) error {
	var busy bool
	err := tx.QueryRow(ctx, `
		select exists (select from job where tenant_id = $1 and environment = $2 and status = 'queued')
			or exists (select from job where tenant_id = $1 and environment = $2 and status = 'running')`, scope.Tenant, scope.Environment).Scan(&busy)
	if err != nil {
		return fmt.Errorf("look for other jobs of the tenant: %w", err)
	}
	if busy {
		return nil
	}
	return queue.Add(ctx, tx, s.queue, queue.Prompt, river.InsertOpts{MaxAttempts: 1}, turnArgs{})
}
