package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5"

	"ekyc/internal/e2e"
)

func TestMain(m *testing.M) {
	code := m.Run()
	e2e.CleanUp()
	os.Exit(code)
}

type object = map[string]any

// link is a link that the service has given.
type link struct {
	ID    string `json:"capture_id"`
	URL   string
	Token string
}

// stage is a service and a browser for all that is tried here.
type stage struct {
	up            *e2e.Up
	chromium      *chromium
	client        *e2e.Client
	selfie, front []byte // JPEG
	films         struct{ face, dark, dim, good []byte }
	files         map[string]string
	mutex         sync.Mutex
	tokens        []string // of all links, to be looked for in what the service wrote
}

func (s *stage) link(t *testing.T, body object) link {
	t.Helper()
	a := s.client.Do(t, http.MethodPost, "/v1/captures", body)
	if a.Status != http.StatusCreated {
		t.Fatalf("make a link: %d %s", a.Status, a.Body)
	}
	var made link
	a.JSON(t, &made)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.tokens = append(s.tokens, made.Token)
	return made
}

// of gives what the service says of a link.
func (s *stage) of(t *testing.T, l link) (found struct {
	Status  string
	JobID   string `json:"job_id"`
	Consent *struct{ Version, Language, Text string }
}) {
	t.Helper()
	s.client.Do(t, http.MethodGet, "/v1/captures/"+l.ID, nil).JSON(t, &found)
	return found
}

// post sends something to a route of the page, as who has the token.
func (s *stage) post(t *testing.T, l link, path, body string) e2e.Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.URL+path, strings.NewReader(body))
	must(t, err)
	r.Header.Set("Content-Type", "application/json")
	a, err := (&e2e.Client{}).Send(r)
	must(t, err)
	return a
}

// TestCapturePage goes through the page as persons do. What needs the camera goes one after the other, since there is one.
func TestCapturePage(t *testing.T) {
	t.Parallel()
	s := &stage{files: map[string]string{}}
	s.selfie, s.front = e2e.Person(t)
	var filming sync.WaitGroup
	filming.Go(func() {
		s.films.face = swaying(t, s.selfie, 4)
		document := lying(t, s.front)
		s.films.good, s.films.dim, s.films.dark = film(t, document), film(t, dimmed(document, 0.25)), film(t, dimmed(document, 0.15))
	})
	s.up = e2e.StartUp(t, "", "--rpm", "600000")
	s.client = s.up.Client()
	directory := t.TempDir()
	for name, content := range map[string][]byte{"selfie.jpg": s.selfie, "front.jpg": s.front, "text.jpg": []byte("no picture"), "tiny.jpg": film(t, white(100, 100)),
		"large.jpg": film(t, image.NewGray(image.Rect(0, 0, 8000, 6000))), "other.gif": animation(t)} {
		s.files[name] = filepath.Join(directory, name)
		must(t, os.WriteFile(s.files[name], content, 0o644))
	}
	s.chromium = startChromium(t)
	filming.Wait()
	t.Run("people", func(t *testing.T) {
		t.Run("camera", func(t *testing.T) { t.Parallel(); s.camera(t); s.challenge(t); s.narrow(t) })
		t.Run("files", func(t *testing.T) { t.Parallel(); s.filesInFrench(t) })
		t.Run("hints", func(t *testing.T) { t.Parallel(); s.hints(t) })
		t.Run("refusals", func(t *testing.T) { t.Parallel(); s.refusals(t) })
	})
	s.silent(t)
}

