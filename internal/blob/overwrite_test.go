package blob_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"ekyc/internal/blob"
)

// TestWhatIsDeletedIsWrittenOver looks at the blocks of a deleted file through a second name of it.
func TestWhatIsDeletedIsWrittenOver(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	files, err := blob.OpenFiles(directory)
	if err != nil {
		t.Fatal(err)
	}
	const name = "0123456789abcdef0123456789abcdef"
	content := bytes.Repeat([]byte("ciphertext"), 300_000) // more than is written at once
	if err := files.Put(t.Context(), name, content); err != nil {
		t.Fatal(err)
	}
	witness := filepath.Join(t.TempDir(), "witness")
	if err := os.Link(filepath.Join(directory, name[:2], name), witness); err != nil {
		t.Fatal(err)
	}
	if err := files.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadFile(witness)
	if err != nil || len(left) != len(content) || len(bytes.Trim(left, "\x00")) != 0 {
		t.Errorf("%d bytes, of which %d say something, %v", len(left), len(bytes.Trim(left, "\x00")), err)
	}
}
