package clamd_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/gate/clamd"
	"ekyc/internal/gate/clamdtest"
)

// testBundle is a real daemon, a proxy before it and a client of the proxy.
type testBundle struct {
	daemon *clamdtest.Daemon
	proxy  *clamdtest.Proxy
	client *clamd.Client
}

func setup(t *testing.T, o clamd.Options) *testBundle {
	t.Helper()
	b := &testBundle{daemon: clamdtest.Start(t)}
	b.proxy = clamdtest.NewProxy(t, b.daemon)
	o.Address = b.proxy.Address
	b.client = newClient(t, o)
	return b
}

func newClient(t *testing.T, o clamd.Options) *clamd.Client {
	t.Helper()
	c, err := clamd.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// clean fails the test unless a harmless file is found harmless.
func (b *testBundle) clean(t *testing.T, data []byte) {
	t.Helper()
	if signature, err := b.client.Scan(t.Context(), data); signature != "" || err != nil {
		t.Errorf("a harmless file: %q, %v", signature, err)
	}
}

// refused fails the test unless a scan ends with the code.
func (b *testBundle) refused(t *testing.T, data []byte, code ekyc.ErrorCode) error {
	t.Helper()
	signature, err := b.client.Scan(t.Context(), data)
	if signature != "" || ekyc.CodeOf(err) != code {
		t.Errorf("got %q, %v; want %s", signature, err, code)
	}
	return err
}

func noise(size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

func TestMalwareIsFoundAndTheRestPasses(t *testing.T) {
	t.Parallel()
	b := setup(t, clamd.Options{})
	direct := newClient(t, clamd.Options{Address: b.daemon.Address}) // by its socket
	for name, c := range map[string]struct {
		data  []byte
		found bool
	}{
		"the test string":            {clamdtest.EICAR(), true},
		"the test string, far back":  {append(noise(3<<20), clamdtest.EICAR()...), true},
		"noise":                      {noise(1 << 20), false},
		"nothing":                    {nil, false},
		"a byte":                     {[]byte{0}, false},
		"what looks like an answer":  {[]byte("1: stream: OK\x00"), false},
		"what looks like a command":  {[]byte("zEND\x00zINSTREAM\x00\x00\x00\x00\x00"), false},
		"what looks like the finish": {make([]byte, 1000), false},
	} {
		for _, client := range []*clamd.Client{b.client, direct} {
			signature, err := client.Scan(t.Context(), c.data)
			if err != nil || strings.HasPrefix(signature, "Eicar-Test") != c.found {
				t.Errorf("%s: %q, %v", name, signature, err)
			}
		}
	}
}

func TestOneSessionTakesManyScans(t *testing.T) {
	t.Parallel()
	b := setup(t, clamd.Options{})
	for range 50 {
		b.clean(t, []byte("harmless"))
	}
	if all, _ := b.proxy.Connections(); all != 1 {
		t.Errorf("50 scans took %d connections", all)
	}
}

func TestScansAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, clamd.Options{Sessions: 3, Timeout: time.Minute})
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			data, wanted := noise(100_000), ""
			if i%5 == 0 {
				data, wanted = append(data, clamdtest.EICAR()...), "Eicar"
			}
			if signature, err := b.client.Scan(t.Context(), data); err != nil || !strings.HasPrefix(signature, wanted) || wanted == "" && signature != "" {
				t.Errorf("scan %d: %q, %v", i, signature, err)
			}
		})
	}
	group.Wait()
	if _, most := b.proxy.Connections(); most > 3 {
		t.Errorf("%d connections at once", most)
	}
}

func TestADaemonThatIsAwayIsAnErrorAtOnceAndUsedWhenItIsBack(t *testing.T) {
	t.Parallel()
	const timeout = time.Minute
	b := setup(t, clamd.Options{Timeout: timeout})
	b.clean(t, []byte("harmless"))
	b.daemon.Kill()
	start := time.Now()
	for range 20 {
		b.refused(t, []byte("harmless"), ekyc.ErrUnavailable)
	}
	if took := time.Since(start); took > timeout/2 {
		t.Errorf("20 refusals took %s", took)
	}
	if b.client.Alive(t.Context()) == nil {
		t.Error("a killed daemon is alive")
	}
	b.daemon.Run(t)
	b.recovers(t)
}

// recovers waits until scans work again, which they must by themselves.
func (b *testBundle) recovers(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		signature, err := b.client.Scan(t.Context(), clamdtest.EICAR())
		if err == nil && signature != "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("scans do not work again: %q, %v", signature, err)
		}
	}
}

func TestADaemonThatDoesNotAnswerCostsItsTimeOnce(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second
	b := setup(t, clamd.Options{Timeout: timeout})
	b.proxy.Set(clamdtest.Silence)
	start := time.Now()
	b.refused(t, []byte("harmless"), ekyc.ErrUnavailable)
	if took := time.Since(start); took < timeout || took > timeout+20*time.Second {
		t.Errorf("the first refusal took %s", took)
	}
	b.refused(t, []byte("harmless"), ekyc.ErrUnavailable) // this one asks
	start = time.Now()
	for range 10 {
		b.refused(t, []byte("harmless"), ekyc.ErrUnavailable)
	}
	if took := time.Since(start); took > 10*timeout { // one of them may ask again
		t.Errorf("10 later refusals took %s", took)
	}
	b.proxy.Set(clamdtest.None)
	b.recovers(t)
}

