// Package logtest keeps what is written for tests that read it meanwhile.
package logtest

import (
	"bytes"
	"sync"
)

// Buffer is an output that may be read while others write. The zero value is empty.
type Buffer struct {
	mutex sync.Mutex
	bytes bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.bytes.Write(p)
}

// String is all that was written so far.
func (b *Buffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.bytes.String()
}
