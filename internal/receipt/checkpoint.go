package receipt

import (
	"context"
	"sync"
	"time"
)

const (
	// checkpointFresh is how long a checkpoint is taken for the latest: the log signs one a second at most.
	checkpointFresh = time.Second
	// checkpointWait bounds the wait for one. A receipt is issued in a transaction, which holds a connection while the log asks for another: of
	// those who wait one at a time asks, and none for long, so that transactions that hold all connections do not wait for one for ever.
	checkpointWait = 500 * time.Millisecond
)

// latest remembers the audit log's checkpoint for a moment. Where the log does not answer it goes on giving the last one.
type latest struct {
	mu   sync.Mutex
	text string
	at   time.Time
}

func (l *latest) get(ctx context.Context, log Log) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at) < checkpointFresh {
		return l.text, nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkpointWait)
	defer cancel()
	text, err := log.Checkpoint(ctx)
	l.at = time.Now()
	if err != nil {
		return l.text, err
	}
	l.text = text
	return text, nil
}
