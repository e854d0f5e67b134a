package secretfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ekyc"
	"ekyc/internal/secretfile"
)

// TestWorldReadableSecretsAreRefused tries every permission that somebody else could have.
func TestWorldReadableSecretsAreRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(" planted \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode := os.FileMode(0); mode <= 0o777; mode++ {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		line, err := secretfile.Line(path)
		switch {
		case mode&0o077 != 0 && ekyc.CodeOf(err) != ekyc.ErrFileUnreadable:
			t.Errorf("mode %04o: %q, %v", mode, line, err)
		case mode == 0o600 || mode == 0o400:
			if line != "planted" || err != nil {
				t.Errorf("mode %04o: %q, %v", mode, line, err)
			}
		}
		if err != nil && strings.Contains(fmt.Sprint(err), "planted") {
			t.Errorf("mode %04o: the error has the secret: %v", mode, err)
		}
	}
}

func TestWhatIsNoSecret(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for name, content := range map[string]string{"empty": " \n", "two": "a\nb\n", "huge": strings.Repeat("a", 1<<20), "zero": "a\x00b"} {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := secretfile.Line(path); ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
			t.Errorf("%s: %v", name, err)
		}
	}
	pipe := filepath.Join(directory, "pipe") // which nobody writes into
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{directory, filepath.Join(directory, "absent"), "/dev/null", pipe} {
		if _, err := secretfile.Read(path, 10); ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
			t.Errorf("%s: %v", path, err)
		}
	}
}
