package api

import (
	"context"
	"log/slog"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/challenge"
	"ekyc/internal/store/storetest"
	"ekyc/internal/tenant"
	"ekyc/internal/vault"
	"ekyc/internal/vault/vaulttest"
)

var database *storetest.Server

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, &database, vault.Migrations, challenge.Migrations))
}

// TestOnlyAFaultOfOursGivesAChallengeBack: what was wrong with the frames does not.
func TestOnlyAFaultOfOursGivesAChallengeBack(t *testing.T) {
	t.Parallel()
	site := vaulttest.New(t, database)
	db, v := site.Process(t)
	s := &Server{Services: Services{DB: db, Challenges: challenge.New(db, v)}, options: Options{Logger: slog.New(slog.DiscardHandler)}}
	call := &Call{
		Principal: &tenant.Principal{Key: tenant.Key{ID: "ek_live_eu1_first"}},
		Scope:     site.Scope,
	}
	for _, c := range []struct {
		end   error
		again ekyc.ErrorCode
	}{
		{nil, ekyc.ErrChallengeInvalid}, {ekyc.Errorf(ekyc.ErrFaceNotFound, "no face"), ekyc.ErrChallengeInvalid},
		{ekyc.Errorf(ekyc.ErrCancelled, "gone"), ekyc.ErrChallengeInvalid},
		{ekyc.Errorf(ekyc.ErrEngineFailed, "crashed"), ""}, {ekyc.Errorf(ekyc.ErrOverloaded, "busy"), ""}, {context.DeadlineExceeded, ""},
	} {
		var given challenge.Challenge
		err := db.InTenant(t.Context(), call.Scope, func(ctx context.Context, tx pgx.Tx) (err error) {
			given, err = s.Challenges.Issue(ctx, tx, call.Scope, call.Principal.Key.ID, 3)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		first := &answering{server: s, call: call, body: &Answered{ChallengeID: given.ID}}
		if task, err := first.begin(t.Context()); err != nil || len(task.Actions) != 3 {
			t.Fatalf("%v, %v", task, err)
		}
		first.end(t.Context(), c.end)
		second := &answering{server: s, call: call, body: &Answered{ChallengeID: given.ID}}
		if _, err := second.begin(t.Context()); ekyc.CodeOf(err) != c.again {
			t.Errorf("after %v: %v", c.end, err)
		}
		second.end(t.Context(), nil)
	}
	if task, err := (&answering{server: s, call: call, body: &Answered{}}).begin(t.Context()); task != nil || err != nil {
		t.Errorf("without a challenge: %v, %v", task, err)
	}
}
