package capture_test

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/capture"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/vault/vaulttest"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, &server, vault.Migrations, capture.Migrations))
}

const (
	keyID   = "ek_test_eu1_00000000000000000000000000"
	request = `{"subject_ref":"zq7-person"}`
)

// bundle is one database with two processes on it.
type bundle struct {
	t          *testing.T
	url        string
	db         *store.DB
	one, other *capture.Service
	vault      *vault.Vault
	scope      ekyc.Scope
	subject    ekyc.ID // of the jobs
}

func setup(t *testing.T) *bundle {
	t.Helper()
	site := vaulttest.New(t, server)
	b := &bundle{t: t, url: site.URL, scope: ekyc.Scope{Tenant: site.Scope.Tenant, Environment: ekyc.Test}}
	b.db, b.vault = site.Process(t)
	other, v := site.Process(t)
	b.one, b.other = capture.New(b.db, b.vault), capture.New(other, v)
	err := b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		b.subject, err = b.vault.CreateSubject(ctx, tx, b.scope, "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bundle) create(life time.Duration) (capture.Capture, string) {
	b.t.Helper()
	c, token, err := b.one.Create(b.t.Context(), b.scope, keyID, []byte(request), life)
	if err != nil {
		b.t.Fatal(err)
	}
	return c, token
}

// claim claims a link as a submission does, in a transaction of its own.
func (b *bundle) claim(s *capture.Service, c capture.Capture, job ekyc.ID) error {
	return b.db.InTenant(context.Background(), c.Scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := s.Claim(ctx, tx, c, job, b.subject)
		return err
	})
}

// owner runs a statement that no role of the service may.
func (b *bundle) owner(statement string, arguments ...any) {
	b.t.Helper()
	if tag, err := storetest.Owner(b.t, b.url).Exec(context.Background(), statement, arguments...); err != nil || tag.RowsAffected() == 0 {
		b.t.Fatalf("%s: %v, %v", statement, tag, err)
	}
}

// runOut makes a link one that was made an hour ago and has run out since.
func (b *bundle) runOut(c capture.Capture) {
	b.t.Helper()
	b.owner(`update ekyc.capture set created_at = now() - interval '1 hour', expires_at = now() - interval '1 second' where id = $1`, c.ID)
}

func refused(t *testing.T, what string, err error, want ekyc.ErrorCode) {
	t.Helper()
	if ekyc.CodeOf(err) != want {
		t.Errorf("%s: %v, not %s", what, err, want)
	}
}

func TestLinkIsFoundByItsTokenOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made, token := b.create(capture.DefaultLife)
	if got := made.ExpiresAt.Sub(made.CreatedAt); got != capture.DefaultLife {
		t.Errorf("the link lives for %s", got)
	}
	found, err := b.other.Find(t.Context(), token)
	if err != nil || found.ID != made.ID || found.Scope != b.scope || found.KeyID != keyID || found.State != capture.Open || string(found.Request) != request || found.Consent != nil {
		t.Errorf("found %+v, %v", found, err)
	}
	_, second := b.create(capture.DefaultLife)
	if second == token {
		t.Error("two links have one token")
	}
	for what, wrong := range map[string]string{
		"nothing": "", "its identifier": string(made.ID), "too short": token[:42], "too long": token + "A", "in another case": strings.ToUpper(token), "another alphabet": strings.Repeat("+", 43),
	} {
		_, err := b.one.Find(t.Context(), wrong)
		refused(t, what, err, ekyc.ErrNotFound)
	}
}

func TestTokenAndRequestAreNotStoredInTheOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made, token := b.create(capture.DefaultLife)
	if err := b.one.Agree(t.Context(), made, capture.Consent{Version: "1", Language: "en", Text: "zq7-consent"}); err != nil {
		t.Fatal(err)
	}
	var all []byte
	err := storetest.Owner(t, b.url).QueryRow(t.Context(), `select convert_to(string_agg(c::text || encode(request, 'escape') || encode(consent, 'escape'), ''), 'UTF8') from ekyc.capture c`).Scan(&all)
	if err != nil || !bytes.Contains(all, []byte(made.ID)) {
		t.Fatalf("the row is not found: %v", err)
	}
	for _, secret := range []string{token, "zq7-person", "zq7-consent"} {
		if bytes.Contains(all, []byte(secret)) {
			t.Errorf("%s stands in the table", secret)
		}
	}
}

