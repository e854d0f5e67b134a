package vault

import "time"

// Erased is the error of what went with its subject.
func Erased(at time.Time) error { return gone(&at) }
