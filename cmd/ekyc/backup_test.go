package main

import (
	"os"
	"path/filepath"
	"testing"

	"ekyc"
	"ekyc/internal/blob"
)

// TestARestoreMissesALedgerThatHoldsNothing: a place that was merely opened, or a disk of its own that was just made, tells of no erasure.
func TestARestoreMissesALedgerThatHoldsNothing(t *testing.T) {
	t.Parallel()
	opened := filepath.Join(t.TempDir(), "erasures")
	files, err := blob.OpenFiles(opened) // as the doctor and every process do
	if err != nil {
		t.Fatal(err)
	}
	const name = "00112233445566778899aabbccddeeff"
	disk := t.TempDir()
	for _, path := range []string{filepath.Join(disk, "lost+found"), filepath.Join(opened, name[:2])} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for what, directory := range map[string]string{"none": filepath.Join(disk, "none"), "an empty one": t.TempDir(), "one that was opened": opened, "a new disk": disk} {
		if !missesLedger(directory) {
			t.Errorf("%s is taken for a ledger", what)
		}
		err := (&BackupRestoreCmd{backupFlags: backupFlags{erasureFlags: erasureFlags{Ledger: directory}}}).Run(t.Context(), nil)
		if ekyc.CodeOf(err) != ekyc.ErrConflict {
			t.Errorf("a restore with %s: %v", what, err)
		}
	}
	if err := files.Put(t.Context(), name, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if missesLedger(opened) {
		t.Error("a ledger with an entry is missed")
	}
	if missesLedger("") {
		t.Error("a bucket is missed")
	}
}
