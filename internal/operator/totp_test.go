package operator

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"ekyc"
)

// enrol gives an operator one-time codes and returns the secret and the code that confirming has used up.
func (b *bundle) enrol() (secret, used string) {
	b.t.Helper()
	secret, url, err := b.s.EnrolTOTP(b.t.Context(), b.owner.ID)
	b.must(err)
	if !strings.HasPrefix(url, "otpauth://totp/eKYC:owner-1@operators.example?") || !strings.Contains(url, secret) {
		b.t.Errorf("URL %s", url)
	}
	used = b.code(secret, 0)
	b.must(b.s.ConfirmTOTP(b.t.Context(), b.owner.ID, used))
	return secret, used
}

// code gives the one-time code of a step from now.
func (b *bundle) code(secret string, steps int) string {
	b.t.Helper()
	code, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(steps)*totpPeriod*time.Second))
	b.must(err)
	return code
}

func TestOneTimeCodes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.s.ConfirmTOTP(t.Context(), b.owner.ID, "000000"); ekyc.CodeOf(err) != ekyc.ErrConflict {
		t.Errorf("nothing is enrolled: %v", err)
	}
	pending, _, err := b.s.EnrolTOTP(t.Context(), b.owner.ID)
	b.must(err)
	if err := b.s.ConfirmTOTP(t.Context(), b.owner.ID, b.code(pending, 5)); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("a wrong code confirms: %v", err)
	}
	if s := b.session(); s.Operator.TOTP {
		t.Error("what is not confirmed counts")
	}
	secret, used := b.enrol()
	for name, code := range map[string]string{"none": "", "used to confirm": used, "of an earlier secret": b.code(pending, 1),
		"too old": b.code(secret, -2), "too early": b.code(secret, 3), "with a space": " " + b.code(secret, 1)} {
		_, err := b.login(address, password, code)
		b.refused("code "+name, err)
		b.exec(`update ekyc.operator set failures = 0, locked_until = null`)
	}
	_, err = b.login(address, "wrong", b.code(secret, 1))
	b.refused("a right code with a wrong password", err)
	code := b.code(secret, 1)
	session, err := b.login(address, password, code)
	b.must(err)
	if !session.Operator.TOTP {
		t.Error("the session does not say so")
	}
	_, err = b.login(address, password, code)
	b.refused("a code that was used", err)
	b.must(b.s.ResetTOTP(t.Context(), b.owner.ID))
	b.session()
}

func TestACodeOpensOneSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret, _ := b.enrol()
	code := b.code(secret, 1)
	var opened sync.WaitGroup
	results := make(chan error, 4)
	for i := range cap(results) {
		opened.Go(func() {
			_, err := b.s.Login(t.Context(), address, password, code, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}))
			results <- err
		})
	}
	opened.Wait()
	close(results)
	n := 0
	for err := range results {
		if err == nil {
			n++
		} else {
			b.refused("the same code", err)
		}
	}
	if n != 1 {
		t.Errorf("%d sessions were opened", n)
	}
}
