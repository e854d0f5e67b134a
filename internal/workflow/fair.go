package workflow

import (
	"cmp"
	"slices"
	"time"

	"ekyc"
)

// oneTurn is the virtual time that one turn costs a scope of weight 1. It is divisible by every weight up to 10, so that the
// shares of the plans are exact, and leaves room for 10^12 turns.
const oneTurn = 2520 * 1000

// account is a scope that has work now: what start-time fair queueing (Goyal, Vin, Cheng 1996), the non-preemptive kin of stride
// scheduling, needs to know of it.
type account struct {
	Scope    ekyc.Scope
	Job      ekyc.ID   // its next
	Weight   int       // of the next job's plan
	Finish   int64     // virtual time at which its last turn ends; 0 for one that never had a turn
	ServedAt time.Time // of its last turn; zero where there was none
	Sparse   bool      // it has nothing under way, and the next job came after its last turn: it does not queue up
}

// nextTurn gives whose turn it is, with the new virtual time and the end of the turn, and false where nobody has work.
//
// A scope's turn starts where its last one ended, and never before the clock, so that nobody saves up turns while idle. The earliest
// start wins, and of equal ones who has waited longest since the last turn. Over time scopes that always have work share the workers
// by their weights. A sparse scope, one that sends a job when the last is done, is never behind the best of the others: however heavy
// they are and however long their queues, it waits for the turns under way and at most one turn of each other. A prompt turn is for sparse
// scopes only, so that mostly they need not even wait for the turns under way.
func nextTurn(clock int64, accounts []account, prompt bool) (winner int, newClock, finish int64, ok bool) {
	front := int64(-1)
	for _, a := range accounts {
		if start := max(clock, a.Finish); !a.Sparse && (front < 0 || start < front) {
			front = start
		}
	}
	start := func(a account) int64 {
		own := max(clock, a.Finish)
		if a.Sparse && front >= 0 {
			return min(own, front)
		}
		return own
	}
	candidates := slices.Clone(accounts)
	if prompt {
		candidates = slices.DeleteFunc(candidates, func(a account) bool { return !a.Sparse })
	}
	if len(candidates) == 0 {
		return 0, clock, 0, false
	}
	best := slices.MinFunc(candidates, func(a, b account) int {
		return cmp.Or(cmp.Compare(start(a), start(b)), a.ServedAt.Compare(b.ServedAt),
			cmp.Compare(a.Scope.Tenant, b.Scope.Tenant), cmp.Compare(a.Scope.Environment, b.Scope.Environment))
	})
	winner = slices.IndexFunc(accounts, func(a account) bool { return a.Scope == best.Scope })
	newClock = start(best)
	return winner, newClock, newClock + oneTurn/int64(max(best.Weight, 1)), true
}
