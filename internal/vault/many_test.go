package vault_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/vault"
)

// keysOf reads the keys of subjects as who sees the scope.
func (b *bundle) keysOf(scope ekyc.Scope, subjects ...ekyc.ID) (keys *vault.SubjectKeys) {
	b.t.Helper()
	err := b.db.InTenant(b.t.Context(), scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		keys, err = b.ReadKeys(ctx, tx, scope, subjects)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return keys
}

func TestManyKeysOpenWhatOneOpens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var subjects []ekyc.ID
	var sealed [][]byte
	for i := range 20 {
		subjects = append(subjects, b.subject(""))
		sealed = append(sealed, b.seal(subjects[i], "job/facts", fmt.Sprintf("facts %d", i)))
	}
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.EraseSubject(ctx, tx, b.scope, subjects[7])
		return err
	})
	stranger := ekyc.NewID(ekyc.KindSubject)
	keys := b.keysOf(b.scope, append(subjects, stranger)...)
	for i, subject := range subjects {
		plain, err := keys.Open(subject, "job/facts", sealed[i])
		if i == 7 {
			wantCode(t, "an erased subject", err, ekyc.ErrGone)
			continue
		}
		if err != nil || string(plain) != fmt.Sprintf("facts %d", i) {
			t.Errorf("subject %d: %q, %v", i, plain, err)
		}
	}
	_, err := keys.Open(stranger, "job/facts", sealed[0])
	wantCode(t, "a subject that there is not", err, ekyc.ErrNotFound)
	_, err = keys.Open(subjects[0], "job/result", sealed[0])
	wantCode(t, "another object", err, ekyc.ErrInternal)
	_, err = keys.Open(subjects[1], "job/facts", sealed[0])
	wantCode(t, "another subject", err, ekyc.ErrInternal)
	for _, other := range []ekyc.Scope{newScope(), {Tenant: b.scope.Tenant, Environment: ekyc.Test}} {
		_, err = b.keysOf(other, subjects...).Open(subjects[0], "job/facts", sealed[0])
		wantCode(t, "another scope", err, ekyc.ErrNotFound)
	}
}
