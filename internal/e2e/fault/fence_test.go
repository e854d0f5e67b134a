package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ekyc/internal/e2e"
)

// callers keep asking for liveness until they are told to stop, and note what they get.
type callers struct {
	tally
	over  chan struct{}
	group sync.WaitGroup
}

func (l *lab) call(t *testing.T, n int, base string) *callers {
	t.Helper()
	selfie, _ := e2e.Person(t)
	c := &callers{over: make(chan struct{})}
	for i := range n {
		c.group.Go(func() {
			for k := 0; ; k++ {
				select {
				case <-c.over:
					return
				default:
				}
				a, err := l.send(t, base, http.MethodPost, "/v1/liveness/analyze", livenessBody(t, selfie, i, k))
				c.add(t, a, err)
			}
		})
	}
	return c
}

func (c *callers) stop() { close(c.over); c.group.Wait() }

// livenessBody is a request that differs from the others by white space after it.
func livenessBody(t testing.TB, photograph []byte, i, k int) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{"image_live_base64": e2e.Base64(photograph)})
	if err != nil {
		t.Fatal(err)
	}
	return append(body, strings.Repeat(" ", 1+(7*i+k)%200)...)
}

// metric reads a sum of one metric's series whose labels hold a text.
func metric(t testing.TB, s *e2e.Server, name, label string) float64 {
	t.Helper()
	response, err := http.Get(s.MetricsURL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	sum, found := 0.0, false
	for _, m := range regexp.MustCompile(`(?m)^`+name+`\{(.*)\} (\S+)$`).FindAllStringSubmatch(string(body), -1) {
		if strings.Contains(m[1], label) {
			n, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum, found = sum+n, true
		}
	}
	if !found {
		t.Fatalf("no metric %s with %s", name, label)
	}
	return sum
}

// TestEnginesCrashAndHangUnderLoad crashes engines, and then freezes them, while clients keep both busy: nobody but the client of an engine
// notices, and mostly not even that one.
func TestEnginesCrashAndHangUnderLoad(t *testing.T) {
	l, servers := setup(t, 1, "--engines", "2", "--engine-timeout", "5s")
	serve := servers[0]
	const blows = 3
	for _, blow := range []struct {
		signal syscall.Signal
		cause  string
		pause  time.Duration
	}{{syscall.SIGSEGV, `cause="crash"`, 2 * time.Second}, {syscall.SIGSTOP, `cause="timeout"`, 9 * time.Second}} {
		c := l.call(t, 4, serve.BaseURL)
		for i := range blows {
			time.Sleep(blow.pause / 2)
			children := serve.Children(t)
			if len(children) == 0 {
				t.Fatal("there are no engines")
			}
			if err := syscall.Kill(children[i%len(children)], blow.signal); err != nil {
				t.Error(err)
			}
			time.Sleep(blow.pause / 2)
		}
		c.stop()
		affected := c.codes["engine_failed"] + c.codes["timeout"]
		if sum := affected + c.codes["200"] + c.codes["overloaded"]; sum != total(&c.tally) || affected > blows || c.codes["200"] == 0 {
			t.Errorf("%s: %v", blow.signal, c.codes)
		}
		await(t, 4*time.Minute, "full strength", func() bool { return metric(t, serve, "ekyc_engine_processes", `state="ready"`) == 2 })
		deaths := metric(t, serve, "ekyc_engine_deaths_total", blow.cause)
		if deaths < 1 {
			t.Errorf("no engine died by %s", blow.cause)
		}
		t.Logf("%s: %v; %v engines died of it, %v requests were tried again", blow.signal, c.codes, deaths, metric(t, serve, "ekyc_engine_requests_total", `outcome="retried"`))
	}
	answers(t, l, serve)
	l.auditModules(t)
}

// auditModules checks that exactly the answers were billed. The reservation of an answer that a fault took away is refunded.
func (l *lab) auditModules(t *testing.T) {
	t.Helper()
	await(t, time.Minute, "every reservation is settled", func() bool {
		return l.count(t, `select count(*) from reservation where status in ('open', 'expired')`) == 0
	})
}

func total(c *tally) (n int) {
	for _, k := range c.codes {
		n += k
	}
	return n
}

// answers checks that a server works as if nothing had been.
func answers(t *testing.T, l *lab, s *e2e.Server) {
	t.Helper()
	selfie, _ := e2e.Person(t)
	for i := range 4 {
		a, err := l.send(t, s.BaseURL, http.MethodPost, "/v1/liveness/analyze", livenessBody(t, selfie, 190, i))
		if err != nil || a.Status != http.StatusOK {
			t.Errorf("afterwards: %v, %d %s", err, a.Status, a.Body)
		}
	}
}

// TestAnEngineEatsMemory sends pictures whose decoding takes more memory than engines may have, among ordinary ones. The limit is set
// between what engines hold at ordinary work and what the largest pictures that the contract allows take.
func TestAnEngineEatsMemory(t *testing.T) {
	l, servers := setup(t, 1, "--engines", "2")
	answers(t, l, servers[0])
	answers(t, l, servers[0])
	most := int64(0)
	for _, pid := range servers[0].Children(t) {
		most = max(most, e2e.ResidentOf(pid))
	}
	// Ordinary work needs some tens of MiB more at times; a picture of 40 megapixels needs 280 more, as RGBA and RGB.
	limit := most>>20 + 130
	t.Logf("engines hold %d MiB at ordinary work; the limit is %d MiB", most>>20, limit)
	strict := l.site.StartServe(t, "--engines", "2", "--engine-memory", fmt.Sprint(limit))
	c := l.call(t, 2, strict.BaseURL)
	large := largest(t)
	var eaters tally
	for i := range 3 {
		var a e2e.Answer
		var err error
		for deadline := time.Now().Add(4 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
			a, err = l.send(t, strict.BaseURL, http.MethodPost, "/v1/liveness/analyze", livenessBody(t, large, i, 0))
			if err != nil || a.Code() != "overloaded" { // the engines that the last one has ended may not be back yet
				break
			}
		}
		eaters.add(t, a, err)
	}
	c.stop()
	t.Logf("the large pictures: %v; the others: %v; engines that died: %v", eaters.codes, c.codes, metric(t, strict, "ekyc_engine_deaths_total", `cause="memory"`))
	if eaters.codes["engine_failed"] != 3 {
		t.Errorf("the large pictures: %v", eaters.codes)
	}
	if c.codes["200"]+c.codes["overloaded"] != total(&c.tally) || c.codes["200"] == 0 {
		t.Errorf("the others: %v", c.codes)
	}
	if n := metric(t, strict, "ekyc_engine_deaths_total", `cause="memory"`); n < 3 {
		t.Errorf("%v engines died for their memory", n)
	}
	await(t, 4*time.Minute, "full strength", func() bool { return metric(t, strict, "ekyc_engine_processes", `state="ready"`) == 2 })
	answers(t, l, strict)
	l.auditModules(t)
}

// largest is a picture of 40 megapixels that is small as a file.
func largest(t *testing.T) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, 8000, 5000))
	for y := range 5000 {
		for x := range 8000 {
			picture.SetRGBA(x, y, color.RGBA{uint8(x / 32), uint8(y / 20), 90, 255})
		}
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	t.Logf("a picture of 40 megapixels in %d KiB", out.Len()>>10)
	return out.Bytes()
}

