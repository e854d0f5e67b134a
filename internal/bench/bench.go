package bench

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/vision"
)

// The limits on pixels while measuring: face crops as the service takes them, documents with no lower limit, so that small
// specimens of old collections count.
var (
	faceLimits     = vision.FaceCropLimits
	documentLimits = vision.Limits{MaxBytes: vision.SceneLimits.MaxBytes, MaxSide: vision.SceneLimits.MaxSide, MaxPixels: vision.SceneLimits.MaxPixels, MinSide: 1}
)

// Parts are the parts of the bench, in the order in which they run.
var Parts = []string{"face", "liveness", "document", "mrz", "aamva", "profile", "hostile", "exif", "reuse", "pipeline"}

// Options say what to measure.
type Options struct {
	Dir      string   // labelled folder
	Only     []string // parts; empty for all that the folder has
	Split    Split
	Workers  int       // files at once in the accuracy parts; speed is measured one at a time
	Version  string    // of the program
	Program  string    // path of the program, for child processes
	Terminal io.Writer // progress; nil for none
}

// Bench is one run.
type Bench struct {
	engine   *engine.Engine
	dir      string
	split    Split
	workers  int
	program  string
	terminal io.Writer

	generated []engine.VerifyRequest // the photographs on which speed is measured

	mu     sync.Mutex
	faults map[string]string
}

// Run measures what the options ask for. Errors: ErrFileUnreadable when the folder or a truth file is not as documented,
// ErrInvalidArgument for an unknown part, ErrCancelled.
func Run(ctx context.Context, e *engine.Engine, o Options) (*Result, error) {
	for _, part := range o.Only {
		if !slices.Contains(Parts, part) {
			return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "there is no part %q; there are %s", part, strings.Join(Parts, ", "))
		}
	}
	b := &Bench{engine: e, dir: o.Dir, split: o.Split, workers: max(1, o.Workers), program: o.Program, terminal: o.Terminal, faults: map[string]string{}}
	if _, err := os.Stat(o.Dir); err != nil {
		return nil, unreadable(o.Dir, err)
	}
	result := &Result{Version: o.Version, Models: e.ModelHashes(), Machine: machine(e.Threads()), StartedAt: time.Now().UTC(), Split: string(o.Split)}
	start := time.Now()
	wanted := func(part, folder string) bool {
		asked := slices.Contains(o.Only, part)
		return (asked || len(o.Only) == 0) && (folder == "" || asked || exists(b.dir, folder))
	}
	var err error
	for _, part := range []struct {
		name, folder string
		run          func() error
	}{
		{"face", "faces", func() error { result.Face, err = b.face(ctx); return err }},
		{"liveness", "spoof", func() error { result.Liveness, err = b.liveness(ctx); return err }},
		{"document", "documents", func() error { result.Document, err = b.document(ctx); return err }},
		{"mrz", "mrz", func() error { result.MRZ, err = b.mrz(ctx); return err }},
		{"aamva", "aamva", func() error { result.AAMVA, err = b.aamva(ctx); return err }},
		{"profile", "lists", func() error { result.Profile, err = b.profile(ctx); return err }},
		{"hostile", "hostile", func() error { result.Hostile, err = b.hostile(ctx); return err }},
		{"exif", "exif", func() error { result.EXIF, err = b.exif(ctx); return err }},
		{"reuse", "faces", func() error { result.Reuse, err = b.reuse(ctx); return err }},
		{"pipeline", "", func() error { result.Pipeline, err = b.pipeline(ctx); return err }},
	} {
		if !wanted(part.name, part.folder) {
			continue
		}
		if err := part.run(); err != nil {
			return nil, err
		}
	}
	result.Files = b.faults
	result.Seconds = time.Since(start).Seconds()
	return result, nil
}

// fault remembers what went wrong with a file. Files are named by their place in the folder and never by what they show.
func (b *Bench) fault(file, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults[file] = what
}

// each runs work on every index from 0 to n-1, b.workers at a time, and stops at the first error or when the context ends.
func (b *Bench) each(ctx context.Context, part string, n int, work func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	progress := b.progress(part, n)
	defer progress.done()
	indices := make(chan int)
	var group sync.WaitGroup
	for range min(b.workers, n) {
		group.Go(func() {
			for i := range indices {
				if err := work(i); err != nil {
					cancel(err)
					return
				}
				progress.step()
			}
		})
	}
feed:
	for i := range n {
		select {
		case indices <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(indices)
	group.Wait()
	return stopped(ctx)
}

// stopped says why the work ended before its time, as ErrCancelled where nobody gave another reason; nil when it did not.
func stopped(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
		return ekyc.Errorf(ekyc.ErrCancelled, "the bench was stopped").Because(cause)
	}
	return cause
}

// read gives a file of the folder.
func (b *Bench) read(parts ...string) ([]byte, error) {
	path := filepath.Join(append([]string{b.dir}, parts...)...)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, nil
}

// machine describes the processor.
func machine(threads int) Machine {
	m := Machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), Threads: threads}
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return m
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// milliseconds is a duration as a number.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
