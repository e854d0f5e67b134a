// Package clamd is a client of ClamAV's daemon (clamd(8)). It holds sessions open, streams what is to be scanned from memory, and waits
// for nothing longer than it was told to: a daemon that is away, does not answer, answers nonsense or is started again costs an error with
// a code, and is used again as soon as it answers.
package clamd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ekyc"
)

// Options say where clamd is and how long it may take.
type Options struct {
	Address  string        // host:port, or the absolute path of a Unix socket
	Timeout  time.Duration // for a scan with everything that belongs to it; 0 for 10 s
	Sessions int           // scans at once; 0 for 8
}

const (
	defaultTimeout  = 10 * time.Second
	defaultSessions = 8                      // clamd has 10 threads (MaxThreads, clamd.conf(5)) and two are left for others
	dialTimeout     = time.Second            // clamd is on this machine or near
	askTimeout      = time.Second            // for PING and VERSION, which it answers beside its scans
	askAgain        = 500 * time.Millisecond // while it does not answer
)

// Client talks to one clamd. It is safe for concurrent use.
type Client struct {
	network, address string
	timeout          time.Duration
	slots            chan struct{} // one for each scan under way

	mutex  sync.Mutex
	idle   []*session // the last used one last
	closed bool

	doubtful atomic.Bool // something was not answered since clamd last answered a PING
	asking   sync.Mutex  // for the two below
	asked    time.Time
	fault    error // of the last question; nil when it was answered
}

// New makes a client and connects to nothing yet. Errors: ErrInvalidArgument for an address that is neither of the two forms.
func New(o Options) (*Client, error) {
	c := &Client{network: "tcp", address: o.Address, timeout: o.Timeout}
	if filepath.IsAbs(o.Address) {
		c.network = "unix"
	} else if host, port, err := net.SplitHostPort(o.Address); err != nil || host == "" || !isPort(port) {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "%q is neither host:port nor the absolute path of a Unix socket", o.Address)
	}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	if o.Sessions <= 0 {
		o.Sessions = defaultSessions
	}
	c.slots = make(chan struct{}, o.Sessions)
	return c, nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// Close ends the sessions that are not in use; those in use end with their scan.
func (c *Client) Close() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.closed = true
	c.dropIdle()
	return nil
}

// Scan streams data to clamd and gives the name of the signature that it fits, "" where it fits none. Data are not copied and not kept.
// Errors: ErrUnavailable when clamd gives no usable answer, ErrOverloaded when no session became free in time, ErrCancelled.
func (c *Client) Scan(ctx context.Context, data []byte) (signature string, err error) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-limited.Done():
		if ctx.Err() != nil {
			return "", cancelled(ctx)
		}
		return "", ekyc.Errorf(ekyc.ErrOverloaded, "the antivirus has too much to do").With("part", part)
	}
	if c.doubtful.Load() {
		if err := c.Alive(limited); err != nil {
			return "", err
		}
	}
	signature, err = c.scan(limited, data)
	switch {
	case err == nil:
		return signature, nil
	case ctx.Err() != nil: // the caller left, which says nothing of clamd
		return "", cancelled(ctx)
	}
	if _, definite := errors.AsType[refusal](err); !definite {
		c.doubt()
	}
	return "", away(err)
}

// part is what errors call this part of the service.
const part = "antivirus"

func away(cause error) error {
	return ekyc.Errorf(ekyc.ErrUnavailable, "the antivirus does not answer").With("part", part).Because(cause)
}

func cancelled(ctx context.Context) error {
	return ekyc.Errorf(ekyc.ErrCancelled, "the caller went away").Because(ctx.Err())
}

