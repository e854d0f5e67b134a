package tenant

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store/storetest"
)

func TestKeysOfOthersDoNotExist(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, secret := b.key(KeyInput{})
	foreign := b.newTenant().ID
	for name, scope := range map[string]ekyc.Scope{
		"another tenant":        {Tenant: foreign, Environment: ekyc.Test},
		"the other environment": {Tenant: b.tenant.ID, Environment: ekyc.Live},
	} {
		_, getErr := b.s.GetKey(t.Context(), scope, key.ID)
		_, _, rolloverErr := b.s.RolloverKey(t.Context(), scope, key.ID, 0)
		_, revokeErr := b.s.RevokeKey(t.Context(), scope, key.ID)
		for _, err := range []error{getErr, rolloverErr, revokeErr} {
			if ekyc.CodeOf(err) != ekyc.ErrNotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
		if keys, next, err := b.s.ListKeys(t.Context(), scope, 10, ""); err != nil || len(keys) > 0 || next != "" {
			t.Errorf("%s sees %v, %v", name, keys, err)
		}
		for _, statement := range []string{
			`insert into api_key_secret (tenant_id, environment, key_id, number, sealed) values ($1, $2, $3, 9, '')`,
			`update api_key set revoked_at = now() where tenant_id = $1 and environment = $2 and key_id = $3`,
			`delete from api_key_secret where tenant_id = $1 and environment = $2 and key_id = $3`,
		} {
			err := b.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
				done, err := tx.Exec(ctx, statement, b.scope.Tenant, b.scope.Environment, key.ID)
				if err == nil && done.RowsAffected() > 0 {
					t.Errorf("%s did %s", name, statement)
				}
				return err
			})
			if strings.HasPrefix(statement, "insert") && sqlState(err) != "42501" {
				t.Errorf("%s: %s: %v", name, statement, err)
			}
		}
	}
	if got := authenticate(t, b.s, signed(key.ID, secret)); got != "" {
		t.Errorf("the key itself: %q", got)
	}
	_, _, err := b.s.CreateKey(t.Context(), ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Test}, KeyInput{})
	if ekyc.CodeOf(err) != ekyc.ErrNotFound {
		t.Errorf("a key of nobody: %v", err)
	}
}

