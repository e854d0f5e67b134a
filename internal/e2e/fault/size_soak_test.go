//go:build soak

package fault

const (
	kills     = 50
	backlog   = 10_000
	samples   = 100
	interrupt = 6
)
