package fence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"ekyc"
)

const (
	// inheritedFD is where a child finds its end of the socket pair: after standard input, output and error.
	inheritedFD = 3
	// grace is how long work that nobody waits for may take to stop itself: about as long as another child takes to load its models.
	grace = 2 * time.Second
)

// limits are what a child imposes on itself; the parent watches over them from outside.
type limits struct {
	Memory int64 `json:"memory"` // bytes resident
}

// InheritedConn is a child's connection to its parent. It fails in a process that was not started by a Pool.
func InheritedConn() (net.Conn, error) {
	stray := ekyc.Errorf(ekyc.ErrInvalidArgument, "this is a part of the service, which starts it by itself")
	// Looked at before it is taken over: in another process this number is something else's.
	if _, err := syscall.GetsockoptInt(inheritedFD, syscall.SOL_SOCKET, syscall.SO_TYPE); err != nil {
		return nil, stray.Because(err)
	}
	f := os.NewFile(inheritedFD, "parent")
	defer f.Close() // the connection has a copy, which no process of this one inherits
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, stray.Because(err)
	}
	return conn, nil
}

// ServeChild is a child's whole life: it limits itself, opens the engine, and answers one request after the other until the parent
// hangs up or ctx ends. Work may still be under way when it returns, so the process is to end then. An error of open is told to the
// parent as well.
func ServeChild(ctx context.Context, conn net.Conn, open func() (Engine, error)) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	welcome, err := readFrame(conn, toChild)
	if err != nil {
		return fmt.Errorf("no welcome from the parent: %w", err)
	}
	bounds, err := body[limits](welcome)
	if err != nil || welcome.Kind != kindWelcome {
		return errors.Join(fmt.Errorf("%w: %q where a welcome was due", errFrame, welcome.Kind), err)
	}
	if err := bounds.impose(); err != nil {
		return err
	}
	s := &server{conn: conn}
	s.engine, err = open()
	if err != nil {
		return errors.Join(err, s.reply(&frame{header: header{Kind: kindReady}}, nil, err))
	}
	if err := forbidPrograms(); err != nil {
		return err
	}
	inventory, err := s.engine.Models(ctx)
	if err := errors.Join(err, s.reply(&frame{header: header{Kind: kindReady, Confined: confined()}}, inventory, err)); err != nil {
		return err
	}
	return s.loop(ctx)
}

// impose sets the limits that the system and the runtime enforce. The parent's look at the resident memory comes first; the
// hard limit on data is for what grows faster than the parent looks, and so leaves room for address space that is never touched.
func (l limits) impose() error {
	const (
		heapShare = 2       // the Go heap's part of the memory: pictures are in it, models and their tensors are not
		dataTimes = 2       // private address space over resident memory
		dataExtra = 1 << 30 // thread stacks
	)
	if err := GuardSecrets(); err != nil { // pictures are in the memory
		return err
	}
	if l.Memory <= 0 {
		return nil
	}
	data := uint64(l.Memory)*dataTimes + dataExtra
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: data, Max: data}); err != nil {
		return fmt.Errorf("limit on memory: %w", err)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(l.Memory / heapShare)
	}
	return nil
}

// server is the child's end of the connection.
type server struct {
	conn   net.Conn
	engine Engine

	writing sync.Mutex

	mu      sync.Mutex
	current uint64             // request under way; 0 when there is none
	stop    context.CancelFunc // of the request under way
	revoked uint64             // last cancelled request that was not under way
}

// loop reads requests and cancellations until the parent hangs up.
func (s *server) loop(ctx context.Context) error {
	var work sync.WaitGroup
	defer func() {
		s.cancel(0)
		idle := make(chan struct{})
		go func() { work.Wait(); close(idle) }()
		select {
		case <-idle:
		case <-time.After(grace):
		}
	}()
	for {
		f, err := readFrame(s.conn, toChild)
		switch {
		case errors.Is(err, io.EOF) || err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("from the parent: %w", err)
		case f.Kind == kindCancel && f.ID != 0:
			s.cancel(f.ID)
		case f.Kind == kindRequest && f.ID != 0 && s.idle():
			callCtx, stop := context.WithCancel(context.WithValue(ctx, traceKey{}, f.TraceParent))
			s.begin(f.ID, stop)
			work.Go(func() { s.work(callCtx, f) })
		default:
			return fmt.Errorf("%w: %q out of turn", errFrame, f.Kind)
		}
	}
}

func (s *server) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current == 0
}

func (s *server) begin(id uint64, stop context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.stop = id, stop
	if id == s.revoked {
		stop()
	}
}

// cancel stops the work on one request, or on whatever is under way for 0. The cancellation of a request that its caller left at once can
// overtake it, so one is remembered: the parent sends no other before it has the answer.
func (s *server) cancel(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case id == 0 || id == s.current:
		if s.stop != nil {
			s.stop()
		}
	default:
		s.revoked = id
	}
}

// work answers one request. The child is idle again before the answer is out, because the next request may follow at once.
func (s *server) work(ctx context.Context, f *frame) {
	answer, blobs, err := dispatch(ctx, s.engine, f)
	reply := &frame{header: header{Kind: kindReply, ID: f.ID}, blobs: blobs}
	s.mu.Lock()
	s.stop()
	s.current, s.stop = 0, nil
	s.mu.Unlock()
	if err := s.reply(reply, answer, err); err != nil {
		fmt.Fprintln(os.Stderr, "the answer could not be sent:", err)
		s.conn.Close()
	}
}

// reply sends an answer, or the error in its place; what the parent is not told about that goes into its log.
func (s *server) reply(f *frame, answer any, fault error) error {
	if fault == nil {
		f.Body, fault = json.Marshal(answer)
	}
	if fault != nil {
		f.Body, f.blobs, f.Fault = nil, nil, onWire(fault)
		if f.Fault.Code == ekyc.ErrInternal {
			fmt.Fprintln(os.Stderr, "internal:", causes(fault))
		}
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return f.writeTo(s.conn, toParent)
}

// causes joins the private causes of an error to its public message.
func causes(err error) string {
	text := err.Error()
	if problem, ok := errors.AsType[*ekyc.Error](err); ok && problem.Cause != nil {
		text += ": " + problem.Cause.Error()
	}
	return text
}

// traceKey is the context key of the caller's trace.
type traceKey struct{}

// TraceParent is the W3C traceparent that came with the request a child works on; "" when there was none.
func TraceParent(ctx context.Context) string {
	parent, _ := ctx.Value(traceKey{}).(string)
	return parent
}
