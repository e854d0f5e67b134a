package workflow

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ekyc"
)

// hall simulates workers that take turns over scopes with queues of jobs, all of one second.
type hall struct {
	clock    int64
	now      time.Time
	accounts map[string]*account
	waiting  map[string][]time.Time // arrivals of jobs
	running  map[string]int
	busy     []turn
	served   map[string]int
	latency  map[string][]time.Duration
}

type turn struct {
	name    string
	arrived time.Time
	ends    time.Time
}

func newHall() *hall {
	return &hall{now: time.Unix(1000, 0), accounts: map[string]*account{}, waiting: map[string][]time.Time{}, running: map[string]int{}, served: map[string]int{}, latency: map[string][]time.Duration{}}
}

func (h *hall) add(name string, weight, jobs int) {
	if h.accounts[name] == nil {
		h.accounts[name] = &account{Scope: ekyc.Scope{Tenant: ekyc.ID(name)}, Weight: weight}
	}
	for range jobs {
		h.waiting[name] = append(h.waiting[name], h.now)
	}
}

// take gives one turn and says whose it was.
func (h *hall) take(duration time.Duration) string {
	var candidates []account
	for name, a := range h.accounts {
		if len(h.waiting[name]) > 0 {
			c := *a
			c.Sparse = h.running[name] == 0 && h.waiting[name][0].After(a.ServedAt)
			candidates = append(candidates, c)
		}
	}
	winner, clock, finish, ok := nextTurn(h.clock, candidates, false)
	if !ok {
		return ""
	}
	name := string(candidates[winner].Scope.Tenant)
	h.clock, h.accounts[name].Finish, h.accounts[name].ServedAt = clock, finish, h.now
	h.busy = append(h.busy, turn{name, h.waiting[name][0], h.now.Add(duration)})
	h.waiting[name] = h.waiting[name][1:]
	h.running[name]++
	h.served[name]++
	return name
}

// advance moves to the end of the turn that ends next.
func (h *hall) advance() string {
	next := slices.MinFunc(h.busy, func(a, b turn) int { return a.ends.Compare(b.ends) })
	h.busy = slices.DeleteFunc(h.busy, func(t turn) bool { return t == next })
	h.now = next.ends
	h.running[next.name]--
	h.latency[next.name] = append(h.latency[next.name], next.ends.Sub(next.arrived))
	return next.name
}

func TestBacklogsShareTheWorkersByWeight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newHall()
		workers, scopes := rapid.IntRange(1, 8).Draw(t, "workers"), rapid.IntRange(2, 6).Draw(t, "scopes")
		total := 0
		for i := range scopes {
			weight := rapid.IntRange(1, 8).Draw(t, "weight")
			h.add(fmt.Sprintf("tenant-%d", i), weight, 5000)
			total += weight
			h.now = h.now.Add(time.Millisecond) // the queues are older than any turn
		}
		const turns = 2000
		for taken := 0; taken < turns; taken++ {
			for len(h.busy) >= workers {
				h.advance()
			}
			h.take(time.Second + time.Duration(rapid.IntRange(0, 100).Draw(t, "jitter"))*time.Millisecond)
		}
		for name, a := range h.accounts {
			fair := float64(turns) * float64(a.Weight) / float64(total)
			if got := float64(h.served[name]); got < fair-float64(scopes)-2 || got > fair+float64(scopes)+2 {
				t.Fatalf("%s of weight %d had %v turns of %d, and %.1f are fair", name, a.Weight, got, turns, fair)
			}
		}
	})
}

// A tenant that sends one job after another waits for the turns under way and for at most one of each other tenant, whatever
// their weights and queues.
func TestASparseTenantIsNeverBehindAQueue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newHall()
		workers, floods := rapid.IntRange(1, 4).Draw(t, "workers"), rapid.IntRange(1, 4).Draw(t, "floods")
		for i := range floods {
			h.add(fmt.Sprintf("flood-%d", i), rapid.IntRange(1, 8).Draw(t, "weight"), 10_000)
		}
		for range workers {
			h.take(time.Second)
		}
		for range 200 {
			done := h.advance()
			if len(h.latency["sparse"]) == 0 && h.running["sparse"] == 0 && len(h.waiting["sparse"]) == 0 || done == "sparse" {
				h.now = h.now.Add(time.Millisecond)
				h.add("sparse", 1, 1)
			}
			h.take(time.Second)
		}
		worst := slices.Max(h.latency["sparse"])
		if bound := time.Duration(floods+2) * time.Second; worst > bound {
			t.Fatalf("one job took %s, more than %s, on %d workers against %d floods", worst, bound, workers, floods)
		}
		for i := range floods { // and nobody starves for its sake
			if name := fmt.Sprintf("flood-%d", i); h.served[name] < 200/(9*floods+2) {
				t.Fatalf("%s had %d turns of 200", name, h.served[name])
			}
		}
	})
}

func TestSparseTenantsStarveNobody(t *testing.T) {
	t.Parallel()
	h := newHall()
	h.add("flood", 8, 10_000)
	for i := range 5 {
		h.add(fmt.Sprintf("sparse-%d", i), 1, 1)
	}
	for range 600 {
		h.now = h.now.Add(time.Millisecond)
		h.take(time.Second)
		if done := h.advance(); done != "flood" {
			h.now = h.now.Add(time.Millisecond)
			h.add(done, 1, 1)
		}
	}
	if h.served["flood"] < 95 { // one in six
		t.Errorf("the queue had %d turns of 600", h.served["flood"])
	}
}

func TestNobodySavesUpTurns(t *testing.T) {
	t.Parallel()
	h := newHall()
	h.add("idle", 1, 1)
	h.take(time.Second)
	h.advance()
	h.add("busy", 1, 2000)
	for range 1000 {
		h.take(time.Second)
		h.advance()
	}
	h.add("idle", 1, 1000)
	before := h.served["busy"]
	for range 100 {
		h.take(time.Second)
		h.advance()
	}
	if got := h.served["busy"] - before; got < 48 {
		t.Errorf("who was idle before took %d of 100 turns", 100-got)
	}
}
