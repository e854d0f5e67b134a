package audit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/trace"

	"ekyc"
	"ekyc/internal/store"
)

func TestAnEntryIsWrittenWithItsAct(t *testing.T) {
	t.Parallel()
	b := setup(t)
	traceID := trace.TraceID{1, 2, 3}
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: trace.SpanID{1}}))
	ctx = calledFrom(ctx, Actor{ActorOperator, "opr_1"}, "203.0.113.77")
	undone := errors.New("undone")
	err := b.db.InTenant(ctx, b.scope, func(ctx context.Context, tx pgx.Tx) error {
		b.must(b.log.Append(ctx, tx, Entry{Action: KeyRevoke, Scope: b.scope}))
		return undone
	})
	if !errors.Is(err, undone) || len(b.all(b.scope, Filter{})) != 0 {
		t.Fatalf("what was undone has left an entry (%v)", err)
	}
	before := time.Now().Add(-time.Second)
	key := ekyc.ID("ek_live_eu1_0123")
	b.append(ctx, Entry{Action: KeyRollover, Scope: b.scope, Objects: []ekyc.ID{key}, Details: Details{OverlapSeconds: "3600", Role: "owner"}})
	list := b.all(b.scope, Filter{})
	if len(list) != 1 {
		t.Fatalf("%d entries", len(list))
	}
	got := list[0]
	want := Record{Version: 1, Tenant: b.scope.Tenant, Environment: ekyc.Live, Actor: ActorOperator, ActorID: "opr_1", Action: KeyRollover, Outcome: Success,
		Objects: []ekyc.ID{key}, Details: Details{OverlapSeconds: "3600", Role: "owner"}, TraceID: traceID.String(), Network: "203.0.113.0/24"}
	if d := cmp.Diff(want, got.Record, cmpopts.IgnoreFields(Record{}, "ID", "At", "Nonce")); d != "" {
		t.Error(d)
	}
	at, err := time.Parse(timeForm, got.At)
	if err != nil || at.Before(before) || at.After(time.Now()) || !got.ID.Is(KindEntry) || len(got.Nonce) != 32 || got.Index != nil {
		t.Errorf("%+v, %v", got, err)
	}
	b.sequence()
	if got = b.all(b.scope, Filter{})[0]; got.Index == nil || *got.Index != 0 {
		t.Errorf("the place of the first entry is %v", got.Index)
	}
	if n := b.check(); n != 1 {
		t.Errorf("%d leaves", n)
	}
}

func TestWhoActs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(t.Context(), Entry{Action: KeyRevoke, Scope: b.scope})
	b.append(calledFrom(t.Context(), Actor{ActorLink, "cap_1"}, "2001:db8:1:2:3::4"), Entry{Action: KeyRevoke, Scope: b.scope})
	b.append(calledFrom(t.Context(), Actor{ActorLink, "cap_1"}, "::ffff:192.0.2.9"), Entry{Action: KeyRevoke, Scope: b.scope, Actor: Actor{ActorSystem, "ekyc admin"}})
	list := b.all(b.scope, Filter{})
	for i, want := range []struct {
		kind    ActorKind
		id, net string
	}{{ActorSystem, "ekyc admin", "192.0.2.0/24"}, {ActorLink, "cap_1", "2001:db8:1::/48"}, {ActorSystem, "", ""}} {
		if got := list[i]; got.Actor != want.kind || got.ActorID != want.id || got.Network != want.net {
			t.Errorf("%d: %+v", i, got.Record)
		}
	}
	if networkOf(netip.Addr{}) != "" || networkOf(netip.MustParseAddr("fe80::1%eth0")) != "fe80::/48" {
		t.Error("networks of addresses without one, and with a zone")
	}
}

