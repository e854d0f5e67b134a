package vault_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/keyring"
	"ekyc/internal/killtest"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
)

// site is a database and a ring's file, on which any number of processes work.
type site struct {
	URL, Ring, Directory string
	Scope                ekyc.Scope
}

func newSite(t *testing.T) site {
	t.Helper()
	s := site{URL: server.URL(t), Ring: filepath.Join(t.TempDir(), "root.key"), Directory: t.TempDir(), Scope: newScope()}
	if _, err := keyring.Create(s.Ring); err != nil {
		t.Fatal(err)
	}
	s.exec(t, `create table ekyc.owned (tenant_id text collate "C", environment text collate "C", id text collate "C", sealed bytea, primary key (tenant_id, environment, id))`)
	s.exec(t, `select ekyc.protect('ekyc.owned')`)
	s.exec(t, `grant select, insert on ekyc.owned to ekyc_service`)
	s.exec(t, `grant select, update (sealed) on ekyc.owned to ekyc_system`)
	return s
}

// owned is a table as rooms have them, with what is sealed under the tenant's key.
var owned = []vault.Column{{Table: "ekyc.owned", Name: "sealed", Key: []string{"id"}, Object: func(key []string) string { return "y" + key[0] }}}

func (s site) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := storetest.Owner(t, s.URL).Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// later is ten minutes after.
func (s site) later(t *testing.T) {
	t.Helper()
	s.exec(t, `update ekyc_keys.tenant_key set rotated_at = rotated_at - interval '11 minutes', settled_at = settled_at - interval '11 minutes'`)
}

// machine is what one process has: nothing in memory but its own.
type machine struct {
	*vault.Vault
	ring  *keyring.Ring
	db    *store.DB
	scope ekyc.Scope
}

func (s site) open(o store.Options) (machine, error) {
	ring, err := keyring.OpenWith(context.Background(), s.Ring, keyring.Options{Logger: quiet.Logger})
	if err != nil {
		return machine{}, err
	}
	db, err := store.Open(context.Background(), s.URL, o)
	if err != nil {
		return machine{}, err
	}
	files, err := blob.OpenFiles(s.Directory)
	return machine{vault.New(db, ring, files, quiet), ring, db, s.Scope}, err
}

func (s site) start(t *testing.T) machine {
	t.Helper()
	m, err := s.open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.db.Close)
	return m
}

// stored is something that was sealed: under the subject's key, and under the tenant's.
type stored struct {
	subject ekyc.ID
	ref     string
	own     []byte
}

