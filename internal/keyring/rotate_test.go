package keyring_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/keyring"
)

var quiet = keyring.Options{Logger: slog.New(slog.DiscardHandler)}

func openQuietly(t *testing.T, path string) *keyring.Ring {
	t.Helper()
	r, err := keyring.OpenWith(t.Context(), path, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func states(r *keyring.Ring) (list []keyring.KeyState) {
	for _, key := range r.Keys() {
		list = append(list, key.State)
	}
	return list
}

func TestARootKeyIsStagedRotatedAndRetired(t *testing.T) {
	t.Parallel()
	path, ctx := filepath.Join(t.TempDir(), "root.key"), t.Context()
	if _, err := keyring.Create(path); err != nil {
		t.Fatal(err)
	}
	r, other := openQuietly(t, path), openQuietly(t, path)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), ".root.key-new-123"), []byte("keys of a command that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := func(what string, err error, states_ ...keyring.KeyState) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if !slices.Equal(states(r), states_) {
			t.Errorf("%s: %v", what, states(r))
		}
	}
	old := r.Primary()
	sealed, err := r.Seal("p", []byte("plain"))
	want("at first", err, keyring.Current)
	mac := r.MAC("p", []byte("x"))
	want("staged", r.Stage(ctx), keyring.Current, keyring.Next)
	wantCode(t, "a second next key", r.Stage(ctx), ekyc.ErrConflict)
	if r.Primary() != old {
		t.Error("a staged key seals")
	}
	next := r.Keys()[1].ID
	wantCode(t, "retiring the current key", r.Retire(ctx, []uint32{old}), ekyc.ErrConflict)
	wantCode(t, "retiring the next key", r.Retire(ctx, []uint32{next}), ekyc.ErrConflict)
	want("rotated", r.Rotate(ctx), keyring.Former, keyring.Current)
	if r.Primary() != next {
		t.Error("the staged key was passed over")
	}
	want("rotated again", r.Rotate(ctx), keyring.Former, keyring.Former, keyring.Current)
	for _, key := range r.Keys() {
		if time.Since(key.Made) > time.Minute || key.State == keyring.Current && time.Since(key.Since) > time.Minute {
			t.Errorf("%+v", key)
		}
	}
	for name, from := range map[string]*keyring.Ring{"this process": r, "another": other} {
		if plain, err := from.Open("p", sealed); err != nil || string(plain) != "plain" || !bytes.Equal(from.MAC("p", []byte("x")), mac) {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
	}
	want("one retired", r.Retire(ctx, []uint32{old}), keyring.Former, keyring.Current)
	_, err = openQuietly(t, path).Open("p", sealed)
	wantCode(t, "what a retired key has sealed", err, ekyc.ErrInternal)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRotationsTogether: each of many rotations leaves its key, and nobody ever reads half a file.
func TestRotationsTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "root.key")
	if _, err := keyring.Create(path); err != nil {
		t.Fatal(err)
	}
	reader := openQuietly(t, path)
	done := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := reader.Reload(t.Context()); err != nil {
					t.Errorf("a reader: %v", err)
				}
			}
		}
	})
	together(8, func(int) {
		if err := openQuietly(t, path).Rotate(t.Context()); err != nil {
			t.Error(err)
		}
	})
	close(done)
	reading.Wait()
	if n := len(openQuietly(t, path).Keys()); n != 9 {
		t.Errorf("%d keys after 8 rotations", n)
	}
}

// TestANewKeyIsNoticed: who only seals looks at the file within a second.
func TestANewKeyIsNoticed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "root.key")
	first, err := keyring.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	other := openQuietly(t, path)
	if err := first.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1010 * time.Millisecond)
	sealed, err := other.Seal("p", nil)
	if id, ok := keyring.KeyOf(sealed); err != nil || !ok || id != first.Primary() {
		t.Errorf("sealed under %08x, %v", id, err)
	}
	// A file that is broken or gone stops nobody who has read it.
	for what, spoil := range map[string]func() error{"broken": func() error { return os.WriteFile(path, []byte("{"), 0o600) }, "gone": func() error { return os.Remove(path) }} {
		if err := spoil(); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		time.Sleep(1010 * time.Millisecond)
		if again, err := other.Seal("p", []byte("plain")); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if plain, err := other.Open("p", again); err != nil || string(plain) != "plain" {
			t.Errorf("%s: %q, %v", what, plain, err)
		}
	}
}

// TestRingsOfBeforeAreRead: the file had no times once.
func TestRingsOfBeforeAreRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "root.key")
	if _, err := keyring.Create(path); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var form map[string]json.RawMessage
	if err := json.Unmarshal(content, &form); err != nil {
		t.Fatal(err)
	}
	delete(form, "made")
	delete(form, "since")
	if content, err = json.Marshal(form); err != nil || strings.Contains(string(content), "made") {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	r := openQuietly(t, path)
	if k := r.Keys(); len(k) != 1 || !k[0].Made.IsZero() || !k[0].Since.IsZero() {
		t.Errorf("%+v", k)
	}
	if err := r.Rotate(t.Context()); err != nil || len(r.Keys()) != 2 {
		t.Errorf("%+v, %v", r.Keys(), err)
	}
}
