package secretfile_test

import (
	"errors"
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

// TestSecretsOfOtherUsersAreRefused: what another user has put there, or may replace, is not taken for a secret of ours. Root reads what belongs to a user in that user's own
// directory.
func TestSecretsOfOtherUsersAreRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const user, other = 12345, 23456
	for name, c := range map[string]struct {
		file, directory int
		refused         bool
	}{
		"root's": {0, 0, false}, "root's in a user's directory": {0, user, false}, "a user's in root's directory": {user, 0, true},
		"a user's own": {user, user, false}, "a user's in another's directory": {user, other, true},
	} {
		path := secretIn(t, t.TempDir())
		link := filepath.Join(t.TempDir(), "link")
		if err := errors.Join(os.Chown(path, c.file, -1), os.Chown(filepath.Dir(path), c.directory, -1), os.Symlink(path, link)); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{path, link} {
			line, err := secretfile.Line(path)
			if (ekyc.CodeOf(err) == ekyc.ErrFileUnreadable) != c.refused || (line == "planted") == c.refused {
				t.Errorf("%s: %q, %v", name, line, err)
			}
			if c.refused && !strings.Contains(fmt.Sprint(err), "belongs to the user 12345") {
				t.Errorf("%s: it does not say why: %v", name, err)
			}
		}
	}
}

func secretIn(t *testing.T, directory string) string {
	t.Helper()
	path := filepath.Join(directory, "secret")
	if err := os.WriteFile(path, []byte("planted\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSecretsThatAnybodyMayReplaceAreRefused: in /tmp nobody removes what is another's, in a directory that is open without that everybody does.
func TestSecretsThatAnybodyMayReplaceAreRefused(t *testing.T) {
	t.Parallel()
	for mode, refused := range map[os.FileMode]bool{
		0o700: false, 0o755: false, 0o775: false, 0o777: true, 0o702: true, 0o777 | os.ModeSticky: false,
	} {
		path := secretIn(t, t.TempDir())
		link := filepath.Join(t.TempDir(), "link")
		if err := errors.Join(os.Chmod(filepath.Dir(path), mode), os.Symlink(path, link)); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{path, link} {
			_, err := secretfile.Line(path)
			if (ekyc.CodeOf(err) == ekyc.ErrFileUnreadable) != refused {
				t.Errorf("mode %v: %v", mode, err)
			}
		}
	}
}
