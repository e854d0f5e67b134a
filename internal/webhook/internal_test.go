package webhook

import (
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ekyc"
)

func TestWaitsFollowTheSchedule(t *testing.T) {
	t.Parallel()
	total := time.Duration(0)
	for _, wait := range Schedule {
		total += wait
	}
	if len(Schedule) != 9 || total != 75*time.Hour+35*time.Minute+5*time.Second {
		t.Errorf("%d waits of %s together", len(Schedule), total)
	}
	rapid.Check(t, func(t *rapid.T) {
		failures := rapid.IntRange(-1, len(Schedule)+3).Draw(t, "failures")
		asked := time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "asked"))
		fraction := rapid.Float64Range(0, 0.999999).Draw(t, "fraction")
		wait, again := nextWait(Schedule, failures, asked, fraction)
		if again != (failures >= 1 && failures <= len(Schedule)) {
			t.Fatalf("again %v", again)
		}
		if !again {
			return
		}
		planned := Schedule[failures-1]
		least, most := planned*9/10-time.Microsecond, planned*11/10+time.Microsecond
		if wait < least || wait < min(asked, retryAfterLimit) || wait > max(most, min(asked, retryAfterLimit)) {
			t.Fatalf("wait %s, planned %s, asked %s", wait, planned, asked)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, " 5 ": 5 * time.Second, "-5": 0, "1.5": 0, "soon": 0, "99999999999999999999": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestSnoozesNeverOutlastTheirWait(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{time.Millisecond, 4 * time.Second, 5 * time.Second, 5500 * time.Millisecond, 8 * time.Second, time.Minute, 24 * time.Hour} {
		rest, naps := wait, 0
		for ; rest > 0; naps++ {
			nap := snooze(rest)
			if nap <= 0 || nap > rest || wait < 9*time.Second && nap > longestSnooze {
				t.Fatalf("of %s left to sleep, %s", rest, nap)
			}
			rest -= nap
		}
		if naps > 2 {
			t.Errorf("%d naps for %s", naps, wait)
		}
	}
}

func TestTheGate(t *testing.T) {
	t.Parallel()
	g, now := newGate(10), time.Now()
	a, other := ekyc.NewID(ekyc.KindTenant), ekyc.NewID(ekyc.KindTenant)
	enter := g.enterAll
	if n := enter(a, "fast", now); n != 10 {
		t.Errorf("%d of a fast destination", n)
	}
	if g.enter(a, "another", now) == 0 {
		t.Error("a tenant has more than its share by a second destination")
	}
	if g.enter(other, "slow", now) != 0 {
		t.Error("one tenant takes another's place")
	}
	for range 10 {
		g.leave(a, "fast", time.Millisecond, now)
	}
	g.leave(other, "slow", 2*time.Second, now)
	if n := enter(other, "slow", now); n != slowAtOnce {
		t.Errorf("%d of a slow destination", n)
	}
	for range slowAtOnce {
		g.leave(other, "slow", 0, now)
	}
	if n := enter(other, "slow", now.Add(time.Second)); n != slowAtOnce {
		t.Errorf("%d of a slow destination, after looks that were no attempts", n)
	}
	later := now.Add(time.Hour)
	g.leave(other, "slow", time.Millisecond, later)
	if n := enter(other, "slow", later); n != 10-slowAtOnce+1 {
		t.Errorf("%d more of a destination that is fast again", n)
	}
	for range 10 {
		g.leave(other, "slow", time.Millisecond, later.Add(time.Hour))
	}
	for _, name := range []string{"fast", "another"} {
		g.enter(a, name, later)
		g.leave(a, name, time.Millisecond, later)
	}
	if len(g.tenants) != 0 || len(g.destinations) != 0 {
		t.Errorf("remembered %v, %v", g.tenants, g.destinations)
	}
}

// enterAll enters until it is turned away and gives how often it was let in.
func (g *gate) enterAll(tenant ekyc.ID, name string, at time.Time) (n int) {
	for g.enter(tenant, name, at) == 0 {
		n++
	}
	return n
}

func TestThoseTurnedAwayComeBackOneAfterTheOther(t *testing.T) {
	t.Parallel()
	g, now := newGate(10), time.Now()
	other := ekyc.NewID(ekyc.KindTenant)
	g.enter(other, "slow", now)
	g.leave(other, "slow", 2*time.Second, now)
	g.enterAll(other, "slow", now)
	last := shortestWait
	for range 20 {
		wait := g.enter(other, "slow", now)
		if wait != last+2*time.Second/slowAtOnce {
			t.Errorf("a wait of %s follows one of %s", wait, last)
		}
		last = wait
	}
	for range 10_000 {
		if wait := g.enter(other, "slow", now); wait < shortestWait || wait > longestWait {
			t.Fatalf("a wait of %s", wait)
		}
	}
}
