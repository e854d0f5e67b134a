package fence

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/logtest"
	"ekyc/internal/vision"
)

// setup starts a pool of faulty children that is ready to the last one, and its log.
func setup(t testing.TB, o Options) (*Pool, *logtest.Buffer) {
	t.Helper()
	log := &logtest.Buffer{}
	o = faultyOptions(o)
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	p, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if err := p.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "full strength", func() bool { return p.Stats().Ready == p.options.Children })
	return p, log
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// TestAFaultCostsItsOwnRequest breaks children in every way but the slow ones while others are asked for answers. No time-out is near,
// however busy the machine is.
func TestAFaultCostsItsOwnRequest(t *testing.T) {
	t.Parallel()
	var s Stats
	for range 3 {
		// What a child died of is seen while it dies. Where the pool gets no processor for a second meanwhile, a crash is taken for another fault:
		// such a round is void.
		if s = breakAll(t); s.OverMemory == 2 && s.Faulty == 4 && s.Crashed == 8 || t.Failed() {
			return
		}
	}
	t.Errorf("deaths: %+v", s)
}

func breakAll(t *testing.T) Stats {
	t.Helper()
	p, _ := setup(t, Options{Children: 3, Timeout: time.Minute, MaxWaiting: 1000, MaxWait: 5 * time.Minute})
	const clients, each = 6, 40
	broken := int64(0)
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for i := range each {
				said := fmt.Sprintf("hello %d %d", client, i)
				if s, err := p.Enrol(t.Context(), []byte(said)); err != nil || s.Embedding.Model != said {
					t.Errorf("an innocent request: %v", err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	for fault, code := range faults {
		if code == ekyc.ErrTimeout {
			continue
		}
		broken++
		group.Go(func() {
			if _, err := p.Enrol(t.Context(), []byte(fault)); ekyc.CodeOf(err) != code {
				t.Errorf("%s is told as %v", fault, err)
			}
		})
	}
	group.Wait()
	eventually(t, "recovery", func() bool { s := p.Stats(); return s.Ready == 3 && s.Started == 3+2*broken })
	s := p.Stats()
	if s.Failed != broken || s.Retried != broken || s.Answered != clients*each {
		t.Errorf("%d failed, %d tried again, %d answered", s.Failed, s.Retried, s.Answered)
	}
	if s.TimedOut != 0 || s.OverMemory+s.Faulty+s.Crashed != 2*broken {
		t.Errorf("deaths: %+v", s)
	}
	p.Close()
	return s
}

// TestWorkThatDoesNotEndIsEnded: also where the connection stays open after the process was killed, as it does while the system holds it.
func TestWorkThatDoesNotEndIsEnded(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"hang", "cling"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			var worked time.Duration // without the wait for the second child
			p, _ := setup(t, Options{Children: 1, Timeout: time.Second, MaxWait: time.Minute, Observe: func(o Observation) { worked = o.Worked }})
			if _, err := p.Enrol(t.Context(), []byte(fault)); ekyc.CodeOf(err) != ekyc.ErrTimeout {
				t.Errorf("told as %v", err)
			}
			if worked > 45*time.Second { // the connection is held for 60
				t.Errorf("told after %v", worked)
			}
			eventually(t, "recovery", func() bool { s := p.Stats(); return s.Ready == 1 && s.Started == 3 })
			if s := p.Stats(); s.TimedOut != 2 || s.Failed != 1 || s.Retried != 1 || s.Busy != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestAClosedPoolIsNobodysFault(t *testing.T) {
	t.Parallel()
	p, _ := setup(t, Options{Children: 1, MaxWait: time.Minute})
	var group sync.WaitGroup
	for _, e := range []Engine{p, p.Background()} { // one is worked on, the other waits
		group.Go(func() {
			_, err := e.Enrol(t.Context(), []byte("hang"))
			if info, _ := ekyc.CodeOf(err).Info(); !errors.Is(err, ErrClosed) || ekyc.CodeOf(err) != ekyc.ErrUnavailable || !info.Retryable {
				t.Errorf("under way: %v", err)
			}
		})
	}
	eventually(t, "work", func() bool { s := p.Stats(); return s.Busy == 1 && s.WaitingInteractive+s.WaitingBackground == 1 })
	p.Close()
	group.Wait()
	if err := p.Ready(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("readiness: %v", err)
	}
}

func TestASecondAttemptIsMade(t *testing.T) {
	t.Parallel()
	var seen []Observation
	p, log := setup(t, Options{Children: 2, Observe: func(o Observation) { seen = append(seen, o) }})
	said := "once " + filepath.Join(t.TempDir(), "mark")
	if _, err := p.Enrol(t.Context(), []byte(said)); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0].Attempts != 2 || seen[0].Code != "" || seen[0].Method != "enrol" {
		t.Errorf("observed: %+v", seen)
	}
	eventually(t, "a report of the crash", func() bool { return strings.Contains(log.String(), "a vision engine died") })
	if text := log.String(); !strings.Contains(text, "unexpected fault address") || !strings.Contains(text, "level=WARN") {
		t.Errorf("the log does not say how the child died: %s", text)
	}
	if strings.Contains(log.String(), said) {
		t.Error("the content of a request is in the log")
	}
}

func TestErrorsCrossTheFence(t *testing.T) {
	t.Parallel()
	p, log := setup(t, Options{Children: 1})
	_, err := p.Enrol(t.Context(), []byte("error"))
	problem, ok := err.(*ekyc.Error)
	if !ok || problem.Code != ekyc.ErrImageDimensions || problem.Message != "it is too small" ||
		problem.Details["width"] != 12 || problem.Details["share"] != 0.5 || problem.Details["side"] != "live" {
		t.Errorf("an error came over as %#v", err)
	}
	_, err = p.Enrol(t.Context(), []byte("unknown"))
	if problem, ok := err.(*ekyc.Error); !ok || problem.Code != ekyc.ErrInternal || problem.Cause != nil {
		t.Errorf("an unknown error came over as %#v", err)
	}
	eventually(t, "the cause in the log", func() bool { return strings.Contains(log.String(), "a cause for operators") })
	if strings.Contains(log.String(), "\x00") || strings.Contains(log.String(), "\xff") {
		t.Error("raw bytes are in the log")
	}
	if s := p.Stats(); s.Crashed != 0 || s.Started != 1 {
		t.Errorf("an error cost a child: %+v", s)
	}
}

func TestACancelledCallerLeavesAtOnce(t *testing.T) {
	t.Parallel()
	p, _ := setup(t, Options{Children: 1})
	hello := func() string {
		t.Helper()
		s, err := p.Background().Enrol(t.Context(), []byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		return pidOf(s)
	}
	leave := func(said string) { // when the child is at it
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		mark := filepath.Join(t.TempDir(), "mark")
		left := make(chan error, 1)
		go func() {
			_, err := p.Enrol(ctx, []byte("begin "+mark+" "+said))
			left <- err
		}()
		eventually(t, "the child is at it", func() bool { _, err := os.Stat(mark); return err == nil })
		stop()
		if err := <-left; ekyc.CodeOf(err) != ekyc.ErrCancelled {
			t.Errorf("%s: %v", said, err)
		}
	}
	// A child has two seconds to stop. A machine that gives the child or the test no processor for so long makes a round void.
	rounds := func(what string, holds func() bool) {
		for range 3 {
			if holds() {
				return
			}
		}
		t.Errorf("%s: %+v", what, p.Stats())
	}
	rounds("a child that stopped by itself was replaced", func() bool {
		first := hello()
		leave("sleep 1h")
		return hello() == first
	})
	rounds("the caller left after the child had ended", func() bool {
		first, before := hello(), p.Stats().Strayed
		leave("hang")
		s := p.Stats()
		if hello() == first {
			t.Error("a child that did not stop was not replaced")
		}
		if now := p.Stats(); now.Strayed != before+1 || now.Crashed != 0 || now.Retried != 0 {
			t.Errorf("%+v", now)
		}
		return s.Busy == 1 && s.Strayed == before
	})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := p.Enrol(ctx, []byte("hello")); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("a caller who had left before: %v", err)
	}
}

func TestAnIdleChildThatDiesCostsNothing(t *testing.T) {
	t.Parallel()
	p, _ := setup(t, Options{Children: 1, MaxWait: time.Minute})
	s, err := p.Enrol(t.Context(), []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("kill", "-9", pidOf(s)).Run(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its burial", func() bool { return p.Stats().Crashed == 1 })
	if _, err := p.Enrol(t.Context(), []byte("hello")); err != nil || p.Stats().Retried != 0 {
		t.Errorf("the next request: %v, %+v", err, p.Stats())
	}
}

func TestAChildIsLimitedAndKnowsNoSecrets(t *testing.T) {
	t.Parallel()
	type traced struct{}
	p, _ := setup(t, Options{Children: 1, MemoryLimit: 1 << 30, TraceParent: func(ctx context.Context) string {
		parent, _ := ctx.Value(traced{}).(string)
		return parent
	}})
	s, err := p.Enrol(t.Context(), []byte("limits"))
	if want := fmt.Sprint(0, " ", 3<<30); err != nil || s.Embedding.Model != want {
		t.Errorf("limits on core dumps and data: %+v, %v", s, err)
	}
	s, err = p.Enrol(t.Context(), []byte("environment"))
	if err != nil || strings.Contains(s.Embedding.Model, secretVariable) || !strings.Contains(s.Embedding.Model, "PATH=") {
		t.Errorf("the environment: %v", err)
	}
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	s, err = p.Enrol(context.WithValue(t.Context(), traced{}, parent), []byte("trace"))
	if err != nil || s.Embedding.Model != parent {
		t.Errorf("the trace: %+v, %v", s, err)
	}
}

func TestModelsThatAreMissingAreToldAtOnce(t *testing.T) {
	t.Parallel()
	o := faultyOptions(Options{Children: 1, Env: []string{roleVariable + "=blank"}, Logger: slog.New(slog.DiscardHandler)})
	p, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	problem, ok := p.Ready(t.Context()).(*ekyc.Error)
	if !ok || problem.Code != ekyc.ErrModelMissing || problem.Details["model"] != "blank" {
		t.Errorf("got %v", problem)
	}
	if _, err := p.Models(t.Context()); ekyc.CodeOf(err) != ekyc.ErrModelMissing {
		t.Errorf("its models: %v", err)
	}
	if _, err := Start(t.Context(), Options{}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("no command: %v", err)
	}
}

func TestUploadsAreHeldToTheirSize(t *testing.T) {
	t.Parallel()
	p, _ := setup(t, Options{Children: 1})
	large := make([]byte, vision.SceneLimits.MaxBytes+1)
	_, err := p.MatchPhotos(t.Context(), nil, large, noOptions)
	if problem, ok := err.(*ekyc.Error); !ok || problem.Code != ekyc.ErrImageTooLarge || problem.Details["image"] != "document" {
		t.Errorf("a large image: %v", err)
	}
	_, err = p.Selfie(t.Context(), engine.SelfieRequest{Frames: make([][]byte, 33)})
	if ekyc.CodeOf(err) != ekyc.ErrFramesCount {
		t.Errorf("33 frames: %v", err)
	}
	image := bytes.Repeat([]byte("pixels"), vision.SceneLimits.MaxBytes/6)
	o, err := p.Sanitise(t.Context(), engine.SanitiseRequest{Image: image})
	if err != nil || !bytes.Equal(o.Image, image) {
		t.Errorf("a large image did not come back: %v", err)
	}
}

// TestTheParentsDeathEndsTheChildren kills a service with its children at work.
func TestTheParentsDeathEndsTheChildren(t *testing.T) {
	t.Parallel()
	for _, children := range []string{"faulty", "confined"} {
		t.Run(children, func(t *testing.T) {
			t.Parallel()
			killParent(t, "parent of "+children)
		})
	}
}

func killParent(t *testing.T, role string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), roleVariable+"="+role)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []string
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		pids = append(pids, lines.Text())
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait()
	if len(pids) != 2 {
		t.Fatalf("children %v", pids)
	}
	eventually(t, "the children's end", func() bool { return !alive(pids[0]) && !alive(pids[1]) })
}

func TestAClosedPoolLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), roleVariable+"=leaks")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// BenchmarkTenMegabytes is what the fence costs an upload of the largest size, there and back.
func BenchmarkTenMegabytes(b *testing.B) {
	p, _ := setup(b, Options{Children: 1})
	image := make([]byte, vision.SceneLimits.MaxBytes)
	for _, c := range []struct {
		name string
		ask  func() error
	}{
		{"there", func() error { _, err := p.MatchPhotos(b.Context(), image, nil, noOptions); return err }},
		{"there and back", func() error {
			_, err := p.Sanitise(b.Context(), engine.SanitiseRequest{Image: image})
			return err
		}},
		{"nothing", func() error { _, err := p.Enrol(b.Context(), []byte("hello")); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