// The role that answers requests can neither read a secret nor give itself more than it has.
func TestTheServiceRoleHasLeastRights(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.key(KeyInput{})
	for _, statement := range []string{
		"select sealed from api_key_secret", "update api_key_secret set sealed = ''", "update api_key set scopes = '{admin}'",
		"update api_key set expires_at = null", "delete from api_key", "select support_email from tenant", "update tenant set plan = 'enterprise'",
		"select from plan", "select from plan_version", "insert into plan values ('x', 1)",
	} {
		err := b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
		if sqlState(err) != "42501" {
			t.Errorf("%s: %v", statement, err)
		}
	}
	for _, statement := range []string{"update plan_version set weight = 1", "delete from plan_version", "delete from tenant", "update api_key set revoked_at = null", "update tenant set region = 'us1'"} {
		err := b.db.AsSystem(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
		if sqlState(err) != "42501" {
			t.Errorf("the system: %s: %v", statement, err)
		}
	}
}

func TestRollover(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, db, _ := b.process(time.Hour)
	key, first := b.key(KeyInput{Name: "key-1"})
	expect := func(when string, s *Service, secret string, want ekyc.ErrorCode) {
		t.Helper()
		if got := authenticate(t, s, signed(key.ID, secret)); got != want {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	expect("before", other, first, "")
	rolled, second, err := b.s.RolloverKey(t.Context(), b.scope, key.ID, time.Hour)
	b.must(err)
	if diff := cmp.Diff(key, rolled, cmpopts.IgnoreFields(Key{}, "LastUsedAt")); second == first || diff != "" {
		t.Error(diff)
	}
	expect("the new secret, where the old one is remembered", other, second, "")
	expect("the old secret in its overlap", other, first, "")
	expect("the old secret in its overlap", b.s, first, "")
	b.owner(`update ekyc.api_key_secret set valid_until = now() where valid_until is not null`)
	b.owner(`update ekyc.api_key set revision = revision + 1`) // letting time pass, as the package never does
	b.state(other, db, key.ID)
	expect("the old secret after its overlap", other, first, ekyc.ErrKeyExpired)
	expect("the new secret then", other, second, "")
	_, third, err := b.s.RolloverKey(t.Context(), b.scope, key.ID, 0)
	b.must(err)
	b.state(other, db, key.ID)
	for secret, want := range map[string]ekyc.ErrorCode{first: ekyc.ErrKeyExpired, second: ekyc.ErrKeyExpired, third: ""} {
		expect("after a rollover without overlap", other, secret, want)
	}
	_, fourth, err := b.s.RolloverKey(t.Context(), b.scope, key.ID, time.Hour)
	b.must(err)
	for secret, want := range map[string]ekyc.ErrorCode{first: ekyc.ErrSignatureInvalid, third: "", fourth: ""} {
		expect("with the oldest forgotten", b.s, secret, want)
	}
	_, _, err = b.s.RolloverKey(t.Context(), b.scope, key.ID, 2*time.Hour)
	b.must(err)
	if _, _, err = b.s.RolloverKey(t.Context(), b.scope, key.ID, time.Hour); ekyc.CodeOf(err) != ekyc.ErrConflict {
		t.Errorf("with %d valid secrets: %v", MaxSecrets, err)
	}
	_, last, err := b.s.RolloverKey(t.Context(), b.scope, key.ID, 0)
	b.must(err)
	expect("without overlap it is always possible", b.s, last, "")
	expect("and ends all others", b.s, fourth, ekyc.ErrKeyExpired)
	_, err = b.s.RevokeKey(t.Context(), b.scope, key.ID)
	b.must(err)
	if _, _, err := b.s.RolloverKey(t.Context(), b.scope, key.ID, 0); ekyc.CodeOf(err) != ekyc.ErrConflict {
		t.Errorf("a revoked key: %v", err)
	}
	for _, overlap := range []time.Duration{-1, MaxOverlap + 1} {
		if _, _, err := b.s.RolloverKey(t.Context(), b.scope, key.ID, overlap); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("overlap %v: %v", overlap, err)
		}
	}
}

// An overlap that is remembered ends on time without being looked up.
func TestAnOverlapEndsWhileRemembered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var end time.Time
	var id, first string
	lasting(t, func(life time.Duration) ekyc.ErrorCode {
		var key Key
		key, first = b.key(KeyInput{})
		id = key.ID
		_, _, err := b.s.RolloverKey(t.Context(), b.scope, id, life)
		b.must(err)
		end = time.Now().Add(life)
		return authenticate(t, b.s, signed(id, first))
	})
	time.Sleep(time.Until(end))
	if got := authenticate(t, b.s, signed(id, first)); got != ekyc.ErrKeyExpired {
		t.Errorf("%q", got)
	}
}

func TestRolloversAtOnceLeaveOneSecret(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, first := b.key(KeyInput{})
	const n = 12
	secrets := make([]string, n)
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			var err error
			if _, secrets[i], err = b.s.RolloverKey(t.Context(), b.scope, key.ID, 0); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	valid := 0
	for _, secret := range append(secrets, first) {
		if authenticate(t, b.s, signed(key.ID, secret)) == "" {
			valid++
		}
	}
	if valid != 1 {
		t.Errorf("%d secrets are valid", valid)
	}
}

// Whatever changes about a key, its secrets, its tenant or its plan changes the version that KeyStates gives, and nothing else does.
func TestVersionsFollowEveryChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, secret := b.key(KeyInput{})
	p, err := b.s.Authenticate(t.Context(), signed(key.ID, secret))
	b.must(err)
	seen := map[int64]string{p.Version: "the look-up"}
	if v := b.state(b.s, b.db, key.ID).Version; v != p.Version {
		t.Fatalf("the look-up says %d, KeyStates %d", p.Version, v)
	}
	name, free, pro := "tenant-2", "free", "pro"
	plan, err := b.s.GetPlan(t.Context(), "pro", 0)
	b.must(err)
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"rollover", func() error { _, _, err := b.s.RolloverKey(t.Context(), b.scope, key.ID, 0); return err }},
		{"rename", func() error {
			_, err := b.s.UpdateTenant(t.Context(), b.tenant.ID, TenantUpdate{Name: &name})
			return err
		}},
		{"another version of the plan", func() error { _, err := b.s.PutPlan(t.Context(), plan); return err }},
		{"another plan", func() error {
			_, err := b.s.UpdateTenant(t.Context(), b.tenant.ID, TenantUpdate{Plan: &free})
			return err
		}},
		{"and back", func() error {
			_, err := b.s.UpdateTenant(t.Context(), b.tenant.ID, TenantUpdate{Plan: &pro})
			return err
		}},
		{"suspend", func() error { _, err := b.s.SetStatus(t.Context(), b.tenant.ID, Suspended); return err }},
		{"activate", func() error { _, err := b.s.SetStatus(t.Context(), b.tenant.ID, Active); return err }},
		{"revoke", func() error { _, err := b.s.RevokeKey(t.Context(), b.scope, key.ID); return err }},
	} {
		b.must(c.do())
		v := b.state(b.s, b.db, key.ID).Version
		if before, twice := seen[v]; twice {
			t.Errorf("%s leaves the version of %s", c.name, before)
		}
		seen[v] = c.name
	}
	last := b.state(b.s, b.db, key.ID).Version
	for _, do := range []func() error{
		func() error { return b.s.touch([]string{key.ID}) },
		func() error { _, err := b.s.RevokeKey(t.Context(), b.scope, key.ID); return err },
		func() error { _, err := b.s.SetStatus(t.Context(), b.tenant.ID, Active); return err },
		func() error {
			_, err := b.s.PutPlan(t.Context(), Plan{Name: "free", Weight: 1, RatePerMinute: 1, RatePerDay: 1})
			return err
		},
	} {
		b.must(do())
		if v := b.state(b.s, b.db, key.ID).Version; v != last {
			t.Error("the version changes without a change")
		}
	}
}