// TestNothingElseIsEntered: what is outside of the catalogue is refused, and the act with it.
func TestNothingElseIsEntered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject, salt := ekyc.NewID(ekyc.KindSubject), NewSalt()
	for name, e := range map[string]Entry{
		"an action":                   {Action: "person.look", Scope: b.scope},
		"no action":                   {Scope: b.scope},
		"an outcome":                  {Action: KeyRevoke, Outcome: "perhaps", Scope: b.scope},
		"a tenant":                    {Action: KeyRevoke, Scope: ekyc.Scope{Tenant: "tnt_x"}},
		"an environment":              {Action: KeyRevoke, Scope: ekyc.Scope{Tenant: b.scope.Tenant, Environment: "prod"}},
		"an environment of nobody":    {Action: KeyRevoke, Scope: ekyc.Scope{Environment: ekyc.Live}},
		"an object":                   {Action: KeyRevoke, Scope: b.scope, Objects: []ekyc.ID{"person@example.com"}},
		"a name as an object":         {Action: KeyRevoke, Scope: b.scope, Objects: []ekyc.ID{"ERIKSSON ANNA"}},
		"too many objects":            {Action: KeyRevoke, Scope: b.scope, Objects: make([]ekyc.ID, 30)},
		"a detail's name":             {Action: KeyRevoke, Scope: b.scope, Details: Details{"email": "a"}},
		"a detail's value":            {Action: KeyRevoke, Scope: b.scope, Details: Details{Plan: "person@example.com"}},
		"a long value":                {Action: KeyRevoke, Scope: b.scope, Details: Details{Plan: strings.Repeat("a", 201)}},
		"an actor":                    {Action: KeyRevoke, Scope: b.scope, Actor: Actor{ActorNobody, "person@example.com"}},
		"a subject without salt":      {Action: KeyRevoke, Scope: b.scope, Subject: Subject{ID: subject}},
		"a subject with a short salt": {Action: KeyRevoke, Scope: b.scope, Subject: Subject{subject, salt[:8], salt}},
		"a subject of the platform":   {Action: KeyRevoke, Subject: Subject{subject, salt, salt}},
		"what is no subject":          {Action: KeyRevoke, Scope: b.scope, Subject: Subject{"tnt_1", salt, salt}},
		"a salt of nobody":            {Action: KeyRevoke, Scope: b.scope, Subject: Subject{"", salt, salt}},
	} {
		err := b.db.AsSystem(t.Context(), func(ctx context.Context, tx pgx.Tx) error { return b.log.Append(ctx, tx, e) })
		if ekyc.CodeOf(err) != ekyc.ErrInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := b.number(`select count(*) from audit_entry`); n != 0 {
		t.Errorf("%d entries", n)
	}
}

func TestTheCatalogueIsClosed(t *testing.T) {
	t.Parallel()
	seen := map[Action]bool{}
	for _, i := range Actions {
		if seen[i.Action] || i.Meaning == "" || !strings.Contains(string(i.Action), ".") {
			t.Errorf("%+v", i)
		}
		seen[i.Action] = true
	}
}

// TestScopesAndFilters: a tenant sees its own entries of the environment and those of both, and nothing else; who sees all tenants sees all.
func TestScopesAndFilters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, trial := newScope(), ekyc.Scope{Tenant: b.scope.Tenant, Environment: ekyc.Test}
	job := ekyc.NewID(ekyc.KindJob)
	subject := Subject{ekyc.NewID(ekyc.KindSubject), NewSalt(), []byte("sealed")}
	start := time.Now()
	for i := range 1200 { // more than two pages
		e := b.entry(i)
		if i == 700 {
			e.Objects, e.Outcome = append(e.Objects, job), Refused
		}
		if i == 701 {
			e.Subject = subject
		}
		b.append(t.Context(), e)
	}
	b.append(t.Context(), Entry{Action: KeyCreate, Scope: trial})
	b.append(t.Context(), Entry{Action: KeyCreate, Scope: other})
	b.must(b.db.AsSystem(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		b.must(b.log.Append(ctx, tx, Entry{Action: PlanPut, Details: Details{Plan: "pro"}}))
		return b.log.Append(ctx, tx, Entry{Action: TenantSuspend, Scope: ekyc.Scope{Tenant: b.scope.Tenant}})
	}))
	for name, c := range map[string]struct {
		scope ekyc.Scope
		f     Filter
		want  int
	}{
		"own, and of both environments": {b.scope, Filter{}, 1201},
		"the other environment":         {trial, Filter{}, 2},
		"another tenant":                {other, Filter{}, 1},
		"another tenant asks for it":    {other, Filter{Tenant: b.scope.Tenant}, 1},
		"all":                           {ekyc.Scope{}, Filter{}, 1204},
		"all of one tenant":             {ekyc.Scope{}, Filter{Tenant: b.scope.Tenant}, 1202},
		"an action":                     {b.scope, Filter{Action: JobCancel}, 240},
		"an actor":                      {b.scope, Filter{Actor: "ek_live_eu1_1"}, 400},
		"an outcome":                    {b.scope, Filter{Outcome: Refused}, 1},
		"an object":                     {b.scope, Filter{Object: job}, 1},
		"another's object":              {other, Filter{Object: job}, 0},
		"a subject":                     {b.scope, Filter{Subject: subject.ID}, 1},
		"the first":                     {b.scope, Filter{Limit: 700}, 700},
		"the future":                    {b.scope, Filter{From: time.Now().Add(time.Hour)}, 0},
		"the past":                      {b.scope, Filter{To: start}, 0},
		"here and now":                  {b.scope, Filter{From: start, To: time.Now().Add(time.Hour)}, 1201},
	} {
		if n := len(b.all(c.scope, c.f)); n != c.want {
			t.Errorf("%s: %d entries, not %d", name, n, c.want)
		}
	}
	first := b.all(b.scope, Filter{Limit: 700})
	rest := b.all(b.scope, Filter{After: first[699].ID})
	if len(rest) != 501 || rest[0].ID >= first[699].ID {
		t.Errorf("behind the first page are %d", len(rest))
	}
	stop := errors.New("stop")
	if err := b.log.Query(t.Context(), b.scope, Filter{}, func(Stored) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a stopped reader: %v", err)
	}
}

