//go:build soak

package engine_test

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"ekyc/internal/vision"
)

const (
	// soakWarm is the share of the calls after which the memory is taken as settled: every model, script and buffer size has been used.
	soakWarm  = 0.1
	soakLooks = 40
)

// soakMemory makes so many calls, of which so many are different, and looks at the memory that is really held: resident pages after the
// garbage of Go and the free pages of the C library were given back. What a leak takes is never given back, and what merely waits for its
// collector does not count. The same call must be answered alike each time.
func soakMemory(t *testing.T, calls, different int, call func(k int) string) {
	t.Helper()
	first := make([]string, different)
	var warm, last, highest float64
	start := time.Now()
	each := max(1, calls/soakLooks)
	for i := range calls {
		k := i % different
		if got := call(k); first[k] == "" {
			first[k] = got
		} else if got != first[k] {
			t.Errorf("call %d is answered otherwise than at first: %s, then %s", k, first[k], got)
			first[k] = got
		}
		highest = max(highest, residentMB(t))
		if (i+1)%each != 0 && i+1 != calls {
			continue
		}
		last = heldMB(t)
		if warm == 0 && float64(i+1) >= soakWarm*float64(calls) {
			warm = last
		}
		t.Logf("%6d calls, %4.0f s: %.1f MB held, of which Go %.1f; at most %.0f MB resident", i+1, time.Since(start).Seconds(), last, goMB(), highest)
	}
	if last > warm*soakGrowth {
		t.Errorf("the memory grew from %.1f MB to %.1f MB", warm, last)
	}
	if highest > soakMostMB {
		t.Errorf("%.0f MB resident, at most %.0f are granted", highest, soakMostMB)
	}
}

// heldMB is the resident memory after everything free was given back.
func heldMB(t *testing.T) float64 {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	vision.ReleaseMemory()
	return residentMB(t)
}

// goMB is the memory that the Go runtime holds, of which nothing was given back.
func goMB() float64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return float64(samples[0].Value.Uint64()-samples[1].Value.Uint64()) / (1 << 20)
}
