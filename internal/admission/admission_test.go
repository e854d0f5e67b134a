package admission_test

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/admission"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/tenant"
)

const usedOf = `select coalesce(sum(used), 0) from ekyc.rate_window where owner = $1 and name = $2`

func TestAThousandRequestsAdmitExactlyTheLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, admission.Options{})
	c := b.client(t, tenant.KeyInput{})
	requests := make([]admission.Request, 1000)
	outcomes, errs := make([]admission.Outcome, len(requests)), make([]error, len(requests))
	for i := range requests {
		requests[i] = c.request()
	}
	var sums tally
	at(len(requests), func(i int) {
		outcomes[i], errs[i] = b.admits[i%2].Admit(context.Background(), requests[i])
		sums.add(errs[i])
	})
	want(t, "outcomes", sums.codes, map[ekyc.ErrorCode]int{"": 60, ekyc.ErrRateLimited: 940})
	remaining := map[int]bool{}
	var admitted, refused admission.Request
	for i, o := range outcomes {
		if len(o.Windows) != 2 || o.Windows[0].Limit != 60 || o.Windows[1].Limit != 50_000 || o.Windows[0].Reset > time.Minute {
			t.Fatalf("windows %+v with %v", o.Windows, errs[i])
		}
		if errs[i] != nil {
			refused = requests[i]
			details := errs[i].(*ekyc.Error).Details
			if retry := details["retry_after_seconds"].(int); details["window"] != "minute" || details["limit"] != 60 || retry < 1 || retry > 60 || o.Windows[0].Remaining != 0 {
				t.Fatalf("refused with %v, %+v", details, o.Windows)
			}
			continue
		}
		admitted, remaining[o.Windows[0].Remaining] = requests[i], true
		if o.Windows[1].Remaining != 49_940+o.Windows[0].Remaining {
			t.Errorf("windows disagree: %+v", o.Windows)
		}
	}
	want(t, "different numbers that remained", len(remaining), 60)
	for _, window := range []string{"minute", "day"} {
		want(t, "used of the "+window, b.count(t, usedOf, c.key.ID, window), 60)
	}
	want(t, "signatures", b.count(t, "select count(*) from ekyc.signature_seen"), 60)

	// A minute later, in a third process, what was refused may come again and what was admitted may not.
	if _, err := storetest.Owner(t, b.url).Exec(t.Context(), "update ekyc.rate_window set opened_at = opened_at - interval '60 s' where name = 'minute'"); err != nil {
		t.Fatal(err)
	}
	third := b.join(t)
	if o, err := third.Admit(t.Context(), refused); err != nil || o.Windows[0].Remaining != 59 || o.Windows[1].Remaining != 49_939 {
		t.Errorf("refused before: %+v, %v", o, err)
	}
	if _, err := third.Admit(t.Context(), admitted); ekyc.CodeOf(err) != ekyc.ErrReplayed {
		t.Errorf("admitted before: %v", err)
	}
	want(t, "used of the minute", b.count(t, usedOf, c.key.ID, "minute"), 1)
}

func TestDuplicatesAreAdmittedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, admission.Options{MaxBatch: 16})
	c := b.client(t, tenant.KeyInput{RatePerMinute: 1000})
	one := c.request()
	var sums tally
	at(100, func(i int) {
		_, err := b.admits[i%2].Admit(context.Background(), one)
		sums.add(err)
	})
	want(t, "of one signature", sums.codes, map[ekyc.ErrorCode]int{"": 1, ekyc.ErrReplayed: 99})

	many := make([]admission.Request, 60)
	for i := range many {
		many[i] = c.request()
	}
	each := make([]tally, len(many))
	at(10*len(many), func(i int) {
		_, err := b.admits[mathrand.IntN(2)].Admit(context.Background(), many[i%len(many)])
		each[i%len(many)].add(err)
	})
	for i := range each {
		want(t, "of each signature", each[i].codes, map[ekyc.ErrorCode]int{"": 1, ekyc.ErrReplayed: 9})
	}
	want(t, "used", b.count(t, usedOf, c.key.ID, "minute"), 61)

	// Another key may use the same signature: it is the pair that counts.
	one.Principal = b.client(t, tenant.KeyInput{}).principal
	if _, err := b.admits[0].Admit(t.Context(), one); err != nil {
		t.Errorf("another key: %v", err)
	}
}

