package api

import (
	"strings"
	"testing"
	"time"

	"ekyc"
)

func TestALinkToAPhotographRunsOut(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	made := []byte(strings.Repeat("m", 32))
	c := mediaClaim{"ek_live_eu1_0", ekyc.NewID(ekyc.KindMedia), now.Add(linkLife)}
	read, signature, ok := readMediaClaim(c.token(made))
	if !ok || read.text() != c.text() || string(signature) != string(made) {
		t.Fatalf("%+v, %q, %v", read, signature, ok)
	}
	for _, at := range []struct {
		after time.Duration
		want  ekyc.ErrorCode
	}{{0, ""}, {linkLife - time.Second, ""}, {linkLife, ekyc.ErrGone}, {time.Hour, ekyc.ErrGone}} {
		if err := read.judge(made, signature, now.Add(at.after)); ekyc.CodeOf(err) != at.want {
			t.Errorf("after %s: %v", at.after, err)
		}
		if err := read.judge(made, signature[1:], now.Add(at.after)); ekyc.CodeOf(err) != ekyc.ErrNotFound {
			t.Errorf("wrongly signed, after %s: %v", at.after, err)
		}
	}
	good := c.token(made)
	for _, bad := range []string{"", ".", "...", good + ".", good + "0", strings.Replace(good, "med_", "job_", 1), strings.Replace(good, ".18", ".x8", 1), good[:len(good)-1] + "g", strings.Repeat("a", 301)} {
		if _, _, ok := readMediaClaim(bad); ok {
			t.Errorf("%q is read", bad)
		}
	}
}