// camera is the whole way: consent, face, document in bad and in good light, review, and a verification that has ended.
func (s *stage) camera(t *testing.T) {
	l := s.link(t, object{"document_hint": "auto", "subject_ref": "customer-9", "metadata": object{"order": "9"}, "redirect_url": s.up.BaseURL + "/v1/health?from=page"})
	s.chromium.show(t, s.films.face)
	b := s.chromium.open(t, browser.PermissionSettingGranted, "de, en;q=0.5")
	b.goTo(l.URL)
	b.screen("consent")
	b.reads("biometric data", "Before you start", "trial")
	b.accessible("consent")
	b.do(chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r")) // the button is the next thing that the keyboard reaches
	b.screen("choice")
	b.accessible("choice")
	b.press("choice-form button") // a passport, which has one side

	b.screen("camera")
	b.await("the camera", `!document.getElementById("shoot").disabled`)
	b.reads("Your face", "Step 1 of 2", "Start")
	b.await("a hint", `["hint_good", "hint_still", "hint_closer"].includes(document.getElementById("hint").dataset.text)`)
	b.accessible("face")
	b.press("shoot")
	s.chromium.show(t, s.films.dark)
	b.await("the document's turn", `document.getElementById("camera-heading").dataset.text === "front" && !document.getElementById("shoot").disabled`)
	b.await("a hint of the dark", `document.getElementById("hint").textContent === "Too dark. Turn to the light."`)
	b.accessible("document")
	s.chromium.show(t, s.films.good)
	b.press("to-file")
	b.screen("file")
	b.accessible("file")
	b.press("to-camera")
	b.screen("review") // the picture was taken by itself
	b.await("the pictures", `[...document.images].length === 2 && [...document.images].every((i) => i.complete && i.naturalWidth >= 640)`)
	b.accessible("review")
	b.press("send")
	b.screen("result")
	b.accessible("result")

	found := s.of(t, l)
	if found.Status != "used" || found.Consent == nil || found.Consent.Language != "en" || !strings.Contains(found.Consent.Text, "biometric data") {
		t.Errorf("the link: %+v", found)
	}
	s.completed(t, found.JobID, l)
	if to := eval[string](b, `document.getElementById("leave").href`); to != s.up.BaseURL+"/v1/health?from=page&capture_id="+l.ID {
		t.Errorf("the page leads to %s", to)
	}
	said := b.text()
	for _, word := range []string{"score", "accepted", "rejected", "liveness", "attack"} {
		if strings.Contains(strings.ToLower(said), word) {
			t.Errorf("the person is told %q: %s", word, said)
		}
	}
	b.quiet(s.up.BaseURL)

	// The link is dead, for the person and for who has the token.
	again := s.chromium.open(t, browser.PermissionSettingGranted, "en")
	again.goTo(l.URL)
	again.reads("This link is not valid any more", "Ask who sent it for a new link")
	for _, path := range []string{"/consent", "/challenge", "/pictures"} {
		if a := s.post(t, l, path, "{}"); a.Status != http.StatusGone || a.Code() != "gone" {
			t.Errorf("%s of a used link: %d %s", path, a.Status, a.Body)
		}
	}
}

// completed looks at the verification, by the API and in the database.
func (s *stage) completed(t *testing.T, id string, l link) {
	t.Helper()
	job := s.client.AwaitJob(t, id, patience)
	var result struct {
		Decision string
		Document struct {
			Fields map[string]struct{ Value string }
		}
		Liveness struct {
			Method string
			Frames []json.RawMessage
		}
		Match struct{ Match bool } `json:"face_match"`
	}
	if err := json.Unmarshal(job.Result, &result); err != nil || job.Status != "completed" {
		t.Fatalf("the job is %s: %v %+v", job.Status, err, job.Error)
	}
	t.Logf("decision %s, liveness by %s frames %d, match %v", result.Decision, result.Liveness.Method, len(result.Liveness.Frames), result.Match.Match)
	if result.Decision != "accepted" && result.Decision != "review" && result.Decision != "rejected" {
		t.Errorf("the decision is %q", result.Decision)
	}
	if number := result.Document.Fields["document_number"].Value; number != "C57309113" {
		t.Errorf("from the picture of the camera the document number %q was read", number)
	}
	if !result.Match.Match || result.Liveness.Method != "active" {
		t.Errorf("the face in the frames: %+v %+v", result.Match, result.Liveness.Method)
	}
	var full struct {
		Metadata   map[string]string
		SubjectRef string `json:"subject_ref"`
	}
	s.client.Do(t, http.MethodGet, "/v1/jobs/"+id, nil).JSON(t, &full)
	if m := full.Metadata; full.SubjectRef != "customer-9" || m["order"] != "9" || m["capture.id"] != l.ID || m["capture.consent_language"] != "en" || m["capture.consent_version"] == "" || m["capture.consent_at"] == "" {
		t.Errorf("the job's own: %+v", full)
	}
	conn, err := pgx.Connect(context.Background(), s.up.DatabaseURL())
	must(t, err)
	defer conn.Close(context.Background())
	var status string
	must(t, conn.QueryRow(context.Background(), `select j.status from ekyc.job j join ekyc.capture c on c.job_id = j.id where c.id = $1`, l.ID).Scan(&status))
	if status != "completed" {
		t.Errorf("in the database the job is %s", status)
	}
}

// challenge has the person perform. Who does not move as asked is found out, but that is not the page's business.
func (s *stage) challenge(t *testing.T) {
	l := s.link(t, object{"challenge": true, "document_sides": "front"})
	s.chromium.show(t, s.films.dim) // so that no picture is taken by itself
	b := s.chromium.open(t, browser.PermissionSettingGranted, "en")
	b.goTo(l.URL)
	b.press("agree")
	b.await("the document's turn", `document.getElementById("camera-heading").dataset.text === "front" && !document.getElementById("shoot").disabled`)
	s.chromium.show(t, s.films.face)
	b.press("shoot")
	b.await("the face's turn", `document.getElementById("camera-heading").dataset.text === "selfie" && !document.getElementById("shoot").disabled`)
	if eval[bool](b, `document.getElementById("to-file").checkVisibility()`) {
		t.Error("a file can be chosen in place of a challenge")
	}
	b.await("a film of the face", `document.getElementById("video").videoWidth === 640`)
	const acting = `/^action_(?!straight)/.test(document.getElementById("hint").dataset.text)`
	b.press("shoot")
	b.await("an action", acting)
	eval[bool](b, `document.getElementById("video").srcObject.getTracks().every((track) => { track.stop(); return track.dispatchEvent(new Event("ended")); })`) // as a call on the telephone does
	b.await("the camera again", `!document.getElementById("shoot").disabled`)
	b.reads("The camera was interrupted")
	b.press("shoot")
	b.await("an action", acting)
	b.screen("review")
	b.press("send")
	b.screen("result")
	b.quiet(s.up.BaseURL)
	job := s.client.AwaitJob(t, s.of(t, l).JobID, patience)
	var result struct{ Liveness struct{ Method string } }
	if err := json.Unmarshal(job.Result, &result); err != nil || result.Liveness.Method != "challenge" {
		t.Errorf("the job is %s, liveness by %q, %v", job.Status, result.Liveness.Method, err)
	}
}

// narrow is a camera whose pictures are too small: the person is told which picture is the matter, and takes it again.
func (s *stage) narrow(t *testing.T) {
	l := s.link(t, object{"document_sides": "front"})
	s.chromium.show(t, film(t, white(320, 180)))
	b := s.chromium.open(t, browser.PermissionSettingGranted, "en")
	b.goTo(l.URL)
	b.press("agree")
	for _, step := range []string{"selfie", "front"} {
		b.await("the turn of "+step, fmt.Sprintf(`document.getElementById("camera-heading").dataset.text === %q && !document.getElementById("shoot").disabled`, step))
		b.press("shoot")
	}
	b.screen("review")
	b.press("send")
	b.await("the face's turn again", `document.getElementById("camera-heading").dataset.text === "selfie" && !document.getElementById("camera").hidden`)
	b.reads("A picture cannot be used. Take it again.")
}

// filesInFrench is a person who does not allow the camera and speaks French: everything comes from files.
func (s *stage) filesInFrench(t *testing.T) {
	l := s.link(t, object{"document_sides": "both"})
	b := s.chromium.open(t, browser.PermissionSettingDenied, "fr-CA, fr;q=0.9, en;q=0.5")
	b.goTo(l.URL)
	b.screen("consent")
	b.reads("Avant de commencer", "données biométriques", "J'accepte et je continue")
	b.do(chromedp.Click(chromedp.CSS(`[data-language="en"]`)))
	b.reads("Before you start")
	if got := eval[string](b, `document.documentElement.lang + " " + document.title`); got != "en Verify your identity" {
		t.Errorf("in English the page is %q", got)
	}
	b.do(chromedp.Click(chromedp.CSS(`[data-language="fr"]`)))
	b.reads("Avant de commencer")
	b.press("agree")
	b.screen("file")
	b.reads("La caméra n'a pas été autorisée", "Étape 1 sur 3", "Une image de votre visage")
	b.accessible("file in French")
	choose := func(name string) { b.do(chromedp.SetUploadFiles(chromedp.CSS("#file-input"), []string{s.files[name]})) }
	choose("text.jpg")
	b.await("a complaint", `document.getElementById("problem").textContent.startsWith("Ce fichier n'est pas une image")`)
	choose("tiny.jpg")
	b.await("a complaint", `document.getElementById("problem").textContent.startsWith("Cette image est trop petite")`)
	choose("selfie.jpg")
	// What is too large for the service, or of a type that it does not take, is coded anew by the page.
	for i, side := range []string{"recto", "verso"} {
		b.await("the turn of the "+side, fmt.Sprintf(`document.getElementById("file-label").textContent.includes(%q)`, side))
		choose([]string{"large.jpg", "other.gif"}[i])
	}
	b.screen("review")
	b.press("retake-selfie")
	b.await("the turn of the face", `document.getElementById("file-label").textContent.includes("visage")`)
	choose("selfie.jpg")
	b.screen("review")
	if found := s.of(t, l); found.Status != "open" || found.Consent == nil || found.Consent.Language != "fr" {
		t.Errorf("before sending: %+v", found)
	}
	b.press("send")
	b.screen("result")
	b.quiet(s.up.BaseURL)
	if found := s.of(t, l); found.Status != "used" || found.JobID == "" {
		t.Errorf("after sending: %+v", found)
	}
	// A challenge cannot be met with files.
	l = s.link(t, object{"challenge": true, "document_sides": "front", "language": "fr"})
	b.goTo(l.URL)
	b.press("agree")
	b.screen("file")
	choose("front.jpg")
	b.screen("needed")
	b.reads("Il faut une caméra")
	b.accessible("camera needed")
}

// hints tries what the page says of pictures on a document and a face, spoiled one way each.
func (s *stage) hints(t *testing.T) {
	l := s.link(t, object{})
	b := s.chromium.open(t, browser.PermissionSettingDenied, "en")
	b.goTo(l.URL)
	b.screen("consent")
	got := eval[map[string]any](b, fmt.Sprintf(`(async () => {
		const measure = await import(document.querySelector("script[type=module]").src.replace("page.js", "measure.js"));
		const load = async (text) => createImageBitmap(new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type: "image/jpeg" }));
		const look = (image, part, width, filter, paint, shift = 0) => {
			const sheet = document.createElement("canvas");
			[sheet.width, sheet.height] = [width, Math.round(width * part.h / part.w)];
			const c = sheet.getContext("2d");
			c.fillStyle = "#777";
			c.fillRect(0, 0, sheet.width, sheet.height);
			c.filter = filter;
			c.drawImage(image, part.x + shift, part.y, part.w, part.h, 0, 0, sheet.width, sheet.height);
			c.filter = "none";
			paint?.(c, sheet.width, sheet.height);
			return measure.greyOf(c.getImageData(0, 0, sheet.width, sheet.height));
		};
		const [front, selfie] = [await load(%s), await load(%s)];
		const card = { x: 310, y: 260, w: 1840, h: 1295 };
		const page = (filter, paint, part = card) => look(front, part, 640, filter, paint);
		const said = {};
		const still = page("none");
		const numbers = (p) => [measure.light(p).mean, measure.light(p).white, measure.sharpness(p), measure.filled(p)].map((n) => +n.toFixed(3));
		for (const [name, now] of Object.entries({
			good: still, dark: page("brightness(0.2)"), bright: page("brightness(2.2)"), blurred: page("blur(2.5px)"),
			glare: page("none", (c, w, h) => { c.fillStyle = "#fff"; c.beginPath(); c.arc(w / 2, h / 2, h / 8, 0, 7); c.fill(); }),
			closer_card: look(front, card, 640, "none", (c, w, h) => { c.drawImage(c.canvas, w * 0.3, h * 0.3, w * 0.4, h * 0.4); c.fillStyle = "#777"; for (const r of [[0, 0, w, h * 0.3], [0, h * 0.7, w, h], [0, 0, w * 0.3, h], [w * 0.7, 0, w, h]]) c.fillRect(...r); }),
		})) said[name] = [measure.judgeDocument(now, name === "good" ? still : null), numbers(now)];
		said.still = [measure.judgeDocument(look(front, card, 640, "none", null, 25), still), []];
		const oval = { x: 60, y: 60, w: 380, h: 513 };
		const face = (filter, shift) => look(selfie, oval, 320, filter, null, shift);
		for (const [name, filter] of Object.entries({ good: "none", dark: "brightness(0.2)", blurred: "blur(4px)" })) {
			said["face_" + name] = [measure.judgeFace(face(filter), null, new measure.Moved(320)), numbers(face(filter))];
		}
		const moved = [new measure.Moved(320), new measure.Moved(320)];
		const small = (shift) => look(selfie, { x: 60, y: 60, w: 380, h: 513 }, 320, "none", (c, w, h) => { c.drawImage(c.canvas, w * 0.35 + shift, h * 0.35, w * 0.3, h * 0.3); c.fillStyle = "#777"; for (const r of [[0, 0, w, h * 0.35], [0, h * 0.65, w, h], [0, 0, w * 0.35, h], [w * 0.66, 0, w, h]]) c.fillRect(...r); });
		for (let i = 0; i < 8; i++) { moved[0].add(face("none", i %% 3), face("none", (i + 1) %% 3)); moved[1].add(small(i %% 3), small((i + 1) %% 3)); }
		said.face_near = [measure.judgeFace(face("none"), null, moved[0]), [moved[0].width()]];
		said.face_closer = [measure.judgeFace(small(0), null, moved[1]), [moved[1].width()]];
		return said;
	})()`, quote(e2e.Base64(s.front)), quote(e2e.Base64(s.selfie))))
	want := map[string]string{"good": "good", "dark": "dark", "bright": "bright", "blurred": "blurred", "glare": "glare", "closer_card": "closer_card", "still": "still",
		"face_good": "good", "face_dark": "dark", "face_blurred": "blurred", "face_near": "good", "face_closer": "closer"}
	for name, hint := range want {
		if said, ok := got[name].([]any); !ok || said[0] != hint {
			t.Errorf("of %s the page says %v, not %s", name, got[name], hint)
		}
	}
	t.Logf("measured: %v", got)
	b.quiet(s.up.BaseURL)
}

// refusals are links that do not work, and what a person or another may try on one that does.
func (s *stage) refusals(t *testing.T) {
	l := s.link(t, object{"language": "fr"})
	b := s.chromium.open(t, browser.PermissionSettingDenied, "fr")
	b.goTo(s.up.BaseURL + "/capture/" + strings.Repeat("A", 43))
	b.reads("Ce lien n'existe pas")
	if got := eval[string](b, `document.documentElement.lang`); got != "fr" {
		t.Errorf("the refusal's language is %s", got)
	}

	page, err := http.Get(l.URL)
	must(t, err)
	page.Body.Close()
	policy := page.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "form-action 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy is %q, without %s", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.HasPrefix(page.Header.Get("Permissions-Policy"), "camera=(self), microphone=()") || page.Header.Get("Referrer-Policy") != "no-referrer" || page.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers of the page: %v", page.Header)
	}

	small := fmt.Sprintf(`{"image_live_base64":%q,"image_front_base64":%q}`, e2e.Base64(film(t, white(100, 100))), e2e.Base64(s.front))
	for _, try := range []struct {
		path, body string
		status     int
		code       string
	}{
		{"/pictures", small, http.StatusConflict, "conflict"}, // before consent
		{"/challenge", `{}`, http.StatusConflict, "conflict"}, // the link asks for none
		{"/consent", `{"version":"1990-01","language":"fr"}`, http.StatusUnprocessableEntity, "invalid_argument"},
		{"/consent", `{"version":"2026-11","language":"fr"}`, http.StatusOK, ""},
		{"/pictures", `{}`, http.StatusUnprocessableEntity, "missing_field"},
		{"/pictures", `{"frames_base64":[`, http.StatusBadRequest, "malformed_json"},
		{"/pictures", small, http.StatusUnprocessableEntity, "image_dimensions"},
	} {
		if a := s.post(t, l, try.path, try.body); a.Status != try.status || a.Code() != try.code {
			t.Errorf("%s %.60s: %d %.300s", try.path, try.body, a.Status, a.Body)
		}
	}
	if found := s.of(t, l); found.Status != "open" {
		t.Errorf("after refused pictures the link is %s", found.Status)
	}
	refused := 0
	for n := 0; n < 120 || refused < 10 && n < 500; n++ { // on a slow machine some come at a pace that is allowed
		r, err := http.Get(l.URL + "/status")
		must(t, err)
		r.Body.Close()
		if r.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 10 {
		t.Errorf("of hasty requests %d were refused", refused)
	}
	another := s.link(t, object{})
	if r, err := http.Get(another.URL); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("the hammering on one link is felt on another: %v", err)
	}
}

// silent looks for the tokens in all that the service has written of its work.
func (s *stage) silent(t *testing.T) {
	t.Helper()
	time.Sleep(200 * time.Millisecond) // for the logs' own pace
	written := s.up.Output()
	if !strings.Contains(written, "/capture/{token}/pictures") || len(s.tokens) < 6 {
		t.Errorf("the search proves nothing: %d tokens", len(s.tokens))
	}
	conn, err := pgx.Connect(context.Background(), s.up.DatabaseURL())
	must(t, err)
	defer conn.Close(context.Background())
	var logged string
	must(t, conn.QueryRow(context.Background(), `select string_agg(r::text, ' ') from ekyc.request_log r`).Scan(&logged))
	for _, token := range s.tokens {
		if strings.Contains(written, token) || strings.Contains(logged, token) {
			t.Error("a token stands in a log")
		}
	}
}