func TestOneOfAHundredSubmissionsGetsTheLink(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made, token := b.create(capture.DefaultLife)
	var won, lost atomic.Int64
	var winner atomic.Value
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range 100 {
		done.Go(func() {
			<-start
			job, s := ekyc.NewID(ekyc.KindJob), []*capture.Service{b.one, b.other}[i%2]
			switch err := b.claim(s, made, job); ekyc.CodeOf(err) {
			case "":
				won.Add(1)
				winner.Store(job)
			case ekyc.ErrConflict:
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	close(start)
	done.Wait()
	if won.Load() != 1 || lost.Load() != 99 {
		t.Fatalf("%d won and %d lost", won.Load(), lost.Load())
	}
	found, err := b.one.Find(t.Context(), token)
	if err != nil || found.State != capture.Used || found.Job != winner.Load() || found.UsedAt == nil || found.Request != nil {
		t.Errorf("afterwards %+v, %v", found, err)
	}
	refused(t, "agree", b.one.Agree(t.Context(), made, capture.Consent{}), ekyc.ErrGone)
	refused(t, "attempt", b.one.Attempt(t.Context(), made), ekyc.ErrGone)
}

func TestClaimEndsWithItsTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made, token := b.create(capture.DefaultLife)
	err := b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := b.one.Claim(ctx, tx, made, ekyc.NewID(ekyc.KindJob), b.subject); err != nil {
			return err
		}
		return ekyc.Errorf(ekyc.ErrQuotaExceeded, "none left")
	})
	refused(t, "the transaction", err, ekyc.ErrQuotaExceeded)
	if found, err := b.one.Find(t.Context(), token); err != nil || found.State != capture.Open || string(found.Request) != request {
		t.Errorf("after a roll-back %+v, %v", found, err)
	}
	if err := b.claim(b.one, made, ekyc.NewID(ekyc.KindJob)); err != nil {
		t.Errorf("the next submission: %v", err)
	}
}

// TestConsentGoesWithTheSubject: the consent of a used link is the subject's, and opens no more once the subject is erased.
func TestConsentGoesWithTheSubject(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made, token := b.create(capture.DefaultLife)
	agreed := capture.Consent{Version: "1", Language: "en", Text: "I agree."}
	if err := b.one.Agree(t.Context(), made, agreed); err != nil {
		t.Fatal(err)
	}
	var given *capture.Consent
	err := b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		given, err = b.one.Claim(ctx, tx, made, ekyc.NewID(ekyc.KindJob), b.subject) // of a link as it was before the person agreed
		return err
	})
	if err != nil || given == nil || given.Text != agreed.Text || given.At.IsZero() {
		t.Fatalf("given: %+v, %v", given, err)
	}
	if found, err := b.other.Find(t.Context(), token); err != nil || found.Consent == nil || *found.Consent != *given {
		t.Errorf("after the claim: %+v, %v", found.Consent, err)
	}
	err = b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.vault.EraseSubject(ctx, tx, b.scope, b.subject)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := b.other.Find(t.Context(), token); err != nil || found.Consent != nil || found.State != capture.Used {
		t.Errorf("after the erasure: %+v, %v", found, err)
	}
}