func (m machine) write(ctx context.Context, ref string) (s stored, err error) {
	err = m.db.InTenant(ctx, m.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		s = stored{ref: ref}
		if s.subject, err = m.CreateSubject(ctx, tx, m.scope, ref); err != nil {
			return err
		}
		if s.own, err = m.Seal(ctx, tx, m.scope, s.subject, "x", []byte(ref)); err != nil {
			return err
		}
		other, err := m.Seal(ctx, tx, m.scope, "", "y"+string(s.subject), []byte(ref))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into ekyc.owned values ($1, $2, $3, $4)`, m.scope.Tenant, m.scope.Environment, s.subject, other)
		return err
	})
	return s, err
}

func (m machine) read(ctx context.Context, s stored) error {
	return m.db.InTenant(ctx, m.scope, func(ctx context.Context, tx pgx.Tx) error {
		own, err := m.Open(ctx, tx, m.scope, s.subject, "x", s.own)
		if err != nil {
			return err
		}
		var sealed []byte
		if err := tx.QueryRow(ctx, `select sealed from ekyc.owned where id = $1`, s.subject).Scan(&sealed); err != nil {
			return err
		}
		other, err := m.Open(ctx, tx, m.scope, "", "y"+string(s.subject), sealed)
		if err != nil {
			return err
		}
		found, err := m.GetSubject(ctx, tx, m.scope, s.subject)
		if err != nil {
			return err
		}
		many, err := m.ReadKeys(ctx, tx, m.scope, []ekyc.ID{s.subject})
		if err != nil {
			return err
		}
		again, err := many.Open(s.subject, "x", s.own)
		if err != nil {
			return err
		}
		if string(own) != s.ref || string(other) != s.ref || found.Ref != s.ref || string(again) != s.ref {
			return fmt.Errorf("%q opens as %q, %q, %q, %q", s.ref, own, other, found.Ref, again)
		}
		return nil
	})
}

// rotateAll is what an operator does, each step a command of its own.
func (s site) rotateAll(t *testing.T) {
	t.Helper()
	c, ctx := s.start(t), t.Context()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	must("rotate the root key", c.ring.Rotate(ctx))
	must("rotate the tenant's keys", c.RotateKeys(ctx, s.Scope))
	_, err := c.RewrapScope(ctx, s.Scope, owned, nil)
	must("bring everything under the newest keys", err)
	time.Sleep(1100 * time.Millisecond) // until every process has looked at the file
	// Who began to seal before that may still write, on a busy machine: then it is done again, as by an operator whom Retire refuses.
	for deadline := time.Now().Add(time.Minute); ; {
		under := 0
		for _, column := range vault.Sealed() {
			_, err := c.ring.Reseal(ctx, c.db, column, nil)
			must("seal "+column.String(), err)
			found, err := keyring.Count(ctx, c.db, column)
			must("count", err)
			under = max(under, len(found))
		}
		if under <= 1 || time.Now().After(deadline) {
			break
		}
	}
	var former []uint32
	for _, key := range c.ring.Keys() {
		if key.State == keyring.Former {
			former = append(former, key.ID)
		}
	}
	for _, column := range vault.Sealed() {
		found, err := keyring.Count(ctx, c.db, column)
		must("count", err)
		if len(found) != 1 || found[c.ring.Primary()] == 0 {
			t.Errorf("%s is under %v, the current key is %d", column, found, c.ring.Primary())
		}
	}
	must("retire the root key", c.ring.Retire(ctx, former))
}

// retire destroys the older keys as a command does, as if it were ten minutes later.
func (s site) retire(t *testing.T) {
	t.Helper()
	c := s.start(t)
	if _, err := c.RewrapScope(t.Context(), s.Scope, owned, nil); err != nil {
		t.Errorf("bring everything under the newest keys: %v", err)
	}
	time.Sleep(5 * time.Second) // in place of the minute: what was read before is opened
	s.later(t)
	if n, err := c.RetireKeys(t.Context(), s.Scope, owned); err != nil || n == 0 {
		t.Errorf("%d keys were destroyed, %v", n, err)
	}
}

// TestKeysRotateWhileRequestsRun has two processes write and read all the time while root and tenant keys are rotated over and over. Then two others, which
// remember no older keys, do so while these are destroyed.
func TestKeysRotateWhileRequestsRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := work{site: s}
	if _, err := s.start(t).write(t.Context(), "the first"); err != nil { // so that there are keys to be rotated
		t.Fatal(err)
	}
	w.beside(t, func() {
		for range 2 {
			s.rotateAll(t)
		}
	})
	w.beside(t, func() { s.retire(t) })
	fresh := s.start(t)
	w.all.Range(func(_, v any) bool {
		if err := fresh.read(context.Background(), v.(stored)); err != nil {
			t.Errorf("a new process reads: %v", err)
		}
		return true
	})
	owner := storetest.Owner(t, s.URL)
	var keys, subjects int64
	if err := owner.QueryRow(t.Context(), `select (select count(*) from ekyc_keys.subject_key), (select count(*) from ekyc.subject where erased_at is null)`).Scan(&keys, &subjects); err != nil || keys != subjects {
		t.Errorf("%d keys of %d subjects, %v", keys, subjects, err)
	}
	if w.written.Load() < 50 || w.reads.Load() < 50 || w.erased.Load() < 5 {
		t.Errorf("only %d writes, %d reads, %d erasures", w.written.Load(), w.reads.Load(), w.erased.Load())
	}
	t.Logf("%d writes, %d reads and %d erasures beside two rotations and the end of the older keys", w.written.Load(), w.reads.Load(), w.erased.Load())
}

// work is what two processes do all the time.
type work struct {
	site                   site
	all                    sync.Map
	written, reads, erased atomic.Int64
}

// beside does something while two new processes work.
func (w *work) beside(t *testing.T, do func()) {
	t.Helper()
	processes := []machine{w.site.start(t), w.site.start(t)}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for i, m := range processes {
		for range 2 {
			group.Go(func() {
				for ctx.Err() == nil {
					n := w.written.Add(1)
					made, err := m.write(context.Background(), fmt.Sprintf("person-%d", n))
					if err != nil {
						t.Errorf("process %d writes: %v", i, err)
						return
					}
					if n%7 == 0 { // some go at once: no rotation brings them back
						err := m.db.InTenant(context.Background(), w.site.Scope, func(ctx context.Context, tx pgx.Tx) error {
							_, err := m.EraseSubject(ctx, tx, w.site.Scope, made.subject)
							return err
						})
						if err != nil {
							t.Errorf("process %d erases: %v", i, err)
						}
						if err := processes[1-i].read(context.Background(), made); ekyc.CodeOf(err) != ekyc.ErrGone {
							t.Errorf("an erased subject opens: %v", err)
						}
						w.erased.Add(1)
						continue
					}
					w.all.Store(n, made)
				}
			})
			group.Go(func() {
				for ctx.Err() == nil {
					v, ok := w.all.Load(rand.Int64N(w.written.Load()+1) + 1)
					if !ok {
						continue
					}
					if err := m.read(context.Background(), v.(stored)); err != nil {
						t.Errorf("process %d reads: %v", i, err)
						return
					}
					w.reads.Add(1)
				}
			})
		}
	}
	do()
	stop()
	group.Wait()
}

func TestOldTenantKeysAreRetired(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, ctx := s.start(t), t.Context()
	made, err := a.write(ctx, "person")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.RotateKeys(ctx, newScope()); ekyc.CodeOf(err) != ekyc.ErrNotFound {
		t.Errorf("rotating what is not there: %v", err)
	}
	if err := a.RotateKeys(ctx, s.Scope); err != nil {
		t.Fatal(err)
	}
	_, err = a.RetireKeys(ctx, s.Scope, owned)
	wantCode(t, "retiring at once", err, ekyc.ErrConflict)
	wantCode(t, "waiting for it at once", a.AwaitRetirement(ctx, s.Scope, owned, nil), ekyc.ErrConflict)
	s.later(t)
	list, err := a.ListKeys(ctx, s.Scope.Tenant, owned)
	if err != nil || len(list) != 1 || list[0].Behind != (vault.Behind{Subjects: 1, Values: 1}) {
		t.Errorf("%+v, %v", list, err)
	}
	_, err = a.RetireKeys(ctx, s.Scope, owned)
	wantCode(t, "retiring what still wraps", err, ekyc.ErrConflict)
	if n, err := a.RewrapScope(ctx, s.Scope, nil, nil); n != (vault.Behind{Subjects: 1}) || err != nil {
		t.Errorf("%+v were wrapped, %v", n, err)
	}
	s.later(t)
	_, err = a.RetireKeys(ctx, s.Scope, owned)
	wantCode(t, "retiring what has still sealed something", err, ekyc.ErrConflict)
	if n, err := a.RewrapScope(ctx, s.Scope, owned, nil); n != (vault.Behind{Values: 1}) || err != nil {
		t.Errorf("%+v were sealed anew, %v", n, err)
	}
	_, err = a.RetireKeys(ctx, s.Scope, owned)
	wantCode(t, "retiring what a request may have read", err, ekyc.ErrConflict)
	s.later(t)
	if err := a.AwaitRetirement(ctx, s.Scope, owned, nil); err != nil {
		t.Error(err)
	}
	if n, err := a.RetireKeys(ctx, s.Scope, owned); n != 2 || err != nil {
		t.Errorf("%d keys were removed, %v", n, err)
	}
	list, err = a.ListKeys(ctx, s.Scope.Tenant, owned)
	if err != nil || len(list) != 1 || len(list[0].Wrapping) != 1 || len(list[0].Sealing) != 1 || list[0].Subjects != 1 || list[0].Behind != (vault.Behind{}) || list[0].RotatedAt == nil {
		t.Errorf("%+v, %v", list, err)
	}
	for name, m := range map[string]machine{"the same process": a, "another": s.start(t)} {
		if err := m.read(ctx, made); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// rotateAsChild rotates everything and dies somewhere.
func rotateAsChild(ctx context.Context, k *killtest.Killer, s site) error {
	m, err := s.open(store.Options{Tracer: k.Tracer(), ServiceConns: 1, SystemConns: 1})
	if err != nil {
		return err
	}
	if err := m.ring.Rotate(ctx); err != nil {
		return err
	}
	k.Arm()
	if err := m.RotateKeys(ctx, s.Scope); err != nil {
		return err
	}
	if _, err := m.RewrapScope(ctx, s.Scope, owned, nil); err != nil {
		return err
	}
	_, err = m.ring.Reseal(ctx, m.db, vault.Sealed()[0], nil)
	return err
}

// TestARotationKilledAtAnyStatement looks after each kill whether everything opens, in a process that was there before and in a new one.
func TestARotationKilledAtAnyStatement(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	witness := s.start(t)
	var list []stored
	for i := range 3 {
		made, err := witness.write(t.Context(), fmt.Sprintf("person-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, made)
	}
	kills := killtest.Each(t, "rotate", func() any { return s }, func(bool) {
		fresh := s.start(t)
		defer fresh.db.Close()
		for name, m := range map[string]machine{"witness": witness, "new process": fresh} {
			for _, made := range list {
				if err := m.read(t.Context(), made); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	})
	if kills < 20 {
		t.Errorf("only %d kills", kills)
	}
	end := s.start(t)
	if _, err := end.RewrapScope(t.Context(), s.Scope, owned, nil); err != nil {
		t.Fatal(err)
	}
	found, err := end.ListKeys(t.Context(), s.Scope.Tenant, owned)
	if err != nil || len(found) != 1 || found[0].Behind != (vault.Behind{}) || found[0].Subjects != 3 {
		t.Errorf("%+v, %v", found, err)
	}
}

// retireAsChild brings everything under the newest keys, destroys the older ones, and dies somewhere.
func retireAsChild(ctx context.Context, k *killtest.Killer, s site) error {
	m, err := s.open(store.Options{Tracer: k.Tracer(), ServiceConns: 1, SystemConns: 2})
	if err != nil {
		return err
	}
	k.Arm()
	if err := m.AwaitRetirement(ctx, s.Scope, owned, nil); err != nil {
		return err
	}
	_, err = m.RetireKeys(ctx, s.Scope, owned)
	return err
}

// TestARetirementKilledAtAnyStatement: whatever is left of keys opens everything.
func TestARetirementKilledAtAnyStatement(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.start(t)
	made, err := c.write(t.Context(), "person")
	if err != nil {
		t.Fatal(err)
	}
	kills := killtest.Each(t, "retire", func() any {
		if err := c.RotateKeys(t.Context(), s.Scope); err != nil {
			t.Fatal(err)
		}
		if _, err := c.RewrapScope(t.Context(), s.Scope, owned, nil); err != nil {
			t.Fatal(err)
		}
		s.later(t)
		return s
	}, func(killed bool) {
		fresh := s.start(t)
		defer fresh.db.Close()
		if err := fresh.read(t.Context(), made); err != nil {
			t.Error(err)
		}
		if list, err := fresh.ListKeys(t.Context(), s.Scope.Tenant, owned); err != nil || !killed && (len(list[0].Wrapping) != 1 || len(list[0].Sealing) != 1) {
			t.Errorf("%+v, %v", list, err)
		}
	})
	if kills < 15 {
		t.Errorf("only %d kills", kills)
	}
}
