// Package load measures the service as it is shipped: its own processes on a database of their own, and clients in this one. It has tests
// only, which run with the build tag load, on a machine that does nothing else:
//
//	go test -count=1 -tags load -run TestLoad -timeout 30m -v ./internal/e2e/load
package load
