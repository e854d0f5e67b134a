package fence

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"ekyc"
)

// occupy keeps the only child of a pool busy until it is released.
func occupy(t *testing.T, p *Pool) (release func()) {
	t.Helper()
	mark := filepath.Join(t.TempDir(), "mark")
	done := make(chan struct{})
	go func() { p.Enrol(t.Context(), []byte("await "+mark)); close(done) }()
	eventually(t, "a busy child", func() bool { return p.Stats().Busy == 1 })
	return func() {
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			t.Error(err)
		}
		<-done
	}
}

func TestOverloadIsToldAtOnce(t *testing.T) {
	t.Parallel()
	const wait = time.Minute
	p, _ := setup(t, Options{Children: 1, MaxWaiting: 2, MaxWait: wait})
	release := occupy(t, p)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if _, err := p.Enrol(t.Context(), []byte("hello")); err != nil {
				t.Errorf("one that waited: %v", err)
			}
		})
	}
	eventually(t, "a full queue", func() bool { return p.Stats().WaitingInteractive == 2 })
	start := time.Now()
	_, err := p.Enrol(t.Context(), []byte("hello"))
	if took := time.Since(start); took > wait/2 {
		t.Errorf("told after %v", took)
	}
	problem, ok := err.(*ekyc.Error)
	if !ok || problem.Code != ekyc.ErrOverloaded {
		t.Fatalf("got %v", err)
	}
	if after, ok := problem.Details["retry_after_seconds"].(int); !ok || after < 1 {
		t.Errorf("details %v", problem.Details)
	}
	release()
	group.Wait()
	if s := p.Stats(); s.Overloaded != 1 || s.WaitingInteractive+s.WaitingBackground != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAClientWaitsOnlySoLongAndAJobAsLongAsItTakes(t *testing.T) {
	t.Parallel()
	p, _ := setup(t, Options{Children: 1, MaxWait: 200 * time.Millisecond})
	release := occupy(t, p)
	waited := make(chan error, 1)
	go func() {
		_, err := p.Background().Enrol(t.Context(), []byte("hello"))
		waited <- err
	}()
	eventually(t, "a waiting job", func() bool { return p.Stats().WaitingBackground == 1 })
	for range 2 {
		if _, err := p.Enrol(t.Context(), []byte("hello")); ekyc.CodeOf(err) != ekyc.ErrOverloaded {
			t.Errorf("one that waited too long: %v", err)
		}
	}
	release()
	if err := <-waited; err != nil {
		t.Errorf("a background request: %v", err)
	}
	if s := p.Stats(); s.Overloaded != 2 || s.WaitingInteractive+s.WaitingBackground != 0 {
		t.Errorf("%+v", s)
	}
}

func TestInteractiveGoesFirstAndBackgroundDoesNotStarve(t *testing.T) {
	t.Parallel()
	p, _ := setup(t, Options{Children: 1, MaxWaiting: 20, MaxWait: time.Minute})
	release := occupy(t, p)
	var group sync.WaitGroup
	const waiting = 8
	var order [waiting]string
	ask := func(e Engine, class Class) {
		group.Go(func() {
			s, err := e.Enrol(t.Context(), []byte("hello"))
			if err != nil {
				t.Error(err)
				return
			}
			order[int(s.Embedding.Vector[1])-2] = class.String()[:1] // the call that keeps the child busy is the first
		})
	}
	for range 2 {
		ask(p.Background(), Background)
	}
	eventually(t, "waiting jobs", func() bool { return p.Stats().WaitingBackground == 2 })
	for range 6 {
		ask(p, Interactive)
	}
	eventually(t, "waiting clients", func() bool { return p.Stats().WaitingInteractive == 6 })
	release()
	group.Wait()
	if want := []string{"i", "i", "i", "b", "i", "i", "i", "b"}; !slices.Equal(order[:], want) {
		t.Errorf("served in the order %v, want %v", order, want)
	}
}

func TestABacklogLeavesTheSpareChildFree(t *testing.T) {
	t.Parallel()
	p, _ := setup(t, Options{Children: 2, Spare: 1, MaxWait: time.Minute})
	eventually(t, "both children", func() bool { return p.Stats().Ready == 2 })
	mark := filepath.Join(t.TempDir(), "mark")
	var backlog sync.WaitGroup
	for range 2 {
		backlog.Go(func() {
			if _, err := p.Background().Enrol(t.Context(), []byte("await "+mark)); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "a backlog", func() bool { s := p.Stats(); return s.Busy == 1 && s.WaitingBackground == 1 })
	if _, err := p.Background().Enrol(Promptly(t.Context()), []byte("hello")); err != nil {
		t.Errorf("a job that came alone: %v", err)
	}
	if _, err := p.Enrol(t.Context(), []byte("hello")); err != nil {
		t.Errorf("a client: %v", err)
	}
	if s := p.Stats(); s.Busy != 1 || s.WaitingBackground != 1 {
		t.Errorf("the backlog has taken more than its place: %+v", s)
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := p.Background().Enrol(ctx, []byte("hello")); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("one that does not wait: %v", err)
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	backlog.Wait()
}
