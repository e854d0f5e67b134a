//go:build load

package load

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ekyc/internal/e2e"
	"ekyc/internal/tenant/signing"
)

// wire is one kept-alive connection that requests are written to and answers read from: little of the machine goes to the client, which
// shares it with the service.
type wire struct {
	conn   net.Conn
	reader *bufio.Reader
}

func dial(t testing.TB, base string) *wire {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	return &wire{conn, bufio.NewReaderSize(conn, 16<<10)}
}

// message is a request but for its signature.
type message struct {
	method, target string
	body           []byte
	hash           [sha256.Size]byte
}

func messageOf(method, target string, body []byte) *message {
	return &message{method, target, body, sha256.Sum256(body)}
}

// do sends a message under a timestamp and reads the answer.
func (w *wire) do(c *e2e.Client, at int64, m *message) (status int, answer []byte, err error) {
	timestamp := strconv.FormatInt(at, 10)
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: load\r\nX-API-KEY: %s\r\nX-API-TIMESTAMP: %s\r\nX-API-SIGN: %s\r\n",
		m.method, m.target, c.KeyID, timestamp, signing.Sign(c.Secret, timestamp, m.method, m.target, m.hash))
	if len(m.body) > 0 {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(m.body))
	}
	parts := net.Buffers{[]byte(head + "\r\n"), m.body}
	if _, err := parts.WriteTo(w.conn); err != nil {
		return 0, nil, err
	}
	response, err := http.ReadResponse(w.reader, nil)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// sample is one request of a measurement.
type sample struct {
	took    time.Duration
	status  int
	answer  []byte
	problem error
}

// lines are kept-alive connections, of which the one used last goes first: a server hangs up on one that says nothing.
type lines struct {
	base  string
	mutex sync.Mutex
	idle  []*wire
}

func (l *lines) take(t testing.TB) *wire {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if n := len(l.idle); n > 0 {
		w := l.idle[n-1]
		l.idle = l.idle[:n-1]
		return w
	}
	return dial(t, l.base)
}

func (l *lines) give(w *wire) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.idle = append(l.idle, w)
}

// steadily sends n requests at a rate whether or not earlier ones are answered, and times each from the moment at which it was due, so
// that what waits behind a slow answer counts too.
func steadily(t testing.TB, c *e2e.Client, rate float64, n int, next func(i int) (*message, int64)) []sample {
	t.Helper()
	l := &lines{base: c.BaseURL}
	samples := make([]sample, n)
	var group sync.WaitGroup
	start := time.Now().Add(100 * time.Millisecond)
	for i := range n {
		due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		group.Go(func() {
			w := l.take(t)
			m, at := next(i)
			s := &samples[i]
			s.status, s.answer, s.problem = w.do(c, at, m)
			s.took = time.Since(due)
			if s.problem == nil {
				l.give(w)
			} else {
				w.conn.Close()
			}
		})
	}
	group.Wait()
	for _, w := range l.idle {
		w.conn.Close()
	}
	return samples
}

// together sends requests over so many connections for a time, each as soon as the last one was answered.
func together(t testing.TB, c *e2e.Client, connections int, during time.Duration, next func(i int) (*message, int64)) []sample {
	t.Helper()
	var mutex sync.Mutex
	var all []sample
	var count atomic.Int64
	var group sync.WaitGroup
	until := time.Now().Add(during)
	for range connections {
		w := dial(t, c.BaseURL)
		group.Go(func() {
			defer w.conn.Close()
			var own []sample
			for time.Now().Before(until) {
				m, at := next(int(count.Add(1)))
				began := time.Now()
				var s sample
				s.status, s.answer, s.problem = w.do(c, at, m)
				s.took = time.Since(began)
				own = append(own, s)
			}
			mutex.Lock()
			defer mutex.Unlock()
			all = append(all, own...)
		})
	}
	group.Wait()
	return all
}
