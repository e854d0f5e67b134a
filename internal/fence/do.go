package fence

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ekyc"
)

// failure is how an attempt ended without an answer.
type failure int

const (
	none    failure = iota
	crashed         // the child died, by itself or over its memory
	late            // it was killed for its time
)

// do runs one request on a child, and once more on another when that one dies over it.
func (p *Pool) do(ctx context.Context, class Class, f *frame) (*frame, error) {
	if !p.enter() {
		return nil, closing()
	}
	defer p.group.Done()
	seen := Observation{Method: string(f.Method), Class: class}
	leave, err := p.line(ctx, class)
	if err != nil {
		return nil, err
	}
	defer leave()
	if p.options.TraceParent != nil {
		f.TraceParent = p.options.TraceParent(ctx)
	}
	reply, err := p.try(ctx, class, f, &seen)
	seen.Code = ekyc.CodeOf(err)
	switch {
	case err == nil:
		p.counts.answered.Add(1)
	case seen.Code == ekyc.ErrOverloaded:
		p.counts.overloaded.Add(1)
	}
	if p.options.Observe != nil {
		p.options.Observe(seen)
	}
	return reply, err
}

// line holds the requests of a backlog back so that they leave the spare children to others. Errors: ErrCancelled, ErrUnavailable.
func (p *Pool) line(ctx context.Context, class Class) (leave func(), err error) {
	if prompt, _ := ctx.Value(promptly{}).(bool); class != Background || prompt {
		return func() {}, nil
	}
	p.counts.queued.Add(1)
	defer p.counts.queued.Add(-1)
	select {
	case p.ordinary <- struct{}{}:
		return func() { <-p.ordinary }, nil
	case <-ctx.Done():
		return nil, cancelled(ctx.Err())
	case <-p.closed:
		return nil, closing()
	}
}

// enter counts a request in, so that Close waits for it; false when the pool is closed.
func (p *Pool) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosed {
		return false
	}
	p.group.Add(1)
	return true
}

func (p *Pool) try(ctx context.Context, class Class, f *frame, seen *Observation) (*frame, error) {
	for {
		arrived := time.Now()
		c, err := p.lobby.enter(ctx, class, seen.Attempts > 0)
		seen.Waited += time.Since(arrived)
		if err != nil {
			return nil, err
		}
		if c.isGone() { // it died before it could be asked: that is nobody's fault
			continue
		}
		seen.Attempts++
		began := time.Now()
		reply, failed, err := p.attempt(ctx, c, f)
		seen.Worked += time.Since(began)
		switch {
		case failed == none:
			return reply, err
		case seen.Attempts < attempts:
			p.counts.retried.Add(1)
		case failed == late:
			p.counts.failed.Add(1)
			return nil, ekyc.Errorf(ekyc.ErrTimeout, "the vision engine did not finish with this input in its time")
		default:
			p.counts.failed.Add(1)
			return nil, ekyc.Errorf(ekyc.ErrEngineFailed, "the vision engine failed on this input twice")
		}
	}
}

// answer is what came back from a child.
type answer struct {
	frame *frame
	err   error
}

// attempt runs a request on one child: an answer, an error that is one, or a failure that can be tried again.
func (p *Pool) attempt(ctx context.Context, c *child, f *frame) (*frame, failure, error) {
	request := *f // an abandoned attempt may still be sending the other
	request.ID = p.nextID.Add(1)
	began := time.Now()
	answered := make(chan answer, 1)
	p.counts.busy.Add(1)
	go func() {
		reply, err := c.exchange(&request)
		p.counts.busy.Add(-1)
		answered <- answer{reply, err}
	}()
	timer := time.NewTimer(p.options.Timeout)
	defer timer.Stop()
	select {
	case a := <-answered:
		return p.settle(ctx, c, a, time.Since(began))
	case <-timer.C:
		c.kill(deathTimeout)
		<-answered
		return nil, late, nil
	case <-ctx.Done():
		p.group.Go(func() { p.abandon(c, request.ID, answered) })
		return nil, none, cancelled(ctx.Err())
	case <-p.closed:
		c.kill(deathClosing)
		<-answered
		return nil, none, closing()
	}
}

// settle takes an answer apart and sends the child back to the lobby.
func (p *Pool) settle(ctx context.Context, c *child, a answer, took time.Duration) (*frame, failure, error) {
	if a.err != nil {
		c.end(a.err)
		if ctx.Err() != nil {
			return nil, none, cancelled(ctx.Err())
		}
		select {
		case <-p.closed:
			return nil, none, closing()
		default:
		}
		return nil, crashed, nil
	}
	p.lobby.arrive(c, took)
	if a.frame.Fault != nil {
		return nil, none, a.frame.Fault.fromWire()
	}
	return a.frame, none, nil
}

// end sees to it that a child whose connection gave an error is gone. One that hung up is dying by itself, and how it died is worth
// knowing.
func (c *child) end(err error) {
	const lastBreath = time.Second
	if !errors.Is(err, errFrame) && c.ended.Load() == nil {
		c.wait(lastBreath)
	}
	c.kill(deathGarbage)
	c.wait(lastBreath)
}

// abandon gives a child the time to stop work that nobody waits for, and ends it when it does not.
func (p *Pool) abandon(c *child, id uint64, answered <-chan answer) {
	if err := c.cancel(id); err != nil && !c.isGone() {
		p.options.Logger.LogAttrs(context.Background(), slog.LevelWarn, "a request could not be cancelled", slog.Int("pid", c.pid), slog.String("error", err.Error()))
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	why := deathStray
	select {
	case a := <-answered:
		if a.err != nil {
			c.end(a.err)
			return
		}
		p.lobby.arrive(c, 0)
		return
	case <-timer.C:
	case <-p.closed:
		why = deathClosing
	}
	c.kill(why)
}
