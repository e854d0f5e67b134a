package admission

import (
	"math"
	"slices"
	"sync"
	"time"

	"ekyc"
)

// maxDenials bounds the memory of closed windows.
const maxDenials = 10_000

// denials remembers windows that are closed until they end, so that a key which goes on knocking does not reach the database. It
// can only repeat a refusal: what is admitted is decided by the database alone.
type denials struct {
	mutex  sync.Mutex
	closed map[place]denial
}

// denial is a refusal that holds for a while.
type denial struct {
	at, until time.Time // of this process's monotonic clock
	limit     int
	windows   []Window // as of at
	refused   int      // the closed one of them
}

// add remembers a refusal that was asked for at a time. The database decided later than that, so what is remembered ends no later
// than the window.
func (d *denials) add(asked time.Time, refused rule, windows []Window, index int) {
	kept, at := []Window{windows[index]}, 0
	if refused.window == windowMinute || refused.window == windowDay {
		// While the key itself is shut, its other windows cannot move.
		kept, at = slices.DeleteFunc(slices.Clone(windows), func(w Window) bool { return w.Name == windowGlobal }), index // the last
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.closed == nil || len(d.closed) >= maxDenials {
		d.makeRoom(asked)
	}
	d.closed[refused.place] = denial{asked, asked.Add(windows[index].Reset), refused.limit, kept, at}
}

// makeRoom forgets what has ended, or everything: forgetting costs a question to the database and nothing else.
func (d *denials) makeRoom(now time.Time) {
	for p, denial := range d.closed {
		if !now.Before(denial.until) {
			delete(d.closed, p)
		}
	}
	if d.closed == nil || len(d.closed) >= maxDenials {
		d.closed = map[place]denial{}
	}
}

// find looks for a window that is known to be closed to a request. A limit that was raised since is asked about again.
func (d *denials) find(rules []rule, now time.Time) (verdict, bool) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for _, r := range rules {
		found, ok := d.closed[r.place]
		if !ok || r.limit > found.limit {
			continue
		}
		if !now.Before(found.until) {
			delete(d.closed, r.place)
			continue
		}
		windows := make([]Window, len(found.windows))
		for i, w := range found.windows {
			if w.Reset = max(0, w.Reset-now.Sub(found.at)); w.Reset == 0 {
				w.Remaining = w.Limit
			}
			windows[i] = w
		}
		return limited(windows, found.refused), true
	}
	return verdict{}, false
}

// limited is a refusal by one of the windows.
func limited(windows []Window, index int) verdict {
	w := windows[index]
	retry := max(1, int(math.Ceil(w.Reset.Seconds())))
	err := ekyc.Errorf(ekyc.ErrRateLimited, "the limit of %d requests in this window (%s) is used up", w.Limit, w.Name).
		With("window", w.Name).With("limit", w.Limit).With("retry_after_seconds", retry)
	return verdict{Outcome{Windows: windows}, err}
}
