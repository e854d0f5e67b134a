package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/keyring"
	"ekyc/internal/operator"
	"ekyc/internal/receipt"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/tenant"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
)

// notUnderTheRoot are the binary columns that neither a root key nor a tenant's has sealed, and why.
var notUnderTheRoot = map[string][]string{
	"sealed under subjects' keys alone": {
		"audit_entry.salt", "consent.sealed", "job.annotations", "job.facts", "job.request", "job.result", "job_step.outcome", "receipt.salt", "reference_template.sealed", "review.callback",
		"review_act.comment", "subject.hold_reason", "subject.operator_hold_reason", "subject.ref_sealed", "subject_key.wrapped", "reuse_trace.fingerprint",
	},
	"hashes, keys that are public, and what is random": {
		"audit_checkpoint.root", "audit_hash.hash", "capture.ref_hash", "capture.token_hash", "challenge.signature", "consent.text_hash", "consent_text.text_hash", "consent_text.version_hash", "erasure.ref_hash", "erasure.signature",
		"idempotency.key_hash", "idempotency.request_hash", "idempotency.token", "operator.email_hash", "operator_session.token_hash", "receipt.signature", "receipt_key.public_key", "reuse_band.hash",
		"reuse_trace.hash", "review_act.reviewer_hash", "signature_seen.signature", "subject.ref_hash",
	},
}

// rooted is a service with something in every column under the root key.
type rooted struct {
	url, folder, root string
	scope             ekyc.Scope
	email             string
	operator          ekyc.ID
	key, secret, hook string
	public            receipt.KeySet
}

// open gives the rooms as a new process has them.
func (r *rooted) open(t *testing.T) (*store.DB, *keyring.Ring, *tenant.Service, *operator.Service, *webhook.Service, *receipt.Service, *audit.Log) {
	t.Helper()
	ring, err := keyring.Open(r.root)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), r.url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	v := vault.New(db, ring, nil, vault.Options{})
	tenants := tenant.New(db, ring, tenant.Options{Region: "eu1"})
	t.Cleanup(tenants.Close)
	return db, ring, tenants, operator.New(db, ring, operator.Options{}), webhook.New(db, v, ring, webhook.Options{}), receipt.New(db, v, ring, receipt.Options{}), audit.New(db, ring, audit.Options{})
}

func (r *rooted) fill(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, ring, tenants, operators, hooks, receipts, log := r.open(t)
	made, err := tenants.CreateTenant(ctx, tenant.TenantInput{Name: "One", Country: "FRA", SupportEmail: "help@example.com", Plan: "pro"})
	must(err)
	r.scope = ekyc.Scope{Tenant: made.ID, Environment: ekyc.Test}
	key, secret, err := tenants.CreateKey(ctx, r.scope, tenant.KeyInput{Name: "a"})
	must(err)
	r.key, r.secret, r.email = key.ID, secret, "owner@example.com"
	o, err := operators.Create(ctx, r.email, "a long enough password", operator.Owner)
	must(err)
	r.operator = o.ID
	_, _, err = operators.EnrolTOTP(ctx, o.ID)
	must(err)
	r.hook, _, err = hooks.DefaultSecret(ctx, r.scope)
	must(err)
	r.public, err = receipts.Keys(ctx)
	must(err)
	_, err = log.Sequence(ctx)
	must(err)
	sealed, err := ring.Seal(demoPurpose, []byte("{}"))
	must(err)
	must(writeSecretFile(filepath.Join(r.folder, "demo.sealed"), sealed))
	owner := storetest.Owner(t, r.url)
	_, err = owner.Exec(ctx, `update ekyc.operator set totp = totp_pending`) // as after a confirmation
	must(err)
}

