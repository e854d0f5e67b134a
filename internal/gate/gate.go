// Package gate is the one way in for pictures: what they are, whether they are malware, and what of them is kept. It looks at content only,
// in memory-safe code, and codes no picture anew: what leaves it is the picture that came, bit for bit, and nothing beside it.
package gate

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"ekyc"
	"ekyc/internal/gate/clamd"
	"ekyc/internal/vision"
)

// Antivirus says what becomes of uploads that are not scanned.
type Antivirus string

// The three rules.
const (
	Require Antivirus = "require" // refused: no upload is taken unscanned
	Prefer  Antivirus = "prefer"  // taken while clamd does not answer, and counted
	Off     Antivirus = "off"     // nothing is scanned
)

// Options say how the gate works.
type Options struct {
	Antivirus Antivirus
	Scanner   *clamd.Client // not nil unless Antivirus is Off
	Logger    *slog.Logger  // nil for the default one
}

// Gate takes pictures in. It is safe for concurrent use.
type Gate struct {
	antivirus Antivirus
	scanner   *clamd.Client
	logger    *slog.Logger
	metrics   *metrics
	warned    atomic.Int64 // when it was last said that uploads are taken unscanned, Unix seconds
}

// New makes a gate; Close it.
func New(o Options) (*Gate, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Antivirus == Off {
		o.Scanner = nil
	} else if o.Scanner == nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "an antivirus is wanted, and no address of clamd is given")
	}
	g := &Gate{antivirus: o.Antivirus, scanner: o.Scanner, logger: o.Logger}
	var err error
	g.metrics, err = newMetrics(o.Scanner)
	return g, err
}

// Close ends the sessions with clamd.
func (g *Gate) Close() error {
	if g.scanner == nil {
		return nil
	}
	return errors.Join(g.metrics.close(), g.scanner.Close())
}

// Upload is one picture of a request.
type Upload struct {
	Name   string // what errors call it, in the detail "field"
	Limits vision.Limits
	Data   []byte // as it was sent; after Admit, as it may be kept
}

// atOnce is how many pictures of one request are scanned at once, so that a recording leaves room for others.
const atOnce = 4

// Admit takes all pictures of a request, or none: each is checked against its limits, scanned once, and replaced by its clean file ([Clean], whose memory it
// shares). Nothing is kept of what is refused. Errors: ErrMalwareDetected before all others; those of Clean; ErrUnavailable and ErrOverloaded when
// scans are required and clamd cannot; ErrCancelled. All but the last name the picture.
func (g *Gate) Admit(ctx context.Context, uploads []*Upload) error {
	start := time.Now()
	files, faults := make([]*file, len(uploads)), make([]error, len(uploads))
	for i, u := range uploads {
		files[i], faults[i] = examine(u.Data, u.Limits)
	}
	scanned, err := g.scan(ctx, uploads, faults)
	if err != nil {
		g.metrics.observe(ctx, string(ekyc.CodeOf(err)), len(uploads), time.Since(start))
		return err
	}
	for i, u := range uploads {
		u.Data = files[i].assemble(u.Data)
	}
	g.metrics.observe(ctx, scanned, len(uploads), time.Since(start))
	return nil
}

// How pictures were taken, as metrics tell it.
const (
	outcomeScanned   = "scanned"
	outcomeUnscanned = "unscanned"
)

// scan decides on pictures of which some may have a fault already: those are scanned too, because malware has a name of its own.
func (g *Gate) scan(ctx context.Context, uploads []*Upload, faults []error) (outcome string, err error) {
	var away error
	if outcome = outcomeUnscanned; g.scanner != nil {
		outcome = outcomeScanned
		if err = g.findMalware(ctx, uploads, faults); ekyc.CodeOf(err) == ekyc.ErrMalwareDetected {
			return "", err
		}
		away = err
	}
	for i, fault := range faults {
		if fault != nil {
			return "", named(fault, uploads[i])
		}
	}
	if away == nil || g.antivirus == Require || ekyc.CodeOf(away) == ekyc.ErrCancelled {
		return outcome, away
	}
	g.warn(ctx, away)
	return outcomeUnscanned, nil
}

// findMalware scans each distinct picture once. A first finding ends it.
func (g *Gate) findMalware(ctx context.Context, uploads []*Upload, faults []error) error {
	var scans errgroup.Group
	scans.SetLimit(atOnce)
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	found, failed := make([]error, len(uploads)), make([]error, len(uploads))
	for i, u := range uploads {
		if !worthScanning(faults[i]) || repeated(uploads[:i], u) {
			continue
		}
		scans.Go(func() error {
			began := time.Now()
			signature, err := g.scanner.Scan(stop, u.Data)
			g.metrics.scanned(ctx, err, time.Since(began))
			switch {
			case err != nil:
				failed[i] = named(err, u)
				if g.antivirus == Require {
					cancel()
				}
			case signature != "":
				g.logger.WarnContext(ctx, "an upload was refused as malware", "field", u.Name, "signature", signature)
				found[i] = named(ekyc.Errorf(ekyc.ErrMalwareDetected, "the upload is malware, and nothing of it was kept"), u)
				cancel()
			}
			return nil
		})
	}
	scans.Wait()
	for _, list := range [][]error{found, failed} {
		for _, err := range list {
			if err != nil && (ekyc.CodeOf(err) != ekyc.ErrCancelled || ctx.Err() != nil) {
				return err
			}
		}
	}
	return nil
}

// worthScanning says whether a picture is scanned although it is refused anyway: not for its size, which bombs have.
func worthScanning(fault error) bool {
	switch ekyc.CodeOf(fault) {
	case ekyc.ErrImageEmpty, ekyc.ErrImageTooLarge, ekyc.ErrImageDimensions:
		return false
	}
	return true
}

func repeated(before []*Upload, u *Upload) bool {
	for _, other := range before {
		if bytes.Equal(other.Data, u.Data) {
			return true
		}
	}
	return false
}

// named says in an error which picture it is about.
func named(err error, u *Upload) error {
	if known, ok := errors.AsType[*ekyc.Error](err); ok && u.Name != "" {
		return known.With("field", u.Name)
	}
	return err
}

// warnEvery keeps an antivirus that is away from filling the log.
const warnEvery = time.Minute

func (g *Gate) warn(ctx context.Context, cause error) {
	now, last := time.Now().Unix(), g.warned.Load()
	if now-last < int64(warnEvery/time.Second) || !g.warned.CompareAndSwap(last, now) {
		return
	}
	if known, ok := errors.AsType[*ekyc.Error](cause); ok && known.Cause != nil {
		cause = known.Cause
	}
	g.logger.WarnContext(ctx, "uploads are taken without having been scanned", "error.message", cause.Error())
}

// Alive says whether the antivirus answers. Errors: ErrUnavailable.
func (g *Gate) Alive(ctx context.Context) error {
	if g.scanner == nil {
		return nil
	}
	return g.scanner.Alive(ctx)
}
