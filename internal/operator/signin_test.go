package operator

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// TestEverySignInIsTold: of sessions that are opened in their transaction, of refusals afterwards; what cannot be told does not happen.
func TestEverySignInIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	type told struct {
		id     ekyc.ID
		opened bool
	}
	var list []told
	var fault error
	s := New(b.db, b.keyring, Options{Cost: cheap, SignIn: func(_ context.Context, tx pgx.Tx, id ekyc.ID, opened bool) error {
		list = append(list, told{id, opened})
		var one int
		return errors.Join(fault, tx.QueryRow(t.Context(), "select 1").Scan(&one))
	}})
	login := func(email, password string) error {
		_, err := s.Login(t.Context(), email, password, "", netip.MustParseAddr("192.0.2.1"))
		return err
	}
	b.must(login(address, password))
	b.refused("a wrong password", login(address, "another long password"))
	b.refused("an unknown address", login("nobody@operators.example", password))
	b.refused("no address at all", login("nobody", password))
	if want := []told{{b.owner.ID, true}, {b.owner.ID, false}, {"", false}, {"", false}}; !slices.Equal(list, want) {
		t.Errorf("told %v, not %v", list, want)
	}
	fault = errors.New("the log is full")
	if err := login(address, password); !errors.Is(err, fault) {
		t.Errorf("a session that is not told: %v", err)
	}
	if err := login(address, "another long password"); !errors.Is(err, fault) {
		t.Errorf("a refusal that is not told: %v", err)
	}
	var sessions int
	b.must(b.db.AsSystem(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select count(*) from operator_session").Scan(&sessions)
	}))
	if sessions != 1 {
		t.Errorf("%d sessions", sessions)
	}
}
