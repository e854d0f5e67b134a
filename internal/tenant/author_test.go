package tenant

import (
	"testing"
	"time"

	"ekyc"
)

// What a key has begun may go on as long as the key may be used, as every process knows at once.
func TestAuthorIsAsTheKeyIsNow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, _, _ := b.process(time.Hour)
	key, _ := b.key(KeyInput{})
	code := func() ekyc.ErrorCode {
		t.Helper()
		p, err := other.Author(t.Context(), key.ID)
		if err == nil && (p.Key.ID != key.ID || p.Tenant.ID != b.tenant.ID || p.Plan.Name == "") {
			t.Errorf("the author is %+v", p)
		}
		return ekyc.CodeOf(err)
	}
	if got := code(); got != "" {
		t.Errorf("at first: %q", got)
	}
	_, err := b.s.SetStatus(t.Context(), b.tenant.ID, Suspended)
	b.must(err)
	if got := code(); got != ekyc.ErrTenantSuspended {
		t.Errorf("while suspended: %q", got)
	}
	_, err = b.s.SetStatus(t.Context(), b.tenant.ID, Active)
	b.must(err)
	if got := code(); got != "" {
		t.Errorf("afterwards: %q", got)
	}
	_, err = b.s.RevokeKey(t.Context(), b.scope, key.ID)
	b.must(err)
	if got := code(); got != ekyc.ErrKeyRevoked {
		t.Errorf("revoked: %q", got)
	}
	if _, err := other.Author(t.Context(), "ek_test_eu1_00000000000000000000000000"); ekyc.CodeOf(err) != ekyc.ErrKeyUnknown {
		t.Errorf("of no key: %v", err)
	}
	end := time.Now().Add(time.Second)
	short, _ := b.key(KeyInput{ExpiresAt: &end})
	time.Sleep(time.Until(end))
	if _, err := other.Author(t.Context(), short.ID); ekyc.CodeOf(err) != ekyc.ErrKeyExpired {
		t.Errorf("of an expired key: %v", err)
	}
}
