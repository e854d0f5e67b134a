package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"ekyc"
	"ekyc/internal/blob/s3"
	"ekyc/internal/fence"
	"ekyc/internal/health"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
	"ekyc/internal/telemetry"
)

// start is the beginning of a process: what it waits for until it can work, and from then on how its parts are.
type start struct {
	logger  *slog.Logger
	timeout time.Duration
	until   time.Time // waits end
	awaited atomic.Pointer[string]
	board   atomic.Pointer[health.Board] // nil until everything is there
}

// The parts of a process, as probes, logs and metrics name them.
const (
	partDatabase   = "database"
	partEngine     = "engine"
	partKeys       = "keys"
	partKeyService = "key_service"
	partMedia      = "media_store"
	partLedger     = "erasure_ledger"
	partAntivirus  = "antivirus"
)

// begin begins a process, before anything secret is in memory.
func (f *serviceFlags) begin(name string) (*start, error) {
	if err := fence.GuardSecrets(); err != nil {
		return nil, err
	}
	s := &start{logger: telemetry.NewLogger(os.Stderr, f.LogLevel, name), timeout: f.StartTimeout, until: time.Now().Add(f.StartTimeout)}
	slog.SetDefault(s.logger)
	return s, nil
}

// waits names what is waited for; "" for nothing.
func (s *start) waits() string {
	if part := s.awaited.Load(); part != nil {
		return *part
	}
	return ""
}

// Pauses between two tries of a step: they double.
const (
	firstWait   = 250 * time.Millisecond
	longestWait = 10 * time.Second
)

// await runs a step of the start, and runs it again for as long as the time allows while what it needs is away. What does not pass by itself, such as a wrong password, ends
// it at once. Errors: those of the step.
func (s *start) await(ctx context.Context, part string, step func(context.Context) error) error {
	began := time.Now()
	for pause := firstWait; ; pause = min(2*pause, longestWait) {
		err := step(ctx)
		left := time.Until(s.until)
		if err == nil && s.waits() != "" {
			s.logger.Info("what the start waited for answers", "part", part, "after", time.Since(began).Round(time.Millisecond).String())
		}
		if err == nil || !mayPass(err) || ctx.Err() != nil || left <= 0 {
			if err != nil && left <= 0 && s.timeout > 0 {
				s.logger.Error("the start gives up: its time is over", "part", part, "start_timeout", s.timeout.String())
			}
			s.awaited.Store(nil)
			return err
		}
		s.awaited.Store(&part)
		pause = min(pause, left)
		s.logger.Warn("the start waits for what is away", "part", part, "error.message", health.Cause(err), "again_in", pause.Round(time.Millisecond).String(), "gives_up_in", left.Round(time.Second).String())
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// mayPass says whether an error is of something that is away and may come.
func mayPass(err error) bool {
	if s3.Refused(err) || store.Refused(err) || errors.Is(err, keyring.ErrRefused) || errors.Is(err, keyring.ErrAltered) {
		return false
	}
	return ekyc.CodeOf(err) == ekyc.ErrUnavailable || store.Away(err)
}

// observe tells metrics what is waited for. Afterwards the board tells how the parts are.
func (s *start) observe() error {
	up, err := health.Gauge()
	if err != nil {
		return err
	}
	_, err = otel.Meter("ekyc").RegisterCallback(func(_ context.Context, o metric.Observer) error {
		if part := s.waits(); part != "" {
			health.Tell(o, up, part, false)
		}
		return nil
	}, up)
	return err
}

// ready makes the board of a process that has everything: the parts that every process has, and more that are its own. Without those that are vital nothing is served: what
// all need at every turn, and what is this machine's alone, so that another one can serve in its place. A bucket is everybody's: who needs it is told, and the rest goes on.
func (f *serviceFlags) ready(p *platform, s *start, more ...health.Part) error {
	parts := []health.Part{
		{Name: partDatabase, Vital: true, Check: p.db.Ready},
		{Name: partEngine, Vital: true, Known: true, Check: p.engine.Ready},
		{Name: partKeys, Vital: true, Known: true, Check: func(context.Context) error { return p.keyring.Ready() }},
		{Name: partMedia, Vital: f.MediaStore == "", Check: p.media.Alive},
		{Name: partLedger, Check: p.ledger.Alive},
	}
	if p.keyring.Sealed() {
		parts = append(parts, health.Part{Name: partKeyService, Known: true, Check: func(context.Context) error { return p.keyring.Confirmed() }})
	}
	board := health.New(p.logger, append(parts, more...)...)
	s.board.Store(board)
	return board.Observe()
}

// watch serves what an operator asks of a process: /metrics, /health, and /ready, which names the parts and is 503 while the process waits or a vital one is away.
func (s *start) watch() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", telemetry.MetricsHandler())
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, r *http.Request) {
		status, parts := http.StatusServiceUnavailable, map[string]string{}
		if board := s.board.Load(); board != nil {
			report := board.Report(r.Context())
			if parts = report.Parts; len(report.Down) == 0 {
				status = http.StatusOK
			}
		} else if part := s.waits(); part != "" {
			parts[part] = health.Away
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		writeJSON(w, map[string]any{"parts": parts})
	})
	return mux
}

// stopped gives the error of a start that did not come to its end: none where it was told to stop while it waited.
func (s *start) stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		s.logger.Info("stopped while it started")
		return nil
	}
	return err
}
