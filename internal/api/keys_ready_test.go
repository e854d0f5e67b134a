package api

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"ekyc"
)

// refusing are root keys that the key service does not let anybody use.
type refusing struct{ err error }

func (r *refusing) Ready() error { return r.err }

// TestNothingIsServedWhileTheRootKeysAreRefused: no route but the open ones lets anybody in, and /ready says so.
func TestNothingIsServedWhileTheRootKeysAreRefused(t *testing.T) {
	t.Parallel()
	keys := &refusing{ekyc.Errorf(ekyc.ErrUnavailable, "the key service refuses the root keys").Because(errors.New("access denied"))}
	s := &Server{Services: Services{Keys: keys}}
	enter := func(a access) error {
		r := httptest.NewRequest(http.MethodGet, "/v1/quotas", nil)
		return s.enter(httptest.NewRecorder(), r, &Call{}, route{method: http.MethodGet, path: "/quotas", access: a})
	}
	for name, a := range map[string]access{"signed": signed, "platform": operators} {
		if err := enter(a); ekyc.CodeOf(err) != ekyc.ErrUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := enter(open); err != nil {
		t.Errorf("open: %v", err)
	}
	if err := s.keysReady(t.Context()); ekyc.CodeOf(err) != ekyc.ErrUnavailable {
		t.Errorf("ready: %v", err)
	}
	keys.err = nil
	if err := enter(operators); ekyc.CodeOf(err) == ekyc.ErrUnavailable {
		t.Errorf("allowed again: %v", err)
	}
}
