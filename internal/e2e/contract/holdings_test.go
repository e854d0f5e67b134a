package contract

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"ekyc/internal/e2e"
)

// holdings are the identifiers of one of each thing that a tenant can have, by the part of a path that stands before them.
type holdings map[string]string

// newHoldings makes one of each thing.
func newHoldings(t testing.TB, c *e2e.Client) holdings {
	t.Helper()
	post := func(target string, body any, status int, member string) string {
		made := want[object](t, c.Do(t, http.MethodPost, target, body), status)
		id, _ := made[member].(string)
		if id == "" {
			t.Fatalf("POST %s gave no %s", target, member)
		}
		return id
	}
	h := holdings{}
	h["keys"] = post("/v1/keys", object{"name": "held"}, 201, "key_id")
	h["webhooks"] = post("/v1/webhooks", object{"url": sink(t)}, 201, "webhook_id")
	h["deliveries"] = post("/v1/webhooks/"+h["webhooks"]+"/ping", nil, 202, "delivery_id")
	h["captures"] = post("/v1/captures", object{}, 201, "capture_id")
	h["subjects"] = post("/v1/subjects", object{"subject_ref": "held"}, 201, "subject_id")
	h["workflows"] = post("/v1/workflows", object{"definition": object{"name": "held"}}, 201, "workflow_id")
	h["jobs"] = post("/v1/kyc/verify", blankVerification(), 202, "job_id")
	c.AwaitJob(t, h["jobs"], patience)
	h["reviews"] = reviewOf(t, c, h["jobs"])
	h["media"] = mediaOf(t, c, h["jobs"])[0]["media_id"].(string)
	return h
}

// fill puts identifiers into a path template. A parameter that is not known fails the test: a new kind of thing needs a place here.
func (h holdings) fill(t testing.TB, template string) string {
	t.Helper()
	parts := strings.Split(template, "/")
	for i, part := range parts {
		if !strings.HasPrefix(part, "{") {
			continue
		}
		kind := strings.Trim(part, "{}")
		if before := strings.Split(template, "/")[i-1]; kind == "id" || kind == "tenant" || kind == "name" || kind == "module" {
			kind = before
		}
		id, known := h[kind]
		if !known {
			t.Fatalf("%s: no test knows an identifier for %s", template, part)
		}
		parts[i] = id
	}
	return strings.Join(parts, "/")
}

// sink takes everything that is sent to it.
func sink(t testing.TB) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(server.Close)
	return server.URL + "/hook"
}

// picture draws an image without anything on it.
func picture(width, height int) []byte {
	m := image.NewGray(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = uint8(i % 251)
	}
	m.SetGray(0, 0, color.Gray{Y: 255})
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

var blank = sync.OnceValue(func() string { return e2e.Base64(picture(240, 240)) })

// blankVerification is a verification that ends soon, since there is nothing to be seen.
func blankVerification() object {
	return object{"image_live_base64": blank(), "image_front_base64": blank()}
}

// example is the body that the document shows, as a request can send it: placeholders of photographs are filled in.
func (o operation) example(t testing.TB) any {
	t.Helper()
	if o.RequestBody == nil {
		return nil
	}
	media, ok := o.RequestBody.Content.Get("application/json")
	if !ok || media.Example == nil {
		t.Fatalf("%s: the document shows no example of a body", o)
	}
	var body object
	if err := media.Example.Decode(&body); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	selfie, front := e2e.Person(t)
	raw = bytes.ReplaceAll(raw, []byte("{{selfie.jpg in base64}}"), []byte(e2e.Base64(selfie)))
	raw = bytes.ReplaceAll(raw, []byte("{{front.jpg in base64}}"), []byte(e2e.Base64(front)))
	if bytes.Contains(raw, []byte("{{")) {
		t.Fatalf("%s: an unknown placeholder in the example", o)
	}
	return raw
}

func jsonOf(t testing.TB, raw []byte) (out any) {
	t.Helper()
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
