package fence

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// TestPromptRequestsGoBeforeOthersOfTheirClass has five requests wait for one child, and looks who gets it when.
func TestPromptRequestsGoBeforeOthersOfTheirClass(t *testing.T) {
	t.Parallel()
	l := newLobby(Options{Children: 1, MaxWaiting: 8, MaxWait: time.Minute, StartTimeout: time.Minute})
	only := &child{gone: make(chan struct{})}
	order := make(chan string)
	wait := func(name string, ctx context.Context) {
		before := len(l.queues[Background])
		go func() {
			if _, err := l.enter(ctx, Background, false); err != nil {
				t.Error(err)
			}
			order <- name
		}()
		for arrived := false; !arrived; time.Sleep(time.Millisecond) {
			_, n := l.waiting()
			arrived = n > before
		}
	}
	wait("a", t.Context())
	wait("b", t.Context())
	wait("first", Promptly(t.Context()))
	wait("c", t.Context())
	wait("second", Promptly(t.Context()))
	got := ""
	for range 5 {
		l.arrive(only, time.Millisecond)
		got += fmt.Sprint(<-order, " ")
	}
	if got != "first second a b c " {
		t.Errorf("the order is %s", got)
	}
}
