package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"ekyc/internal/logtest"
)

// patience bounds waiting for what takes a second on an idle machine.
const patience = 3 * time.Minute

// chromium is a running browser. Its camera shows the film at a path, from the beginning whenever a page opens it.
type chromium struct {
	ctx  context.Context
	film string
	out  *logtest.Buffer
}

// startChromium starts a browser without a window, which resolves no name: what is not on this machine cannot be reached.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	c := &chromium{film: filepath.Join(t.TempDir(), "camera.mjpeg"), out: &logtest.Buffer{}}
	c.show(t, film(t, white(320, 240)))
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-file-for-fake-video-capture", c.film),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("mute-audio", true), chromedp.Flag("lang", "en"), chromedp.Flag("renderer-process-limit", "2"),
		chromedp.CombinedOutput(c.out))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.Flag("no-sandbox", true)) // Chromium's own sandbox refuses root
	}
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	var end context.CancelFunc
	c.ctx, end = chromedp.NewContext(allocated)
	t.Cleanup(end)
	if err := chromedp.Do(c.ctx); err != nil {
		t.Fatalf("start Chromium (Debian's package chromium): %v\n%s", err, c.out)
	}
	return c
}

// show puts another film before the camera. A page sees it when it opens the camera anew.
func (c *chromium) show(t *testing.T, film []byte) {
	t.Helper()
	next := c.film + ".next"
	if err := os.WriteFile(next, film, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, c.film); err != nil {
		t.Fatal(err)
	}
}

// tab is a page in a profile of its own.
type tab struct {
	t      *testing.T
	ctx    context.Context
	mutex  sync.Mutex
	asked  []string // addresses of requests
	faults []string // exceptions, refusals by the page's policy, and errors of the console
}

// open opens a profile whose user allows the camera, or denies it, and that prefers a language.
func (c *chromium) open(t *testing.T, camera browser.PermissionSetting, language string) *tab {
	t.Helper()
	b := &tab{t: t}
	ctx, cancel := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.hear))
	t.Cleanup(cancel)
	b.ctx = ctx
	must(t, chromedp.Do(ctx, chromedp.EmulateViewport(412, 915))) // a telephone's
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	must(t, err)
	_, err = chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}})
	must(t, err)
	_, err = chromedp.CallBrowser(ctx, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "camera"}, Setting: camera, BrowserContextID: chromedp.FromContext(ctx).BrowserContextID,
	})
	must(t, err)
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hear notes what the page asks for and what goes wrong in it.
func (b *tab) hear(event any) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
		if from, given := e.Request.Headers["Referer"]; given && from != "" {
			b.faults = append(b.faults, fmt.Sprintf("a request has the Referer %q", from))
		}
	case *network.EventWebSocketCreated:
		b.asked = append(b.asked, e.URL)
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, fmt.Sprint(e.ExceptionDetails.Text, " ", e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.faults = append(b.faults, fmt.Sprint("console: ", e.Args))
		}
	}
}

// quiet fails the test where the page has asked another host for anything, or something went wrong in it.
func (b *tab) quiet(base string) {
	b.t.Helper()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	home, err := url.Parse(base)
	must(b.t, err)
	own := 0
	for _, address := range b.asked {
		u, err := url.Parse(address)
		switch {
		case err == nil && u.Scheme == home.Scheme && u.Host == home.Host:
			own++
		case err == nil && u.Scheme == "blob" && strings.HasPrefix(u.Opaque, base):
		default:
			b.t.Errorf("the page asks for %s", address)
		}
	}
	if own < 3 {
		b.t.Errorf("only %d requests were heard: %q", own, b.asked)
	}
	if len(b.faults) > 0 {
		b.t.Errorf("faults in the page: %q", b.faults)
	}
}

// do runs actions of the person.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%v\nthe page says: %s", err, b.text())
	}
}

// goTo opens an address.
func (b *tab) goTo(address string) { b.t.Helper(); b.do(chromedp.Navigate(address)) }

// press clicks on what an identifier names.
func (b *tab) press(id string) { b.t.Helper(); b.do(chromedp.Click(chromedp.CSS("#" + id))) }

// await waits until a condition of JavaScript holds. The page's policy forbids it to make code out of text, so that the waiting is done here.
func (b *tab) await(what, condition string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); !eval[bool](b, "Boolean("+condition+")"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("not seen within %s: %s\nthe page says: %s", patience, what, b.text())
		}
	}
}

// screen waits until a screen is shown, and its heading has the focus.
func (b *tab) screen(id string) {
	b.t.Helper()
	b.await("the screen "+id, fmt.Sprintf(`!document.getElementById(%q).hidden && document.activeElement?.id === %q`, id, id+"-heading"))
}

// eval gives the value of an expression.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.200s: %v", expression, err)
	}
	return value
}

// text is what the person reads.
func (b *tab) text() string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// reads fails the test where the person does not read something.
func (b *tab) reads(texts ...string) {
	b.t.Helper()
	all := b.text()
	for _, text := range texts {
		if !strings.Contains(all, text) {
			b.t.Errorf("the page does not say %q: %s", text, all)
		}
	}
}

// quote is a text as JavaScript.
func quote(text string) string {
	quoted, _ := json.Marshal(text) // never fails for a string
	return string(quoted)
}
