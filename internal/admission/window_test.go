package admission

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWindowsAgainstALog compares the counters with a complete log of what was admitted.
func TestWindowsAgainstALog(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 30, 23, 58, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 86_400).Draw(t, "start")) * time.Second)
		rules := []rule{
			{place{"key-a", "minute"}, windowMinute, rapid.IntRange(1, 8).Draw(t, "minute")},
			{place{"key-a", "day"}, windowDay, rapid.IntRange(1, 40).Draw(t, "day")},
			{place{"", "global"}, windowGlobal, rapid.IntRange(1, 12).Draw(t, "global")},
		}
		l := ledger{}
		var admitted []time.Time
		for range rapid.IntRange(1, 150).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30_000).Draw(t, "pause")) * time.Millisecond)
			if rapid.IntRange(0, 40).Draw(t, "long pause") == 0 {
				now = now.Add(7 * time.Hour)
			}
			fits := true
			used := make([]int, len(rules))
			for i, r := range rules {
				used[i] = usedBy(admitted, now, r.window)
				fits = fits && used[i] < r.limit
			}
			windows, refused := l.take(now, rules)
			if (refused < 0) != fits {
				t.Fatalf("at %v with %v used of %+v: refused by %d", now, used, rules, refused)
			}
			if fits {
				admitted = append(admitted, now)
			}
			for i, w := range windows {
				want := rules[i].limit - usedBy(admitted, now, w.Name)
				if w.Remaining != want || w.Reset < 0 || w.Reset > day || w.Name != windowDay && w.Reset > minute {
					t.Fatalf("%+v, %d remain", w, want)
				}
			}
			if !fits && (windows[refused].Remaining != 0 || windows[refused].Reset <= 0) {
				t.Fatalf("refused by %+v", windows[refused])
			}
		}
	})
}

// usedBy counts in the way of the contract: a minute is opened by the first request after the end of the one before.
func usedBy(admitted []time.Time, now time.Time, window string) (n int) {
	var opened time.Time
	for _, at := range admitted {
		if window == windowDay {
			if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
				n++
			}
			continue
		}
		if at.Sub(opened) >= minute {
			opened, n = at, 0
		}
		n++
	}
	if window != windowDay && now.Sub(opened) >= minute {
		return 0
	}
	return n
}

func TestTheEdgesOfWindows(t *testing.T) {
	t.Parallel()
	opened := time.Date(2026, 11, 30, 23, 59, 30, 0, time.UTC)
	for _, c := range []struct {
		window string
		after  time.Duration
		used   int
		reset  time.Duration
	}{
		{windowMinute, 0, 3, minute},
		{windowMinute, minute - 1, 3, 1},
		{windowMinute, minute, 0, 0},
		{windowMinute, -time.Second, 3, minute}, // the clock was set back
		{windowMinute, -time.Hour, 0, 0},
		{windowDay, 0, 3, 30 * time.Second},
		{windowDay, 30*time.Second - 1, 3, 1},
		{windowDay, 30 * time.Second, 0, 0},
	} {
		now := opened.Add(c.after).In(time.FixedZone("", 3*3600))
		got := count{opened, 3}.at(now, c.window)
		if got.used != c.used || got.reset(now, c.window) != c.reset {
			t.Errorf("%s %v after: %d used, reset in %v", c.window, c.after, got.used, got.reset(now, c.window))
		}
	}
}

// TestARefusalIsRememberedNoLongerThanItsWindow needs no database: it would be asked.
func TestARefusalIsRememberedNoLongerThanItsWindow(t *testing.T) {
	t.Parallel()
	start := time.Now()
	key := rule{place{"key-a", "minute"}, windowMinute, 60}
	endpoint := rule{place{"key-a", "endpoint/x"}, windowEndpoint, 5}
	var d denials
	d.add(start, key, []Window{{windowMinute, 60, 0, 40 * time.Second}, {windowDay, 1000, 900, time.Hour}, {windowGlobal, 9, 8, time.Second}}, 0)
	v, ok := d.find([]rule{key, endpoint}, start.Add(10*time.Second))
	if !ok || len(v.outcome.Windows) != 2 || v.outcome.Windows[0].Reset != 30*time.Second || v.outcome.Windows[1].Remaining != 900 {
		t.Errorf("inside of the window: %+v, %v", v, ok)
	}
	raised := key
	raised.limit = 61
	if v, ok := d.find([]rule{raised}, start.Add(10*time.Second)); ok {
		t.Errorf("with a higher limit: %+v", v)
	}
	if v, ok := d.find([]rule{key}, start.Add(40*time.Second)); ok {
		t.Errorf("after the window: %+v", v)
	}
	d.add(start, endpoint, []Window{{windowMinute, 60, 7, time.Minute}, {windowEndpoint, 5, 0, time.Minute}}, 1)
	if v, ok := d.find([]rule{endpoint}, start); !ok || len(v.outcome.Windows) != 1 || v.outcome.Windows[0].Name != windowEndpoint {
		t.Errorf("of an endpoint: %+v, %v", v, ok)
	}
	if v, ok := d.find([]rule{key}, start); ok {
		t.Errorf("another endpoint: %+v", v)
	}
	for i := range 3 * maxDenials {
		d.add(start, rule{place{"key", string(rune(i))}, windowEndpoint, 1}, []Window{{windowEndpoint, 1, 0, time.Minute}}, 0)
	}
	if len(d.closed) > maxDenials {
		t.Errorf("%d refusals are remembered", len(d.closed))
	}
}
