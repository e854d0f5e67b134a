package reference_test

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/reference"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/vault/vaulttest"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, &server, vault.Migrations, reference.Migrations))
}

type bundle struct {
	*reference.Templates
	t       *testing.T
	db      *store.DB
	vault   *vault.Vault
	scope   ekyc.Scope
	subject ekyc.ID
	media   ekyc.ID
}

const model, older = "87aacdfe57510db2+mesh2", "87aacdfe57510db2+mesh1"

// setup is a subject with a reference photograph.
func setup(t *testing.T) *bundle {
	t.Helper()
	site := vaulttest.New(t, server)
	db, v := site.Process(t)
	b := &bundle{reference.New(db, v), t, db, v, site.Scope, "", ""}
	b.subject, b.media = b.person()
	return b
}

func (b *bundle) person() (subject, media ekyc.ID) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
		if subject, err = b.vault.CreateSubject(ctx, tx, b.scope, ""); err != nil {
			return err
		}
		if media, err = b.vault.PutMedia(ctx, tx, b.scope, vault.MediaInput{Subject: subject, Kind: vault.MediaReference, Data: []byte("a photograph")}); err != nil {
			return err
		}
		return b.vault.SetReference(ctx, tx, b.scope, subject, media)
	})
	return subject, media
}

func (b *bundle) in(scope ekyc.Scope, work func(context.Context, pgx.Tx) error) error {
	return b.db.InTenant(context.Background(), scope, work)
}

func (b *bundle) must(work func(context.Context, pgx.Tx) error) {
	b.t.Helper()
	if err := b.in(b.scope, work); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) put(model, template string) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		return b.Put(ctx, tx, b.scope, b.subject, b.media, model, []byte(template), time.Hour)
	})
}

func (b *bundle) get(scope ekyc.Scope, model string) (template string, found bool, err error) {
	err = b.in(scope, func(ctx context.Context, tx pgx.Tx) error {
		content, has, err := b.Get(ctx, tx, scope, b.subject, b.media, model)
		template, found = string(content), has
		return err
	})
	return template, found, err
}

func TestATemplateIsGivenOnlyForTheModelsThatMadeIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(older, "of older models")
	if template, found, err := b.get(b.scope, model); err != nil || found {
		t.Errorf("a template of older models is given: %q, %v", template, err)
	}
	b.put(model, "of these models")
	if template, found, err := b.get(b.scope, model); err != nil || !found || template != "of these models" {
		t.Errorf("%q, %v, %v", template, found, err)
	}
	if _, found, err := b.get(b.scope, older); err != nil || found {
		t.Errorf("the template that was replaced is still there: %v", err)
	}
}

func TestATemplateIsSealedAndBoundToItsPhotographAndModels(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const planted = "not to be read in the table"
	b.put(model, planted)
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		var sealed []byte
		if err := tx.QueryRow(ctx, "select sealed from reference_template").Scan(&sealed); err != nil {
			return err
		}
		if bytes.Contains(sealed, []byte(planted)) {
			t.Error("the template can be read in the table")
		}
		_, err := tx.Exec(ctx, "update reference_template set model = $1", older) // as somebody would who wants it compared all the same
		return err
	})
	if _, found, err := b.get(b.scope, older); err == nil || found {
		t.Errorf("a template that is shown as that of other models opens: %v, %v", found, err)
	}
}

func TestATemplateGoesWithThePhotographAndWithTheSubject(t *testing.T) {
	t.Parallel()
	b := setup(t)
	count := func() (n int) {
		b.must(func(ctx context.Context, tx pgx.Tx) error {
			return tx.QueryRow(ctx, "select count(*) from reference_template").Scan(&n)
		})
		return n
	}
	b.put(model, "x")
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		media, err := b.vault.PutMedia(ctx, tx, b.scope, vault.MediaInput{Subject: b.subject, Kind: vault.MediaReference, Data: []byte("another")})
		if err != nil {
			return err
		}
		return b.vault.SetReference(ctx, tx, b.scope, b.subject, media)
	})
	if n := count(); n != 0 {
		t.Errorf("%d templates of a photograph that was replaced", n)
	}
	b.subject, b.media = b.person()
	b.put(model, "x")
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.vault.EraseSubject(ctx, tx, b.scope, b.subject)
		return err
	})
	if n := count(); n != 0 {
		t.Errorf("%d templates of a person who was erased", n)
	}
	err := b.in(b.scope, func(ctx context.Context, tx pgx.Tx) error {
		return b.Put(ctx, tx, b.scope, b.subject, b.media, model, []byte("x"), time.Hour)
	})
	if ekyc.CodeOf(err) != ekyc.ErrGone {
		t.Errorf("a template for a person who was erased: %v", err)
	}
}

func TestTemplatesOfOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(model, "x")
	stranger := ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
	for name, scope := range map[string]ekyc.Scope{"another tenant": stranger, "the other environment": {Tenant: b.scope.Tenant, Environment: ekyc.Test}} {
		if _, found, _ := b.get(scope, model); found {
			t.Errorf("%s sees the template", name)
		}
	}
	_, foreign := b.person()
	err := b.in(b.scope, func(ctx context.Context, tx pgx.Tx) error {
		return b.Put(ctx, tx, b.scope, b.subject, foreign, model, []byte("x"), time.Hour)
	})
	if ekyc.CodeOf(err) != ekyc.ErrNotFound {
		t.Errorf("a template for somebody else's photograph: %v", err)
	}
}

func TestTemplatesEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	keep := func(d time.Duration) {
		b.must(func(ctx context.Context, tx pgx.Tx) error {
			return b.Put(ctx, tx, b.scope, b.subject, b.media, model, []byte("x"), d)
		})
	}
	expect := func(what string, given bool, removed int) {
		t.Helper()
		if _, found, err := b.get(b.scope, model); err != nil || found != given {
			t.Errorf("%s: given %v, %v", what, found, err)
		}
		if n, err := b.RemoveExpired(t.Context(), 10); err != nil || n != removed {
			t.Errorf("%s: %d removed, %v", what, n, err)
		}
	}
	keep(time.Hour)
	expect("within its time", true, 0)
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		n, err := b.Limit(ctx, tx, b.scope, 2*time.Hour, 10)
		if n != 0 {
			t.Error("more days have changed its end")
		}
		return err
	})
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		n, err := b.Limit(ctx, tx, b.scope, 0, 10)
		if n != 1 {
			t.Error("fewer days have not changed its end")
		}
		return err
	})
	if at, err := b.OldestExpired(t.Context()); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("over since %s, %v", at, err)
	}
	expect("with fewer days", false, 1)
	keep(-time.Minute)
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		_, _, err := b.vault.PutHold(ctx, tx, b.scope, b.subject, vault.ByTenant, vault.Hold{Reason: "case 1", KeyID: "ek_test"})
		return err
	})
	expect("held", true, 0)
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.vault.EndHold(ctx, tx, b.scope, b.subject, vault.ByTenant)
		return err
	})
	expect("released", false, 1)
	if at, err := b.OldestExpired(t.Context()); err != nil || !at.IsZero() {
		t.Errorf("over since %s, %v", at, err)
	}
}
