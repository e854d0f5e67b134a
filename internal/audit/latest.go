package audit

import (
	"context"
	"sync"
	"time"
)

const (
	// latestFresh is how long a checkpoint is taken for the latest: the log signs one a second at most.
	latestFresh = time.Second
	// latestWait bounds the wait for one. Receipts are issued in a transaction, which holds a connection while the log asks for another: of those
	// who wait one at a time asks, and none for long, so that transactions that hold all connections do not wait for one for ever.
	latestWait = 500 * time.Millisecond
)

// latest is the checkpoint that was read last.
type latest struct {
	mu   sync.Mutex
	text string
	at   time.Time
}

// Latest gives the newest checkpoint's signed note, at most a second old, for those who spread it: it waits for half a second at most. Where the
// log does not answer, the last one that it knew comes with the error.
func (l *Log) Latest(ctx context.Context) (string, error) {
	l.latest.mu.Lock()
	defer l.latest.mu.Unlock()
	if time.Since(l.latest.at) < latestFresh {
		return l.latest.text, nil
	}
	ctx, cancel := context.WithTimeout(ctx, latestWait)
	defer cancel()
	found, err := l.Checkpoint(ctx)
	l.latest.at = time.Now()
	if err == nil {
		l.latest.text = string(found.Note)
	}
	return l.latest.text, err
}
