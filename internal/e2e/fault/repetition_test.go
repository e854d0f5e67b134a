package fault

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"ekyc/internal/e2e"
)

// TestAHundredRepetitionsAreOneVerification sends one verification a hundred times at once over two servers, and then several keys
// while a server is killed in the middle.
func TestAHundredRepetitionsAreOneVerification(t *testing.T) {
	l, servers := setup(t, 2, "--engines", "1")
	l.site.StartWorker(t)

	body := l.verification(t, "hundred")
	var outcomes tally
	fresh := 0
	var mutex sync.Mutex
	together(100, func(i int) {
		a, err := l.send(t, l.base(), http.MethodPost, "/v1/kyc/verify", body, "Idempotency-Key", "hundred")
		outcomes.add(t, a, err)
		if a.Status == http.StatusAccepted {
			j := accepted{body: body, answer: string(a.Body)}
			a.JSON(t, &j)
			l.note("hundred", j)
			if a.Header.Get("Idempotent-Replayed") == "" {
				mutex.Lock()
				fresh++
				mutex.Unlock()
			}
		}
	})
	if sum := outcomes.codes["202"] + outcomes.codes["idempotency_in_progress"] + outcomes.codes["overloaded"]; fresh != 1 || sum != 100 {
		t.Errorf("%d executions, %v", fresh, outcomes.codes)
	}
	t.Logf("a hundred at once: %v", outcomes.codes)

	for round := range interrupt {
		var group sync.WaitGroup
		for key := range 4 {
			name := fmt.Sprintf("killed-%d-%d", round, key)
			for range 8 {
				group.Go(func() { l.submit(t, name) })
			}
		}
		time.Sleep(time.Duration(50+rand.IntN(600)) * time.Millisecond)
		servers[0].Kill()
		servers[0] = l.site.BeginServe(t, "--engines", "1")
		e2e.WaitReady(t, servers[0].Process, servers[0].BaseURL)
		l.replace(0, servers[0])
		group.Wait()
	}
	l.settle(t, 6*time.Minute)
	l.audit(t)
	l.repeat(t, 100)
	l.audit(t)
}
