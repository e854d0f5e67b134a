package admission

import (
	"time"

	"ekyc/internal/tenant"
)

// Window is the state of one limit after a request was decided.
type Window struct {
	Name      string        // "minute", "day", "endpoint" or "global"
	Limit     int           // requests that one window admits
	Remaining int           // of them
	Reset     time.Duration // until the window ends; 0 for one that no request has opened
}

// The names of windows. A minute begins with the first request in it, a day at midnight UTC; nothing is refilled inside of either.
const (
	windowMinute   = "minute"
	windowDay      = "day"
	windowEndpoint = "endpoint"
	windowGlobal   = "global"
)

const (
	minute = time.Minute
	day    = 24 * time.Hour
)

// place is the key of a window's row.
type place struct{ owner, name string }

// rule is one limit that a request falls under.
type rule struct {
	place  place
	window string
	limit  int
}

// rulesOf lists the limits of a request. The first is always the key's minute: its row is what serialises the key.
func rulesOf(p *tenant.Principal, endpoint string, global int) []rule {
	perMinute, perDay := p.Rates()
	rules := []rule{
		{place{p.Key.ID, windowMinute}, windowMinute, perMinute},
		{place{p.Key.ID, windowDay}, windowDay, perDay},
	}
	if limit, limited := p.Key.EndpointLimits[endpoint]; limited {
		rules = append(rules, rule{place{p.Key.ID, windowEndpoint + "/" + endpoint}, windowEndpoint, limit})
	}
	if global > 0 {
		rules = append(rules, rule{place{"", windowGlobal}, windowGlobal, global})
	}
	return rules
}

// count is what a window has admitted since it opened.
type count struct {
	opened time.Time
	used   int
}

// at gives the count that holds at a time: that of a window which has ended is zero. A clock that was set back does not lengthen
// a window by more than itself.
func (c count) at(now time.Time, window string) count {
	var holds bool
	if window == windowDay {
		holds = now.UTC().Truncate(day).Equal(c.opened.UTC().Truncate(day)) // a day of Go's zero time is one of UTC
	} else {
		holds = now.Sub(c.opened).Abs() < minute
	}
	if c.used == 0 || !holds {
		return count{}
	}
	return c
}

// add admits one request.
func (c count) add(now time.Time) count {
	if c.used == 0 {
		c.opened = now
	}
	c.used++
	return c
}

func (c count) reset(now time.Time, window string) time.Duration {
	switch {
	case c.used == 0:
		return 0
	case window == windowDay:
		return now.UTC().Truncate(day).Add(day).Sub(now)
	}
	return min(c.opened.Add(minute).Sub(now), minute)
}

// ledger is the state of windows while a batch is decided.
type ledger map[place]count

// take admits a request under its rules, or refuses it and changes nothing. It returns the windows after that and, where it
// refused, the index of the one that stays closed longest, else -1.
func (l ledger) take(now time.Time, rules []rule) (windows []Window, refused int) {
	refused = -1
	var longest time.Duration
	for i, r := range rules {
		c := l[r.place].at(now, r.window)
		if c.used < r.limit {
			continue
		}
		if reset := c.reset(now, r.window); refused < 0 || reset > longest {
			refused, longest = i, reset
		}
	}
	windows = make([]Window, len(rules))
	for i, r := range rules {
		c := l[r.place].at(now, r.window)
		if refused < 0 {
			c = c.add(now)
			l[r.place] = c
		}
		windows[i] = Window{r.window, r.limit, max(0, r.limit-c.used), c.reset(now, r.window)}
	}
	return windows, refused
}
