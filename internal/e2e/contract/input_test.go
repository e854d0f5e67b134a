package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ekyc/internal/e2e"
)

// traces of a tenant in the database that a refused request may not leave.
var remains = []string{"challenge", "job", "job_step", "subject", "media", "usage_event", "reservation", "idempotency", "webhook_event"}

// left counts what a tenant has in every table, and what was metered for it.
func left(t *testing.T, tenant string) map[string]int64 {
	t.Helper()
	conn := database(t)
	out := map[string]int64{}
	for _, table := range remains {
		query := "select count(*) from " + table + " where tenant_id = $1"
		if table == "reservation" {
			query += " and status <> 'refunded'"
		}
		out[table] = number(t, conn, query, tenant)
	}
	out["units"] = number(t, conn, "select coalesce(sum(used + reserved), 0) from quota_usage where tenant_id = $1", tenant)
	return out
}

// badBodies are faults of JSON and of members, for any route with a body; body is one that the route accepts.
func badBodies(t *testing.T, body object) map[string]struct {
	body   []byte
	status int
	code   string
} {
	t.Helper()
	good, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	type fault = struct {
		body   []byte
		status int
		code   string
	}
	name := firstMember(body)
	value, _ := json.Marshal(body[name])
	inside := func(extra string) []byte { return append([]byte("{"+extra+","), good[1:]...) }
	return map[string]fault{
		"nothing":            {[]byte{}, 400, "malformed_json"},
		"no JSON":            {[]byte("planted@example.com"), 400, "malformed_json"},
		"cut off":            {good[:len(good)-1], 400, "malformed_json"},
		"more after the end": {append(bytes.Clone(good), []byte(`{}`)...), 400, "malformed_json"},
		"no UTF-8":           {inside("\"\xff\":1"), 400, "malformed_json"},
		"a list":             {[]byte("[]"), 422, "wrong_type"},
		"a text":             {[]byte(`"planted@example.com"`), 422, "wrong_type"},
		"a member twice":     {inside(fmt.Sprintf("%q:%s", name, value)), 400, "malformed_json"},
		"an unknown member":  {inside(`"planted_member":"planted@example.com"`), 422, "unknown_field"},
		"a wrong type":       {replaced(t, body, name, []any{object{"planted": "planted@example.com"}}), 422, "wrong_type"},
	}
}

func firstMember(body object) string {
	for _, name := range []string{"image_live_base64", "image_front_base64", "image_reference_base64", "document_hint", "email"} {
		if _, has := body[name]; has {
			return name
		}
	}
	panic("a body without a known member")
}

