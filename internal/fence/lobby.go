package fence

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"ekyc"
)

// Class says who waits for a request.
type Class int

// The classes. A person or a client's connection waits for an interactive request: it goes first, and is refused when too many wait
// already. A background request belongs to a job that can wait.
const (
	Interactive Class = iota
	Background
	classes
)

// String is the class as metrics and logs name it.
func (c Class) String() string {
	if c == Background {
		return "background"
	}
	return "interactive"
}

// interactiveTurns is how many interactive requests go before a background request that waits: jobs get a quarter of a full pool,
// so that they finish while clients keep it full.
const interactiveTurns = 3

// lobby is where requests wait for a child, in the order of their arrival by class. When a child is free nobody waits.
type lobby struct {
	maxWaiting int
	maxWait    time.Duration
	patience   time.Duration // of a second attempt: a child that died is replaced in this time or not at all
	children   int

	mu     sync.Mutex
	free   []*child
	queues [classes][]*ticket
	turns  int           // interactive grants since the last background one, while background waited
	usual  time.Duration // moving average of the time that a request takes
	closed chan struct{}
}

// ticket is one waiting request.
type ticket struct {
	granted chan *child
	first   bool // a second attempt, or one that goes promptly
}

type promptly struct{}

// Promptly lets the requests under a context go before the others of their class that wait: those of a job that came alone, beside the
// many of a backlog.
func Promptly(ctx context.Context) context.Context { return context.WithValue(ctx, promptly{}, true) }

func newLobby(o Options) *lobby {
	return &lobby{maxWaiting: o.MaxWaiting, maxWait: o.MaxWait, patience: o.StartTimeout, children: o.Children, closed: make(chan struct{})}
}

// enter waits for a free child. A second attempt goes first in its class and past the bound: it was admitted once.
// Errors: ErrOverloaded, ErrCancelled.
func (l *lobby) enter(ctx context.Context, class Class, again bool) (*child, error) {
	if err := ctx.Err(); err != nil {
		return nil, cancelled(err)
	}
	l.mu.Lock()
	if n := len(l.free); n > 0 {
		c := l.free[n-1]
		l.free = l.free[:n-1]
		l.mu.Unlock()
		return c, nil
	}
	if class == Interactive && !again && len(l.queues[class]) >= l.maxWaiting {
		defer l.mu.Unlock()
		return nil, l.overloaded()
	}
	prompt, _ := ctx.Value(promptly{}).(bool)
	t := &ticket{make(chan *child, 1), again || prompt}
	at := len(l.queues[class])
	if again {
		at = 0
	} else if prompt { // behind those who came promptly before
		for at = 0; at < len(l.queues[class]) && l.queues[class][at].first; at++ {
		}
	}
	l.queues[class] = slices.Insert(l.queues[class], at, t)
	l.mu.Unlock()
	return l.wait(ctx, t, class, again)
}

func (l *lobby) wait(ctx context.Context, t *ticket, class Class, again bool) (*child, error) {
	var late <-chan time.Time
	if again || class == Interactive {
		wait := l.maxWait
		if again {
			wait = l.patience
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		late = timer.C
	}
	var err error
	select {
	case c := <-t.granted:
		return c, nil
	case <-ctx.Done():
		err = cancelled(ctx.Err())
	case <-l.closed:
		err = closing()
	case <-late:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.queues[class], t)
	if i < 0 { // granted in the same moment
		l.hand(<-t.granted)
	} else {
		l.queues[class] = slices.Delete(l.queues[class], i, i+1)
	}
	if err == nil {
		err = l.overloaded()
	}
	return nil, err
}

// arrive takes in a child that is ready for the next request, and took so long for its last one; 0 for a new child.
func (l *lobby) arrive(c *child, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if took > 0 {
		const weight = 8 // requests over which the average reaches, about
		l.usual += (took - l.usual) / weight
	}
	l.hand(c)
}

// hand gives a child to the next in line. The lock is held.
func (l *lobby) hand(c *child) {
	if c.isGone() {
		return
	}
	first := Interactive
	switch interactive, background := len(l.queues[Interactive]), len(l.queues[Background]); {
	case interactive == 0 && background == 0:
		l.free = append(l.free, c)
		return
	case interactive == 0 || background > 0 && l.turns >= interactiveTurns:
		first, l.turns = Background, 0
	case background > 0:
		l.turns++
	}
	t := l.queues[first][0]
	l.queues[first] = slices.Delete(l.queues[first], 0, 1)
	t.granted <- c
}

// depart forgets a child that died.
func (l *lobby) depart(c *child) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = slices.DeleteFunc(l.free, func(f *child) bool { return f == c })
}

// close sends everybody home who waits.
func (l *lobby) close() { close(l.closed) }

func (l *lobby) waiting() (interactive, background int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queues[Interactive]), len(l.queues[Background])
}

// overloaded says when to come back: when those who wait now will have been served. The lock is held.
func (l *lobby) overloaded() error {
	const soonest, latest = 1.0, 30.0 // seconds
	ahead := float64(len(l.queues[Interactive])+l.children) * l.usual.Seconds() / float64(max(1, l.children))
	after := int(math.Ceil(min(latest, max(soonest, ahead))))
	return ekyc.Errorf(ekyc.ErrOverloaded, "too many requests wait for the vision engine; try again in %d s", after).With("retry_after_seconds", after)
}

func cancelled(cause error) error {
	return ekyc.Errorf(ekyc.ErrCancelled, "the work was cancelled or ran out of time").Because(cause)
}

func closing() error {
	return ekyc.Errorf(ekyc.ErrUnavailable, "the vision engine is shutting down").Because(ErrClosed)
}