// TestOverlappingKeysAndWindows sends requests of many keys, in small batches whose rows overlap in every order, over two processes.
func TestOverlappingKeysAndWindows(t *testing.T) {
	t.Parallel()
	const keys, perKey, global = 25, 40, 420
	b := setup(t, admission.Options{MaxBatch: 9, GlobalPerMinute: global})
	clients := make([]*client, keys)
	for i := range clients {
		in := tenant.KeyInput{RatePerMinute: 20}
		switch i % 3 {
		case 1:
			in.EndpointLimits = map[string]int{route: 12}
		case 2:
			in.RatePerDay = 17
		}
		clients[i] = b.client(t, in)
	}
	order := mathrand.Perm(keys * perKey)
	admitted := make([]tally, keys)
	var sums tally
	at(len(order), func(i int) {
		which := order[i] % keys
		_, err := b.admits[mathrand.IntN(2)].Admit(context.Background(), clients[which].request())
		admitted[which].add(err)
		sums.add(err)
	})
	// 9 × 20, 8 × 12 and 8 × 17 are 412: the keys' own limits decide, and nothing else.
	want(t, "outcomes", sums.codes, map[ekyc.ErrorCode]int{"": 412, ekyc.ErrRateLimited: keys*perKey - 412})
	for i, c := range clients {
		limit := []int{20, 12, 17}[i%3]
		want(t, fmt.Sprintf("admitted of key %d", i), admitted[i].codes[""], limit)
		for _, window := range []string{"minute", "day"} {
			want(t, "used", b.count(t, usedOf, c.key.ID, window), limit)
		}
	}
	// Of the rest of the global window a fresh key gets 8, and no more.
	fresh := b.client(t, tenant.KeyInput{RatePerMinute: 50})
	var last tally
	at(30, func(i int) {
		o, err := b.admits[i%2].Admit(context.Background(), fresh.request())
		last.add(err)
		if err != nil && err.(*ekyc.Error).Details["window"] != "global" || len(o.Windows) == 0 || o.Windows[len(o.Windows)-1].Name != "global" {
			t.Errorf("%+v, %v", o, err)
		}
	})
	want(t, "of the global window", last.codes, map[ekyc.ErrorCode]int{"": 8, ekyc.ErrRateLimited: 22})
	want(t, "used of the global window", b.count(t, usedOf, "", "global"), global)
	want(t, "signatures", b.count(t, "select count(*) from ekyc.signature_seen"), global)
	want(t, "deadlocks", b.deadlocks(t), 0)
}

