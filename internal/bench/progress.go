package bench

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progressEvery is how often a line of progress is renewed.
const progressEvery = 200 * time.Millisecond

// progress is one line on a terminal that says how far a part of the bench has come; without a terminal it is silent.
type progress struct {
	mu      sync.Mutex
	out     io.Writer
	name    string
	total   int
	count   int
	started time.Time
	drawn   time.Time
}

func (b *Bench) progress(name string, total int) *progress {
	return &progress{out: b.terminal, name: name, total: total, started: time.Now()}
}

// step counts one item. It is safe for concurrent use.
func (p *progress) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	if p.out == nil || time.Since(p.drawn) < progressEvery {
		return
	}
	p.drawn = time.Now()
	elapsed := time.Since(p.started)
	left := time.Duration(float64(elapsed) / float64(p.count) * float64(p.total-p.count))
	fmt.Fprintf(p.out, "\r\x1b[K%-10s %d of %d, %s left", p.name, p.count, p.total, left.Round(time.Second))
}

// done clears the line.
func (p *progress) done() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
