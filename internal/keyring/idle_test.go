package keyring

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ekyc"
)

// slowService is a key service whose answers take a while.
type slowService struct{ wait time.Duration }

func (s slowService) Name() string { return "slow://" }

func (s slowService) Encrypt(_ context.Context, plaintext, _ []byte) ([]byte, error) {
	time.Sleep(s.wait)
	return append([]byte{}, plaintext...), nil
}

func (s slowService) Decrypt(_ context.Context, ciphertext, _ []byte) ([]byte, error) {
	time.Sleep(s.wait)
	return append([]byte{}, ciphertext...), nil
}

// TestAProcessThatSleptSealsUnderTheNewKey: what it would seal under the older one could be lost, since that may be retired meanwhile.
func TestAProcessThatSleptSealsUnderTheNewKey(t *testing.T) {
	t.Parallel()
	for name, service := range map[string]Service{"clear": nil, "sealed": slowService{50 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, o := filepath.Join(t.TempDir(), "root.key"), Options{Service: service, Logger: slog.New(slog.DiscardHandler)}
			first, err := CreateWith(t.Context(), path, o)
			if err != nil {
				t.Fatal(err)
			}
			slept, err := OpenWith(t.Context(), path, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := first.Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
			slept.begun = slept.begun.Add(-20 * time.Minute)
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					sealed, err := slept.Seal("p", nil)
					if id, _ := KeyOf(sealed); err != nil || id != first.Primary() {
						t.Errorf("sealed under %s, %v", KeyName(id), err)
					}
				})
			}
			group.Wait()
			// And where the file cannot be read for so long, nothing is sealed, and everything opens.
			sealed, err := slept.Seal("p", nil)
			if err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			slept.begun = slept.begun.Add(-20 * time.Minute)
			if _, err := slept.Seal("p", nil); ekyc.CodeOf(err) != ekyc.ErrUnavailable {
				t.Errorf("without its file it seals: %v", err)
			}
			if _, err := slept.Open("p", sealed); err != nil {
				t.Errorf("without its file it does not open: %v", err)
			}
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			slept.reading.Lock()
			slept.failed = time.Time{}
			slept.reading.Unlock()
			if _, err := slept.Seal("p", nil); err != nil {
				t.Errorf("the file is back: %v", err)
			}
		})
	}
}
