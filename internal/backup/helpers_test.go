package backup

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func drain(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// other is the content of the other archive of a backup.
func other(t *testing.T, directory, name string) []byte {
	t.Helper()
	if name == keysName {
		name = databaseName
	} else {
		name = keysName
	}
	content, err := os.ReadFile(filepath.Join(directory, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}
