package fence

import (
	"context"
	"log/slog"
	"strings"
	"time"
)

// keep holds one place in the pool: it starts a child, puts it to work, and replaces it when it dies.
func (p *Pool) keep() {
	pause := shortestPause
	for {
		if c, err := p.launch(); err == nil {
			pause = shortestPause
			c.release(p.closed)
			p.bury(c)
		} else {
			p.failedStart(err)
			pause = min(2*pause, longestPause)
		}
		select {
		case <-p.closed:
			return
		case <-time.After(pause):
		}
	}
}

// launch starts a child and waits until it is ready for requests.
func (p *Pool) launch() (*child, error) {
	c, err := fork(p.forker, p.options)
	if err != nil {
		return nil, err
	}
	if !p.admit(c, false) {
		c.kill(deathClosing)
	}
	if err := c.greet(p.options); err != nil {
		c.kill(deathGarbage)
		c.release(p.closed)
		p.forget(c)
		return nil, err
	}
	p.inventory.Store(c.inventory)
	p.told.Do(func() { p.tellConfinement(c.confined) })
	p.counts.started.Add(1)
	p.admit(c, true)
	p.lobby.arrive(c, 0)
	return c, nil
}

// tellConfinement says how much of the fence this system has.
func (p *Pool) tellConfinement(by string) {
	level, message := slog.LevelInfo, "the vision engines are confined"
	if !strings.Contains(by, byLandlock) || !strings.Contains(by, bySeccomp) {
		level, message = slog.LevelWarn, "the vision engines are not fully confined: one that was taken over could reach what this user can"
	}
	p.options.Logger.LogAttrs(context.Background(), level, message, slog.String("by", by))
}

// admit notes a child and whether it is ready. It says no when the pool is closed, whose children are all to die.
func (p *Pool) admit(c *child, ready bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.living[c] = ready
	if ready {
		p.startErr = nil
		p.tell()
	}
	return !p.isClosed
}

// tell wakes those who wait for a change. The lock is held.
func (p *Pool) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Pool) forget(c *child) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.living, c)
	p.tell()
}

// failedStart notes why a child did not start, for Ready and the log.
func (p *Pool) failedStart(err error) {
	p.mu.Lock()
	isClosed := p.isClosed
	if !isClosed {
		p.startErr = err
		p.tell()
	}
	p.mu.Unlock()
	if !isClosed {
		p.options.Logger.LogAttrs(context.Background(), slog.LevelError, "the vision engine did not start", slog.String("error", causes(err)))
	}
}

// bury counts and logs the death of a child that had been ready.
func (p *Pool) bury(c *child) {
	p.lobby.depart(c)
	p.forget(c)
	counter := &p.counts.crashed
	switch c.byParent() {
	case deathClosing:
		return
	case deathTimeout:
		counter = &p.counts.timedOut
	case deathMemory:
		counter = &p.counts.overMemory
	case deathStray:
		counter = &p.counts.strayed
	case deathGarbage:
		counter = &p.counts.faulty
	}
	counter.Add(1)
	p.options.Logger.LogAttrs(context.Background(), slog.LevelWarn, "a vision engine died", slog.Int("pid", c.pid), slog.String("cause", c.epitaph()))
}

// watchMemory ends children that hold more memory than they may. Between two looks a child can take some hundred megabytes, so the
// limit is to leave that much of the machine free.
func (p *Pool) watchMemory() {
	ticker := time.NewTicker(memoryLook)
	defer ticker.Stop()
	for {
		select {
		case <-p.closed:
			return
		case <-ticker.C:
		}
		p.mu.Lock()
		children := make([]*child, 0, len(p.living))
		for c := range p.living {
			children = append(children, c)
		}
		p.mu.Unlock()
		for _, c := range children {
			if residentBytes(c.pid) > p.options.MemoryLimit {
				c.kill(deathMemory)
			}
		}
	}
}