// scan tries once more, over a new connection, when one breaks: a session that lay idle may have been ended by clamd.
func (c *Client) scan(ctx context.Context, data []byte) (string, error) {
	s := c.take()
	if s == nil {
		var err error
		if s, err = c.begin(ctx); err != nil {
			return "", err
		}
	}
	for again := true; ; again = false {
		signature, err := s.scan(ctx, data)
		if err == nil {
			c.give(s)
			return signature, nil
		}
		s.close()
		if _, definite := errors.AsType[refusal](err); definite || !again || ctx.Err() != nil {
			return "", err
		}
		c.mutex.Lock()
		c.dropIdle() // of the same age
		c.mutex.Unlock()
		if s, err = c.begin(ctx); err != nil {
			return "", err
		}
	}
}

// idleLife keeps sessions that lie idle shorter than clamd's CommandReadTimeout, 30 s unless configured otherwise (clamd.conf(5)).
const idleLife = 25 * time.Second

// take gives a session that lies idle; nil where there is none.
func (c *Client) take() *session {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.idle) == 0 {
		return nil
	}
	s := c.idle[len(c.idle)-1]
	if time.Since(s.used) > idleLife {
		c.dropIdle()
		return nil
	}
	c.idle = c.idle[:len(c.idle)-1]
	return s
}

// give keeps a session for the next scan.
func (c *Client) give(s *session) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		s.close()
		return
	}
	c.idle = append(c.idle, s)
}

func (c *Client) dropIdle() {
	for _, s := range c.idle {
		s.close()
	}
	c.idle = nil
}

// doubt makes the next scan ask first whether clamd answers at all, so that while it does not only those that ask wait, and not long.
func (c *Client) doubt() {
	c.asking.Lock()
	defer c.asking.Unlock()
	c.asked = time.Time{}
	c.doubtful.Store(true)
}

// Alive asks clamd whether it answers, at most twice a second; in between the last answer holds. Errors: ErrUnavailable.
func (c *Client) Alive(ctx context.Context) error {
	c.asking.Lock()
	defer c.asking.Unlock()
	if time.Since(c.asked) >= askAgain {
		reply, err := c.ask(context.WithoutCancel(ctx), "PING")
		if err == nil && reply != "PONG" {
			err = fmt.Errorf("clamd answered PING with %.40q", reply)
		}
		c.asked, c.fault = time.Now(), err
		c.doubtful.Store(err != nil)
	}
	if c.fault != nil {
		return away(c.fault)
	}
	return nil
}

// Version is what clamd scans with.
type Version struct {
	Engine     string    // of ClamAV, such as 1.4.3
	Signatures string    // number of the daily signatures; "" where it has none of ClamAV's own
	Made       time.Time // when those were made; zero where it has none
}

// signatureTime is how clamd writes the time of its signatures (ctime(3)), which is UTC or the machine's own.
const signatureTime = "Mon Jan _2 15:04:05 2006"

// Version asks clamd what it scans with. Errors: ErrUnavailable.
func (c *Client) Version(ctx context.Context) (Version, error) {
	reply, err := c.ask(ctx, "VERSION")
	if err != nil {
		return Version{}, away(err)
	}
	v, err := parseVersion(reply)
	if err != nil {
		return Version{}, away(err)
	}
	return v, nil
}

// parseVersion reads "ClamAV 1.4.3/27650/Mon May 26 08:31:12 2025", or the first part of it.
func parseVersion(answer string) (Version, error) {
	parts := strings.SplitN(answer, "/", 3)
	engine, is := strings.CutPrefix(parts[0], "ClamAV ")
	if !is {
		return Version{}, fmt.Errorf("clamd answered VERSION with %.40q", answer)
	}
	v := Version{Engine: engine}
	if len(parts) == 3 {
		v.Signatures = parts[1]
		v.Made, _ = time.Parse(signatureTime, parts[2]) // a form that is not known leaves it unsaid
	}
	return v, nil
}

// ask gives the answer to a command, over a connection of its own.
func (c *Client) ask(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s, err := c.dial(ctx)
	if err != nil {
		return "", err
	}
	defer s.close()
	return s.command(ctx, command)
}
