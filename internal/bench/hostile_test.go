package bench

import (
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
