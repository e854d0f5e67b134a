package operator

import (
	"context"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ekyc"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
)

var server *storetest.Server

func TestMain(m *testing.M) { os.Exit(storetest.Main(m, &server, Migrations)) }

const (
	address  = "owner-1@operators.example"
	password = "a long enough password"
)

// cheap lets tests hash often; one test measures the default.
var cheap = Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}

type bundle struct {
	t       *testing.T
	url     string
	keyring *keyring.Ring
	s       *Service
	db      *store.DB
	owner   Operator
	sources int
}

func setup(t *testing.T) *bundle {
	t.Helper()
	ring, err := keyring.Create(t.TempDir() + "/keyring.json")
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{t: t, url: server.URL(t), keyring: ring}
	if b.db, err = store.Open(t.Context(), b.url, store.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.db.Close)
	b.s = New(b.db, ring, Options{Cost: cheap})
	if b.owner, err = b.s.Create(t.Context(), address, password, Owner); err != nil {
		t.Fatal(err)
	}
	return b
}

// login comes from an address of its own, so that only the account's own lock counts.
func (b *bundle) login(email, password, code string) (Session, error) {
	b.sources++
	from := netip.AddrFrom4([4]byte{192, 0, byte(b.sources >> 8), byte(b.sources)})
	return b.s.Login(b.t.Context(), email, password, code, from)
}

func (b *bundle) session() Session {
	b.t.Helper()
	session, err := b.login(address, password, "")
	b.must(err)
	return session
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// exec runs a statement that lets time pass.
func (b *bundle) exec(statement string, args ...any) {
	b.t.Helper()
	if _, err := storetest.Owner(b.t, b.url).Exec(b.t.Context(), statement, args...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) refused(what string, err error) {
	b.t.Helper()
	problem, ok := err.(*ekyc.Error)
	want := failedLogin().(*ekyc.Error)
	if !ok || !cmp.Equal(problem, want) { // every refusal looks the same
		b.t.Errorf("%s: %v", what, err)
	}
}

func TestLoginAndSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	session, err := b.login("  Owner-1@Operators.example ", password, "")
	b.must(err)
	if session.Operator.ID != b.owner.ID || session.Operator.Email != address || session.Operator.Role != Owner || session.Operator.LastLoginAt == nil {
		t.Errorf("%+v", session.Operator)
	}
	if left := time.Until(session.ExpiresAt); left > 12*time.Hour || left < 12*time.Hour-time.Minute || len(session.Token) != 43 {
		t.Errorf("token of %d characters for %v", len(session.Token), left)
	}
	o, err := b.s.Authenticate(t.Context(), session.Token)
	if err != nil || o.ID != b.owner.ID || o.Require(ManageOperators) != nil {
		t.Fatalf("%+v, %v", o, err)
	}
	second := b.session()
	b.must(b.s.Logout(t.Context(), session.Token))
	b.must(b.s.Logout(t.Context(), session.Token))
	for _, token := range []string{session.Token, "", "x", second.Token + "x", strings.ToUpper(second.Token)} {
		if _, err := b.s.Authenticate(t.Context(), token); ekyc.CodeOf(err) != ekyc.ErrSessionInvalid {
			t.Errorf("%q: %v", token, err)
		}
	}
	if _, err := b.s.Authenticate(t.Context(), second.Token); err != nil {
		t.Errorf("the other session: %v", err)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		name  string
		after string
		want  ekyc.ErrorCode
	}{
		{"29 minutes idle", `update ekyc.operator_session set last_seen_at = now() - interval '29 minutes'`, ""},
		{"30 minutes idle", `update ekyc.operator_session set last_seen_at = now() - interval '30 minutes'`, ekyc.ErrSessionInvalid},
		{"12 hours old and in use", `update ekyc.operator_session set created_at = now() - interval '12 hours', expires_at = now()`, ekyc.ErrSessionInvalid},
	} {
		session := b.session()
		b.exec(c.after)
		if _, err := b.s.Authenticate(t.Context(), session.Token); ekyc.CodeOf(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want == "" { // use moves the end of idling on
			b.exec(`update ekyc.operator_session set last_seen_at = last_seen_at - interval '29 minutes'`)
			if _, err := b.s.Authenticate(t.Context(), session.Token); err != nil {
				t.Errorf("%s, twice: %v", c.name, err)
			}
		}
	}
	kept := b.session()
	b.exec(`insert into ekyc.operator_session select sha256(token_hash), operator_id, created_at, expires_at, now() - interval '1 hour' from ekyc.operator_session`)
	b.must(b.s.Sweep(t.Context()))
	var n int
	b.must(storetest.Owner(t, b.url).QueryRow(t.Context(), `select count(*) from ekyc.operator_session where last_seen_at < now() - interval '30 minutes' or expires_at <= now()`).Scan(&n))
	if _, err := b.s.Authenticate(t.Context(), kept.Token); err != nil || n != 0 {
		t.Errorf("after sweeping: %v, %d ended sessions", err, n)
	}
}

func TestWhatEndsAllSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.s.Create(t.Context(), "owner-2@operators.example", password, Owner)
	b.must(err)
	for name, do := range map[string]func() error{
		"another password": func() error { return b.s.SetPassword(t.Context(), b.owner.ID, password) },
		"lost device":      func() error { return b.s.ResetTOTP(t.Context(), b.owner.ID) },
		"disabled":         func() error { return b.s.Disable(t.Context(), b.owner.ID) },
	} {
		sessions := []Session{b.session(), b.session()}
		b.must(do())
		for _, s := range sessions {
			if _, err := b.s.Authenticate(t.Context(), s.Token); ekyc.CodeOf(err) != ekyc.ErrSessionInvalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if name == "disabled" {
			_, err := b.login(address, password, "")
			b.refused("a disabled account", err)
			b.must(b.s.Disable(t.Context(), b.owner.ID))
			b.must(b.s.Enable(t.Context(), b.owner.ID))
		}
	}
	b.session()
}

// One hash for each attempt, whether the account exists or not.
func TestWhatIsWrongIsNotToldAndCostsTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	disabled, err := b.s.Create(t.Context(), "viewer-1@operators.example", password, Viewer)
	b.must(err)
	b.must(b.s.Disable(t.Context(), disabled.ID))
	for name, c := range map[string]struct{ email, password string }{
		"wrong password":    {address, password + "x"},
		"no password":       {address, ""},
		"long password":     {address, strings.Repeat("x", 100_000)},
		"no account":        {"nobody@operators.example", password},
		"no address":        {"", password},
		"not an address":    {"a\x00' or 1=1", password},
		"disabled":          {"viewer-1@operators.example", password},
		"empty everything":  {"", ""},
		"cased password":    {address, strings.ToUpper(password)},
		"password too many": {address, password + "\x00"},
	} {
		before := b.s.hashes.Load()
		_, err := b.login(c.email, c.password, "")
		b.refused(name, err)
		if n := b.s.hashes.Load() - before; n != 1 {
			t.Errorf("%s costs %d hashes", name, n)
		}
		b.exec(`update ekyc.operator set failures = 0`)
	}
}

func TestFiveFailuresLock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	locked := func() (seconds float64) {
		b.must(storetest.Owner(t, b.url).QueryRow(t.Context(), `select coalesce(extract(epoch from locked_until - now()), 0)::float8 from ekyc.operator`).Scan(&seconds))
		return seconds
	}
	for range failuresUntilLock - 1 {
		_, err := b.login(address, "wrong", "")
		b.refused("wrong", err)
	}
	if s := locked(); s != 0 {
		t.Fatalf("locked for %v s", s)
	}
	b.session() // a success forgets failures
	for range failuresUntilLock {
		_, err := b.login(address, "wrong", "")
		b.refused("wrong", err)
	}
	for wait := firstLock; ; wait *= 2 {
		if s := locked(); s > min(wait, longestLock).Seconds() || s < min(wait, longestLock).Seconds()-10 {
			t.Fatalf("locked for %v s, want %v", s, wait)
		}
		_, err := b.login(address, password, "")
		b.refused("the right password on a locked account", err)
		if s := locked(); s > min(wait, longestLock).Seconds() {
			t.Errorf("trying makes the lock longer: %v s", s)
		}
		b.exec(`update ekyc.operator set locked_until = now()`)
		if wait > 2*longestLock {
			break
		}
		_, err = b.login(address, "wrong", "")
		b.refused("wrong again", err)
	}
	b.session()
	if s := locked(); s != 0 {
		t.Errorf("locked for %v s after a success", s)
	}
}