func TestLastUseIsKeptToTheMinute(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, secret := b.key(KeyInput{})
	idle, _ := b.key(KeyInput{})
	for range 20 {
		if got := authenticate(t, b.s, signed(key.ID, secret)); got != "" {
			t.Fatal(got)
		}
		if got := authenticate(t, b.s, signed(idle.ID, "wrong")); got != ekyc.ErrSignatureInvalid {
			t.Fatal(got)
		}
	}
	b.s.Close()
	used, err := b.s.GetKey(t.Context(), b.scope, key.ID)
	b.must(err)
	if used.LastUsedAt == nil || time.Since(*used.LastUsedAt) > time.Minute {
		t.Fatalf("last used %v", used.LastUsedAt)
	}
	other, _, _ := b.process(time.Minute) // another process uses it within the minute
	if got := authenticate(t, other, signed(key.ID, secret)); got != "" {
		t.Fatal(got)
	}
	other.Close()
	again, err := b.s.GetKey(t.Context(), b.scope, key.ID)
	b.must(err)
	if !again.LastUsedAt.Equal(*used.LastUsedAt) {
		t.Errorf("written again: %v, %v", again.LastUsedAt, used.LastUsedAt)
	}
	b.owner(`update ekyc.api_key set last_used_at = now() - interval '1 day' where key_id = $1`, key.ID)
	later, _, _ := b.process(time.Minute)
	authenticate(t, later, signed(key.ID, secret))
	later.Close()
	again, err = b.s.GetKey(t.Context(), b.scope, key.ID)
	b.must(err)
	if again.LastUsedAt.Before(*used.LastUsedAt) {
		t.Errorf("a day later: %v", again.LastUsedAt)
	}
	if k, err := b.s.GetKey(t.Context(), b.scope, idle.ID); err != nil || k.LastUsedAt != nil {
		t.Errorf("a key that nobody could sign with: %v, %v", k.LastUsedAt, err)
	}
}

// Whoever has the disk or a backup has no secret and no address, and cannot make one key's secret another's.
func TestNothingLiesInPlain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, first := b.key(KeyInput{})
	_, second, err := b.s.RolloverKey(t.Context(), b.scope, key.ID, time.Hour)
	b.must(err)
	planted := []string{first, second, b.tenant.SupportEmail, "help@"}
	everything := dump(t, storetest.Owner(t, b.url))
	if !strings.Contains(everything, key.ID) {
		t.Fatal("the dump does not hold what it should")
	}
	for _, p := range planted {
		if strings.Contains(everything, p) || strings.Contains(everything, hex.EncodeToString([]byte(p))) {
			t.Errorf("%q lies in plain", p)
		}
	}
	victim, _ := b.key(KeyInput{})
	b.owner(`update ekyc.api_key_secret set sealed = (select sealed from ekyc.api_key_secret where key_id = $1 and number = 1) where key_id = $2`, key.ID, victim.ID)
	if got := authenticate(t, b.s, signed(victim.ID, first)); got != ekyc.ErrInternal {
		t.Errorf("with another key's secret moved into its row: %q", got)
	}
}

