package clamdtest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Fault is what stands between client and daemon.
type Fault int32

// The faults.
const (
	None    Fault = iota
	Silence       // connections are taken and everything is read, and nothing is answered
	Garbage       // everything is answered with what is no answer of clamd
)

// Proxy stands between a client and a daemon.
type Proxy struct {
	Address string // host:port

	to       string
	listener net.Listener
	fault    atomic.Int32
	cutAfter atomic.Int64 // bytes from clients, after which one connection is cut
	onCut    atomic.Pointer[func()]

	mutex    sync.Mutex
	open     map[net.Conn]bool
	accepted int
	most     int // open at once
}

// NewProxy listens before the daemon's address until the test ends.
func NewProxy(t testing.TB, d *Daemon) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Address: l.Addr().String(), to: d.Address, listener: l, open: map[net.Conn]bool{}}
	p.cutAfter.Store(-1)
	go p.serve()
	t.Cleanup(func() {
		l.Close()
		p.Break()
	})
	return p
}

// Set changes what becomes of connections from now on; those that are open are broken.
func (p *Proxy) Set(f Fault) {
	p.fault.Store(int32(f))
	p.Break()
}

// CutAfter breaks a connection in the middle, once, after that many further bytes have come from clients, and then calls a function where one is given.
func (p *Proxy) CutAfter(bytes int64, then func()) {
	p.onCut.Store(&then)
	p.cutAfter.Store(bytes)
}

// Break breaks all connections.
func (p *Proxy) Break() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for conn := range p.open {
		conn.Close()
	}
}

// Connections says how many there have been, and the most that were open at once.
func (p *Proxy) Connections() (all, most int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.accepted, p.most
}

func (p *Proxy) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mutex.Lock()
		p.open[conn] = true
		p.accepted++
		p.most = max(p.most, len(p.open))
		p.mutex.Unlock()
		go p.connection(conn)
	}
}

func (p *Proxy) connection(client net.Conn) {
	defer func() {
		client.Close()
		p.mutex.Lock()
		defer p.mutex.Unlock()
		delete(p.open, client)
	}()
	switch Fault(p.fault.Load()) {
	case Silence:
		io.Copy(io.Discard, client)
		return
	case Garbage:
		client.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n1: stream: OK\n\x001: stream: OK"))
		io.Copy(io.Discard, client)
		return
	}
	daemon, err := net.Dial("unix", p.to)
	if err != nil {
		return
	}
	defer daemon.Close()
	go func() {
		io.Copy(client, daemon)
		client.Close()
	}()
	io.Copy(daemon, cutting{client, p})
}

// cutting is the way from a client, which ends where a connection is to be cut.
type cutting struct {
	io.Reader
	proxy *Proxy
}

func (c cutting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	left := c.proxy.cutAfter.Load()
	if left < 0 || err != nil {
		return n, err
	}
	if int64(n) < left {
		c.proxy.cutAfter.Add(-int64(n))
		return n, nil
	}
	c.proxy.cutAfter.Store(-1)
	if then := c.proxy.onCut.Load(); then != nil && *then != nil {
		(*then)()
	}
	return 0, io.ErrUnexpectedEOF
}
