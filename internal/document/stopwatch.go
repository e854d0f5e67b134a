package document

import (
	"sync"
	"time"
)

// stopwatch adds up the time of stages; stages of two sides, or at the same time, add up too. It measures spans only and never tells the date.
type stopwatch struct {
	mu     sync.Mutex
	stages map[string]float64
}

// start begins a stage; calling the result ends it.
func (w *stopwatch) start(stage string) (stop func()) {
	begun := time.Now()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.stages[stage] += float64(time.Since(begun).Microseconds()) / 1000
	}
}
