package killtest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ekyc/internal/killtest"
)

func TestMain(m *testing.M) {
	killtest.Main(killtest.Programs{"write": killtest.Program(write)})
	os.Exit(m.Run())
}

const name = "0123456789abcdef0123456789abcdef"

// write has a preparation that is not counted, and three operations that are.
func write(ctx context.Context, k *killtest.Killer, directory string) error {
	files, err := k.Files(directory)
	if err == nil {
		err = files.Put(ctx, strings.Repeat("0", len(name)), []byte("prepared"))
	}
	if err != nil {
		return err
	}
	k.Arm()
	for range 2 {
		if err := files.Put(ctx, name, []byte("whole")); err != nil {
			return err
		}
	}
	return files.Delete(ctx, name)
}

// TestEach sees every state that a kill can leave, and each once.
func TestEach(t *testing.T) {
	t.Parallel()
	var directory string
	var states []string
	kills := killtest.Each(t, "write", func() any {
		directory = t.TempDir()
		return directory
	}, func(killed bool) {
		state := ""
		if _, err := os.Stat(filepath.Join(directory, "00", strings.Repeat("0", len(name)))); err != nil {
			t.Error("it was killed before it was armed")
		}
		if _, err := os.Stat(filepath.Join(directory, name[:2], name)); err == nil {
			state += " whole"
		}
		if half, _ := filepath.Glob(filepath.Join(directory, "incoming", ".new-*")); len(half) > 0 {
			state += " half"
		}
		if !killed {
			state += " through"
		}
		states = append(states, state)
	})
	want := []string{"", " half", " whole", " whole half", " whole", "", " through"}
	if kills != len(want)-1 || strings.Join(states, ",") != strings.Join(want, ",") {
		t.Errorf("after %d kills it was %q", kills, states)
	}
}