// TestOverload sends many times what the engines can do: the rest is refused at once and told when to come again, and no process grows.
func TestOverload(t *testing.T) {
	l, servers := setup(t, 1, "--engines", "1")
	serve := servers[0]
	c := l.call(t, 4, serve.BaseURL) // as much as it can do
	time.Sleep(5 * time.Second)
	ordinary := serve.Resident(t)
	c.stop()

	over := make(chan struct{})
	most := make(chan int64)
	go func() {
		largest := int64(0)
		for {
			select {
			case <-over:
				most <- largest
				return
			case <-time.After(100 * time.Millisecond):
				largest = max(largest, serve.Resident(t))
			}
		}
	}()
	c = l.call(t, 60, serve.BaseURL)
	time.Sleep(12 * time.Second)
	c.stop()
	close(over)
	held := <-most
	t.Logf("sixty clients: %v; %d MiB at ordinary load, at most %d MiB under overload", c.codes, ordinary>>20, held>>20)
	if c.codes["200"] == 0 || c.codes["overloaded"] == 0 || c.codes["200"]+c.codes["overloaded"] != total(&c.tally) {
		t.Errorf("sixty clients: %v", c.codes)
	}
	if growth := held - ordinary; growth > 300<<20 {
		t.Errorf("the processes grew by %d MiB", growth>>20)
	}
	answers(t, l, serve)
	l.auditModules(t)
}
