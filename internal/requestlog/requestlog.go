// Package requestlog keeps one line for each request of a tenant, for the tenant to read. It holds no personal data: the template of
// the route and never its path, no address and no body. Lines are gathered and written together, so that a request never waits for
// its line; a process that is killed loses those of the last moment.
package requestlog

import (
	"context"
	"embed"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations are the tables of this package.
var Migrations = store.Migrations{Package: "requestlog", Files: files, Directory: "migrations"}

// KindEntry is the kind of an entry's identifier.
const KindEntry ekyc.Kind = "log"

// Entry is the line of one request.
type Entry struct {
	ID         ekyc.ID        `json:"id"` // made by Add
	At         time.Time      `json:"at"` // when the request came; zero for now
	Scope      ekyc.Scope     `json:"-"`
	KeyID      string         `json:"key_id"`
	Method     string         `json:"method"`
	Route      string         `json:"route"` // template
	Status     int            `json:"status"`
	Code       ekyc.ErrorCode `json:"code,omitempty"`
	DurationMS float64        `json:"duration_ms"`
	BytesIn    int64          `json:"bytes_in"`
	BytesOut   int64          `json:"bytes_out"`
	TraceID    string         `json:"trace_id"`
	Module     ekyc.Module    `json:"module,omitempty"`
	Billed     bool           `json:"billed"`
}

// Options tune a Log; the zero value serves.
type Options struct {
	// Keep says for how long a scope wants its lines kept: older ones are not given out. nil: all that are there are.
	Keep   func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) (time.Duration, error)
	Logger *slog.Logger // nil for slog.Default()
}

const (
	flushEvery  = 200 * time.Millisecond
	flushAt     = 500    // entries
	maxWaiting  = 20_000 // entries, about 5 MB: some seconds of a database that is away
	closeWithin = 5 * time.Second
	maxText     = 200 // bytes of one text column
)

// Log takes lines. It is safe for concurrent use.
type Log struct {
	db     *store.DB
	keep   func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope) (time.Duration, error)
	logger *slog.Logger

	mutex   sync.Mutex
	waiting []Entry
	dropped int64
	closed  bool

	wake chan struct{} // has room for one: enough lines wait
	stop chan struct{}
	done chan struct{}
}

// New makes a Log; Close it.
func New(db *store.DB, o Options) *Log {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	l := &Log{db: db, keep: o.Keep, logger: o.Logger, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

// Add takes a line and never waits. A request that belongs to no tenant leaves none.
func (l *Log) Add(e Entry) {
	if !e.Scope.Valid() {
		return
	}
	e = e.complete(time.Now())
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.closed || len(l.waiting) >= maxWaiting {
		l.dropped++
		return
	}
	l.waiting = append(l.waiting, e)
	if len(l.waiting) >= flushAt {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// complete gives an entry its identifier and makes it fit the table, so that no line can spoil those that are written with it.
func (e Entry) complete(now time.Time) Entry {
	e.ID = ekyc.NewID(KindEntry)
	if now.Sub(e.At).Abs() > 24*time.Hour { // zero, or a clock that cannot be
		e.At = now
	}
	for _, text := range []*string{&e.KeyID, &e.Method, &e.Route, &e.TraceID, (*string)(&e.Code), (*string)(&e.Module)} {
		*text = strings.ReplaceAll(strings.ToValidUTF8((*text)[:min(len(*text), maxText)], ""), "\x00", "")
	}
	e.Status = min(max(e.Status, 100), 599)
	e.DurationMS, e.BytesIn, e.BytesOut = max(e.DurationMS, 0), max(e.BytesIn, 0), max(e.BytesOut, 0)
	return e
}

// Dropped is how many lines were lost because too many waited, or came after the end.
func (l *Log) Dropped() int64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.dropped
}

// Close writes what waits, for a few seconds at most, and takes no more.
func (l *Log) Close() {
	l.mutex.Lock()
	if !l.closed {
		l.closed = true
		close(l.stop)
	}
	l.mutex.Unlock()
	<-l.done
}

func (l *Log) run() {
	defer close(l.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-l.stop:
			ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
			defer cancel()
			l.flush(ctx, &failing)
			l.drop()
			return
		case <-tick.C:
		case <-l.wake:
			if failing {
				continue // the tick tries again
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
		l.flush(ctx, &failing)
		cancel()
	}
}

// drop gives up what waits.
func (l *Log) drop() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.dropped += int64(len(l.waiting))
	l.waiting = nil
}

// flush writes what waits. What cannot be written goes on waiting; that is told when it begins and when it ends.
func (l *Log) flush(ctx context.Context, failing *bool) {
	for {
		l.mutex.Lock()
		batch := l.waiting[:min(len(l.waiting), 4*flushAt)]
		l.mutex.Unlock()
		if len(batch) == 0 {
			return
		}
		if err := l.write(ctx, batch); err != nil {
			if !*failing {
				l.logger.ErrorContext(ctx, "request log cannot be written", "error", err)
			}
			*failing = true
			return
		}
		if *failing {
			l.logger.InfoContext(ctx, "request log is written again")
		}
		*failing = false
		l.mutex.Lock()
		if l.waiting = l.waiting[len(batch):]; len(l.waiting) == 0 {
			l.waiting = nil // lets the array go
		}
		l.mutex.Unlock()
	}
}
