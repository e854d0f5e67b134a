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
)

// turnWorker takes turns.
type turnWorker struct {
	river.WorkerDefaults[turnArgs]
	service *Service
}

// Timeout leaves the bound to the job's own.
func (w *turnWorker) Timeout(*river.Job[turnArgs]) time.Duration { return -1 }

// Work takes the job whose turn it is, if any, and works on it. What goes wrong with the job is settled in its row.
func (w *turnWorker) Work(ctx context.Context, _ *river.Job[turnArgs]) error {
	c, err := w.service.take(ctx)
	if err != nil || c == nil {
		return err
	}
	return w.service.work(ctx, c)
}

// settleWithin bounds the last word on a job, which must be said also when the process is told to stop.
const settleWithin = 10 * time.Second

// work runs a claimed job under its lease and settles how it ended.
func (s *Service) work(ctx context.Context, c *claim) (err error) {
	ctx, end := s.options.Span(ctx, c.TraceParent, "job")
	defer func() { end(err) }()
	lifetime, over := context.WithCancel(context.WithoutCancel(ctx))
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	working, done := context.WithTimeoutCause(working, s.options.JobTimeout,
		ekyc.Errorf(ekyc.ErrTimeout, "the verification was not done within %s", s.options.JobTimeout))
	defer done()
	var beating sync.WaitGroup
	beating.Go(func() { s.keep(lifetime, c, stop) })
	fault := s.safely(working, c, func(ctx context.Context) error { return s.run(ctx, c) })
	if cause := context.Cause(working); fault != nil && cause != nil {
		fault = cause
		if ctx.Err() != nil && errors.Is(cause, context.Cause(ctx)) {
			fault = errStopping
		}
	}
	settling, settled := context.WithTimeout(lifetime, settleWithin)
	err = s.settle(settling, c, fault)
	settled()
	over()
	beating.Wait()
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
		return s.giveBack(ctx, c, 0, 0)
	case errors.Is(fault, errInterrupted):
		return s.fail(ctx, c, ekyc.Errorf(ekyc.ErrUnavailable, "the verification was interrupted %d times", c.Interruptions), true)
	case problem.Code == ekyc.ErrOverloaded:
		return s.giveBack(ctx, c, 0, overloadWait)
	case isOurs(problem.Code) && passes(problem.Code) && c.Failures+1 < s.options.MaxAttempts:
		wait := s.options.Backoff(c.Failures + 1)
		s.logger.WarnContext(ctx, "a job failed and is tried again", "job", c.ID, "code", problem.Code, "failures", c.Failures+1, "wait", wait, "error", fault)
		return s.giveBack(ctx, c, 1, wait)
	}
	return s.fail(ctx, c, problem, isOurs(problem.Code))
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