func sqlState(err error) string {
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		return p.Code
	}
	return ""
}

// TestNobodyChangesTheLog tries every way of the roles that the service has, of its login, of the tables' owner and of the database's.
func TestNobodyChangesTheLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(3)
	b.append(t.Context(), b.entry(3))
	statements := []string{}
	for _, table := range []string{"audit_entry", "audit_hash", "audit_checkpoint", "audit_key"} {
		column := map[string]string{"audit_entry": "record", "audit_hash": "hash", "audit_checkpoint": "note", "audit_key": "verifier"}[table]
		statements = append(statements, "delete from "+table, "truncate "+table, "update "+table+" set "+column+" = "+column)
	}
	statements = append(statements,
		"update audit_entry set leaf_index = null, sequenced_at = null", "update audit_entry set leaf_index = 99 where leaf_index = 0",
		"update audit_entry set subject_id = 'sub_1', salt = '' where leaf_index is null", "update audit_entry set at = now() where leaf_index is null")
	refused := func(who, statement string, err error) {
		t.Helper()
		if sqlState(err) != "42501" {
			t.Errorf("%s: %s: %v", who, statement, err)
		}
	}
	// The roles of the service, with and without a scope.
	inside := []string{"insert into audit_entry (id, record, at, leaf_index, sequenced_at) values ('aud_00000000000000000000000000', '{}', now(), 99, now())",
		"alter table audit_entry disable trigger all", "drop table audit_hash", "set session_replication_role = replica"}
	for _, statement := range append(inside, statements...) {
		_, err := b.db.SystemPool().Exec(t.Context(), statement)
		refused("the system role", statement, err)
		_, err = b.db.ServicePool().Exec(t.Context(), statement)
		refused("the service role", statement, err)
		refused("the service role in a scope", statement, b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		}))
		err = pgx.BeginFunc(t.Context(), b.owner, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "set local session authorization ekyc_app"); err != nil { // the login, as it comes in
				return err
			}
			_, err := tx.Exec(t.Context(), statement)
			return err
		})
		refused("the login", statement, err)
	}
	for _, statement := range []string{"insert into audit_hash values (99, '')", "insert into audit_checkpoint (size, root, note) values (99, '', '')",
		"insert into audit_key (verifier, sealed) values ('', '')", "select audit_sequence('{}')", "select sealed from audit_key"} {
		_, err := b.db.ServicePool().Exec(t.Context(), statement)
		refused("the service role", statement, err)
	}
	// Who owns the tables, and who owns the server, are held back by the triggers.
	for _, role := range []string{store.RoleOwner, "none"} {
		for _, statement := range statements {
			refused(role, statement, pgx.BeginFunc(t.Context(), b.owner, func(tx pgx.Tx) error {
				if _, err := tx.Exec(t.Context(), "set local role "+role); err != nil {
					return err
				}
				tag, err := tx.Exec(t.Context(), statement)
				if err == nil && tag.RowsAffected() == 0 && role == store.RoleOwner {
					return &pgconn.PgError{Code: "42501"} // the policies let the owner see nothing of it
				}
				return err
			}))
		}
	}
	foreign := newScope()
	refused("an entry of another tenant", "", b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		return b.log.Append(ctx, tx, Entry{Action: KeyRevoke, Scope: foreign})
	}))
	refused("an entry of the platform", "", b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		return b.log.Append(ctx, tx, Entry{Action: KeyRevoke})
	}))
	b.sequence()
	if n := b.check(); n != 4 {
		t.Errorf("%d entries are left", n)
	}
}

