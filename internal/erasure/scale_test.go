package erasure

import (
	"slices"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/vault"
)

// crowd multiplies a person: so many others with all that this one has, jobs and pictures among it.
func (b *bundle) crowd(person ekyc.ID, n int) {
	b.t.Helper()
	b.exec(`set session_replication_role = replica`) // rows as they are, without what their making would do
	const ofSubject = `t.subject_id = $1`
	for _, c := range []struct{ table, where, replaced string }{
		{"subject", `t.id = $1`, `'id', 'sub_crowd' || i, 'reference_id', null, 'ref_hash', '\x' || encode(sha256(('ref' || i)::bytea), 'hex')`},
		{"ekyc_keys.subject_key", ofSubject, `'subject_id', 'sub_crowd' || i`},
		{"media", ofSubject, `'subject_id', 'sub_crowd' || i, 'id', t.id || i, 'blob', md5(t.blob || i), 'job_id', t.job_id || i`},
		{"reference_template", ofSubject, `'subject_id', 'sub_crowd' || i, 'media_id', t.media_id || i`},
		{"job", ofSubject, `'subject_id', 'sub_crowd' || i, 'id', t.id || i, 'reservation_id', t.reservation_id || i`},
		{"job_step", `t.job_id in (select id from job where subject_id = $1)`, `'job_id', t.job_id || i`},
		{"shadow_decision", ofSubject, `'subject_id', 'sub_crowd' || i, 'job_id', t.job_id || i`},
		{"review", ofSubject, `'subject_id', 'sub_crowd' || i, 'id', t.id || i, 'job_id', t.job_id || i`},
		{"review_act", `t.review_id in (select id from review where subject_id = $1)`, `'review_id', t.review_id || i`},
		{"receipt", ofSubject, `'subject_id', 'sub_crowd' || i, 'job_id', t.job_id || i`},
		{"capture", `t.key_id = $1`, `'subject_id', case when t.subject_id is not null then 'sub_crowd' || i end, 'id', t.id || i, 'job_id', t.job_id || i, 'key_id', 'sub_crowd' || i,
			'token_hash', '\x' || encode(sha256((t.id || i)::bytea), 'hex'), 'ref_hash', case when t.ref_hash is not null then '\x' || encode(sha256(('ref' || i)::bytea), 'hex') end`},
		{"consent", ofSubject, `'subject_id', 'sub_crowd' || i, 'id', t.id || i`},
		{"reuse_trace", ofSubject, `'subject_id', 'sub_crowd' || i, 'job_id', t.job_id || i`},
		{"idempotency", ofSubject, `'subject_id', 'sub_crowd' || i, 'key_hash', '\x' || encode(sha256(('key' || i)::bytea), 'hex')`},
		{"webhook_event", ofSubject, `'subject_id', 'sub_crowd' || i, 'id', t.id || i`},
		{"webhook_delivery", `t.event_id in (select id from webhook_event where subject_id = $1)`, `'id', t.id || i, 'event_id', t.event_id || i`},
	} {
		b.exec(`insert into `+c.table+` select r.* from `+c.table+` t, generate_series(1, $2::int) i, jsonb_populate_record(t, jsonb_build_object(`+c.replaced+`)) r where `+c.where, person, n)
	}
	b.exec(`reset session_replication_role`)
	b.exec(`analyze`)
}

// BenchmarkErasingOneOfAHundredThousand is an erasure among 100,000 subjects with two jobs, six pictures and something in every other room each.
// It fails where one takes longer than is promised.
func BenchmarkErasingOneOfAHundredThousand(b *testing.B) {
	const subjects, most = 100_000, 5 * time.Second
	s := setup(b)
	s.endpoint()
	s.crowd(s.person(), subjects)
	for table, each := range ofAPerson {
		if n := s.number(`select count(*) from ` + table); n != (subjects+1)*each && table != "capture" && table != "webhook_event" {
			b.Fatalf("%d rows in %s", n, table)
		}
	}
	var took []time.Duration
	for b.Loop() {
		subject := s.person()
		begun := time.Now()
		_, err := s.Erase(b.Context(), s.scope, subject)
		took = append(took, time.Since(begun))
		s.must(err)
		s.checkGone(subject)
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op") // with the making of persons
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)-1].Seconds()*1000, "slowest-ms")
	if slowest := took[len(took)-1]; slowest > most {
		b.Errorf("the slowest took %s", slowest)
	}
}

// BenchmarkReplay is a start on a database that has forgotten nothing, beside a ledger of two thousand entries since its watermark.
func BenchmarkReplay(b *testing.B) {
	const entries = 2000
	s := setup(b)
	for i := range entries {
		_, err := s.writeLedger(b.Context(), vault.Erasure{Scope: s.scope, Subject: ekyc.NewID(ekyc.KindSubject), At: time.Now().Add(-time.Duration(i) * time.Second)})
		s.must(err)
	}
	for b.Loop() {
		s.exec(`update erasure_watermark set through = 'epoch'`)
		if out, err := s.Replay(b.Context()); err != nil || out.Entries != entries {
			b.Fatalf("%+v, %v", out, err)
		}
	}
}