// check uses everything that was sealed, in a new process.
func (r *rooted) check(t *testing.T, when string) {
	t.Helper()
	ctx := t.Context()
	db, ring, tenants, operators, hooks, receipts, log := r.open(t)
	for what, err := range map[string]error{
		"the tenant": func() error { _, err := tenants.GetTenant(ctx, r.scope.Tenant); return err }(),
		"the key":    func() error { _, err := tenants.Author(ctx, r.key); return err }(),
		"operators":  func() error { _, err := operators.List(ctx); return err }(),
		"one-time codes": func() error {
			err := operators.ConfirmTOTP(ctx, r.operator, "000000")
			if ekyc.CodeOf(err) == ekyc.ErrInvalidArgument { // it was opened, and the code is wrong
				return nil
			}
			return err
		}(),
		"the log": func() error { _, err := log.Sequence(ctx); return err }(),
		"the demonstration": func() error {
			sealed, err := os.ReadFile(filepath.Join(r.folder, "demo.sealed"))
			if err == nil {
				_, err = ring.Open(demoPurpose, sealed)
			}
			return err
		}(),
	} {
		if err != nil {
			t.Errorf("%s: %s: %v", when, what, err)
		}
	}
	if secret, made, err := hooks.DefaultSecret(ctx, r.scope); err != nil || made || secret != r.hook {
		t.Errorf("%s: the secret of webhooks: %v", when, err)
	}
	if keys, err := receipts.Keys(ctx); err != nil || len(keys.Keys) != 1 || keys.Keys[0].ID != r.public.Keys[0].ID {
		t.Errorf("%s: the key of receipts: %v", when, err)
	}
	for _, column := range sealedColumns() { // and each value of each column by itself
		_, err := keyring.Resealing{Table: column.Table, Column: column.Name, Key: column.Key, Stale: "true", Change: func(key []string, sealed []byte) ([]byte, error) {
			if column.Wrapped {
				_, err := ring.Unwrap(sealed, column.Purpose(key))
				return sealed, err
			}
			_, err := ring.Open(column.Purpose(key), sealed)
			return sealed, err
		}}.Run(ctx, db)
		if err != nil && !strings.Contains(err.Error(), "audit log is only ever added to") { // a key of it that stays the same is no change
			t.Errorf("%s: %s: %v", when, column, err)
		}
	}
}

func (r *rooted) run(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append(append([]string{"keys"}, args...), "--database-url", r.url, "--data-dir", r.folder, "--no-migrate"), &console{out: &stdout, err: &stderr})
	return code, stdout.String() + stderr.String()
}