// dump gives every row of every table as text.
func dump(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	rows, _ := conn.Query(t.Context(), `select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('ekyc', 'ekyc_keys', 'river')`)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 5 {
		t.Fatalf("tables %v, %v", tables, err)
	}
	var all strings.Builder
	for _, table := range tables {
		rows, _ := conn.Query(t.Context(), "select r::text from "+table+" r")
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(strings.Join(lines, "\n"))
	}
	return all.String()
}

func TestListKeysInPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var want []string
	for range 5 {
		key, _ := b.key(KeyInput{})
		want = append([]string{key.ID}, want...)
	}
	var got []string
	for after := ""; ; {
		keys, next, err := b.s.ListKeys(t.Context(), b.scope, 2, after)
		b.must(err)
		for _, k := range keys {
			got = append(got, k.ID)
		}
		if after = next; next == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if keys, next, err := b.s.ListKeys(t.Context(), b.scope, 5, ""); err != nil || len(keys) != 5 || next != "" {
		t.Errorf("%d keys, next %q, %v", len(keys), next, err)
	}
}

func TestAKeyComesBackAsItWasMade(t *testing.T) {
	t.Parallel()
	b := setup(t)
	end := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	made, secret := b.key(KeyInput{Name: "key-1 é", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/48")},
		RatePerMinute: 5, RatePerDay: 6, EndpointLimits: map[string]int{"/v1/jobs/{id}": 7}, ExpiresAt: &end})
	got, err := b.s.GetKey(t.Context(), b.scope, made.ID)
	b.must(err)
	options := cmp.Options{cmpopts.EquateComparable(netip.Prefix{})}
	if diff := cmp.Diff(made, got, options); diff != "" {
		t.Error(diff)
	}
	if len(secret) != 43 || !slices.Equal(made.Scopes, Scopes) || len(made.CIDRs) != 2 || made.EndpointLimits["/v1/jobs/{id}"] != 7 {
		t.Errorf("secret of %d characters, key %+v", len(secret), made)
	}
	if environment, region, ok := ParseKeyID(made.ID); !ok || environment != ekyc.Test || region != "eu1" {
		t.Errorf("%s: %s, %s, %v", made.ID, environment, region, ok)
	}
}

func TestSecretsAreNoOptions(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 2000 {
		secret := newSecret()
		if raw, err := base64.RawURLEncoding.DecodeString(secret); err != nil || len(raw) != 32 || secret[0] == '-' || seen[secret] {
			t.Fatalf("%q, %v", secret, err)
		}
		seen[secret] = true
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	past := time.Now().Add(-time.Second)
	for field, inputs := range map[string][]KeyInput{
		"name":            {{Name: strings.Repeat("é", 101)}, {Name: "a\x00b"}, {Name: "\xff"}},
		"scopes":          {{Scopes: []string{"everything"}}, {Scopes: []string{""}}},
		"cidrs":           {{CIDRs: []netip.Prefix{{}}}, {CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")}}, {CIDRs: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}}},
		"rate_per_minute": {{RatePerMinute: -1}, {RatePerMinute: maxRate + 1}},
		"rate_per_day":    {{RatePerDay: -1}},
		"endpoint_limits": {{EndpointLimits: map[string]int{"": 1}}, {EndpointLimits: map[string]int{"/v1/jobs": 0}}},
		"expires_at":      {{ExpiresAt: &past}},
	} {
		for _, in := range inputs {
			_, _, err := b.s.CreateKey(t.Context(), b.scope, in)
			problem, ok := err.(*ekyc.Error)
			if !ok || problem.Code != ekyc.ErrInvalidArgument || problem.Details["field"] != field {
				t.Errorf("%s %+v: %v", field, in, err)
			}
		}
	}
	if keys, _, err := b.s.ListKeys(t.Context(), b.scope, 10, ""); err != nil || len(keys) > 0 {
		t.Errorf("%d keys were made, %v", len(keys), err)
	}
}
