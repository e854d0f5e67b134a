package health_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ekyc/internal/health"
)

// TestAThousandProbesAreOneQuestion: at once, one after the other within the time of an answer, and while the part hangs.
func TestAThousandProbesAreOneQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var questions atomic.Int64
		hang := make(chan struct{})
		b := health.New(slog.New(slog.DiscardHandler),
			health.Part{Name: "quick", Vital: true, Check: func(context.Context) error { questions.Add(1); return nil }},
			health.Part{Name: "stuck", Check: func(context.Context) error { questions.Add(1); <-hang; return nil }}) // deaf to its context
		began := time.Now()
		probe := func() {
			var group sync.WaitGroup
			for range 1000 {
				group.Go(func() {
					if r := b.Report(t.Context()); r.Parts["quick"] != health.Ready || r.Parts["stuck"] != health.Away || len(r.Down) > 0 {
						t.Errorf("%+v", r)
					}
				})
			}
			group.Wait()
		}
		probe()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a part that hangs was waited for %s", took)
		}
		for range 1000 {
			b.Report(t.Context())
		}
		if n := questions.Load(); n > 3 {
			t.Errorf("%d questions", n)
		}
		close(hang)
		synctest.Wait()
		if r := b.Report(t.Context()); r.Parts["stuck"] != health.Ready {
			t.Errorf("it answers again: %+v", r)
		}
	})
}

// TestWhatIsVitalTakesTheProcessOut, what is not is told; what is off is neither, and both ends are logged once.
func TestWhatIsVitalTakesTheProcessOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		var fault error
		check := func(context.Context) error { return fault }
		b := health.New(slog.New(slog.NewTextHandler(&log, nil)), health.Part{Name: "vital", Vital: true, Check: check}, health.Part{Name: "other", Check: check}, health.Part{Name: "none"}, health.Part{Name: "known", Known: true, Check: check})
		if r := b.Report(t.Context()); len(r.Down) > 0 || r.Parts["vital"] != health.Ready || r.Parts["other"] != health.Ready || r.Parts["none"] != health.Off {
			t.Errorf("%+v", r)
		}
		fault = errors.New("connection refused")
		if r := b.Report(t.Context()); r.Parts["known"] != health.Away || r.Parts["vital"] != health.Ready {
			t.Errorf("a moment later: %+v", r)
		}
		time.Sleep(3 * time.Second)
		for range 5 {
			if r := b.Report(t.Context()); !slices.Equal(r.Down, []string{"vital"}) || r.Parts["other"] != health.Away {
				t.Errorf("away: %+v", r)
			}
			time.Sleep(time.Second)
		}
		fault = nil
		time.Sleep(time.Second)
		if r := b.Report(t.Context()); len(r.Down) > 0 {
			t.Errorf("back: %+v", r)
		}
		for line, times := range map[string]int{"does not answer": 3, "connection refused": 3, "answers again": 3} {
			if n := strings.Count(log.String(), line); n != times {
				t.Errorf("%q is logged %d times:\n%s", line, n, &log)
			}
		}
	})
}
