//go:build !soak

package fault

// How much of everything the ordinary tests do; the build tag soak does more.
const (
	kills     = 12
	interrupt = 2 // rounds of killing a server among repetitions
)
