package fence

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/models"
)

// roleVariable makes the test binary play another part than running tests.
const roleVariable = "FENCE_TEST_ROLE"

// secretVariable stands for what a service has in its environment and its children must not have.
const secretVariable = "EKYC_TEST_SECRET"

func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Setenv(secretVariable, "secret")
		os.Exit(m.Run())
	case "parent of faulty", "parent of confined":
		err = playParent(strings.TrimPrefix(role, "parent of "))
	case "leaks":
		err = playLeaks()
	case "guarded":
		err = playGuarded()
	case "confined", "confined real":
		if err = Confine(readableDirectories()...); err == nil {
			err = playChild(strings.TrimPrefix(role, "confined "))
		}
	default:
		err = playChild(role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// playChild serves an engine that breaks on command, the real one, or none.
func playChild(role string) error {
	conn, err := InheritedConn()
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	return ServeChild(context.Background(), conn, func() (Engine, error) {
		switch role {
		case "faulty", "confined":
			return &faulty{conn: conn}, nil
		case "real":
			return openReal()
		}
		return nil, ekyc.Errorf(ekyc.ErrModelMissing, "the model %s is not installed", role).With("model", role)
	})
}

func openReal() (Engine, error) {
	library, err := models.Open(models.DefaultDir(), models.Standard)
	if err != nil {
		return nil, err
	}
	e, err := engine.Open(library)
	if err != nil {
		return nil, err
	}
	return Local{Engine: e}, nil
}

// faulty is an engine that does what the photograph says.
type faulty struct {
	Engine
	conn  net.Conn
	calls int
}

func (f *faulty) Models(context.Context) (*engine.Inventory, error) {
	return &engine.Inventory{Profile: "faulty"}, nil
}

// Enrol does what its photograph says. An answer carries in Embedding.Model what was said, and in the vector the process and the number of
// the call.
func (f *faulty) Enrol(ctx context.Context, photo []byte) (*engine.FaceSample, error) {
	f.calls++
	said := string(photo)
	command, rest, _ := strings.Cut(said, " ")
	if command == "begin" { // tell by a file that the work has begun, and then do the rest
		mark, order, _ := strings.Cut(rest, " ")
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			return nil, err
		}
		said = order
		command, rest, _ = strings.Cut(said, " ")
	}
	switch command {
	case "sleep":
		d, err := time.ParseDuration(rest)
		if err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, cancelled(ctx.Err())
		case <-time.After(d):
		}
	case "await": // somebody makes a file
		for _, err := os.Stat(rest); err != nil && ctx.Err() == nil; _, err = os.Stat(rest) {
			time.Sleep(time.Millisecond)
		}
	case "once": // break the first time
		if file, err := os.OpenFile(rest, os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			file.Close()
			breakDown("segv", f.conn)
		}
	case "error":
		return nil, ekyc.Errorf(ekyc.ErrImageDimensions, "it is too small").With("width", 12).With("share", 0.5).With("side", "live")
	case "unknown":
		return nil, errors.New("a cause for operators\nwith \x00\xff bytes")
	case "limits":
		said = ownLimits()
	case "environment":
		said = strings.Join(os.Environ(), "\n")
	case "trace":
		said = TraceParent(ctx)
	case "death":
		said = strconv.Itoa(deathSignal)
	case "trespass":
		said = trespass(rest)
	default:
		breakDown(command, f.conn)
	}
	return &engine.FaceSample{Embedding: face.Embedding{Model: said, Vector: []float32{float32(os.Getpid()), float32(f.calls)}}}, nil
}

// MatchPhotos takes the photographs and looks at neither.
func (f *faulty) MatchPhotos(context.Context, []byte, []byte, face.Options) (*engine.FaceComparison, error) {
	return &engine.FaceComparison{}, nil
}

// Sanitise gives back what it got.
func (f *faulty) Sanitise(_ context.Context, r engine.SanitiseRequest) (*engine.SanitiseOutcome, error) {
	return &engine.SanitiseOutcome{Image: r.Image}, nil
}

// faults are the ways to break, with the code that each is told as.
var faults = map[string]ekyc.ErrorCode{
	"segv": ekyc.ErrEngineFailed, "kill": ekyc.ErrEngineFailed, "exit": ekyc.ErrEngineFailed, "panic": ekyc.ErrEngineFailed,
	"garbage": ekyc.ErrEngineFailed, "hang-up": ekyc.ErrEngineFailed, "eat": ekyc.ErrEngineFailed, "hang": ekyc.ErrTimeout, "cling": ekyc.ErrTimeout,
}

