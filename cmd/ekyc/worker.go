package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"ekyc/internal/telemetry"
)

// WorkerCmd is `ekyc worker`.
type WorkerCmd struct {
	serviceFlags
	Jobs int `help:"Verifications at once; 0 for one for each engine process." default:"0" env:"EKYC_WORKER_JOBS"`
}

// Run works on jobs until it is stopped.
func (w *WorkerCmd) Run(ctx context.Context) error {
	if err := w.requireDatabase(); err != nil {
		return err
	}
	p, err := w.open(ctx, role{name: "worker", works: true, workers: w.Jobs})
	if err != nil {
		return err
	}
	metrics := &servers{}
	if w.MetricsListen != "" {
		if _, err := metrics.serve(ctx, w.MetricsListen, telemetry.MetricsHandler(), p.logger); err != nil {
			return errors.Join(err, p.Close())
		}
	}
	stop, err := p.work(ctx)
	if err != nil {
		return errors.Join(err, metrics.stop(), p.Close())
	}
	if err = p.awaitEngine(ctx); err == nil {
		p.logger.Info("working")
		<-ctx.Done()
		p.logger.Info("stopping")
	}
	return errors.Join(err, stop(), metrics.stop(), p.Close())
}

// workTimeout is how long a stop waits for verifications under way; what is not done by then is taken up again from its last step.
const workTimeout = 20 * time.Second

// work starts to take jobs, to deliver and to sweep, and gives what ends it.
func (p *platform) work(ctx context.Context) (stop func() error, err error) {
	// A stop lets jobs end, so they do not see the context that ends with the first signal.
	if err := p.queue.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	sweeping, end := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	group.Go(func() { p.jobs.Run(sweeping) })
	group.Go(func() { p.sweep(sweeping) })
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), workTimeout)
		defer cancel()
		err := p.queue.Stop(ctx)
		if err != nil {
			hard, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			err = p.queue.StopAndCancel(hard)
		}
		end()
		group.Wait()
		return err
	}, nil
}

// sweepEvery is the pace of what nobody waits for: expired reservations, old signatures, files without rows, deliveries whose wake-up was lost.
const sweepEvery = 10 * time.Second

func (p *platform) sweep(ctx context.Context) {
	parts := []struct {
		name string
		run  func(context.Context) error
	}{
		{"metering", func(ctx context.Context) error { _, err := p.metering.Sweep(ctx); return err }},
		{"admission", func(ctx context.Context) error { _, err := p.admission.Sweep(ctx); return err }},
		{"webhooks", p.webhooks.Sweep}, {"vault", p.vault.Sweep}, {"idempotency", p.repeats.Sweep}, {"operators", p.operators.Sweep},
		{"request log", func(ctx context.Context) error {
			if err := p.requests.EnsurePartitions(ctx); err != nil {
				return err
			}
			_, err := p.requests.DropBefore(ctx, time.Now().Add(-requestLogKept))
			return err
		}},
	}
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		for _, part := range parts {
			if err := part.run(ctx); err != nil && ctx.Err() == nil {
				p.logger.Warn("sweeping failed and is tried again", "part", part.name, "error.message", err.Error())
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// requestLogKept is how long request logs stay: the contract's default retention.
const requestLogKept = 30 * 24 * time.Hour
