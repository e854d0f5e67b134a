package retention

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// counts are what this process has removed.
type counts struct {
	mutex   sync.Mutex
	removed map[Class]int64
}

// add counts, and gives how many there were of all classes.
func (c *counts) add(removed map[Class]int) (all int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.removed == nil {
		c.removed = map[Class]int64{}
	}
	for class, n := range removed {
		c.removed[class] += int64(n)
		all += n
	}
	return all
}

// Removed is how many things of each class this process has removed, for metrics.
func (s *Service) Removed() map[Class]int64 {
	s.counts.mutex.Lock()
	defer s.counts.mutex.Unlock()
	return maps.Clone(s.counts.removed)
}

// Lag is for how long the oldest thing of each class has been over and not removed, of all tenants; 0 where nothing waits. More than an hour
// deserves an alarm.
func (s *Service) Lag(ctx context.Context) (map[Class]time.Duration, error) {
	lag := map[Class]time.Duration{}
	for _, class := range Classes {
		lag[class] = 0
	}
	var faults []error
	for _, part := range s.parts {
		if part.Oldest == nil {
			continue
		}
		oldest, err := part.Oldest(ctx)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if !oldest.IsZero() {
			lag[part.Class] = max(lag[part.Class], time.Since(oldest))
		}
	}
	return lag, errors.Join(faults...)
}
