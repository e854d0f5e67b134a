package webhook

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Schedule are the waits after each failed attempt, as the contract has them. The first attempt is made at once; when the last wait is
// over and its attempt fails too, the delivery is dead.
var Schedule = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const (
	jitter          = 0.1                // of a wait, either way, so that what failed together does not come back together
	retryAfterLimit = 24 * time.Hour     // the longest wait that a receiver can ask for
	failingLimit    = 5 * 24 * time.Hour // an endpoint that has only failed for so long is disabled
)

// nextWait is how long to wait after the nth failure (from 1), at least as long as the receiver asked for. It is false when the
// schedule is over. The fraction is in [0, 1).
func nextWait(schedule []time.Duration, failures int, asked time.Duration, fraction float64) (time.Duration, bool) {
	if failures < 1 || failures > len(schedule) {
		return 0, false
	}
	planned := float64(schedule[failures-1])
	wait := time.Duration(planned * (1 - jitter + 2*jitter*fraction))
	return max(wait, min(asked, retryAfterLimit)), true
}

func randomFraction() float64 { return rand.Float64() } // spreads load; nothing depends on its being unpredictable

// retryAfter reads Retry-After (RFC 9110 section 10.2.3): seconds or a date. Anything else is 0.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
