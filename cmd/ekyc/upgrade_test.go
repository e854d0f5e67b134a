package main

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
)

// upTo are migrations without those that came later.
type upTo struct {
	fs.FS
	last int
}

// ReadDir implements fs.ReadDirFS.
func (u upTo) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(u.FS, name)
	return slices.DeleteFunc(list, func(e fs.DirEntry) bool {
		var number int
		fmt.Sscanf(e.Name(), "%d", &number)
		return number > u.last
	}), err
}

// beforeCustody are the tables as they were before retention, erasure and rotation: the first migrations, and no table of a package that came since.
func beforeCustody() (list []store.Migrations) {
	for _, m := range migrations() {
		switch m.Package {
		case "retention", "erasure", "consent", "reuse":
			continue
		}
		last := 1
		if m.Package == "workflow" {
			last = 3
		}
		if m.Run == nil {
			m.Files = upTo{m.Files, last}
		}
		list = append(list, m)
	}
	return list
}

// TestADatabaseOfBeforeIsBroughtUpToDate: what it holds gets an end, and what is to stay stays. Tables hide all rows from their owner, who migrates.
func TestADatabaseOfBeforeIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	server, err := storetest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	url := server.Empty(t)
	if err := store.Migrate(t.Context(), url, beforeCustody()...); err != nil {
		t.Fatal(err)
	}
	owner := storetest.Owner(t, url)
	exec := func(statement string) {
		t.Helper()
		if _, err := owner.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`set search_path = ekyc`)
	exec(`insert into subject (tenant_id, environment, id) values ('t', 'live', 's'), ('t', 'live', 'erased')`)
	exec(`update subject set erased_at = now() where id = 'erased'`)
	exec(`insert into media (tenant_id, environment, id, subject_id, kind, position, size, blob, expires_at) values
		('t', 'live', 'ref', 's', 'reference', 0, 1, 'a', null), ('t', 'live', 'upload', 's', 'selfie', 0, 1, 'b', now() + interval '1 hour')`)
	exec(`insert into reference_template (tenant_id, environment, media_id, subject_id, model, sealed, made_at) values ('t', 'live', 'ref', 's', 'm', 'x', now() - interval '10 days')`)
	for id, kept := range map[string]string{"job_kept": "true", "job_unkept": "false"} {
		exec(`insert into job (tenant_id, environment, id, status, subject_id, made_subject, key_id, reservation_id, plan, plan_version, weight, entitlement, settings, workflow_hash, profile, kept, trace_parent, result, finished_at)
			values ('t', 'live', '` + id + `', 'completed', 's', false, 'k', 'r', 'p', 1, 1, '{}', '{}', 'h', false, ` + kept + `, '', 'x', now() - interval '100 days')`)
	}
	exec(`insert into review (tenant_id, environment, id, job_id, subject_id, workflow, workflow_version, workflow_hash, score, reasons, opened_at)
		values ('t', 'live', 'rev_1', 'job_kept', 's', 'w', 1, 'h', 0, '{}', now() - interval '100 days')`)
	exec(`insert into receipt_key values (repeat('k', 43), sha256('k'), 'x', now(), null)`)
	exec(`insert into receipt values ('t', 'live', 'job_kept', 1, 's', '{}', sha256('a') || sha256('b'), repeat('k', 43), 'x', now() - interval '100 days', null)`)
	exec(`insert into webhook_event (tenant_id, environment, id, type, subject_id, body, drop_at) values ('t', 'live', 'e', 'kyc.completed', 's', 'x', now() + interval '20 days')`)

	if err := store.Migrate(t.Context(), url, migrations()...); err != nil {
		t.Fatal(err)
	}
	for what, query := range map[string]string{
		"the reference is kept":            `select kept and expires_at is null from media where id = 'ref'`,
		"an upload goes with its work":     `select not kept from media where id = 'upload'`,
		"a template has an end":            `select expires_at - made_at = interval '30 days' from reference_template`,
		"a job ends from now on":           `select expires_at between now() + interval '29 days' and now() + interval '30 days' from job where id = 'job_kept'`,
		"one that is not kept has its own": `select expires_at is null from job where id = 'job_unkept'`,
		"a review does":                    `select held_until between now() + interval '29 days' and now() + interval '30 days' and not swept from review`,
		"a receipt does":                   `select drop_at between now() + interval '29 days' and now() + interval '30 days' and salt is not null from receipt`,
		"an event keeps its own":           `select drop_at > now() + interval '19 days' and body is not null from webhook_event`,
		"an erasure is to be ledgered":     `select ledgered_at is null from subject where id = 'erased'`,
	} {
		var is bool
		if err := owner.QueryRow(t.Context(), query).Scan(&is); err != nil || !is {
			t.Errorf("%s: %t, %v", what, is, err)
		}
	}
	rows, err := owner.Query(t.Context(), `select c.oid::regclass::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
		where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text in ('ekyc', 'ekyc_keys') and not c.relispartition and c.relrowsecurity and not c.relforcerowsecurity`)
	if err != nil {
		t.Fatal(err)
	}
	open, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(open) > 0 {
		t.Errorf("row-level security is not forced in %s, %v", strings.Join(open, ", "), err)
	}
}

