package keyring_test

import (
	"bytes"
	"sync"
	"testing"

	"ekyc"
)

func wantCode(t *testing.T, what string, err error, want ekyc.ErrorCode) {
	t.Helper()
	if ekyc.CodeOf(err) != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

// together runs n calls that start at the same moment.
func together(n int, call func(i int)) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			call(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	return b
}
