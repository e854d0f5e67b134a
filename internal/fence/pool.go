package fence

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"ekyc"
	"ekyc/internal/engine"
)

// Options set up a Pool. The zero value of each field but Command is a default.
type Options struct {
	Command      []string      // what starts a child: the program and its arguments
	Env          []string      // variables of a child beside the few that it inherits, as NAME=value
	Children     int           // processes; default: one a core
	Spare        int           // of these, how many the requests of a backlog leave to others; at least one stays for them
	Timeout      time.Duration // for the work on one request; default 30 s
	MemoryLimit  int64         // bytes resident of one child; default 2 GiB
	MaxWaiting   int           // interactive requests that wait for a child; default 8 a child
	MaxWait      time.Duration // how long one of them waits; default 5 s
	StartTimeout time.Duration // until a child has loaded its models; default 60 s
	Logger       *slog.Logger  // default: the program's

	// TraceParent gives the W3C traceparent of a caller's context; nil when traces are not handed on.
	TraceParent func(context.Context) string
	// Observe is told of every request when it is over; it must be quick. May be nil.
	Observe func(Observation)
}

// Observation is one request that is over.
type Observation struct {
	Method   string
	Class    Class
	Code     ekyc.ErrorCode // "" for an answer
	Attempts int            // 0 for a request that got no child, 2 for one that was tried again
	Waited   time.Duration  // for a child
	Worked   time.Duration  // all attempts together
}

// Stats is the state of a pool, and what happened since it was started.
type Stats struct {
	Children, Ready, Busy                          int
	WaitingInteractive, WaitingBackground          int
	Answered, Retried, Failed                      int64 // requests; a Failed one was tried twice in vain
	Crashed, TimedOut, OverMemory, Strayed, Faulty int64 // deaths of children; Faulty ones broke the protocol
	Overloaded                                     int64 // requests refused
	Started                                        int64 // children that became ready
}

const (
	defaultTimeout      = 30 * time.Second
	defaultMemoryLimit  = 2 << 30
	defaultWaitingEach  = 8
	defaultMaxWait      = 5 * time.Second
	defaultStartTimeout = time.Minute
	memoryLook          = 50 * time.Millisecond
	shortestPause       = 50 * time.Millisecond // before a child that died is replaced
	longestPause        = 5 * time.Second       // when replacements die before they are ready
	attempts            = 2
	// lastWait is how long a child that was killed may take to go. One that the system holds (in a read from a dead disk, say) stays
	// longer, and nothing is to wait for it without end.
	lastWait = 5 * time.Second
)

func (o Options) withDefaults() (Options, error) {
	if len(o.Command) == 0 {
		return o, ekyc.Errorf(ekyc.ErrInvalidArgument, "the command of the engine's children is missing")
	}
	if o.Children <= 0 {
		o.Children = runtime.NumCPU()
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MemoryLimit <= 0 {
		o.MemoryLimit = defaultMemoryLimit
	}
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = defaultWaitingEach * o.Children
	}
	if o.MaxWait <= 0 {
		o.MaxWait = defaultMaxWait
	}
	if o.StartTimeout <= 0 {
		o.StartTimeout = defaultStartTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, nil
}

// Pool is an Engine over child processes. Its own methods are interactive; Background gives the other class. It is safe for
// concurrent use.
type Pool struct {
	lane
	options   Options
	forker    *forker
	lobby     *lobby
	ordinary  chan struct{} // the places of background requests that do not go promptly
	inventory atomic.Pointer[engine.Inventory]
	nextID    atomic.Uint64
	counts    counts
	told      sync.Once   // how the children are confined
	unhook    func() bool // from the context of Start

	mu       sync.Mutex
	living   map[*child]bool // true once ready
	startErr error           // of the last start, until one succeeds
	changed  chan struct{}   // closed and renewed when living or startErr change
	isClosed bool
	closed   chan struct{}
	group    sync.WaitGroup // keepers, requests and the watch
}

// counts are the counters of Stats.
type counts struct {
	answered, retried, failed, crashed, timedOut, overMemory, strayed, faulty, overloaded, started, busy, queued atomic.Int64
}

// Start starts the children side by side and returns at once; Ready tells when they can work. They live until Close, or until ctx
// ends. Errors: ErrInvalidArgument.
func Start(ctx context.Context, o Options) (*Pool, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Pool{
		options: o, forker: newForker(), lobby: newLobby(o), ordinary: make(chan struct{}, max(1, o.Children-o.Spare)),
		living: map[*child]bool{}, changed: make(chan struct{}), closed: make(chan struct{}),
	}
	p.lane = lane{p, Interactive}
	p.mu.Lock() // ctx may have ended already; then Close waits for this
	defer p.mu.Unlock()
	for range o.Children {
		p.group.Go(p.keep)
	}
	p.group.Go(p.watchMemory)
	p.unhook = context.AfterFunc(ctx, p.Close)
	return p, nil
}

// Background is the pool for work that can wait: such requests wait without limit until their context ends, and let interactive ones
// go first, though not for ever.
func (p *Pool) Background() Engine { return lane{p, Background} }

// Close ends all children and fails what is under way with ErrUnavailable because of ErrClosed. It returns when nothing is left of
// them, or when the system has not let go of one for lastWait.
func (p *Pool) Close() {
	p.mu.Lock()
	first := !p.isClosed
	if first {
		p.isClosed = true
		close(p.closed)
		p.lobby.close()
		for c := range p.living {
			c.kill(deathClosing)
		}
	}
	p.mu.Unlock()
	p.group.Wait()
	if first {
		p.unhook()
		p.forker.stop()
	}
}

// Ready waits until at least one child can work. When none can and the last start failed it gives that error at once.
// Errors: ErrModelMissing and others of opening the engine, ErrEngineFailed, ErrCancelled, ErrUnavailable because of ErrClosed.
func (p *Pool) Ready(ctx context.Context) error {
	for {
		p.mu.Lock()
		ready, startErr, changed := p.ready(), p.startErr, p.changed
		p.mu.Unlock()
		if ready > 0 {
			return nil
		}
		if startErr != nil {
			if problem, ok := errors.AsType[*ekyc.Error](startErr); ok {
				return problem
			}
			return ekyc.Errorf(ekyc.ErrEngineFailed, "the vision engine does not start").Because(startErr)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return cancelled(ctx.Err())
		case <-p.closed:
			return closing()
		}
	}
}

// ready counts the children that can work. The lock is held.
func (p *Pool) ready() int {
	n := 0
	for _, isReady := range p.living {
		if isReady {
			n++
		}
	}
	return n
}

// Stats gives the state of the pool.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	ready := p.ready()
	p.mu.Unlock()
	n := &p.counts
	s := Stats{
		Children: p.options.Children, Ready: ready, Busy: int(n.busy.Load()),
		Answered: n.answered.Load(), Retried: n.retried.Load(), Failed: n.failed.Load(),
		Crashed: n.crashed.Load(), TimedOut: n.timedOut.Load(), OverMemory: n.overMemory.Load(), Strayed: n.strayed.Load(), Faulty: n.faulty.Load(),
		Overloaded: n.overloaded.Load(), Started: n.started.Load(),
	}
	s.WaitingInteractive, s.WaitingBackground = p.lobby.waiting()
	s.WaitingBackground += int(n.queued.Load())
	return s
}