func replaced(t *testing.T, body object, name string, value any) []byte {
	t.Helper()
	changed := maps.Clone(body)
	changed[name] = value
	raw, err := json.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// modules are the routes that work on what is sent, each with a body that it accepts and the members that hold pictures.
func modules() map[string]struct {
	body     object
	pictures []string
} {
	type module = struct {
		body     object
		pictures []string
	}
	return map[string]module{
		"/v1/liveness/analyze":  {object{"image_live_base64": blank()}, []string{"image_live_base64"}},
		"/v1/document/ocr":      {object{"image_front_base64": blank(), "image_back_base64": blank()}, []string{"image_front_base64", "image_back_base64"}},
		"/v1/document/validate": {object{"image_front_base64": blank()}, []string{"image_front_base64"}},
		"/v1/face/match":        {object{"image_live_base64": blank(), "image_document_base64": blank()}, []string{"image_live_base64", "image_document_base64"}},
		"/v1/kya/check":         {object{"email": "person@example.com"}, nil},
		"/v1/kyc/verify": {object{"image_live_base64": blank(), "image_front_base64": blank(), "image_back_base64": blank(), "subject_ref": "planted-reference", "metadata": object{"a": "b"}},
			[]string{"image_live_base64", "image_front_base64", "image_back_base64"}},
		"/v1/subjects": {object{"image_reference_base64": blank(), "subject_ref": "planted-reference"}, []string{"image_reference_base64"}},
	}
}

// badPictures are the faults of pictures, each with its own code.
func badPictures(t *testing.T) map[string]struct {
	text   string
	status int
	code   string
} {
	t.Helper()
	type fault = struct {
		text   string
		status int
		code   string
	}
	selfie, _ := e2e.Person(t)
	long := picture(240, 240)
	return map[string]fault{
		"not base64":          {"!!!!", 422, "invalid_base64"},
		"no padding":          {"/9j/4AA", 422, "invalid_base64"},
		"base64url":           {"_9j_4AAQ", 422, "invalid_base64"},
		"line breaks":         {blank()[:76] + "\r\n" + blank()[76:], 422, "invalid_base64"},
		"nothing":             {"", 422, "image_empty"},
		"too large":           {e2e.Base64(append(long, make([]byte, 10<<20)...)), 413, "image_too_large"},
		"a text":              {e2e.Base64([]byte("planted@example.com is no picture")), 415, "image_type_unsupported"},
		"a GIF":               {e2e.Base64([]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;")), 415, "image_type_unsupported"},
		"too small":           {e2e.Base64(picture(240, 20)), 422, "image_dimensions"},
		"too long":            {e2e.Base64(pngOf(t, 12001, 300)), 422, "image_dimensions"},
		"too many pixels":     {e2e.Base64(pngOf(t, 7000, 7000)), 422, "image_dimensions"},
		"a header alone":      {e2e.Base64(selfie[:20]), 422, "image_corrupt"},
		"cut off in the data": {e2e.Base64(selfie[:len(selfie)/2]), 422, "image_corrupt"},
	}
}

// pngOf gives the start of a PNG of a size: what a decompression bomb shows of itself.
func pngOf(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	out := b.Bytes()
	for i, n := range []int{width, height} {
		copy(out[16+4*i:], []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	sum := crc32.ChecksumIEEE(out[12:29])
	copy(out[29:], []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	return out
}

// TestBadInputLeavesNothing sends every fault to every module: each has its code, tells nothing of what was sent, and leaves nothing.
func TestBadInputLeavesNothing(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	t.Run("requests", func(t *testing.T) { sendBadInput(t, c) }) // which returns when its parallel parts have
	for table, n := range left(t, c.id) {
		if n != 0 {
			t.Errorf("refused requests have left %d in %s", n, table)
		}
	}
	everyFileHasItsRow(t)
	usage := want[struct{ Events []object }](t, c.test.Do(t, http.MethodGet, "/v1/usage/events", nil), 200)
	if len(usage.Events) != 0 {
		t.Errorf("refused requests are billed: %v", usage.Events)
	}
	logged := want[struct{ Requests []struct{ Billed bool } }](t, c.test.Do(t, http.MethodGet, "/v1/logs/request", nil), 200)
	if len(logged.Requests) < 100 {
		t.Errorf("only %d requests are logged", len(logged.Requests))
	}
	for _, r := range logged.Requests {
		if r.Billed {
			t.Error("a refused request is logged as billed")
		}
	}
}

func sendBadInput(t *testing.T, c customer) {
	for target, module := range modules() {
		t.Run(strings.TrimPrefix(target, "/v1/"), func(t *testing.T) {
			t.Parallel()
			for what, fault := range badBodies(t, module.body) {
				a := c.test.Do(t, http.MethodPost, target, fault.body, "Content-Type", "application/json")
				refused(t, what, a, fault.status, fault.code)
				quiet(t, what, a)
			}
			for what, fault := range badPictures(t) {
				for _, member := range module.pictures {
					if target == "/v1/kyc/verify" && what == "cut off in the data" || what == "nothing" && member == "image_back_base64" {
						continue // which is seen when it is decoded, by a job; an empty back is none
					}
					want := fault
					if what == "too small" && strings.HasSuffix(target, "/match") {
						want.text = e2e.Base64(picture(240, 20)) // below what even a face's crop must have
					}
					a := c.test.Do(t, http.MethodPost, target, replaced(t, module.body, member, want.text))
					refused(t, member+": "+what, a, want.status, want.code)
					quiet(t, what, a)
					if field, _ := details(t, a)["field"].(string); a.Status >= 400 && field != "/"+member {
						t.Errorf("%s: %s: the details name the field %q", member, what, field)
					}
				}
			}
		})
	}
	t.Run("members", func(t *testing.T) {
		t.Parallel()
		for _, bad := range []struct {
			target string
			body   object
			code   string
		}{
			{"/v1/liveness/analyze", object{}, "missing_field"},
			{"/v1/liveness/analyze", object{"image_live_base64": blank(), "frames_base64": []string{blank(), blank()}}, "invalid_argument"},
			{"/v1/liveness/analyze", object{"frames_base64": []string{blank()}}, "frames_count"},
			{"/v1/liveness/analyze", object{"frames_base64": []string{}}, "frames_count"},
			{"/v1/liveness/analyze", object{"frames_base64": repeated(blank(), 33)}, "frames_count"},
			{"/v1/document/ocr", object{"image_front_base64": blank(), "document_hint": "membership"}, "invalid_argument"},
			{"/v1/document/ocr", object{"image_front_base64": blank(), "country_hint": "XQZ"}, "invalid_argument"},
			{"/v1/document/ocr", object{"image_front_base64": blank(), "include_images": []string{"all"}}, "invalid_argument"},
			{"/v1/document/ocr", object{"image_back_base64": blank()}, "missing_field"},
			{"/v1/document/validate", object{}, "missing_field"},
			{"/v1/document/validate", object{"image_front_base64": blank(), "fields": object{"surname": "A"}}, "invalid_argument"},
			{"/v1/document/validate", object{"fields": object{"planted@example.com": "A"}}, "invalid_argument"},
			{"/v1/document/validate", object{"mrz": object{"lines": []string{"1", "2", "3", "4", "5"}}}, "invalid_argument"},
			{"/v1/document/validate", object{"image_front_base64": blank(), "policy": object{"min_age": -1}}, "invalid_argument"},
			{"/v1/document/validate", object{"fields": object{"surname": "A"}, "policy": object{"expiry_grace_days": 100000}}, "invalid_argument"},
			{"/v1/document/validate", object{"fields": object{"surname": "A"}, "policy": object{"accepted_types": []string{"passprot"}}}, "invalid_argument"},
			{"/v1/document/validate", object{"fields": object{"surname": "A"}, "policy": object{"accepted_countries": []string{"FRA", "XQZ"}}}, "invalid_argument"},
			{"/v1/document/validate", object{"fields": object{"surname": "A"}, "policy": object{"mandatory_fields": []string{"planted@example.com"}}}, "invalid_argument"},
			{"/v1/face/match", object{"image_live_base64": blank()}, "missing_field"},
			{"/v1/face/match", object{"image_live_base64": blank(), "image_document_base64": blank(), "subject_id": "sub_x"}, "invalid_argument"},
			{"/v1/face/match", object{"image_live_base64": blank(), "image_document_base64": blank(), "threshold": 1.5}, "invalid_argument"},
			{"/v1/face/match", object{"image_live_base64": blank(), "image_document_base64": blank(), "threshold": 0}, "invalid_argument"},
			{"/v1/face/match", object{"image_live_base64": blank(), "image_document_base64": blank(), "threshold": 0.5, "target_fmr": 0.1}, "invalid_argument"},
			{"/v1/kya/check", object{}, "missing_field"},
			{"/v1/kya/check", object{"email": strings.Repeat("a", 400) + "@example.com"}, "invalid_argument"},
			{"/v1/kyc/verify", object{"image_live_base64": blank()}, "missing_field"},
			{"/v1/kyc/verify", with(blankVerification(), "callback_url", "http://203.0.113.7/hook"), "url_denied"},
			{"/v1/kyc/verify", with(blankVerification(), "callback_url", "https://10.0.0.1/hook"), "url_denied"},
			{"/v1/kyc/verify", with(blankVerification(), "callback_url", "file:///etc/passwd"), "url_denied"},
			{"/v1/kyc/verify", with(blankVerification(), "workflow", object{"name": "nonesuch"}), "invalid_argument"},
			{"/v1/kyc/verify", with(blankVerification(), "workflow", object{"thresholds": object{"accept": 10, "review": 60}}), "invalid_argument"},
			{"/v1/kyc/verify", with(blankVerification(), "subject_ref", strings.Repeat("a", 201)), "invalid_argument"},
			{"/v1/kyc/verify", with(blankVerification(), "subject_ref", "a\u0000b"), "invalid_argument"},
			{"/v1/captures", object{"subject_ref": "a\nb"}, "invalid_argument"},
			{"/v1/subjects", object{"subject_ref": "a\tb"}, "invalid_argument"},
			{"/v1/kyc/verify", with(blankVerification(), "metadata", object{"a": strings.Repeat("b", 5000)}), "invalid_argument"},
			{"/v1/kyc/verify", with(blankVerification(), "metadata", object{"a": 1}), "wrong_type"},
			{"/v1/kyc/verify", with(blankVerification(), "kya", object{}), "invalid_argument"},
			{"/v1/kyc/verify", with(blankVerification(), "kya", object{"email": strings.Repeat("a", 400)}), "invalid_argument"},
			{"/v1/webhooks", object{"url": "http://203.0.113.7/hook"}, "url_denied"},
			{"/v1/webhooks", object{"url": "https://169.254.169.254/latest"}, "url_denied"},
			{"/v1/webhooks", object{"url": sink(t), "types": []string{"nonesuch"}}, "invalid_argument"},
			{"/v1/webhooks", object{}, "missing_field"},
			{"/v1/keys", object{"name": "a", "scopes": []string{"everything"}}, "invalid_argument"},
			{"/v1/keys", object{"name": "a", "scopes": []string{}}, "invalid_argument"},
			{"/v1/keys", object{"name": "a", "cidrs": []string{"planted@example.com"}}, "invalid_argument"},
			{"/v1/keys", object{"name": "a", "endpoint_limits": object{"planted@example.com": 1}}, "invalid_argument"},
			{"/v1/webhooks/resend", object{}, "invalid_argument"},
			{"/v1/webhooks/resend", object{"failed": true, "type": "a\x00"}, "invalid_argument"},
			{"/v1/webhooks/resend", object{"failed": true, "webhook_id": "whk_\x00"}, "invalid_argument"},
			{"/v1/kyc/verify", with(blankVerification(), "workflow", "a\x00"), "invalid_argument"},
		} {
			a := c.test.Do(t, http.MethodPost, bad.target, bad.body)
			what := fmt.Sprintf("%s %.120v", bad.target, bad.body)
			refused(t, what, a, 422, bad.code)
			quiet(t, what, a)
		}
	})
}

// everyFileHasItsRow waits until each file that is there now is either gone or known to the table of media. Files of work that is under
// way are neither for a moment.
func everyFileHasItsRow(t *testing.T) {
	t.Helper()
	conn := database(t)
	open := files(t)
	t.Cleanup(func() {
		for path, written := range open {
			t.Errorf("the file %s, written %s ago, has no row", path, time.Since(written))
		}
	})
	eventually(t, patience, "every file has its row", func() bool {
		there := files(t)
		for path := range open {
			_, still := there[path]
			if !still || number(t, conn, "select count(*) from media where blob = $1", filepath.Base(path)) > 0 {
				delete(open, path)
			}
		}
		return len(open) == 0
	})
}

// quiet fails when an answer repeats what was sent.
func quiet(t *testing.T, what string, a e2e.Answer) {
	t.Helper()
	for _, planted := range []string{"planted@", "planted-reference", blank()[:40]} {
		if bytes.Contains(a.Body, []byte(planted)) {
			t.Errorf("%s: the answer repeats what was sent: %.300s", what, a.Body)
		}
	}
}

func with(body object, name string, value any) object {
	body[name] = value
	return body
}

func repeated(text string, times int) (out []string) {
	for range times {
		out = append(out, text)
	}
	return out
}

// TestWhatNoDatabaseHolds: bytes that PostgreSQL takes in no text are refused as a fault of the request, in every parameter of every route.
func TestWhatNoDatabaseHolds(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	for prefix, do := range map[string]func(method, target string, body any) e2e.Answer{
		"/v1":       func(method, target string, body any) e2e.Answer { return c.Do(t, method, target, body) },
		"/admin/v1": func(method, target string, body any) e2e.Answer { return operator.Do(t, method, target, body) },
	} {
		for _, o := range surfaceOf(prefix).operations() {
			for _, bad := range []string{"%00", "%ff", "a%00"} {
				if path := pathParameter.ReplaceAllString(o.path, bad); path != o.path {
					var body any
					if raw, ok := o.example(t).([]byte); ok {
						body = jsonOf(t, raw)
					}
					if a := do(o.method, path, body); a.Status < 400 || a.Status >= 500 {
						t.Errorf("%s with %s: %d %s", o, bad, a.Status, a.Body)
					}
				}
				for _, p := range o.Parameters {
					if p.In != "query" || o.method != http.MethodGet {
						continue
					}
					target := pathParameter.ReplaceAllString(o.path, "x") + "?" + p.Name + "=" + bad
					if a := do(o.method, target, nil); a.Status < 400 || a.Status >= 500 {
						t.Errorf("%s: %d %s", target, a.Status, a.Body)
					}
				}
			}
		}
	}
	refused(t, "a plan", operator.Do(t, http.MethodPost, "/admin/v1/tenants", object{"name": "A", "country": "FRA", "support_email": "a@example.com", "plan": "a\x00"}), 422, "invalid_argument")
}

var pathParameter = regexp.MustCompile(`\{[^}]*\}`)
