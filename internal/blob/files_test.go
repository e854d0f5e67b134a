package blob_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ekyc/internal/blob"
	"ekyc/internal/blob/blobtest"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t testing.TB) blob.Store {
		f, err := blob.OpenFiles(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return f
	})
}

// TestFilesThatWereBrokenOff: what a killed process left half-written goes when it is old, at the start and with the upkeep.
func TestFilesThatWereBrokenOff(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	old, young := filepath.Join(directory, "incoming", ".new-1"), filepath.Join(directory, "incoming", ".new-2")
	if err := os.MkdirAll(filepath.Dir(old), 0o700); err != nil {
		t.Fatal(err)
	}
	leave := func(path string, age time.Duration) {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a write broken off long ago is still there: %v", err)
		}
		if _, err := os.Stat(young); err != nil {
			t.Errorf("a write of now is gone: %v", err)
		}
	}
	leave(old, 2*time.Hour)
	leave(young, time.Minute)
	f, err := blob.OpenFiles(directory)
	if err != nil {
		t.Fatal(err)
	}
	check()
	leave(old, 2*time.Hour)
	if err := f.Tidy(t.Context()); err != nil {
		t.Error(err)
	}
	check()
}
