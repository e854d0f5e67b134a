package operator

import (
	"net/netip"
	"testing"
	"time"

	"ekyc"
)

// TestOwnSessions: an operator sees the own sessions that live, ends one or all others, and reaches nobody else's.
func TestOwnSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, err := b.s.Create(t.Context(), "owner-2@operators.example", password, Owner)
	b.must(err)
	_, err = b.login("owner-2@operators.example", password, "")
	b.must(err)
	var tokens []string
	for _, from := range []string{"127.0.0.1", "10.1.2.3", "203.0.113.9", "2001:db8::1", "::ffff:192.168.1.1"} {
		session, err := b.s.Login(t.Context(), address, password, "", netip.MustParseAddr(from))
		b.must(err)
		tokens = append(tokens, session.Token)
	}
	list := func(token string) []OpenSession {
		t.Helper()
		sessions, err := b.s.Sessions(t.Context(), b.owner.ID, token)
		b.must(err)
		return sessions
	}
	sessions := list(tokens[1])
	if len(sessions) != 5 {
		t.Fatalf("%d sessions", len(sessions))
	}
	for i, origin := range []string{"loopback", "private", "public", "public", "private"} {
		s := sessions[i]
		if s.Origin != origin || s.Current != (i == 1) || s.ExpiresAt.Sub(s.CreatedAt) != sessionFor || s.LastSeenAt.Before(s.CreatedAt) || s.ID == "" {
			t.Errorf("%d: %+v", i, s)
		}
	}
	for _, of := range []struct {
		id      ekyc.ID
		session string
	}{{other.ID, sessions[0].ID}, {b.owner.ID, tokens[0]}, {b.owner.ID, ""}, {b.owner.ID, "00000000-0000-0000-0000-000000000000"}} {
		if err := b.s.EndSession(t.Context(), of.id, of.session); ekyc.CodeOf(err) != ekyc.ErrNotFound {
			t.Errorf("%q: %v", of.session, err)
		}
	}
	b.must(b.s.EndSession(t.Context(), b.owner.ID, sessions[0].ID))
	if _, err := b.s.Authenticate(t.Context(), tokens[0]); ekyc.CodeOf(err) != ekyc.ErrSessionInvalid {
		t.Errorf("the session that was ended: %v", err)
	}
	b.exec(`update ekyc.operator_session set last_seen_at = now() - interval '1 hour', created_at = now() - interval '2 hours' where id = $1`, sessions[2].ID)
	if left := list(tokens[1]); len(left) != 3 || left[0].ID != sessions[1].ID {
		t.Errorf("%+v", left)
	}
	ended, err := b.s.EndOtherSessions(t.Context(), b.owner.ID, tokens[1])
	if left := list(tokens[1]); err != nil || ended != 3 || len(left) != 1 || !left[0].Current { // the idle one was there still
		t.Errorf("%d ended, %+v, %v", ended, left, err)
	}
	if others, err := b.s.Sessions(t.Context(), other.ID, tokens[1]); err != nil || len(others) != 1 || others[0].Current {
		t.Errorf("another's: %+v, %v", others, err)
	}
}

// TestAFirstPasswordIsOverInADay: who does not change it within a day is refused like one who does not know it.
func TestAFirstPasswordIsOverInADay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.s.ExpirePassword(t.Context(), b.owner.ID))
	until := b.session().Operator.PasswordExpiresAt
	if until == nil || time.Until(*until) > firstPasswordFor || time.Until(*until) < firstPasswordFor-time.Minute {
		t.Fatalf("until %v", until)
	}
	b.exec(`update ekyc.operator set password_expires_at = now()`)
	_, err := b.login(address, password, "")
	b.refused("a first password that is over", err)
	b.exec(`update ekyc.operator set password_expires_at = now() + interval '1 minute'`)
	b.must(b.s.SetPassword(t.Context(), b.owner.ID, "another long password"))
	session, err := b.login(address, "another long password", "")
	if err != nil || session.Operator.PasswordExpiresAt != nil {
		t.Errorf("a password that was chosen: %+v, %v", session.Operator, err)
	}
	if err := b.s.ExpirePassword(t.Context(), ekyc.NewID(ekyc.KindOperator)); ekyc.CodeOf(err) != ekyc.ErrNotFound {
		t.Errorf("of nobody: %v", err)
	}
}
