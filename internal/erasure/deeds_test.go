package erasure

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/capture"
	"ekyc/internal/consent"
	"ekyc/internal/decision"
	"ekyc/internal/metering"
	"ekyc/internal/reuse"
	"ekyc/internal/review"
	"ekyc/internal/vault"
	"ekyc/internal/vision"
	"ekyc/internal/workflow"
)

// ofAPerson is what each table holds of a person that person makes. Jobs: one that waits and one that is done.
var ofAPerson = map[string]int{
	"ekyc_keys.subject_key": 1, "media": 6, "reference_template": 1, "receipt": 1, "idempotency": 1, "webhook_event": 1,
	"job": 2, "review": 2, "consent": 1, "reuse_trace": 1, "shadow_decision": 1, "capture": 1,
}

// eraseCaptures forgets the links of a subject with their challenges, as the program wires it.
func (p *process) eraseCaptures(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (int, error) {
	jobs, err := p.jobs.JobsOf(ctx, tx, scope, subject)
	if err != nil {
		return 0, err
	}
	refHash, until, err := p.RefHash(ctx, tx, scope, subject)
	if err != nil {
		return 0, err
	}
	links, challenges, err := p.captures.EraseSubject(ctx, tx, scope, jobs, refHash, until)
	if err != nil {
		return 0, err
	}
	drawn, err := p.challenges.Erase(ctx, tx, scope, challenges)
	return links + drawn, err
}

// blank is a picture that is accepted.
var blank = sync.OnceValue(func() []byte {
	data, err := vision.EncodeJPEG(vision.NewRGB(200, 200), 80)
	if err != nil {
		panic(err)
	}
	return data
})

func (b *bundle) submit(ref string) workflow.Job {
	b.t.Helper()
	j, err := b.jobs.Submit(context.Background(), workflow.Submission{
		Scope: b.scope, KeyID: "ek_live_eu1_x", PlanName: "free", PlanVersion: 1, Weight: 1, Entitlement: metering.Entitlement{Plan: "free", PlanVersion: 1},
		Selfie: [][]byte{blank()}, Front: blank(), Store: true, SubjectRef: ref, Metadata: map[string]string{"note": planted},
	})
	b.must(err)
	return j
}

// deeds lets the person of a reference do what leaves something in the rooms of verifications: it gives the job that is done.
func (b *bundle) deeds(subject ekyc.ID, ref string) ekyc.ID {
	b.t.Helper()
	waiting, done := b.submit(ref), b.submit(ref)
	var sealed [][]byte
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		sealed = nil
		for _, part := range []string{"/result", "/facts", "/step/selfie"} {
			box, err := b.vault.Seal(ctx, tx, b.scope, subject, string(done.ID)+part, []byte(planted))
			if err != nil {
				return err
			}
			sealed = append(sealed, box)
		}
		for _, c := range []review.Case{{Job: waiting.ID}, {Job: done.ID}} {
			c.Subject, c.Reasons, c.CallbackURL = subject, []decision.Code{"document_expired"}, "https://example.com/"+planted
			if _, err := b.reviews.Open(ctx, tx, b.scope, c); err != nil {
				return err
			}
		}
		if _, err := b.consents.Record(ctx, tx, b.scope, subject, consent.Statement{Version: "1", Text: "I agree.", Language: "en", Channel: consent.API}); err != nil {
			return err
		}
		brought, err := b.reuse.Hash(ctx, tx, b.scope, reuse.Brought{Images: []reuse.Image{{Kind: vault.MediaDocumentFront, Sum: sha256.Sum256([]byte(ref))}}})
		if err != nil {
			return err
		}
		if err := b.reuse.Keep(ctx, tx, b.scope, subject, done.ID, brought); err != nil {
			return err
		}
		ends := time.Now().Add(time.Hour)
		_, err = b.vault.PutMedia(ctx, tx, b.scope, vault.MediaInput{
			Subject: subject, Job: done.ID, Kind: vault.MediaFaceCrop, Position: workflow.CropOfSelfie, Data: []byte(planted), Expires: &ends, Kept: true,
		})
		return err
	})
	b.exec(`update job set status = 'completed', finished_at = now(), expires_at = now() + interval '1 day', request = null, result = $2, facts = $3 where id = $1`, done.ID, sealed[0], sealed[1])
	b.exec(`insert into job_step (tenant_id, environment, job_id, name, steps, outcome, attempt, finished_at) values ($1, $2, $3, 'selfie', '[]', $4, 1, now())`,
		b.scope.Tenant, b.scope.Environment, done.ID, sealed[2])
	b.exec(`insert into shadow_decision (tenant_id, environment, workflow_id, job_id, subject_id, workflow_name, workflow_version, decided, score, decided_at)
		values ($1, $2, 'wfl_x', $3, $4, 'default', 1, 'accepted', 9000, now())`, b.scope.Tenant, b.scope.Environment, done.ID, subject)
	b.decide(done.ID)
	b.links(subject, ref, done.ID)
	return done.ID
}