// TestAnErasureEndsTheLinksOfItsReference: whoever else's stay open, and one that does not open holds nothing up.
func TestAnErasureEndsTheLinksOfItsReference(t *testing.T) {
	t.Parallel()
	b := setup(t)
	link := func(request string) ekyc.ID {
		t.Helper()
		made, _, err := b.one.Create(t.Context(), b.scope, keyID, []byte(request), capture.DefaultLife)
		if err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	mine, before, anothers, nobodys := link(request), link(request), link(`{"subject_ref":"another"}`), link(`{}`)
	otherBefore, broken, claimed := link(`{"subject_ref":"another"}`), link(request), link(request)
	b.owner(`update ekyc.capture set ref_hash = null where id = any($1)`, []ekyc.ID{before, otherBefore, broken}) // as they were made before
	b.owner(`update ekyc.capture set request = 'does not open' where id = any($1)`, []ekyc.ID{broken, anothers, nobodys})
	if err := b.claim(b.one, capture.Capture{ID: claimed, Scope: b.scope}, ekyc.NewID(ekyc.KindJob)); err != nil {
		t.Fatal(err)
	}
	erase := func(ref string, until *time.Time) (erased int) {
		t.Helper()
		err := b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
			var hash []byte
			if ref != "" {
				if hash, err = b.vault.RefHash(ctx, tx, b.scope, ref); err != nil {
					return err
				}
			}
			erased, _, err = b.one.EraseSubject(ctx, tx, b.scope, nil, hash, until)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return erased
	}
	if n := erase("", nil); n != 0 {
		t.Errorf("%d links of a subject without a reference ended", n)
	}
	long := time.Now().Add(-time.Hour)
	if n := erase("zq7-person", &long); n != 0 {
		t.Errorf("%d links ended that were made since", n)
	}
	if n := erase("zq7-person", nil); n != 2 {
		t.Errorf("%d links ended, want 2", n)
	}
	var open, held []ekyc.ID
	if err := storetest.Owner(t, b.url).QueryRow(t.Context(), `select array_agg(id order by id) filter (where state = 'open'),
		array_agg(id order by id) filter (where ref_hash is not null or request is not null) from ekyc.capture`).Scan(&open, &held); err != nil {
		t.Fatal(err)
	}
	want := []ekyc.ID{anothers, nobodys, otherBefore, broken}
	slices.Sort(want)
	if !slices.Equal(open, want) || !slices.Equal(held, want) {
		t.Errorf("open are %v, and held %v, want %v; ended should be %v and %v", open, held, want, mine, before)
	}
}

// TestAnErasureEndsTheLinksOfEverySpelling: also one from before hashes were noted.
func TestAnErasureEndsTheLinksOfEverySpelling(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var links []ekyc.ID
	for _, request := range []string{`{"subject_ref":"Zo\u00eb"}`, `{"subject_ref":"Zoe\u0308"}`, `{"subject_ref":"Zoe\u0308"}`} {
		made, _, err := b.one.Create(t.Context(), b.scope, keyID, []byte(request), capture.DefaultLife)
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, made.ID)
	}
	b.owner(`update ekyc.capture set ref_hash = null where id = $1`, links[2])
	err := b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		hash, err := b.vault.RefHash(ctx, tx, b.scope, "Zo\u00eb")
		if err != nil {
			return err
		}
		n, _, err := b.one.EraseSubject(ctx, tx, b.scope, nil, hash, nil)
		if n != len(links) {
			t.Errorf("%d of %d links ended", n, len(links))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLinkRunsOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made, token := b.create(capture.DefaultLife)
	fresh, _ := b.create(capture.DefaultLife)
	b.runOut(made)
	look := func(when string) {
		t.Helper()
		found, err := b.one.Find(t.Context(), token)
		if err != nil || found.State != capture.Expired || found.Request != nil {
			t.Errorf("%s: %+v, %v", when, found, err)
		}
		refused(t, when+", claim", b.claim(b.one, made, ekyc.NewID(ekyc.KindJob)), ekyc.ErrConflict)
		refused(t, when+", agree", b.one.Agree(t.Context(), made, capture.Consent{}), ekyc.ErrGone)
		refused(t, when+", attempt", b.one.Attempt(t.Context(), made), ekyc.ErrGone)
	}
	look("before the sweep")
	if err := b.other.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	look("after the sweep")
	var held int
	if err := storetest.Owner(t, b.url).QueryRow(t.Context(), `select count(*) from ekyc.capture where request is not null`).Scan(&held); err != nil || held != 1 {
		t.Errorf("%d requests are held, %v", held, err)
	}
	b.owner(`update ekyc.capture set created_at = now() - interval '31 days' where id = $1`, made.ID)
	if err := b.one.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := b.one.Find(t.Context(), token)
	refused(t, "after 31 days", err, ekyc.ErrNotFound)
	if found, err := b.one.Get(t.Context(), b.scope, fresh.ID); err != nil || found.State != capture.Open {
		t.Errorf("the other link: %+v, %v", found, err)
	}
}

func TestOthersSeeNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made, _ := b.create(capture.DefaultLife)
	for what, scope := range map[string]ekyc.Scope{
		"another tenant": {Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Test}, "the other environment": {Tenant: b.scope.Tenant, Environment: ekyc.Live},
	} {
		_, err := b.one.Get(t.Context(), scope, made.ID)
		refused(t, what, err, ekyc.ErrNotFound)
		foreign := made
		foreign.Scope = scope
		refused(t, what+", claim", b.claim(b.one, foreign, ekyc.NewID(ekyc.KindJob)), ekyc.ErrConflict)
		err = b.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
			var n int
			if err := tx.QueryRow(ctx, "select count(*) from capture").Scan(&n); err != nil {
				return err
			}
			if n != 0 {
				t.Errorf("%s sees %d rows", what, n)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if found, err := b.one.Get(t.Context(), b.scope, made.ID); err != nil || found.ID != made.ID {
		t.Errorf("the tenant itself: %v", err)
	}
}

func TestConsentIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made, token := b.create(capture.DefaultLife)
	for _, given := range []capture.Consent{{Version: "1", Language: "en", Text: "I agree."}, {Version: "1", Language: "fr", Text: "J'accepte."}} {
		before := time.Now().Add(-time.Second)
		if err := b.one.Agree(t.Context(), made, given); err != nil {
			t.Fatal(err)
		}
		found, err := b.other.Find(t.Context(), token)
		if err != nil || found.Consent == nil {
			t.Fatalf("%+v, %v", found, err)
		}
		at := found.Consent.At
		given.At = at
		if *found.Consent != given || at.Before(before) || at.After(time.Now().Add(time.Second)) {
			t.Errorf("kept %+v", found.Consent)
		}
	}
	if err := b.claim(b.one, made, ekyc.NewID(ekyc.KindJob)); err != nil {
		t.Fatal(err)
	}
	if found, err := b.one.Get(t.Context(), b.scope, made.ID); err != nil || found.Consent == nil || found.Consent.Language != "fr" {
		t.Errorf("of the used link: %+v, %v", found, err)
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made, _ := b.create(capture.DefaultLife)
	passed := 0
	for range 40 {
		err := b.one.Attempt(t.Context(), made)
		if err == nil {
			passed++
			continue
		}
		refused(t, "an attempt", err, ekyc.ErrRateLimited)
	}
	if passed != 30 {
		t.Errorf("%d attempts passed", passed)
	}
}
