package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"ekyc"
	"ekyc/internal/api"
	"ekyc/internal/metering"
)

// WorkerCmd is `ekyc worker`.
type WorkerCmd struct {
	serviceFlags
	Jobs int `help:"Verifications at once; 0 for one for each engine process. As many more are for tenants that have nothing else under way." default:"0" env:"EKYC_WORKER_JOBS"`
}

// Run works on jobs until it is stopped.
func (w *WorkerCmd) Run(ctx context.Context) error {
	if err := w.requireDatabase(); err != nil {
		return err
	}
	begun, err := w.begin("worker")
	if err != nil {
		return err
	}
	watched := &servers{logger: begun.logger}
	if err := watched.watch(ctx, w.MetricsListen, begun); err != nil {
		return err
	}
	p, err := w.open(ctx, begun, role{name: "worker", works: true, workers: w.Jobs})
	if err != nil {
		return errors.Join(begun.stopped(ctx, err), watched.stop())
	}
	if err := w.ready(p, begun); err != nil {
		return errors.Join(err, watched.stop(), p.Close())
	}
	// No job is taken before there is an engine for it.
	if err := p.awaitEngine(ctx); err != nil {
		return errors.Join(err, watched.stop(), p.Close())
	}
	stop, err := p.work(ctx)
	if err != nil {
		return errors.Join(err, watched.stop(), p.Close())
	}
	p.logger.Info("working")
	<-ctx.Done()
	p.logger.Info("stopping")
	return errors.Join(stop(), watched.stop(), p.Close())
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
	for _, part := range append(p.upkeep(), p.exports...) {
		group.Go(func() { p.sweep(sweeping, part) })
	}
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

// upkeep is what nobody waits for, each part at its own pace and in its own time.
func (p *platform) upkeep() []upkeepPart {
	const soon, now = time.Minute, 10 * time.Second
	return []upkeepPart{
		{"reservations", soon, func(ctx context.Context) error { _, err := p.metering.Sweep(ctx); return err }},
		{"other limits", now, p.recheckQuotas},
		{"signatures", now, func(ctx context.Context) error { _, err := p.admission.Sweep(ctx); return err }},
		{"deliveries", now, p.webhooks.Sweep},
		{"retention", soon, p.retention.Pass},
		{"files", time.Hour, p.vault.SweepFiles},
		{"remembered answers", soon, p.repeats.Sweep},
		{"sessions", soon, p.operators.Sweep},
		{"challenges", time.Hour, p.challenges.Sweep},
		{"capture links", soon, p.captures.Sweep},
		{"reviews", soon, p.reviews.Sweep},
		{"receipts", soon, p.receipts.Sweep},
		{"erasures", now, p.erasure.Sweep},
		{"erasure ledger", time.Hour, p.replayErasures},
		{"request log", time.Hour, p.requests.EnsurePartitions},
	}
}

// recheckQuotas tells of quotas that were lowered to what is used.
func (p *platform) recheckQuotas(ctx context.Context) error {
	permits := func(ctx context.Context, id ekyc.ID) (metering.Entitlement, error) {
		plan, err := p.tenants.PlanOf(ctx, id)
		return api.EntitlementOf(plan), err
	}
	return p.metering.Recheck(ctx, permits, p.jobs.TellCrossings)
}

type upkeepPart struct {
	name  string
	every time.Duration
	run   func(context.Context) error
}

// sweep runs one part until ctx ends. It begins somewhere in its first tenth, so that processes that start together do not sweep together.
func (p *platform) sweep(ctx context.Context, part upkeepPart) {
	wait := rand.N(part.every / 10)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = part.every
		limited, cancel := context.WithTimeout(ctx, part.every)
		if err := part.run(limited); err != nil && ctx.Err() == nil {
			p.logger.Warn("upkeep failed and is tried again", "part", part.name, "error.message", err.Error())
		}
		cancel()
	}
}