// decide lets a person decide the review of a job, with a comment.
func (b *bundle) decide(job ekyc.ID) {
	b.t.Helper()
	list, _, err := b.reviews.List(context.Background(), b.scope, review.Filter{State: review.Open}, 100, "")
	b.must(err)
	for _, r := range list {
		if r.Job != job {
			continue
		}
		who := review.Who{KeyID: "ek_live_eu1_x", Reviewer: "anna"}
		_, err := b.reviews.Claim(context.Background(), b.scope, r.ID, who, 0)
		b.must(err)
		_, err = b.reviews.Decide(context.Background(), b.scope, r.ID, who, review.Decision{Decision: ekyc.Rejected, ReasonCode: review.OtherReason, Comment: planted})
		b.must(err)
	}
}

// links makes one that became a job, with what its page asked for and was told, and one that is open; its key is named after the subject.
func (b *bundle) links(subject ekyc.ID, ref string, job ekyc.ID) {
	b.t.Helper()
	link := func() capture.Capture {
		c, _, err := b.captures.Create(context.Background(), b.scope, string(subject), []byte(`{"subject_ref":"`+ref+`"}`), time.Hour)
		b.must(err)
		return c
	}
	used := link()
	b.must(b.captures.Agree(context.Background(), used, capture.Consent{Version: "1", Language: "en", Text: "I agree."}))
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		c, err := b.challenges.Issue(ctx, tx, b.scope, string(subject), 3)
		if err != nil {
			return err
		}
		if err := b.captures.Challenged(ctx, tx, used, c.ID); err != nil {
			return err
		}
		_, err = b.captures.Claim(ctx, tx, used, job, subject)
		return err
	})
	link()
}

// checkDeedsGone looks at what the rooms of verifications hold of an erased person, and at what must be left of it.
func (b *bundle) checkDeedsGone(subject ekyc.ID) {
	b.t.Helper()
	const ofJobs = `job_id in (select id from job where subject_id = $1)`
	for name, query := range map[string]string{
		"a job":             `select count(*) from job where subject_id = $1 and (request is not null or annotations is not null or result is not null or length(facts) > 0 or status in ('queued', 'running'))`,
		"a step":            `select count(*) from job_step where ` + ofJobs,
		"a shadow":          `select count(*) from shadow_decision where subject_id = $1`,
		"a review":          `select count(*) from review where subject_id = $1 and (callback is not null or reasons <> '{}' or state = 'open')`,
		"a comment":         `select count(*) from review_act a join review r on r.id = a.review_id where r.subject_id = $1 and a.comment is not null`,
		"a link":            `select count(*) from capture where key_id = $1 and (state = 'open' or request is not null or ref_hash is not null or consent is not null or challenge is not null)`,
		"a challenge":       `select count(*) from challenge where key_id = $1`,
		"a consent":         `select count(*) from consent where subject_id = $1`,
		"what it brought":   `select (select count(*) from reuse_trace where subject_id = $1) + (select count(*) from reuse_band where subject_id = $1)`,
		"a reserved unit":   `select count(*) from reservation where status = 'open' and id in (select reservation_id from job where subject_id = $1 and status = 'cancelled')`,
		"no certified part": `select count(*) from erasure where subject_id = $1 and certificate is not null and not certificate::jsonb->'parts' @> '[{"part":"jobs"},{"part":"reviews"},{"part":"capture_links"},{"part":"consents"},{"part":"reuse_hashes"}]'`,
	} {
		if n := b.number(query, subject); n != 0 {
			b.t.Errorf("%s is left of %s: %d", name, subject, n)
		}
	}
	for name, want := range map[string]struct {
		query string
		n     int
	}{
		"jobs":            {`select count(*) from job where subject_id = $1 and status in ('completed', 'cancelled')`, 2},
		"reviews":         {`select count(*) from review where subject_id = $1 and state in ('decided', 'withdrawn')`, 2},
		"links":           {`select count(*) from capture where key_id = $1`, 2},
		"pictures' names": {`select count(*) from media_over where subject_id = $1`, 2}, // the reference and the face
	} {
		if n := b.number(want.query, subject); n != want.n {
			b.t.Errorf("%d %s of %s, want %d", n, name, subject, want.n)
		}
	}
}