func TestKeysThatChangedAreNotAdmitted(t *testing.T) {
	t.Parallel()
	b := setup(t, admission.Options{})
	ctx, scope := t.Context(), ekyc.Scope{Tenant: b.tenant.ID, Environment: ekyc.Live}
	revoked, rolled, expired, gone := b.client(t, tenant.KeyInput{}), b.client(t, tenant.KeyInput{}), b.client(t, tenant.KeyInput{ExpiresAt: new(time.Now().Add(time.Hour))}), b.client(t, tenant.KeyInput{})
	good := b.client(t, tenant.KeyInput{})
	// The other process does it, so that nothing is known here.
	if _, err := b.keys[1].RevokeKey(ctx, scope, revoked.key.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.keys[1].RolloverKey(ctx, scope, rolled.key.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := storetest.Owner(t, b.url).Exec(ctx, "update ekyc.api_key set expires_at = now() where key_id = $1", expired.key.ID); err != nil {
		t.Fatal(err)
	}
	stranger := *gone.principal
	stranger.Key.ID += "0"
	for name, c := range map[string]struct {
		principal *tenant.Principal
		code      ekyc.ErrorCode
		stale     bool
	}{
		"revoked": {revoked.principal, ekyc.ErrKeyRevoked, false}, "rolled over": {rolled.principal, "", true},
		"expired": {expired.principal, ekyc.ErrKeyExpired, false}, "unknown": {&stranger, ekyc.ErrKeyUnknown, false}, "good": {good.principal, "", false},
	} {
		r := good.request()
		r.Principal = c.principal
		o, err := b.admits[0].Admit(ctx, r)
		if ekyc.CodeOf(err) != c.code || o.Stale != c.stale || (len(o.Windows) > 0) != (name == "good") {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
	r := rolled.request()
	if o, err := b.admits[0].Admit(ctx, r); err != nil || !o.Stale {
		t.Fatalf("%+v, %v", o, err)
	}
	if err := rolled.authenticate(b); err != nil {
		t.Fatal(err)
	}
	r.Principal = rolled.principal
	if o, err := b.admits[0].Admit(ctx, r); err != nil || o.Stale {
		t.Errorf("authenticated again: %+v, %v", o, err)
	}
	if _, err := b.keys[1].SetStatus(ctx, b.tenant.ID, tenant.Suspended); err != nil {
		t.Fatal(err)
	}
	if _, err := b.admits[0].Admit(ctx, good.request()); ekyc.CodeOf(err) != ekyc.ErrTenantSuspended {
		t.Errorf("suspended: %v", err)
	}
	want(t, "signatures", b.count(t, "select count(*) from ekyc.signature_seen"), 2)
}

func TestADeniedKeyDoesNotReachTheDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t, admission.Options{})
	c := b.client(t, tenant.KeyInput{RatePerMinute: 1})
	for i := range 2 {
		if _, err := b.admits[0].Admit(t.Context(), c.request()); (err != nil) != (i == 1) {
			t.Fatal(err)
		}
	}
	b.dbs[0].Close()
	if o, err := b.admits[0].Admit(t.Context(), c.request()); ekyc.CodeOf(err) != ekyc.ErrRateLimited || len(o.Windows) != 2 || o.Windows[1].Remaining != 49_999 {
		t.Errorf("without a database: %+v, %v", o, err)
	}
	raised := *c.principal
	raised.Key.RatePerMinute = 2
	r := c.request()
	r.Principal = &raised
	if _, err := b.admits[0].Admit(t.Context(), r); err == nil || ekyc.CodeOf(err) == ekyc.ErrRateLimited {
		t.Errorf("a limit that was raised is not asked about: %v", err)
	}
}

func TestOldSignaturesAreForgottenAndNotAccepted(t *testing.T) {
	t.Parallel()
	b := setup(t, admission.Options{})
	c := b.client(t, tenant.KeyInput{})
	now := time.Now()
	for age, code := range map[time.Duration]ekyc.ErrorCode{-300 * time.Second: "", 300 * time.Second: "", 620 * time.Second: "", 640 * time.Second: ekyc.ErrTimestampSkew, 2 * time.Hour: ekyc.ErrTimestampSkew} {
		r := c.request()
		r.Timestamp = now.Add(-age)
		if _, err := b.admits[0].Admit(t.Context(), r); ekyc.CodeOf(err) != code {
			t.Errorf("%v old: %v", age, err)
		}
	}
	want(t, "used", b.count(t, usedOf, c.key.ID, "minute"), 3)
	_, err := storetest.Owner(t, b.url).Exec(t.Context(), `insert into ekyc.signature_seen
		select 'key-b', sha256(n::text::bytea), now() - make_interval(secs => 650 + n) from generate_series(1, 12000) n`)
	if err != nil {
		t.Fatal(err)
	}
	var mutex sync.Mutex
	swept := 0
	at(4, func(i int) {
		n, err := b.admits[i%2].Sweep(context.Background())
		mutex.Lock()
		defer mutex.Unlock()
		if swept += n; err != nil {
			t.Error(err)
		}
	})
	if left := b.count(t, "select count(*) from ekyc.signature_seen"); swept < 11_985 || left != 12_003-swept {
		t.Errorf("%d were swept, %d are left", swept, left)
	}
}

// TestLimitsAndReplayOutliveAKill kills the database under load, and then both processes are new.
func TestLimitsAndReplayOutliveAKill(t *testing.T) {
	t.Parallel()
	directory, err := os.MkdirTemp("", "ekyc-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	os.Chmod(directory, 0o755)
	start := func() *store.Private {
		p := storetest.StartPrivate(t, directory+"/db")
		t.Cleanup(func() { p.Close() })
		return p
	}
	p := start()
	if err := store.Migrate(t.Context(), p.URL(), tenant.Migrations, admission.Migrations); err != nil {
		t.Fatal(err)
	}
	const limit = 2000
	b := setupAt(t, p.URL(), newSealer(), admission.Options{MaxBatch: 8})
	c := b.client(t, tenant.KeyInput{RatePerMinute: limit, RatePerDay: limit})
	var mutex sync.Mutex
	var acknowledged []admission.Request
	at(32, func(i int) {
		for {
			r := c.request()
			_, err := b.admits[i%2].Admit(context.Background(), r)
			if err != nil {
				return
			}
			mutex.Lock()
			if acknowledged = append(acknowledged, r); len(acknowledged) == 200 {
				syscall.Kill(p.PID(), syscall.SIGKILL)
			}
			mutex.Unlock()
		}
	})
	<-p.Exited()
	p2 := start()
	b2 := &bench{url: p2.URL(), sealer: b.sealer}
	one, two := b2.join(t), b2.join(t)
	for _, r := range acknowledged {
		if _, err := one.Admit(t.Context(), r); ekyc.CodeOf(err) != ekyc.ErrReplayed {
			t.Fatalf("admitted before the kill: %v", err)
		}
	}
	// Those that were committed and could not be told of any more count; there is at most one batch of each process.
	used := b2.count(t, usedOf, c.key.ID, "day")
	if used < len(acknowledged) || used > len(acknowledged)+2*8 {
		t.Errorf("%d are used, %d were admitted", used, len(acknowledged))
	}
	var sums tally
	at(limit, func(i int) {
		_, err := []*admission.Admitter{one, two}[i%2].Admit(context.Background(), c.request())
		sums.add(err)
	})
	want(t, "after the kill", sums.codes, map[ekyc.ErrorCode]int{"": limit - used, ekyc.ErrRateLimited: used})
}

// TestAFrozenProcessIsPushedAside holds a key's row as a process does that stopped in the middle of a decision.
func TestAFrozenProcessIsPushedAside(t *testing.T) {
	t.Parallel()
	b := setup(t, admission.Options{})
	c := b.client(t, tenant.KeyInput{})
	if _, err := b.admits[0].Admit(t.Context(), c.request()); err != nil {
		t.Fatal(err)
	}
	locked, pushed, frozen := make(chan struct{}), make(chan struct{}), make(chan error)
	start := time.Now() // the row is held from later on
	go func() {
		frozen <- b.dbs[1].AsSystem(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
			defer close(locked)
			if _, err := tx.Exec(ctx, admission.Settings); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "update rate_window set used = 60 where owner = $1", c.key.ID); err != nil {
				return err
			}
			locked <- struct{}{}
			<-pushed
			return nil
		})
	}()
	<-locked
	if o, err := b.admits[0].Admit(t.Context(), c.request()); err != nil || o.Windows[0].Remaining != 58 || time.Since(start) < time.Second {
		t.Errorf("after %v: %+v, %v", time.Since(start), o, err)
	}
	close(pushed)
	if err := <-frozen; err == nil {
		t.Error("the frozen transaction was committed")
	}
}

func TestCallersThatGiveUpAndTheEnd(t *testing.T) {
	t.Parallel()
	b := setup(t, admission.Options{MaxWaiting: 5})
	c := b.client(t, tenant.KeyInput{RatePerMinute: 1000})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.admits[0].Admit(ctx, c.request()); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("a caller that is away: %v", err)
	}
	short := c.request()
	short.Signature = short.Signature[2:]
	if _, err := b.admits[0].Admit(t.Context(), short); ekyc.CodeOf(err) != ekyc.ErrSignatureInvalid {
		t.Errorf("half a signature: %v", err)
	}
	var sums tally
	at(100, func(i int) {
		_, err := b.admits[0].Admit(context.Background(), c.request())
		sums.add(err)
		if i == 50 {
			b.admits[0].Close()
		}
	})
	if sums.codes[ekyc.ErrOverloaded] == 0 || sums.codes[""] == 0 {
		t.Errorf("outcomes %v", sums.codes)
	}
	want(t, "used", b.count(t, usedOf, c.key.ID, "minute"), sums.codes[""])
	if _, err := b.admits[0].Admit(t.Context(), c.request()); ekyc.CodeOf(err) != ekyc.ErrUnavailable {
		t.Errorf("after the end: %v", err)
	}
}

// TestADatabaseThatWasPutBack removes rows that the process has seen, as the restore of a backup does.
func TestADatabaseThatWasPutBack(t *testing.T) {
	t.Parallel()
	b := setup(t, admission.Options{})
	c := b.client(t, tenant.KeyInput{})
	for range 2 {
		if o, err := b.admits[0].Admit(t.Context(), c.request()); err != nil || o.Windows[0].Remaining < 58 {
			t.Fatalf("%+v, %v", o, err)
		}
	}
	if _, err := storetest.Owner(t, b.url).Exec(t.Context(), "delete from ekyc.rate_window where name = 'minute'"); err != nil {
		t.Fatal(err)
	}
	if o, err := b.admits[0].Admit(t.Context(), c.request()); err != nil || o.Windows[0].Remaining != 59 || o.Windows[1].Remaining != 49_997 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestTheServiceRoleSeesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, admission.Options{})
	for _, table := range []string{"signature_seen", "rate_window"} {
		if _, err := b.dbs[0].ServicePool().Exec(t.Context(), "select from "+table); err == nil {
			t.Errorf("the service reads %s", table)
		}
	}
}
