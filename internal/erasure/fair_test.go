package erasure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/store"
)

// locked is a place for files of which some cannot be removed.
type locked struct {
	blob.Store
	keeps func(name string) bool
}

func (l *locked) Delete(ctx context.Context, name string) error {
	if l.keeps(name) {
		return ekyc.Errorf(ekyc.ErrUnavailable, "the object is locked")
	}
	return l.Store.Delete(ctx, name)
}

// TestErasuresThatCannotBeCompletedHoldNobodyUp: there are more of them than a pass takes, and older; a newer one is certified all the same.
func TestErasuresThatCannotBeCompletedHoldNobodyUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const stuck, name = sweepBatch + 20, "ffff0000000000000000000000000000"
	for i := range stuck {
		subject := ekyc.NewID(ekyc.KindSubject)
		b.exec(`insert into subject (tenant_id, environment, id, erased_at) values ($1, $2, $3, now() - interval '1 day')`, b.scope.Tenant, b.scope.Environment, subject)
		b.exec(`insert into erasure (tenant_id, environment, id, subject_id, cause, erased_at, parts, files, audit_entry) values ($1, $2, $3, $4, 'request', now() - interval '1 day', '[]', $5, 'aud_x')`,
			b.scope.Tenant, b.scope.Environment, ekyc.NewID(KindErasure), subject, []string{fmt.Sprintf("%s%08x", name[:24], i)})
	}
	keeps := func(string) bool { return true }
	p, err := b.at.open(store.Options{}, &locked{b.media, func(name string) bool { return keeps(name) }}, b.ledge)
	b.must(err)
	t.Cleanup(p.db.Close)
	subject := b.person()
	if signed, err := p.Erase(t.Context(), b.scope, subject); err != nil || signed.Certificate != nil {
		t.Fatalf("its files could be removed: %s, %v", signed.Certificate, err)
	}
	keeps = func(file string) bool { return strings.HasPrefix(file, name[:24]) }
	for range 2 {
		if err := p.finish(t.Context(), 0); err == nil {
			t.Error("nothing is said of those that cannot be completed")
		}
	}
	if _, err := p.CertificateOf(t.Context(), b.scope, subject); err != nil {
		t.Errorf("the newer one: %v", err)
	}
	tries := b.number(`select sum(tries) from erasure where completed_at is null`)
	if w, err := p.Waiting(t.Context()); err != nil || w.Incomplete != stuck || w.Stuck != 0 || w.Oldest < 23*time.Hour || tries < stuck {
		t.Errorf("after %d tries: %+v, %v", tries, w, err)
	}
	if b.must(p.finish(t.Context(), 0)); b.number(`select sum(tries) from erasure where completed_at is null`) != tries {
		t.Error("they are not left alone")
	}
	for range 2 * stuckAfter {
		b.later()
		p.finish(t.Context(), 0)
	}
	if w, err := p.Waiting(t.Context()); err != nil || w.Stuck != stuck || w.Example == "" {
		t.Errorf("after many tries: %+v, %v", w, err)
	}
	if again := b.number(`select max(round(extract(epoch from next_try_at - clock_timestamp()))) from erasure where completed_at is null`); again > int(mostAgain.Seconds()) {
		t.Errorf("they are tried again in %d seconds", again)
	}
	keeps = func(string) bool { return false }
	for range 2 {
		b.later()
		b.must(p.finish(t.Context(), 0))
	}
	if w, err := p.Waiting(t.Context()); err != nil || w != (Waiting{}) {
		t.Errorf("mended: %+v, %v", w, err)
	}
}

// later lets the time pass in which what was tried is left alone.
func (b *bundle) later() {
	b.t.Helper()
	b.exec(`update erasure set next_try_at = now(), next_look_at = now()`)
	b.exec(`update erasure_unkept set next_look_at = now()`)
}

// TestASecondLookThatFailsHoldsNobodyUp: nor does one take the time of those that complete erasures.
func TestASecondLookThatFailsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const stuck = sweepBatch + 20
	for _, table := range []string{"erasure", "erasure_unkept"} {
		for range stuck {
			subject := ekyc.NewID(ekyc.KindSubject)
			b.exec(`insert into subject (tenant_id, environment, id, erased_at, ledgered_at) values ($1, $2, $3, now() - interval '1 day', now())`, b.scope.Tenant, b.scope.Environment, subject)
			if table == "erasure" {
				b.exec(`insert into erasure (tenant_id, environment, id, subject_id, cause, erased_at, parts, files, audit_entry) values ($1, $2, $3, $4, 'request', now() - interval '1 day', '[]', '{}', 'aud_x')`,
					b.scope.Tenant, b.scope.Environment, ekyc.NewID(KindErasure), subject)
				continue
			}
			b.exec(`insert into erasure_unkept (tenant_id, environment, subject_id, erased_at) values ($1, $2, $3, now() - interval '1 day')`, b.scope.Tenant, b.scope.Environment, subject)
		}
	}
	subject, unkept := b.person(), b.person()
	_, err := b.Erase(t.Context(), b.scope, subject)
	b.must(err)
	b.in(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.Forget(ctx, tx, b.scope, unkept)
		return err
	})
	b.options.Parts = append(b.options.Parts, Part{"a broken room", func(_ context.Context, _ pgx.Tx, _ ekyc.Scope, s ekyc.ID) (int, error) {
		if s == subject || s == unkept {
			return 0, nil
		}
		return 0, errors.New("broken")
	}})
	for range 2 {
		if err := b.lookAgain(t.Context(), 0); err == nil {
			t.Error("nothing is said of those that fail")
		}
	}
	if n := b.number(`select count(*) from erasure where subject_id = $1 and looked_at is null`, subject) + b.number(`select count(*) from erasure_unkept where subject_id = $1`, unkept); n != 0 {
		t.Errorf("%d newer ones are not looked at", n)
	}
	for range 2 * stuckAfter {
		b.later()
		b.lookAgain(t.Context(), 0)
	}
	if w, err := b.Waiting(t.Context()); err != nil || w.Stuck != 2*stuck {
		t.Errorf("after many looks: %+v, %v", w, err)
	}
}
