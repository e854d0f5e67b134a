package retention_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/blob"
	"ekyc/internal/retention"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
)

// TestAPassReadsNothingOfWhatIsHeld: ten thousand pictures of a held subject are over, and a pass reads neither them nor their entries in an index.
func TestAPassReadsNothingOfWhatIsHeld(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.start(t)
	owner, scope := storetest.Owner(t, p.URL), newScope()
	held, free := r.subject(t, scope), r.subject(t, scope)
	const half = 5000
	crowd := func(name string) {
		t.Helper()
		_, err := owner.Exec(t.Context(), `insert into ekyc.media (tenant_id, environment, id, subject_id, kind, position, size, blob, expires_at, kept)
			select $1, $2, 'med_' || $3 || i, $4, 'selfie', 0, 1, $3 || md5(i::text), now() - interval '1 day', true from generate_series(1, $5) i`,
			scope.Tenant, scope.Environment, name, held, half)
		if err != nil {
			t.Fatal(err)
		}
	}
	crowd("before")
	r.in(t, scope, func(ctx context.Context, tx pgx.Tx) error {
		_, _, err := r.vault.PutHold(ctx, tx, scope, held, vault.ByOperator, vault.Hold{Reason: "a court asks", KeyID: "opr_x"})
		return err
	})
	crowd("after")
	r.keep(t, scope, free, -time.Hour)
	if _, err := owner.Exec(t.Context(), `vacuum analyze ekyc.media`); err != nil {
		t.Fatal(err)
	}
	read := func() int { return storetest.Read(t, owner, "media") }
	r.db.Close()
	before := read()
	files, err := blob.OpenFiles(p.files())
	if err != nil {
		t.Fatal(err)
	}
	other, err := p.open(t.Context(), files, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = other.retention.Pass(t.Context())
	lag, err2 := other.retention.Lag(t.Context())
	removed := other.retention.Removed()[retention.Selfie]
	other.db.Close()
	if err != nil || err2 != nil || removed != 1 || lag[retention.Selfie] != 0 {
		t.Fatalf("%d are removed, behind by %v, %v, %v", removed, lag, err, err2)
	}
	const most = 50 // the one that is free, by several statements
	if n := read() - before; n < 1 || n > most {
		t.Errorf("%d rows and entries were read", n)
	} else {
		t.Logf("%d rows and entries were read", n)
	}
	var left int
	if err := owner.QueryRow(t.Context(), `select count(*) from ekyc.media where held`).Scan(&left); err != nil || left != 2*half {
		t.Errorf("%d are held, %v", left, err)
	}
}
