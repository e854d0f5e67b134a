// Package health asks the parts that a process works with whether they answer, for whoever wants to know, and as seldom as will do: however many ask, each part is
// asked once in a while, and nobody waits long for one that hangs.
package health

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Part is something that a process works with.
type Part struct {
	Name  string
	Vital bool                        // while it is away the process serves nothing
	Known bool                        // the process knows by itself, so that it costs nothing to ask every time
	Check func(context.Context) error // nil: there is none, and its state is off
}

// How parts are.
const (
	Ready = "ready"
	Away  = "away"
	Off   = "off"
)

// How long an answer holds, and how long is waited for one. What is away is asked more often, so that its return is soon known.
const (
	goodFor  = 2 * time.Second
	badFor   = 500 * time.Millisecond
	patience = 2 * time.Second
)

// Board knows the parts of a process. It is safe for concurrent use.
type Board struct {
	parts  []*asked
	logger *slog.Logger
}

// New makes a board, which asks nobody yet.
func New(logger *slog.Logger, parts ...Part) *Board {
	b := &Board{logger: logger}
	for _, p := range parts {
		b.parts = append(b.parts, &asked{Part: p, logger: logger})
	}
	return b
}

// Report is how the parts are.
type Report struct {
	Parts map[string]string // by name: ready, away or off
	Down  []string          // those that are away and vital, in the order of the board
}

// Report asks the parts side by side, unless it is known from a moment ago how they are. It takes two seconds at most.
func (b *Board) Report(ctx context.Context) Report {
	states := make([]string, len(b.parts))
	var group sync.WaitGroup
	for i, p := range b.parts {
		group.Go(func() { states[i] = p.state(ctx) })
	}
	group.Wait()
	r := Report{Parts: map[string]string{}}
	for i, p := range b.parts {
		r.Parts[p.Name] = states[i]
		if states[i] == Away && p.Vital {
			r.Down = append(r.Down, p.Name)
		}
	}
	return r
}

// Observe tells at every scrape how the parts are.
func (b *Board) Observe() error {
	up, err := Gauge()
	if err != nil {
		return err
	}
	_, err = otel.Meter("ekyc").RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		for name, state := range b.Report(ctx).Parts {
			if state != Off {
				Tell(o, up, name, state == Ready)
			}
		}
		return nil
	}, up)
	return err
}

// Gauge is the metric of parts, which Tell tells one of.
func Gauge() (metric.Int64ObservableGauge, error) {
	return otel.Meter("ekyc").Int64ObservableGauge("ekyc.part.up", metric.WithDescription("1 while a part that the process works with answers, 0 while it does not; at its start, what it waits for."))
}

// Tell observes one part.
func Tell(o metric.Observer, up metric.Int64ObservableGauge, name string, answers bool) {
	value := int64(0)
	if answers {
		value = 1
	}
	o.ObserveInt64(up, value, metric.WithAttributes(attribute.String("part", name)))
}

// asked is a part with its last answer.
type asked struct {
	Part
	logger *slog.Logger

	mutex    sync.Mutex
	answered time.Time
	fault    error
	said     bool          // that it is away
	asking   chan struct{} // closed with the answer; nil while nobody asks
	began    time.Time
}

var errSlow = errors.New("no answer in time")

func (a *asked) state(ctx context.Context) string {
	if a.Check == nil {
		return Off
	}
	if a.ask(ctx) != nil {
		return Away
	}
	return Ready
}

// ask gives the answer of a moment ago, or waits for the question that is under way.
func (a *asked) ask(ctx context.Context) error {
	a.mutex.Lock()
	holds := goodFor
	if a.fault != nil {
		holds = badFor
	}
	if a.Known {
		holds = 0
	}
	if !a.answered.IsZero() && time.Since(a.answered) < holds {
		defer a.mutex.Unlock()
		return a.fault
	}
	if a.asking == nil {
		a.asking, a.began = make(chan struct{}), time.Now()
		go a.question(a.asking)
	}
	answer, left := a.asking, patience-time.Since(a.began)
	a.mutex.Unlock()
	select {
	case <-answer:
		a.mutex.Lock()
		defer a.mutex.Unlock()
		return a.fault
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(left):
		a.mutex.Lock()
		defer a.mutex.Unlock()
		a.tell(errSlow)
		return errSlow
	}
}

// question asks, for everybody who waits, whether or not who began it still does.
func (a *asked) question(answer chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := a.Check(ctx)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.answered, a.fault, a.asking = time.Now(), err, nil
	a.tell(err)
	close(answer)
}

// tell logs that a part is away, and that it is back. The mutex is held.
func (a *asked) tell(err error) {
	if (err != nil) == a.said {
		return
	}
	if a.said = err != nil; a.said {
		a.logger.Warn("a part does not answer", "part", a.Name, "vital", a.Vital, "error.message", Cause(err))
		return
	}
	a.logger.Info("a part answers again", "part", a.Name)
}

// Cause words an error for the log, with what stands behind it.
func Cause(err error) string {
	text := err.Error()
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		if said := inner.Error(); said != "" && !strings.Contains(text, said) {
			text += ": " + said
		}
	}
	return text
}
