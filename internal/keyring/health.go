package keyring

import (
	"errors"
	"time"
)

// lateBy is how long after its time the key service's answer is not yet missed.
const lateBy = 15 * time.Second

// Sealed says whether a key service has sealed the file.
func (r *Ring) Sealed() bool { return r.options.Service != nil }

// Confirmed says whether the key service has opened the ring as often as it is to, which Watch sees to; it is not asked here, since that costs. While it is merely away the
// keys are used all the same (see Ready). Errors: ErrUnavailable.
func (r *Ring) Confirmed() error {
	if !r.Sealed() || time.Since(r.Checks().Confirmed) < r.options.Recheck+min(r.options.Recheck, lateBy) {
		return nil
	}
	return Absence(errors.New("it has not opened the root keys for longer than it is asked to"))
}
