package contract

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/e2e"
)

// given is a challenge as the API gives it out.
type given struct {
	ID        ekyc.ID   `json:"challenge_id"`
	Actions   []string  `json:"actions"`
	ExpiresAt time.Time `json:"expires_at"`
	Signature string    `json:"signature"`
}

func ask(t *testing.T, c *e2e.Client, body object, headers ...string) given {
	t.Helper()
	return want[given](t, c.Do(t, http.MethodPost, "/v1/liveness/challenges", body, headers...), 201)
}

// answer sends three frames that show nothing of what was asked for.
func answer(t *testing.T, c *e2e.Client, id ekyc.ID, frame string) e2e.Answer {
	t.Helper()
	return c.Do(t, http.MethodPost, "/v1/liveness/analyze", object{"frames_base64": repeated(frame, 3), "challenge_id": id})
}

// refusedFor fails the test unless a challenge was refused for the reason.
func refusedFor(t *testing.T, what string, a e2e.Answer, reason string) {
	t.Helper()
	refused(t, what, a, 422, "challenge_invalid")
	var body struct {
		Error struct{ Details struct{ Reason string } }
	}
	if a.JSON(t, &body); body.Error.Details.Reason != reason {
		t.Errorf("%s: refused for %q, not for %q", what, body.Error.Details.Reason, reason)
	}
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	c, other := newCustomer(t, "pro"), newCustomer(t, "pro")
	second := operator.KeyOf(t, up.BaseURL, c.id, "test", nil)
	selfie, _ := e2e.Person(t)
	frame := e2e.Base64(selfie)

	first := ask(t, c.test, object{})
	want[object](t, c.test.Do(t, http.MethodPost, "/v1/liveness/challenges", nil), 201)
	refused(t, "a body without a type", c.test.Do(t, http.MethodPost, "/v1/liveness/challenges", []byte("{}"), "Content-Type", ""), 415, "unsupported_media_type")
	refused(t, "another type", c.test.Do(t, http.MethodPost, "/v1/liveness/challenges", nil, "Content-Type", "text/plain"), 415, "unsupported_media_type")
	if !first.ID.Is(ekyc.KindChallenge) || len(first.Actions) != 3 || len(first.Signature) != 64 {
		t.Errorf("given out: %+v", first)
	}
	if left := time.Until(first.ExpiresAt); left < 170*time.Second || left > 185*time.Second {
		t.Errorf("it lasts %s", left)
	}
	if long := ask(t, c.test, object{"actions": 5}); len(long.Actions) != 5 {
		t.Errorf("five were asked for: %v", long.Actions)
	}
	refused(t, "two actions", c.test.Do(t, http.MethodPost, "/v1/liveness/challenges", object{"actions": 2}), 422, "invalid_argument")

	refusedFor(t, "another tenant", answer(t, other.test, first.ID, frame), "unknown")
	refusedFor(t, "another environment", answer(t, c.live, first.ID, frame), "unknown")
	refusedFor(t, "another key", answer(t, second, first.ID, frame), "other_key")
	refusedFor(t, "an invented one", answer(t, c.test, ekyc.NewID(ekyc.KindChallenge), frame), "unknown")
	refused(t, "one still", c.test.Do(t, http.MethodPost, "/v1/liveness/analyze", object{"image_live_base64": frame, "challenge_id": first.ID}), 422, "invalid_argument")
	refused(t, "a mirror without a challenge", c.test.Do(t, http.MethodPost, "/v1/liveness/analyze", object{"frames_base64": repeated(frame, 2), "frames_mirrored": true}), 422, "invalid_argument")

	type verdict struct {
		module
		IsLive bool `json:"is_live"`
		Method string
		Checks []ekyc.Check
	}
	judged := want[verdict](t, answer(t, c.test, first.ID, frame), 200)
	if s := statuses(judged.Checks); judged.IsLive || judged.Method != "challenge" || s["challenge_completed"] != ekyc.Fail || s["frames_distinct"] != ekyc.Fail || s["challenge_action_3"] != ekyc.Fail {
		t.Errorf("a still in three copies: %+v", judged)
	}
	judged.check(t, "liveness")
	refusedFor(t, "a second time", answer(t, c.test, first.ID, frame), "used")

	late := ask(t, c.test, object{})
	if _, err := database(t).Exec(context.Background(), "update challenge set created_at = created_at - interval '181 s', expires_at = expires_at - interval '181 s' where id = $1", late.ID); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, "too late", answer(t, c.test, late.ID, frame), "expired")

	refusal := ask(t, c.test, object{})
	refused(t, "nobody in the frames", answer(t, c.test, refusal.ID, blank()), 422, "face_not_found")
	refusedFor(t, "after a refused input", answer(t, c.test, refusal.ID, frame), "used")
}

func TestAChallengeIsGivenOutOnceForAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	first := ask(t, c.test, object{}, "Idempotency-Key", "challenge-1")
	again := ask(t, c.test, object{}, "Idempotency-Key", "challenge-1")
	if first.ID != again.ID || !slices.Equal(first.Actions, again.Actions) {
		t.Errorf("%+v and then %+v", first, again)
	}
}

func TestChallengesNeedOneOfTwoScopes(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	of := func(scope string) *e2e.Client {
		return operator.KeyOf(t, up.BaseURL, c.id, "test", object{"name": scope, "scopes": []string{scope}})
	}
	ask(t, of("liveness"), object{})
	ask(t, of("workflow"), object{})
	refused(t, "another scope", of("ocr").Do(t, http.MethodPost, "/v1/liveness/challenges", object{}), 403, "scope_denied")
}

// TestAVerificationTakesItsChallenge: the job that was submitted has it, and no other can.
func TestAVerificationTakesItsChallenge(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	selfie, front := e2e.Person(t)
	first := ask(t, c.test, object{})
	body := object{"frames_base64": repeated(e2e.Base64(selfie), 3), "image_front_base64": e2e.Base64(front), "challenge_id": first.ID}
	job := want[struct {
		ID string `json:"job_id"`
	}](t, c.test.Do(t, http.MethodPost, "/v1/kyc/verify", body), 202)
	refusedFor(t, "a second job", c.test.Do(t, http.MethodPost, "/v1/kyc/verify", body), "used")
	done := c.test.AwaitJob(t, job.ID, patience)
	var result struct {
		Decision ekyc.Decision
		Reasons  []struct{ Code string }
	}
	e2e.Answer{Body: done.Result}.JSON(t, &result)
	told := map[string]bool{}
	for _, r := range result.Reasons {
		told[r.Code] = true
	}
	if result.Decision == ekyc.Accepted || !told["challenge_incomplete"] || !told["recording_not_genuine"] {
		t.Errorf("a still in three copies: %s, told %v", result.Decision, told)
	}
}