func TestNonsenseIsNeverTakenForAVerdict(t *testing.T) {
	t.Parallel()
	b := setup(t, clamd.Options{})
	b.proxy.Set(clamdtest.Garbage)
	for range 3 {
		b.refused(t, clamdtest.EICAR(), ekyc.ErrUnavailable)
	}
	if _, err := b.client.Version(t.Context()); ekyc.CodeOf(err) != ekyc.ErrUnavailable {
		t.Errorf("the version: %v", err)
	}
	b.proxy.Set(clamdtest.None)
	b.recovers(t)
}

func TestAConnectionThatBreaksInTheMiddleIsTriedOnceMore(t *testing.T) {
	t.Parallel()
	b := setup(t, clamd.Options{})
	for _, fresh := range []bool{true, false} {
		if !fresh {
			b.clean(t, []byte("harmless")) // leaves a session
		}
		b.proxy.CutAfter(1<<20, nil)
		b.clean(t, noise(2<<20))
		if signature, err := b.client.Scan(t.Context(), clamdtest.EICAR()); signature == "" || err != nil {
			t.Errorf("after the break: %q, %v", signature, err)
		}
	}
}

func TestADaemonThatIsStartedAgainInTheMiddleOfAStream(t *testing.T) {
	t.Parallel()
	b := setup(t, clamd.Options{})
	b.clean(t, []byte("harmless"))
	b.proxy.CutAfter(1<<20, b.daemon.Kill)
	b.refused(t, noise(2<<20), ekyc.ErrUnavailable)
	b.daemon.Run(t)
	b.recovers(t)

	b.proxy.Break() // sessions of the daemon that was
	b.clean(t, noise(2<<20))
}

func TestAFileThatTheDaemonRefusesIsNoReasonToDoubtIt(t *testing.T) {
	t.Parallel()
	b := setup(t, clamd.Options{})
	err := b.refused(t, make([]byte, clamdtest.MostBytes+1), ekyc.ErrUnavailable)
	if cause := errors.Unwrap(err); cause == nil || !strings.Contains(cause.Error(), "size limit") {
		t.Errorf("the cause is not told: %v", cause)
	}
	b.clean(t, noise(1<<20))
}

func TestWhoLeavesIsNotScannedFor(t *testing.T) {
	t.Parallel()
	const timeout = time.Minute
	b := setup(t, clamd.Options{Timeout: timeout})
	b.proxy.Set(clamdtest.Silence)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	if _, err := b.client.Scan(ctx, []byte("harmless")); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > timeout/2 {
		t.Errorf("it took %s", took)
	}
	b.proxy.Set(clamdtest.None)
	b.clean(t, []byte("harmless")) // at once: who left says nothing of the daemon
}

func TestWaitingForASessionEnds(t *testing.T) {
	t.Parallel()
	const timeout, callers = 3 * time.Second, 6
	b := setup(t, clamd.Options{Sessions: 1, Timeout: timeout})
	b.proxy.Set(clamdtest.Silence)
	var group sync.WaitGroup
	codes := make(chan ekyc.ErrorCode, callers)
	start := time.Now()
	for range callers {
		group.Go(func() {
			_, err := b.client.Scan(t.Context(), []byte("harmless"))
			codes <- ekyc.CodeOf(err)
		})
	}
	group.Wait()
	if took := time.Since(start); took > (callers-1)*timeout {
		t.Errorf("it took %s", took)
	}
	turnedAway := 0
	for range callers {
		switch code := <-codes; code {
		case ekyc.ErrOverloaded:
			turnedAway++
		case ekyc.ErrUnavailable:
		default:
			t.Errorf("got %s", code)
		}
	}
	if turnedAway == 0 {
		t.Error("nobody was turned away")
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	b := setup(t, clamd.Options{})
	var v clamd.Version
	err := errors.New("not asked yet")
	for deadline := time.Now().Add(time.Minute); err != nil && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) { // it has a second to answer
		v, err = b.client.Version(t.Context())
	}
	if err != nil || !strings.HasPrefix(v.Engine, "1.") || v.Signatures != "" || !v.Made.IsZero() {
		t.Errorf("%+v, %v", v, err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := b.client.Alive(t.Context())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, good := range map[string]bool{
		"127.0.0.1:3310": true, "clamav:3310": true, "[::1]:3310": true, "/run/clamav/clamd.ctl": true,
		"": false, "clamav": false, ":3310": false, "run/clamd.ctl": false, "clamav:0": false, "clamav:http": false, "tcp://clamav:3310": false,
	} {
		if _, err := clamd.New(clamd.Options{Address: address}); (err == nil) != good || !good && ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%q: %v", address, err)
		}
	}
	nowhere, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere.Close()
	c := newClient(t, clamd.Options{Address: nowhere.Addr().String()})
	if _, err := c.Scan(t.Context(), bytes.Repeat([]byte("a"), 10)); ekyc.CodeOf(err) != ekyc.ErrUnavailable {
		t.Errorf("nobody listens: %v", err)
	}
}
