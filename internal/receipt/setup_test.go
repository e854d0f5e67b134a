package receipt_test

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/receipt"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/vault/vaulttest"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, &server, vault.Migrations, receipt.Migrations))
}

// bundle is two processes of one installation.
type bundle struct {
	t         *testing.T
	url       string
	scope     ekyc.Scope
	processes [2]process
}

// process is one of the service's processes: a pool, a vault and opened keys of its own over one database.
type process struct {
	*receipt.Service
	db    *store.DB
	vault *vault.Vault
}

func setup(t *testing.T, o receipt.Options) *bundle {
	t.Helper()
	site := vaulttest.New(t, server)
	b := &bundle{t: t, url: site.URL, scope: site.Scope}
	for i := range b.processes {
		db, v := site.Process(t)
		b.processes[i] = process{receipt.New(db, v, site.Ring, o), db, v}
	}
	return b
}

// in runs f in the bundle's scope and gives its error.
func (b *bundle) in(f func(ctx context.Context, tx pgx.Tx) error) error {
	return b.processes[0].db.InTenant(context.Background(), b.scope, f)
}

func (b *bundle) subject() (id ekyc.ID) {
	b.t.Helper()
	err := b.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		id, err = b.processes[0].vault.CreateSubject(ctx, tx, b.scope, "")
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *bundle) erase(subject ekyc.ID) {
	b.t.Helper()
	err := b.in(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.processes[0].vault.EraseSubject(ctx, tx, b.scope, subject)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// What a person sent, and what came of it.
var (
	selfie = []byte("\xff\xd8 a photograph of a face")
	front  = []byte("\xff\xd8 a photograph of a document")
	claim  = []byte(`{"email":"person@example.com","surname":"ERIKSSON"}`)
	result = json.RawMessage(`{"decision":"review","decision_by_score":"accepted","score":86.5,"document":{"fields":{"surname":{"value":"ERIKSSON","confidence":1e-7}}},
		"factors":[{"name":"liveness","state":"ran","weight":30,"weight_effective":30,"value":0.9,"points":27,"max_points":30},
		{"name":"face_match","state":"ran","weight":40,"weight_effective":40,"value":0.9,"points":36,"max_points":40},
		{"name":"document","state":"ran","weight":30,"weight_effective":30,"value":0.783333,"points":23.5,"max_points":30}]}`)
)

// facts are those of a job with two photographs.
func facts(subject ekyc.ID) receipt.Facts {
	salt := make([]byte, receipt.SaltSize)
	for i := range salt {
		salt[i] = byte(i)
	}
	at := time.Now()
	return receipt.Facts{
		Job: ekyc.NewID(ekyc.KindJob), Subject: subject, SubmittedAt: at.Add(-3 * time.Second), DecidedAt: at, Decision: ekyc.Review, Score: 8650,
		Workflow: receipt.Workflow{Name: "onboarding", Version: 3, Hash: receipt.Commit(nil, []byte("workflow"))},
		Policy:   receipt.Policy{Version: "default-1", Hash: receipt.Commit(nil, []byte("policy"))},
		Inputs:   []receipt.Input{{Kind: "selfie", Commitment: receipt.Commit(salt, selfie)}, {Kind: "document_front", Commitment: receipt.Commit(salt, front)}, {Kind: receipt.Claim, Commitment: receipt.Commit(salt, claim)}},
		Models:   map[string]string{"detector": receipt.Commit(nil, []byte("model"))}, Program: "1.2.3", Salt: salt, Result: result,
	}
}

func (b *bundle) tryIssue(p process, f receipt.Facts) error {
	return p.db.InTenant(context.Background(), b.scope, func(ctx context.Context, tx pgx.Tx) error { return p.Issue(ctx, tx, b.scope, f) })
}

func (b *bundle) issue(f receipt.Facts) {
	b.t.Helper()
	if err := b.tryIssue(b.processes[0], f); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) amend(a receipt.Amendment) {
	b.t.Helper()
	p := b.processes[1]
	if err := p.db.InTenant(context.Background(), b.scope, func(ctx context.Context, tx pgx.Tx) error { return p.Amend(ctx, tx, b.scope, a) }); err != nil {
		b.t.Fatal(err)
	}
}

// get gives a job's receipt as clients get it.
func (b *bundle) get(job ekyc.ID, sequence int, openings bool) []byte {
	b.t.Helper()
	signed, err := b.processes[1].Get(context.Background(), b.scope, job, sequence, openings)
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := json.Marshal(signed)
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

// published gives the keys as a client that fetched them has them.
func (b *bundle) published() receipt.KeySet {
	b.t.Helper()
	set, err := b.processes[1].Keys(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := json.Marshal(set)
	if err != nil {
		b.t.Fatal(err)
	}
	if set, err = receipt.ParseKeys(text); err != nil {
		b.t.Fatal(err)
	}
	return set
}

func (b *bundle) verify(text []byte) *receipt.Verified {
	b.t.Helper()
	v, err := receipt.Verify(text, b.published(), false)
	if err != nil {
		b.t.Fatalf("%v\n%s", err, text)
	}
	return v
}

func wantReason(t *testing.T, what string, err error, reason string) {
	t.Helper()
	if problem, ok := err.(*ekyc.Error); !ok || problem.Code != ekyc.ErrReceiptInvalid || problem.Details["reason"] != reason {
		t.Errorf("%s: %v, wanted the reason %s", what, err, reason)
	}
}

func wantCode(t *testing.T, what string, err error, code ekyc.ErrorCode) {
	t.Helper()
	if ekyc.CodeOf(err) != code {
		t.Errorf("%s: %v, wanted %s", what, err, code)
	}
}

func together(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}