// TestRootKeysAreRotatedByCommands goes through a rotation as an operator does, over everything that lies under the root key.
func TestRootKeysAreRotatedByCommands(t *testing.T) {
	t.Parallel()
	server, err := storetest.Start(migrations()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	r := &rooted{url: server.URL(t), folder: t.TempDir()}
	r.root = filepath.Join(r.folder, "root.key")
	if _, err := keyring.Create(r.root); err != nil {
		t.Fatal(err)
	}
	r.fill(t)
	v := vault.New(func() *store.DB { db, _, _, _, _, _, _ := r.open(t); return db }(), mustRing(t, r.root), nil, vault.Options{})
	db, _, running, _, _, _, _ := r.open(t) // a process that stays
	err = db.InTenant(t.Context(), r.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := v.CreateSubject(ctx, tx, r.scope, "person")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.check(t, "at first")
	status := func() (s struct {
		Root   []rootKeyStatus   `json:"root_keys"`
		Tenant []tenantKeyStatus `json:"tenant_keys"`
	}) {
		t.Helper()
		code, out := r.run(t, "status", "--json")
		if code != exitOK || json.Unmarshal([]byte(out), &s) != nil {
			t.Fatalf("%d, %s", code, out)
		}
		return s
	}
	before := status()
	if len(before.Root) != 1 || before.Root[0].Made == nil || len(before.Tenant) != 1 || before.Tenant[0].Subjects != 1 {
		t.Fatalf("%+v", before)
	}
	for _, column := range sealedColumns() {
		if before.Root[0].Where[column.String()] == 0 {
			t.Errorf("the test puts nothing into %s", column)
		}
	}
	if before.Root[0].Where["demo.sealed"] != 1 {
		t.Error("the file of the demonstration is not counted")
	}
	wantExit := func(want int, args ...string) {
		t.Helper()
		if code, out := r.run(t, args...); code != want {
			t.Fatalf("%s: %d, %s", args, code, out)
		}
	}
	wantExit(exitOK, "rotate-root", "--stage")
	wantExit(exitBadInput, "rotate-root", "--stage")
	if s := status(); len(s.Root) != 2 || s.Root[0].State != keyring.Current || s.Root[1].State != keyring.Next {
		t.Errorf("%+v", s.Root)
	}
	wantExit(exitOK, "rotate-root")
	r.check(t, "rotated")
	wantExit(exitBadInput, "retire-root")               // too early
	wantExit(exitBadInput, "retire-root", "--after=0s") // and still in use
	wantExit(exitOK, "rewrap")
	wantExit(exitOK, "rewrap") // again: nothing is left to do
	r.check(t, "sealed anew")
	after := status()
	if after.Root[0].Sealed != 0 || after.Root[1].Sealed != before.Root[0].Sealed || after.Root[1].State != keyring.Current {
		t.Errorf("before %+v, after %+v", before.Root, after.Root)
	}
	wantExit(exitOK, "retire-root", "--after=0s")
	r.check(t, "retired")
	if s := status(); len(s.Root) != 1 || s.Root[0].ID != after.Root[1].ID {
		t.Errorf("%+v", s.Root)
	}
	if _, err := running.Author(t.Context(), "ek_test_eu1_00000000000000000000000000"); ekyc.CodeOf(err) != ekyc.ErrKeyUnknown {
		t.Errorf("a process from before looks for a key that is none: %v", err)
	}
	wantExit(exitOK, "rotate-tenant", "--tenant", string(r.scope.Tenant))
	wantExit(exitBadInput, "rotate-tenant", "--tenant", string(r.scope.Tenant), "--retire") // too early
	wantExit(exitBadInput, "rotate-tenant", "--tenant", "tnt_nobody")
	if s := status(); s.Tenant[0].Keys != 2 || s.Tenant[0].Behind != 0 || s.Tenant[0].Rotated == nil {
		t.Errorf("%+v", s.Tenant)
	}
	owner := storetest.Owner(t, r.url)
	if _, err := owner.Exec(t.Context(), `update ekyc_keys.tenant_key set rotated_at = rotated_at - interval '11 minutes', settled_at = settled_at - interval '11 minutes'`); err != nil {
		t.Fatal(err)
	}
	wantExit(exitOK, "rotate-tenant", "--tenant", string(r.scope.Tenant), "--retire")
	if s := status(); s.Tenant[0].Keys != 1 || s.Tenant[0].Sealing != 1 || s.Tenant[0].Subjects != 1 {
		t.Errorf("%+v", s.Tenant)
	}
	wantExit(exitOK, "rotate-audit")
	r.check(t, "with another key of the audit log")
	r.refuseAnotherRoot(t)
	rows, err := owner.Query(t.Context(), `select distinct action from ekyc.audit_entry`)
	if err != nil {
		t.Fatal(err)
	}
	entered, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []audit.Action{audit.RootKeyStage, audit.RootKeyRotate, audit.RootKeyRewrap, audit.RootKeyRetire, audit.TenantKeyRotate, audit.TenantKeyRewrap, audit.TenantKeyRetire, audit.AuditKeyRotate} {
		if !slices.Contains(entered, string(action)) {
			t.Errorf("%s is not entered", action)
		}
	}
	everyBinaryColumn(t, owner)
}

// refuseAnotherRoot: with the root keys of another installation each command says in one sentence what is wrong and what to do.
func (r *rooted) refuseAnotherRoot(t *testing.T) {
	t.Helper()
	strange := filepath.Join(t.TempDir(), "strange.key")
	ring, err := keyring.Create(strange)
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	for _, command := range [][]string{
		{"keys", "status"}, {"keys", "rotate-root"}, {"audit", "export", "--to", t.TempDir()}, {"receipt", "keys"}, {"admin", "operator", "second@example.com"}, {"backup", "create", "--out", backup},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append(command, "--database-url", r.url, "--data-dir", r.folder, "--root-key-file", strange, "--no-migrate"), &console{out: &stdout, err: &stderr})
		if out := stdout.String() + stderr.String(); code == exitOK || !strings.Contains(out, "are not those that the database was sealed with") || !strings.Contains(out, "EKYC_ROOT_KEY_FILE") ||
			!strings.Contains(out, keyring.KeyName(ring.Primary())) {
			t.Errorf("%v: %d, %s", command, code, out)
		}
	}
	if len(ring.Keys()) != 1 || len(mustRing(t, strange).Keys()) != 1 {
		t.Error("the strange keys were rotated")
	}
	if _, err := os.Stat(backup); err == nil {
		t.Error("a backup was made that the database's own root keys do not open")
	}
}

func mustRing(t *testing.T, path string) *keyring.Ring {
	t.Helper()
	ring, err := keyring.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// everyBinaryColumn: a new one is sealed under the root key and in its room's list, or it is said above why it is not.
func everyBinaryColumn(t *testing.T, owner *pgx.Conn) {
	t.Helper()
	known := map[string]bool{}
	for _, list := range notUnderTheRoot {
		for _, column := range list {
			known[column] = true
		}
	}
	add := func(table, name string) {
		_, table, _ = strings.Cut(table, ".")
		if known[table+"."+name] {
			t.Errorf("%s.%s is in two lists", table, name)
		}
		known[table+"."+name] = true
	}
	for _, column := range sealedColumns() {
		add(column.Table, column.Name)
	}
	for _, column := range tenantColumns() { // one that is forgotten would not open any more once the keys are destroyed
		add(column.Table, column.Name)
	}
	rows, err := owner.Query(t.Context(), `select table_name || '.' || column_name from information_schema.columns
		where data_type = 'bytea' and table_schema in ('ekyc', 'ekyc_keys') and table_name not like 'river%'`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, column := range list {
		if !known[column] {
			t.Errorf("%s: is it sealed under the root key? Then its room's Sealed lists it; else notUnderTheRoot says why not", column)
		}
		delete(known, column)
	}
	for column := range known {
		t.Errorf("%s is not there any more", column)
	}
}

// BenchmarkRewrap measures how many values a second are sealed anew: go test -run - -bench Rewrap -benchtime 1x ./cmd/ekyc
func BenchmarkRewrap(b *testing.B) {
	const rows = 100_000
	server, err := storetest.Start(migrations()...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Close)
	url, ctx := server.URL(b), context.Background()
	ring, err := keyring.Create(filepath.Join(b.TempDir(), "root.key"))
	if err != nil {
		b.Fatal(err)
	}
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(db.Close)
	scope := ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
	v := vault.New(db, ring, nil, vault.Options{})
	column := webhook.Sealed()[0]
	for n := 0; n < rows; n += 1000 {
		err := db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
			var ids []string
			var sealed [][]byte
			for range 1000 {
				if _, err := v.CreateSubject(ctx, tx, scope, ""); err != nil {
					return err
				}
				id := string(ekyc.NewID("whs"))
				s, err := ring.Seal(column.Purpose([]string{string(scope.Tenant), string(scope.Environment), id}), bytes.Repeat([]byte{1}, 32))
				if err != nil {
					return err
				}
				ids, sealed = append(ids, id), append(sealed, s)
			}
			_, err := tx.Exec(ctx, `insert into webhook_secret (tenant_id, environment, id, algorithm, sealed, valid_until)
				select $1, $2, id, 'v1', sealed, now() + interval '1 day' from unnest($3::text[], $4::bytea[]) u (id, sealed)`, scope.Tenant, scope.Environment, ids, sealed)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := ring.Rotate(ctx); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if n, err := ring.Reseal(ctx, db, column, nil); n != rows || err != nil {
			b.Fatal(n, err)
		}
		b.ReportMetric(rows/time.Since(began).Seconds(), "root-values/s")
		if err := v.RotateKeys(ctx, scope); err != nil {
			b.Fatal(err)
		}
		began = time.Now()
		if n, err := v.RewrapScope(ctx, scope, nil, nil); n != (vault.Behind{Subjects: rows}) || err != nil {
			b.Fatal(n, err)
		}
		b.ReportMetric(rows/time.Since(began).Seconds(), "subject-keys/s")
	}
}