// TestCommitments: who has the salt can show whom an entry is about; without it the record fits every subject alike.
func TestCommitments(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := Subject{ekyc.NewID(ekyc.KindSubject), NewSalt(), []byte("sealed under the subject's key")}
	b.append(t.Context(), Entry{Action: MediaRead, Scope: b.scope, Subject: subject})
	b.append(t.Context(), Entry{Action: MediaRead, Scope: b.scope, Subject: Subject{subject.ID, NewSalt(), []byte("sealed")}})
	list := b.all(b.scope, Filter{Subject: subject.ID})
	first, second := list[1], list[0]
	if first.Subject != Commitment(subject.Salt, b.scope, subject.ID) || string(first.Sealed) != string(subject.Sealed) || first.SubjectID != subject.ID {
		t.Errorf("%+v", first)
	}
	if first.Subject == second.Subject || strings.Contains(first.Text, string(subject.ID)) {
		t.Error("the record tells of the subject")
	}
	if first.Subject == Commitment(subject.Salt, b.scope, ekyc.NewID(ekyc.KindSubject)) || first.Subject == Commitment(subject.Salt, newScope(), subject.ID) {
		t.Error("the commitment fits others")
	}
}

// TestRecordsHaveOneForm: what reads like a record and is written otherwise is none.
func TestRecordsHaveOneForm(t *testing.T) {
	t.Parallel()
	r, _, err := newRecord(t.Context(), Entry{Action: KeyCreate, Details: Details{Plan: "pro", Role: "owner", Units: "5"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text := r.text()
	if _, err := parseRecord([]byte(text)); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"a space":          strings.Replace(text, ",", ", ", 1),
		"another order":    strings.Replace(strings.Replace(text, `"v":1,`, "", 1), "}", `,"v":1}`, 1),
		"a member more":    strings.Replace(text, `"v":1`, `"v":1,"w":1`, 1),
		"a member twice":   strings.Replace(text, `"v":1`, `"v":1,"v":1`, 1),
		"another version":  strings.Replace(text, `"v":1`, `"v":2`, 1),
		"an escape":        strings.Replace(text, "pro", `\u0070ro`, 1),
		"another case":     strings.Replace(text, `"v"`, `"V"`, 1),
		"something behind": text + " {}",
		"nothing":          "",
		"no object":        "[]",
	} {
		if bad == text {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := parseRecord([]byte(bad)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, e := range []string{fmt.Sprint(err), text} {
		if strings.Contains(e, "person") {
			t.Error(e)
		}
	}
}

// TestAnActJoinsItsEntry: what an act does and the entry commit together or not at all, for a scope and for the system.
func TestAnActJoinsItsEntry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`create table thing (scope text); grant select, insert on thing to ekyc_service, ekyc_system`)
	fault := errors.New("not this time")
	for _, scope := range []ekyc.Scope{b.scope, {}} {
		for _, wrong := range []string{"the act", "the entry", ""} {
			err := b.log.Enter(t.Context(), scope, func(ctx context.Context) (Entry, error) {
				e := Entry{Action: PlanPut, Scope: scope}
				err := b.log.within(ctx, scope, func(ctx context.Context, tx pgx.Tx) error { // which joins
					_, err := tx.Exec(ctx, `insert into thing values ($1)`, string(scope.Tenant))
					return err
				})
				switch wrong {
				case "the act":
					err = errors.Join(err, fault)
				case "the entry":
					e.Action = "none"
				}
				return e, err
			})
			if (err == nil) != (wrong == "") {
				t.Errorf("%v, wrong is %q: %v", scope, wrong, err)
			}
		}
		things := b.number(`select count(*) from thing where scope = $1`, string(scope.Tenant))
		entries := b.number(`select count(*) from audit_entry where coalesce(tenant_id, '') = $1`, string(scope.Tenant))
		if things != 1 || entries != 1 {
			t.Errorf("%v: %d things and %d entries", scope, things, entries)
		}
	}
}
