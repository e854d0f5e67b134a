package objectlock

import "time"

// Standing is how long the bucket locks everything in COMPLIANCE mode by itself; 0 where it does not.
func (s *Sink) Standing() time.Duration { return s.standing }
