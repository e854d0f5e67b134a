package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ekyc"
)

// A program that takes its time to refuse must be seen to: "reject fast" is about refusals first of all.
func TestRefusalsAreTimed(t *testing.T) {
	t.Parallel()
	const pause = 50 * time.Millisecond
	program := filepath.Join(t.TempDir(), "program")
	script := "#!/bin/sh\nsleep 0.05\necho '{\"error\": {\"code\": \"image_corrupt\"}}'\nexit 2\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	o := (&Bench{program: program}).probe(t.Context(), "any")
	if o.crashed || o.code != ekyc.ErrImageCorrupt || o.elapsed < pause {
		t.Errorf("%+v", o)
	}
}

func TestAStoppedBenchSaysSo(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	b := &Bench{workers: 2}
	err := b.each(ctx, "any", 100, func(i int) error {
		if i == 10 {
			stop()
		}
		return nil
	})
	if ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("stopped: %v", err)
	}
	want := ekyc.Errorf(ekyc.ErrFileUnreadable, "a file")
	if err := b.each(t.Context(), "any", 100, func(int) error { return want }); !errors.Is(err, want) {
		t.Errorf("an error of the work: %v", err)
	}
}
