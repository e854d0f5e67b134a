//go:build !soak

package fault

// How much of everything the ordinary tests do; the build tag soak does more.
const (
	kills     = 12
	backlog   = 2_000
	samples   = 40 // verifications of the other tenant, with and without the backlog
	interrupt = 2  // rounds of killing a server among repetitions
)