// breakDown breaks the process; an unknown way does nothing.
func breakDown(how string, conn net.Conn) {
	switch how {
	case "segv": // a write where nothing may be written
		page, err := syscall.Mmap(-1, 0, os.Getpagesize(), syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			panic(err)
		}
		page[0] = 1
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "exit":
		os.Exit(0)
	case "panic":
		panic("as told")
	case "garbage":
		conn.Write([]byte("no frame at all"))
		time.Sleep(time.Hour)
	case "hang-up":
		conn.Close()
		time.Sleep(time.Hour)
	case "hang":
		time.Sleep(time.Hour)
	case "cling": // to the connection, past the own death
		holder := exec.Command("sleep", "60")
		file, err := conn.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			panic(err)
		}
		holder.ExtraFiles = []*os.File{file}
		if err := holder.Start(); err != nil {
			panic(err)
		}
		time.Sleep(time.Hour)
	case "eat": // as native code does, past the Go heap and its limit
		const mouthful = 16 << 20
		for {
			b, err := syscall.Mmap(-1, 0, mouthful, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
			if err != nil {
				panic(err)
			}
			runtime.KeepAlive(b)
			time.Sleep(20 * time.Millisecond) // so that a busy parent comes to look before the limit on data does
		}
	}
}

// ownLimits are the soft limits on core dumps and data.
func ownLimits() string {
	var core, data syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_CORE, &core)
	syscall.Getrlimit(syscall.RLIMIT_DATA, &data)
	return fmt.Sprint(core.Cur, " ", data.Cur)
}

// playParent runs a pool, says which processes are its children, and works until it is killed.
func playParent(children string) error {
	p, err := Start(context.Background(), faultyOptions(Options{Children: 2, Env: []string{roleVariable + "=" + children}}))
	if err != nil {
		return err
	}
	for p.Stats().Ready < 2 {
		time.Sleep(time.Millisecond)
	}
	go p.Enrol(context.Background(), []byte("hang"))
	p.mu.Lock()
	for c := range p.living {
		fmt.Println(c.pid)
	}
	p.mu.Unlock()
	fmt.Println("ready")
	time.Sleep(time.Hour)
	return nil
}

// playLeaks goes through every fault and says what is left of a closed pool.
func playLeaks() error {
	before := runtime.NumGoroutine()
	p, err := Start(context.Background(), faultyOptions(Options{Children: 2, Timeout: 200 * time.Millisecond}))
	if err != nil {
		return err
	}
	for fault := range faults {
		if _, err := p.Enrol(context.Background(), []byte(fault)); err == nil {
			return fmt.Errorf("%s was answered", fault)
		}
	}
	ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	p.Enrol(ctx, []byte("sleep 1h"))
	go p.Background().Enrol(context.Background(), []byte("sleep 1h"))
	time.Sleep(50 * time.Millisecond)
	p.Close()
	if _, err := p.Enrol(context.Background(), []byte("hello")); ekyc.CodeOf(err) != ekyc.ErrUnavailable || !errors.Is(err, ErrClosed) {
		return fmt.Errorf("a closed pool answers %v", err)
	}
	left := 0
	for range 6000 { // a minute
		if left = runtime.NumGoroutine() - before; left <= 0 && len(childrenOf(os.Getpid())) == 0 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	return fmt.Errorf("left are %d goroutines and the processes %v\n%s", left, childrenOf(os.Getpid()), stacks[:runtime.Stack(stacks, true)])
}

// childrenOf lists the child processes of any thread of a process, dead but unburied ones included.
func childrenOf(pid int) []string {
	var all []string
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, thread := range threads {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, thread.Name()))
		all = append(all, strings.Fields(string(data))...)
	}
	return all
}

// faultyOptions add the faulty child to options.
func faultyOptions(o Options) Options {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	o.Command = []string{self}
	if o.Env == nil {
		o.Env = []string{roleVariable + "=faulty"}
	}
	if o.MemoryLimit == 0 {
		o.MemoryLimit = 250 << 20
	}
	return o
}

// alive says whether a process runs; one that is dead and not yet buried does not.
func alive(pid string) bool {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(data), ") ")
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// pidOf is the process that gave an answer.
func pidOf(s *engine.FaceSample) string { return strconv.Itoa(int(s.Embedding.Vector[0])) }
