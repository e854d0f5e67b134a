package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/gate"
	"ekyc/internal/gate/clamd"
	"ekyc/internal/health"
)

// clamdFlags say where the antivirus is.
type clamdFlags struct {
	Clamd            string        `help:"Where ClamAV's clamd is: host:port, or the path of its Unix socket. It gets every upload as it came, unencrypted." env:"EKYC_CLAMD" placeholder:"ADDRESS"`
	AntivirusTimeout time.Duration `help:"Longest that a scan may take." default:"10s" env:"EKYC_ANTIVIRUS_TIMEOUT"`
}

// gateFlags are those of processes that take uploads.
type gateFlags struct {
	clamdFlags
	Antivirus string `help:"What becomes of uploads while clamd does not answer: require refuses them, prefer takes them unscanned; off scans none. auto is require with --clamd, and off without." enum:"auto,require,prefer,off" default:"auto" env:"EKYC_ANTIVIRUS"`
}

// antivirus is the rule that holds.
func (f *gateFlags) antivirus() gate.Antivirus {
	switch {
	case f.Antivirus != "auto" && f.Antivirus != "":
		return gate.Antivirus(f.Antivirus)
	case f.Clamd != "":
		return gate.Require
	}
	return gate.Off
}

// openGate makes the gate that all uploads pass. That clamd is away is no reason not to start: it may come later.
func (f *gateFlags) openGate(logger *slog.Logger) (*gate.Gate, error) {
	o := gate.Options{Antivirus: f.antivirus(), Logger: logger}
	if o.Antivirus == gate.Off {
		logger.Warn("uploads are not scanned for malware; --clamd ADDRESS has them scanned")
		return gate.New(o)
	}
	if f.Clamd == "" {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "--antivirus %s needs --clamd ADDRESS", o.Antivirus)
	}
	var err error
	if o.Scanner, err = clamd.New(clamd.Options{Address: f.Clamd, Timeout: f.AntivirusTimeout}); err != nil {
		return nil, err
	}
	return gate.New(o)
}

// antivirusPart is how the antivirus counts among the parts of the process.
func (f *gateFlags) antivirusPart(g *gate.Gate) health.Part {
	if f.antivirus() == gate.Off {
		return health.Part{Name: partAntivirus}
	}
	// Its client asks clamd twice a second at most, and at once when a scan has failed.
	return health.Part{Name: partAntivirus, Vital: f.antivirus() == gate.Require, Known: true, Check: g.Alive}
}

// describe says in a line what the gate does, for who starts the service by hand.
func (f *gateFlags) describe() string {
	switch f.antivirus() {
	case gate.Require:
		return "by clamd at " + f.Clamd + "; while it does not answer, uploads are refused"
	case gate.Prefer:
		return "by clamd at " + f.Clamd + "; while it does not answer, uploads are taken unscanned"
	}
	return "OFF: uploads are not scanned for malware (--clamd ADDRESS has them scanned)"
}

// oldSignatures is the age from which ClamAV itself calls its signatures outdated.
const oldSignatures = 7 * 24 * time.Hour

// diagnose says what clamd scans with; nothing where no address was given.
func (f *clamdFlags) diagnose(ctx context.Context) []engine.Diagnosis {
	if f.Clamd == "" {
		return nil
	}
	d := engine.Diagnosis{Model: "antivirus, clamd at " + f.Clamd}
	client, err := clamd.New(clamd.Options{Address: f.Clamd})
	if err != nil {
		d.Problem = health.Cause(err)
		return []engine.Diagnosis{d}
	}
	defer client.Close()
	start := time.Now()
	version, err := client.Version(ctx)
	d.LatencyMS = float64(time.Since(start).Microseconds()) / 1000
	switch {
	case err != nil:
		d.Problem = health.Cause(err)
		return []engine.Diagnosis{d}
	case version.Signatures == "":
		d.Model += fmt.Sprintf(": ClamAV %s, without ClamAV's own signatures", version.Engine)
	default:
		d.Model += fmt.Sprintf(": ClamAV %s, signatures %s of %s", version.Engine, version.Signatures, version.Made.Format(time.DateOnly))
	}
	if d.Healthy = version.Signatures == "" || time.Since(version.Made) < oldSignatures; !d.Healthy {
		d.Problem = "the signatures are older than a week; see freshclam"
	}
	return []engine.Diagnosis{d}
}