// Guesses that come at once over many processes are not more than guesses one by one.
func TestGuessesAtOnceCount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := New(b.db, b.keyring, Options{Cost: cheap})
	var done sync.WaitGroup
	for i := range 40 {
		s := []*Service{b.s, other}[i%2]
		done.Go(func() {
			_, err := s.Login(t.Context(), address, "wrong", "", netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}))
			b.refused("wrong", err)
		})
	}
	done.Wait()
	var failures int
	b.must(storetest.Owner(t, b.url).QueryRow(t.Context(), `select failures from ekyc.operator`).Scan(&failures))
	if failures != failuresUntilLock {
		t.Errorf("%d guesses were verified", failures)
	}
}

func TestOneAddressCannotTryManyAccounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	from := func(last byte) netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: last}) // one network of one subscriber
	}
	for i := range strangerFailures {
		_, err := b.s.Login(t.Context(), "nobody@operators.example", "wrong", "", from(byte(i)))
		b.refused("wrong", err)
	}
	_, err := b.s.Login(t.Context(), address, password, "", from(99))
	problem, ok := err.(*ekyc.Error)
	if !ok || problem.Code != ekyc.ErrRateLimited || problem.Details["retry_after_seconds"].(int) < 1 {
		t.Errorf("one more: %v", err)
	}
	if _, err := b.login(address, password, ""); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	for i := range maxStrangers + 10 {
		b.s.strangers.failed(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	if n := len(b.s.strangers.from); n > maxStrangers {
		t.Errorf("%d addresses are remembered", n)
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	viewer, err := b.s.Create(t.Context(), "viewer-1@operators.example", password, Viewer)
	b.must(err)
	list, err := b.s.List(t.Context())
	b.must(err)
	if diff := cmp.Diff([]Operator{b.owner, viewer}, list); diff != "" {
		t.Error(diff)
	}
	if got, err := b.s.Get(t.Context(), viewer.ID); err != nil || !cmp.Equal(got, viewer) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := b.s.Create(t.Context(), "Viewer-1@OPERATORS.example", password, Staff); ekyc.CodeOf(err) != ekyc.ErrConflict {
		t.Errorf("the same address: %v", err)
	}
	for name, c := range map[string]struct {
		email, password string
		role            Role
	}{"email": {"nobody", password, Viewer}, "password": {"a@b.example", "short", Viewer}, "role": {"a@b.example", password, "root"}} {
		_, err := b.s.Create(t.Context(), c.email, c.password, c.role)
		problem, ok := err.(*ekyc.Error)
		if !ok || problem.Code != ekyc.ErrInvalidArgument || problem.Details["field"] != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	nobody := ekyc.NewID(ekyc.KindOperator)
	_, _, enrolErr := b.s.EnrolTOTP(t.Context(), nobody)
	_, roleErr := b.s.SetRole(t.Context(), nobody, Viewer)
	_, getErr := b.s.Get(t.Context(), nobody)
	for _, err := range []error{enrolErr, roleErr, getErr, b.s.ConfirmTOTP(t.Context(), nobody, "1"), b.s.Disable(t.Context(), nobody),
		b.s.SetPassword(t.Context(), nobody, password), b.s.ResetTOTP(t.Context(), nobody), b.s.Enable(t.Context(), nobody)} {
		if ekyc.CodeOf(err) != ekyc.ErrNotFound {
			t.Errorf("of nobody: %v", err)
		}
	}
}

// Two owners who take each other away at the same moment leave one.
func TestAnOwnerStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 5 {
		second, err := b.s.Create(t.Context(), "owner-2@operators.example", password, Owner)
		b.must(err)
		results := make(chan error, 2)
		go func() { results <- b.s.Disable(t.Context(), b.owner.ID) }()
		go func() { _, err := b.s.SetRole(t.Context(), second.ID, Viewer); results <- err }()
		first, other := <-results, <-results
		if (first == nil) == (other == nil) || ekyc.CodeOf(errors.Join(first, other)) != ekyc.ErrConflict {
			t.Fatalf("%v and %v", first, other)
		}
		b.exec(`delete from ekyc.operator where id = $1`, second.ID)
		b.exec(`update ekyc.operator set disabled_at = null`)
	}
}

func TestNothingLiesInPlain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret, _, err := b.s.EnrolTOTP(t.Context(), b.owner.ID)
	b.must(err)
	session := b.session()
	conn := storetest.Owner(t, b.url)
	var all string
	b.must(conn.QueryRow(t.Context(), `select (select string_agg(o::text, ' ') from ekyc.operator o) || (select string_agg(s::text, ' ') from ekyc.operator_session s)`).Scan(&all))
	for _, planted := range []string{address, "owner-1", password, secret, session.Token} {
		if strings.Contains(all, planted) || strings.Contains(all, hex.EncodeToString([]byte(planted))) {
			t.Errorf("%q lies in plain", planted)
		}
	}
	for _, statement := range []string{"select from operator", "select from operator_session", "insert into operator_session values ('', '', now(), now(), now())"} {
		_, err := b.db.ServicePool().Exec(t.Context(), statement)
		if p, ok := errors.AsType[*pgconn.PgError](err); !ok || p.Code != "42501" {
			t.Errorf("the service: %s: %v", statement, err)
		}
	}
	// One operator's codes do not become another's by moving a row's column.
	second, err := b.s.Create(t.Context(), "owner-2@operators.example", password, Owner)
	b.must(err)
	err = b.db.AsSystem(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update operator set totp_pending = (select totp_pending from operator where id = $1) where id = $2`, b.owner.ID, second.ID)
		return err
	})
	b.must(err)
	if err := b.s.ConfirmTOTP(t.Context(), second.ID, b.code(secret, 0)); ekyc.CodeOf(err) != ekyc.ErrInternal {
		t.Errorf("with another's secret: %v", err)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	all := granted[Owner]
	for role, want := range map[Role]string{Owner: "111111111", Staff: "111111100", Viewer: "100000000", "": "000000000", "root": "000000000"} {
		got := ""
		for _, p := range all {
			o := Operator{Role: role}
			if err := o.Require(p); err == nil {
				got += "1"
			} else if got += "0"; ekyc.CodeOf(err) != ekyc.ErrRoleDenied {
				t.Error(err)
			}
		}
		if got != want || role.Allows("") || role.Valid() != (role == Owner || role == Staff || role == Viewer) {
			t.Errorf("%q: %s, want %s", role, got, want)
		}
	}
}
