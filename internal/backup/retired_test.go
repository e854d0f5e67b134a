package backup

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store/storetest"
)

// TestARestoreMissesKeysThatWereRetired: what a tenant's older key has sealed lies in the backup as it was, whatever was sealed anew since. Newer keys do not open it, which is
// said before anything is restored.
func TestARestoreMissesKeysThatWereRetired(t *testing.T) {
	t.Parallel()
	i := setup(t)
	p := i.person()
	var own []byte
	i.must(i.db.InTenant(t.Context(), i.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		own, err = i.vault.Seal(ctx, tx, i.scope, "", "o", []byte(planted))
		return err
	}))
	opens := func(r *installation) ekyc.ErrorCode {
		return ekyc.CodeOf(r.db.InTenant(t.Context(), r.scope, func(ctx context.Context, tx pgx.Tx) error {
			_, err := r.vault.Open(ctx, tx, r.scope, "", "o", own)
			return err
		}))
	}
	directory, _ := i.create(CreateOptions{})
	i.must(i.vault.RotateKeys(t.Context(), i.scope))
	rotated, _ := i.create(CreateOptions{KeysOnly: true})
	_, err := i.vault.RewrapScope(t.Context(), i.scope, nil, nil)
	i.must(err)
	owner := storetest.Owner(t, i.url)
	_, err = owner.Exec(t.Context(), `update ekyc_keys.tenant_key set rotated_at = rotated_at - interval '11 minutes', settled_at = settled_at - interval '11 minutes'`)
	i.must(err)
	if n, err := i.vault.RetireKeys(t.Context(), i.scope, nil); err != nil || n != 2 {
		t.Fatalf("%d keys are gone, %v", n, err)
	}
	retired, _ := i.create(CreateOptions{KeysOnly: true})
	empty := full.Empty(t)
	if _, err := Restore(t.Context(), empty, directory, i.ring, RestoreOptions{Keys: retired}); ekyc.CodeOf(err) != ekyc.ErrConflict || !strings.Contains(err.Error(), "of 1 tenants' environments were destroyed") {
		t.Errorf("with keys of after the retirement: %v", err)
	}
	for keys, want := range map[string]ekyc.ErrorCode{directory: "", rotated: "", retired: ekyc.ErrInternal} {
		r, _ := i.elsewhere(directory, RestoreOptions{Keys: keys, Retired: keys == retired})
		if got := opens(r); got != want {
			t.Errorf("what is the tenant's own, with the keys of %s: %q, want %q", keys, got, want)
		}
		r.wantOpen("a person", p, "", "")
	}
}

// TestARestoreMissesKeysThatCameLater: who came between an older dump of keys and the backup would have no key, and be told to have been erased.
func TestARestoreMissesKeysThatCameLater(t *testing.T) {
	t.Parallel()
	i := setup(t)
	first := i.person()
	older, _ := i.create(CreateOptions{KeysOnly: true})
	second := i.person()
	directory, _ := i.create(CreateOptions{})
	if _, err := Restore(t.Context(), full.Empty(t), directory, i.ring, RestoreOptions{Keys: older}); ekyc.CodeOf(err) != ekyc.ErrConflict || !strings.Contains(err.Error(), "older than the backup") {
		t.Errorf("with keys of before: %v", err)
	}
	r, _ := i.elsewhere(directory, RestoreOptions{Keys: older, Older: true})
	r.wantOpen("who was there", first, "", "")
	r.wantOpen("who came in between", second, ekyc.ErrGone, ekyc.ErrGone)
}
