package audit

import (
	"context"
	"testing"

	"ekyc"
	"ekyc/internal/keyring"
	"ekyc/internal/killtest"
	"ekyc/internal/store"
)

// rotateRootAsChild rotates the root key and dies somewhere.
func rotateRootAsChild(ctx context.Context, k *killtest.Killer, o order) error {
	ring, err := keyring.Open(o.Keyring)
	if err != nil {
		return err
	}
	_, log, err := open(o.URL, o.Keyring, store.Options{Tracer: k.Tracer()})
	if err != nil {
		return err
	}
	k.Arm()
	return log.ChangeRoot(ctx, ring, Actor{ActorSystem, "test"}, ring.Rotate)
}

// TestARotationOfTheRootKeyThatWasKilledIsEntered: whenever it is killed, the next process enters what was done, once, and what was not done it does not enter.
func TestARotationOfTheRootKeyThatWasKilledIsEntered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	late := 0
	kills := killtest.Each(t, "rotate root", b.order, func(bool) {
		b.settle()
		ring, err := keyring.Open(b.keyring)
		b.must(err)
		if entered := b.all(ekyc.Scope{}, Filter{Action: RootKeyRotate}); len(entered) < len(ring.Keys())-1 {
			late++
		}
		for range 2 {
			b.must(b.log.EnterRoot(t.Context(), ring, Actor{ActorSystem, "test"}))
		}
		seen := map[string]bool{}
		entered := b.all(ekyc.Scope{}, Filter{Action: RootKeyRotate})
		for _, e := range entered {
			seen[e.Details[KeyNames]] = true
		}
		for _, key := range ring.Keys()[1:] {
			if !seen[keyring.KeyName(key.ID)] {
				t.Fatalf("the rotation to %s is not entered", keyring.KeyName(key.ID))
			}
		}
		if len(entered) != len(ring.Keys())-1 || len(ring.Unentered()) != 0 {
			t.Fatalf("%d entries for %d keys, %v", len(entered), len(ring.Keys()), ring.Unentered())
		}
	})
	if kills < 6 || late == 0 {
		t.Errorf("%d were killed, %d between the file and the log", kills, late)
	}
}

// TestAChangeThatIsBeingEnteredIsLeft: a process that starts meanwhile does not enter it a second time, nor wait.
func TestAChangeThatIsBeingEnteredIsLeft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ring, err := keyring.Open(b.keyring)
	b.must(err)
	_, starting := b.another()
	err = b.log.ChangeRoot(t.Context(), ring, Actor{ActorSystem, "test"}, func(ctx context.Context) error {
		if err := ring.Stage(ctx); err != nil {
			return err
		}
		other, err := keyring.Open(b.keyring)
		if err == nil && len(other.Unentered()) != 1 {
			t.Errorf("the file notes %v", other.Unentered())
		}
		if err == nil {
			err = starting.EnterRoot(context.Background(), other, Actor{ActorSystem, "test"})
		}
		return err
	})
	b.must(err)
	b.must(b.log.ChangeRoot(t.Context(), ring, Actor{ActorSystem, "test"}, ring.Rotate))
	former := ring.Keys()[0].ID
	b.must(b.log.ChangeRoot(t.Context(), ring, Actor{ActorSystem, "test"}, func(ctx context.Context) error { return ring.Retire(ctx, []uint32{former}) }))
	if list := b.all(ekyc.Scope{}, Filter{}); len(list) != 3 || list[2].Action != RootKeyStage || list[1].Action != RootKeyRotate || list[0].Action != RootKeyRetire ||
		list[0].Details[KeyNames] != keyring.KeyName(former) || list[0].Details[Units] != "1" {
		t.Errorf("%+v", list)
	}
	if len(ring.Unentered()) != 0 {
		t.Errorf("left are %v", ring.Unentered())
	}
}
