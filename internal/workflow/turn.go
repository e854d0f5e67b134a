package workflow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"ekyc"
	"ekyc/internal/fence"
	"ekyc/internal/queue"
	"ekyc/internal/vault"
)

// turnWorker takes turns.
type turnWorker struct {
	river.WorkerDefaults[turnArgs]
	service *Service
}

const (
	// settleWithin bounds the last word on a job, which must be said also when the process is told to stop.
	settleWithin = 10 * time.Second
	// turnBeyond is how much longer than a job's attempt its turn may take. It is generous: the job has a bound of its own, and this one
	// only lets River tell the turns of killed processes from those under way.
	turnBeyond = 5 * time.Minute

	readyWait = time.Second            // for the engine, before the turn is left to another process
	readyLook = 20 * time.Millisecond  // between two looks at the engine
	leftAlone = 500 * time.Millisecond // a turn that this process could not use
)

// Timeout bounds a turn.
func (w *turnWorker) Timeout(*river.Job[turnArgs]) time.Duration {
	return w.service.options.JobTimeout + turnBeyond
}

// Work takes the job whose turn it is, if any, and works on it. What goes wrong with the job is settled in its row. Without an engine
// that can work it takes none: the turn goes back for whoever can.
func (w *turnWorker) Work(ctx context.Context, turn *river.Job[turnArgs]) error {
	if !w.service.awaitEngine(ctx) {
		return river.JobSnooze(leftAlone)
	}
	c, err := w.service.take(ctx, turn.Queue == queue.Prompt)
	if err != nil || c == nil {
		return err
	}
	return w.service.work(ctx, c)
}

// awaitEngine gives the engine a moment to be able to work, and says whether it is.
func (s *Service) awaitEngine(ctx context.Context) bool {
	ctx, done := context.WithTimeout(ctx, readyWait)
	defer done()
	for !s.options.Ready() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(readyLook):
		}
	}
	return true
}

// work runs a claimed job under its lease and settles how it ended. The lease is extended for no longer than that may take: whatever hangs
// or panics in between, the job is free for others then.
func (s *Service) work(ctx context.Context, c *claim) (err error) {
	ctx, end := s.options.Span(ctx, c.TraceParent, "job")
	defer func() { end(err) }()
	if c.Sparse {
		ctx = fence.Promptly(ctx)
	}
	begun := time.Now()
	lifetime, over := context.WithTimeout(context.WithoutCancel(ctx), s.options.JobTimeout+settleWithin+s.options.Lease)
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	working, done := context.WithTimeoutCause(working, s.options.JobTimeout,
		ekyc.Errorf(ekyc.ErrTimeout, "the verification was not done within %s", s.options.JobTimeout).Because(errOvertime))
	defer done()
	var beating sync.WaitGroup
	defer beating.Wait()
	defer over()
	beating.Go(func() { s.keep(lifetime, c, stop) })
	fault := s.safely(working, c, func(ctx context.Context) error { return s.run(ctx, c) })
	if cause := context.Cause(working); fault != nil && cause != nil {
		fault = cause
		if ctx.Err() != nil && errors.Is(cause, context.Cause(ctx)) {
			fault = errStopping
		}
	}
	settling, settled := context.WithTimeout(lifetime, settleWithin)
	defer settled()
	err = s.settle(settling, c, fault)
	s.surcharge(lifetime, c, time.Since(begun))
	return err
}

// safely turns a panic into a fault of this attempt.
func (s *Service) safely(ctx context.Context, c *claim, f func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.logger.ErrorContext(ctx, "a step panicked", "job", c.ID, "stack", string(debug.Stack())) // the value could quote personal data
			err = ekyc.Errorf(ekyc.ErrInternal, "an unexpected fault inside the program")
		}
	}()
	return f(ctx)
}

// overloadWait is the pause after the engine had no room: others hold it for about a second each.
const overloadWait = time.Second

// awayWait is the pause after the media store did not give a photograph.
const awayWait = 5 * time.Second

// settle gives a job its end or puts it back, by what came of the attempt.
func (s *Service) settle(ctx context.Context, c *claim, fault error) error {
	err := s.conclude(ctx, c, fault)
	if errors.Is(err, errCancelRequested) { // learnt only now
		err = s.conclude(ctx, c, errCancelRequested)
	}
	switch {
	case errors.Is(err, errLeaseLost):
		s.logger.WarnContext(ctx, "a job was taken over by another worker; what this one did is discarded", "job", c.ID, "attempt", c.Attempt)
		return nil
	case err != nil:
		return fmt.Errorf("settle job %s: %w", c.ID, err) // the lease runs out, and the sweep brings it back
	}
	return nil
}

func (s *Service) conclude(ctx context.Context, c *claim, fault error) error {
	problem := (*ekyc.Error)(nil)
	if fault != nil {
		problem = problemOf(fault)
	}
	switch {
	case fault == nil:
		return s.deleteUploads(ctx, c.Scope, c.ID)
	case errors.Is(fault, errLeaseLost):
		return fault
	case errors.Is(fault, errCancelRequested):
		return s.cancelClaimed(ctx, c)
	case errors.Is(fault, errStopping):
		return s.giveBack(ctx, c, setback{})
	case errors.Is(fault, fence.ErrClosed): // the process is stopping, or its engine is
		return s.giveBack(ctx, c, setback{wait: overloadWait})
	case errors.Is(fault, errInterrupted):
		return s.fail(ctx, c, ekyc.Errorf(ekyc.ErrUnavailable, "the verification was interrupted %d times", c.Interruptions), true)
	case errors.Is(fault, vault.ErrStoreAway): // no fault of the job's, and over sooner than its photographs run out
		s.logger.WarnContext(ctx, "a job waits for the media store", "job", c.ID, "error", fault)
		return s.giveBack(ctx, c, setback{wait: awayWait})
	case problem.Code == ekyc.ErrOverloaded:
		return s.giveBack(ctx, c, setback{wait: overloadWait})
	case errors.Is(fault, errOvertime) && !s.options.Ready(): // it waited for an engine
		return s.giveBack(ctx, c, setback{interruptions: 1, wait: overloadWait})
	}
	cost := s.cost(fault, problem.Code)
	if isOurs(problem.Code) && passes(problem.Code) && c.Failures+cost < s.options.MaxAttempts {
		wait := s.options.Backoff(c.Failures/cost + 1)
		s.logger.WarnContext(ctx, "a job failed and is tried again", "job", c.ID, "code", problem.Code, "failures", c.Failures+cost, "wait", wait, "error", fault)
		return s.giveBack(ctx, c, setback{failures: cost, wait: wait})
	}
	return s.fail(ctx, c, problem, isOurs(problem.Code))
}

// cost is how many of its attempts a job pays for a fault. What two engines died or hung over, half a minute each, is most likely wrong
// with the photographs: that is tried a second time and never a third.
func (s *Service) cost(fault error, code ekyc.ErrorCode) int {
	if code == ekyc.ErrEngineFailed || code == ekyc.ErrTimeout && !errors.Is(fault, errOvertime) {
		return (s.options.MaxAttempts + 1) / 2
	}
	return 1
}

// isOurs says whether a code is a fault on our side: its status is one of the five hundreds, or nobody's but ours.
func isOurs(code ekyc.ErrorCode) bool {
	info, known := code.Info()
	return !known || info.Status >= 500 || code == ekyc.ErrCancelled
}

// passes says whether another try can succeed.
func passes(code ekyc.ErrorCode) bool {
	info, known := code.Info()
	return !known || info.Retryable
}
