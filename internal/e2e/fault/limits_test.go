package fault

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"ekyc/internal/e2e"
)

// tally counts answers by status and code.
type tally struct {
	sync.Mutex
	codes map[string]int
}

func (c *tally) add(t testing.TB, a e2e.Answer, err error) {
	t.Helper()
	name := fmt.Sprint(a.Status)
	switch {
	case err != nil:
		name = "no answer"
	case a.Status >= 400:
		name = a.Code()
		wellFormed(t, a)
	}
	c.Lock()
	defer c.Unlock()
	if c.codes == nil {
		c.codes = map[string]int{}
	}
	c.codes[name]++
}

func (c *tally) want(t testing.TB, what string, codes map[string]int) {
	t.Helper()
	c.Lock()
	defer c.Unlock()
	if fmt.Sprint(c.codes) != fmt.Sprint(codes) {
		t.Errorf("%s: %v, not %v", what, c.codes, codes)
	}
}

// together runs f n times at once.
func together(n int, f func(i int)) {
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { <-start; f(i) })
	}
	close(start)
	group.Wait()
}

// TestLimitsAndReplaysOverTwoServes: the limit of a key is exact over two processes, and stays so when one of them and the database
// are killed within the minute; one signature is accepted once.
func TestLimitsAndReplaysOverTwoServes(t *testing.T) {
	t.Parallel() // it mostly waits for the minute to pass
	l, servers := setup(t, 2, "--engines", "1")
	l.key = l.operator.KeyOf(t, servers[0].BaseURL, l.tenant, "test", map[string]any{"name": "limited", "rate_per_minute": 60})

	requests := make([]*http.Request, 100)
	at := l.key.Fresh(t, http.MethodGet, "/v1/quotas", nil)
	for i := range requests {
		c := &e2e.Client{BaseURL: servers[i%2].BaseURL, KeyID: l.key.KeyID, Secret: l.key.Secret}
		requests[i] = c.Request(t, at, http.MethodGet, "/v1/quotas", nil)
	}
	var one tally
	sender := &e2e.Client{HTTP: l.http}
	began := time.Now()
	together(len(requests), func(i int) {
		a, err := sender.Send(requests[i])
		one.add(t, a, err)
	})
	one.want(t, "duplicates of one signature", map[string]int{"200": 1, "replayed": 99})

	var many tally
	ask := func(into *tally, n, round int) {
		together(n, func(i int) {
			a, err := l.send(t, l.base(), http.MethodGet, fmt.Sprintf("/v1/jobs?limit=%d", 1+(i+n*round)%100), nil)
			into.add(t, a, err)
		})
	}
	ask(&many, 1000, 0)
	many.want(t, "a thousand requests of a key with one left to 60", map[string]int{"200": 59, "rate_limited": 941})

	// The same for a day, which is not over before the restart is, however slow the machine is.
	minutely := l.key
	daily := l.operator.KeyOf(t, servers[0].BaseURL, l.tenant, "test", map[string]any{"name": "of a day", "rate_per_minute": 1_000_000, "rate_per_day": 60})
	var day tally
	l.key = daily
	ask(&day, 200, 0)
	day.want(t, "two hundred requests of a key with 60 a day", map[string]int{"200": 60, "rate_limited": 140})

	servers[1].Kill()
	l.site.KillDatabase(t)
	l.site.StartDatabase(t)
	again := l.site.BeginServe(t, "--engines", "1")
	e2e.WaitReady(t, again.Process, again.BaseURL)
	e2e.WaitReady(t, servers[0].Process, servers[0].BaseURL)
	l.replace(1, again)
	var after, afterInDay, replayed tally
	ask(&afterInDay, 100, 1)
	afterInDay.want(t, "a day's limit after a crash of a server and of the database", map[string]int{"rate_limited": 100})
	l.key = minutely
	a, err := sender.Send((&e2e.Client{BaseURL: again.BaseURL, KeyID: l.key.KeyID, Secret: l.key.Secret}).Request(t, at, http.MethodGet, "/v1/quotas", nil))
	replayed.add(t, a, err)
	if time.Since(began) < 50*time.Second { // else its minute may be over before they are
		ask(&after, 100, 1)
		if took := time.Since(began); took < 58*time.Second {
			after.want(t, "after a crash of a server and of the database", map[string]int{"rate_limited": 100})
		} else {
			began = time.Now() // at the latest the next minute has begun
		}
	} else {
		t.Log("the minute was over before the restart was; the day was not")
	}
	replayed.want(t, "the signature after the crash", map[string]int{"replayed": 1})

	time.Sleep(time.Until(began.Add(62 * time.Second))) // the next minute of the limit
	var next, old tally
	a, err = sender.Send((&e2e.Client{BaseURL: again.BaseURL, KeyID: l.key.KeyID, Secret: l.key.Secret}).Request(t, at, http.MethodGet, "/v1/quotas", nil))
	old.add(t, a, err)
	old.want(t, "the signature in the next minute", map[string]int{"replayed": 1})
	ask(&next, 300, 2)
	next.want(t, "the next minute", map[string]int{"200": 60, "rate_limited": 240})
}