// TestWhatIsHeldAtAnUpgradeIsMarked: rows of subjects that were held before rows were marked, by either hold.
func TestWhatIsHeldAtAnUpgradeIsMarked(t *testing.T) {
	t.Parallel()
	server, err := storetest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	url, before := server.Empty(t), migrations()
	for i, m := range before {
		if last := map[string]int{"vault": 6, "reference": 3, "webhook": 6, "workflow": 4, "review": 4, "receipt": 5}[m.Package]; last > 0 {
			before[i].Files = upTo{m.Files, last}
		}
	}
	if err := store.Migrate(t.Context(), url, before...); err != nil {
		t.Fatal(err)
	}
	owner := storetest.Owner(t, url)
	exec := func(statement string) {
		t.Helper()
		if _, err := owner.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`set search_path = ekyc`)
	exec(`insert into receipt_key values (repeat('k', 43), sha256('k'), 'x', now(), null)`)
	for _, subject := range []string{"tenants", "operators", "free"} {
		for _, statement := range []string{
			`insert into subject (tenant_id, environment, id) values ('t', 'live', 'S')`,
			`insert into media (tenant_id, environment, id, subject_id, kind, position, size, blob) values ('t', 'live', 'S', 'S', 'reference', 0, 1, 'S')`,
			`insert into reference_template (tenant_id, environment, media_id, subject_id, model, sealed) values ('t', 'live', 'S', 'S', 'm', 'x')`,
			`insert into job (tenant_id, environment, id, status, subject_id, made_subject, key_id, reservation_id, plan, plan_version, weight, entitlement, settings, workflow_hash, profile, kept, trace_parent, finished_at)
				values ('t', 'live', 'job_S', 'completed', 'S', false, 'k', 'r', 'p', 1, 1, '{}', '{}', 'h', false, true, '', now())`,
			`insert into review (tenant_id, environment, id, job_id, subject_id, workflow, workflow_version, workflow_hash, score, reasons) values ('t', 'live', 'rev_S', 'job_S', 'S', 'w', 1, 'h', 0, '{}')`,
			`insert into receipt values ('t', 'live', 'job_S', 1, 'S', '{}', sha256('a') || sha256('b'), repeat('k', 43), 'x', now(), null)`,
			`insert into webhook_event (tenant_id, environment, id, type, subject_id, body, drop_at) values ('t', 'live', 'S', 'kyc.completed', 'S', 'x', now())`,
		} {
			exec(strings.ReplaceAll(statement, "S'", subject+"'"))
		}
	}
	exec(`update subject set hold_at = now(), hold_reason = 'x', hold_key_id = 'k' where id = 'tenants'`)
	exec(`update subject set operator_hold_at = now(), operator_hold_reason = 'x', operator_hold_by = 'o' where id = 'operators'`)
	if err := store.Migrate(t.Context(), url, migrations()...); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"media", "reference_template", "job", "review", "receipt", "webhook_event"} {
		held := func() (subjects string) {
			if err := owner.QueryRow(t.Context(), `select coalesce(string_agg(subject_id, ' ' order by subject_id), '') from `+table+` where held`).Scan(&subjects); err != nil {
				t.Fatal(err)
			}
			return subjects
		}
		if got := held(); got != "operators tenants" {
			t.Errorf("%s: held are %q", table, got)
		}
		exec(`update subject set operator_hold_at = null, operator_hold_reason = null, operator_hold_by = null`)
		if got := held(); got != "tenants" {
			t.Errorf("%s: after the end of one they are %q", table, got)
		}
		exec(`update subject set operator_hold_at = now(), operator_hold_reason = 'x', operator_hold_by = 'o' where id = 'operators'`)
	}
}

// TestOpenLinksOfBeforeAreFoundByWhatTheyAskFor: hashes of references from before all spellings were one are forgotten at an upgrade, so that an erasure looks into those
// links. Those for nobody stay for nobody.
func TestOpenLinksOfBeforeAreFoundByWhatTheyAskFor(t *testing.T) {
	t.Parallel()
	server, err := storetest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	url, before := server.Empty(t), migrations()
	for i, m := range before {
		if m.Package == "capture" {
			before[i].Files = upTo{m.Files, 4}
		}
	}
	if err := store.Migrate(t.Context(), url, before...); err != nil {
		t.Fatal(err)
	}
	owner := storetest.Owner(t, url)
	_, err = owner.Exec(t.Context(), `insert into ekyc.capture (tenant_id, environment, id, token_hash, key_id, request, ref_hash, state, job_id, used_at, expires_at)
		select 't', 'live', id, sha256(id::bytea), 'k', case state when 'open' then 'x'::bytea end, hash, state, case state when 'used' then 'j' end, case state when 'used' then now() end, now() + interval '1 day'
		from (values ('somebodys', sha256('ref'), 'open'), ('nobodys', '', 'open'), ('before_hashes', null, 'open'), ('used', null, 'used')) of(id, hash, state)`)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), url, migrations()...); err != nil {
		t.Fatal(err)
	}
	var open string
	var forced bool
	err = owner.QueryRow(t.Context(), `select string_agg(id || coalesce(' ' || length(ref_hash), ''), ', ' order by id) filter (where state = 'open'),
		(select relforcerowsecurity from pg_class where oid = 'ekyc.capture'::regclass) from ekyc.capture`).Scan(&open, &forced)
	if err != nil || open != "before_hashes, nobodys 0, somebodys" || !forced {
		t.Errorf("%q, forced %t, %v", open, forced, err)
	}
}
