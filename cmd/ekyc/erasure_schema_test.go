package main

import (
	"maps"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/store/storetest"
)

// What an erasure does to a column.
const (
	deleted    = "the rows of the subject are deleted"
	blanked    = "what the rows of the subject hold there is removed"
	sealed     = "stays, sealed under the subject's key, and opens no more; the audit log cannot be changed"
	identifier = "stays: an identifier, a time or a state, which the subject's own row tells as well"
	signed     = "stays: a signature over what holds no personal data"
	others     = "is not the subject's: the tenant's own, the installation's, or hashes that tell nothing"
)

// fates says of every column that can be a subject's what an erasure does to it: those named subject_id, job_id or media_id, all binary ones, and all of the table of
// subjects. TestAnErasureReachesEveryTable (internal/e2e/contract) shows that it is so.
var fates = map[string]string{
	"subject.tenant_id": identifier, "subject.environment": identifier, "subject.id": identifier, "subject.created_at": identifier, "subject.erased_at": identifier, "subject.ledgered_at": identifier,
	"subject.ref_hash": blanked, "subject.ref_sealed": blanked, "subject.reference_id": blanked, "subject.hold_at": blanked, "subject.hold_reason": blanked, "subject.hold_key_id": blanked,
	"subject.operator_hold_at": blanked, "subject.operator_hold_reason": blanked, "subject.operator_hold_by": blanked,
	"subject_key.subject_id": deleted, "subject_key.wrapped": deleted,
	"media.subject_id": deleted, "media.job_id": deleted, "media_over.subject_id": identifier,
	"reference_template.subject_id": deleted, "reference_template.media_id": deleted, "reference_template.sealed": deleted,

	"job.subject_id": identifier, "job.request": blanked, "job.annotations": blanked, "job.result": blanked, "job.facts": blanked,
	"job_step.job_id": deleted, "job_step.outcome": deleted,
	"shadow_decision.subject_id": deleted, "shadow_decision.job_id": deleted,
	"review.subject_id": identifier, "review.job_id": identifier, "review.callback": blanked, "review_act.comment": blanked, "review_act.reviewer": others, "review_act.reviewer_hash": others,
	"receipt.subject_id": identifier, "receipt.job_id": identifier, "receipt.salt": blanked, "receipt.signature": signed,
	"capture.subject_id": identifier, "capture.job_id": identifier, "capture.request": blanked, "capture.consent": blanked, "capture.token_hash": others, "capture.ref_hash": blanked,
	"consent.subject_id": deleted, "consent.job_id": deleted, "consent.sealed": deleted, "consent.text_hash": deleted,
	"consent_text.sealed": others, "consent_text.text_hash": others, "consent_text.version_hash": others,
	"reuse_trace.subject_id": deleted, "reuse_trace.job_id": deleted, "reuse_trace.hash": deleted, "reuse_trace.fingerprint": deleted, "reuse_band.subject_id": deleted, "reuse_band.job_id": deleted, "reuse_band.hash": deleted,
	"idempotency.subject_id": identifier, "idempotency.answer": blanked, "idempotency.key_hash": others, "idempotency.request_hash": others, "idempotency.token": others,
	"webhook_event.subject_id": identifier, "webhook_event.body": blanked, "webhook_event.thin_body": blanked, "webhook_delivery.callback_url": blanked, "webhook_attempt.answer": blanked,
	"audit_entry.subject_id": identifier, "audit_entry.salt": sealed,
	"erasure.subject_id": identifier, "erasure.signature": signed, "erasure.ref_hash": blanked, "erasure_unkept.subject_id": deleted,
	"usage_event.job_id": identifier, "reservation.job_id": identifier,

	"api_key_secret.sealed": others, "audit_checkpoint.root": others, "audit_hash.hash": others, "audit_key.sealed": others, "challenge.signature": others,
	"operator.email": others, "operator.email_hash": others, "operator.totp": others, "operator.totp_pending": others, "operator_session.token_hash": others,
	"receipt_key.public_key": others, "receipt_key.sealed": others, "signature_seen.signature": others, "tenant.support_email": others,
	"tenant_key.hashing": others, "tenant_key.sealing": others, "tenant_key.wrapping": others,
	"webhook_endpoint.description": others, "webhook_endpoint.url": others, "webhook_secret.sealed": others,
}

// TestEveryColumnKnowsWhatAnErasureDoesToIt: a new table that holds something of subjects, and a new binary column, need their place above, and in the
// list of parts or under the subject's key.
func TestEveryColumnKnowsWhatAnErasureDoesToIt(t *testing.T) {
	t.Parallel()
	server, err := storetest.Start(migrations()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	conn := storetest.Owner(t, server.URL(t))
	rows, err := conn.Query(t.Context(), `select table_name || '.' || column_name from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
		where table_schema not in ('pg_catalog', 'information_schema', 'river') and table_type = 'BASE TABLE'
			and (column_name in ('subject_id', 'job_id', 'media_id') or data_type = 'bytea' or table_name = 'subject') order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(columns) < 50 {
		t.Fatalf("%d columns, %v", len(columns), err)
	}
	for _, c := range columns {
		if fates[c] == "" {
			t.Errorf("nobody has said what an erasure does to %s", c)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(fates)) {
		if !slices.Contains(columns, c) {
			t.Errorf("there is no %s any more", c)
		}
	}
}
