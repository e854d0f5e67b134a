package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/keyring"
	"ekyc/internal/keyring/keyservice"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

// KeysCmd is `ekyc keys`. Its order at a rotation is: rotate-root, rewrap, and after a quarter of an hour retire-root.
type KeysCmd struct {
	Status       KeysStatusCmd       `cmd:"" help:"List root keys with their age and how much is sealed under each, and how the keys of tenants stand."`
	RotateRoot   KeysRotateRootCmd   `cmd:"" help:"Make another root key the one that seals. Running processes use it within a second."`
	Rewrap       KeysRewrapCmd       `cmd:"" help:"Seal everything that older root keys have sealed under the current one. It can be broken off and begun again at any time."`
	RetireRoot   KeysRetireRootCmd   `cmd:"" help:"Remove older root keys for good, once nothing is sealed under them. Backups from before need them: keep a copy of the file with those."`
	SealRoot     KeysSealRootCmd     `cmd:"" help:"Seal the file of the root keys by a key service, or write it in the clear again. Then start all processes with the other EKYC_ROOT_KEY_SERVICE."`
	RotateTenant KeysRotateTenantCmd `cmd:"" help:"Give a tenant newer keys, and bring under them what its older ones have sealed."`
	RotateAudit  KeysRotateAuditCmd  `cmd:"" help:"Replace the key that signs the audit log. The former one introduces the next, so that exports and checkpoints verify over the rotation, and its private half is destroyed."`
}

// keysWork is what the commands work with.
type keysWork struct {
	ring  *keyring.Ring
	db    *store.DB
	vault *vault.Vault
	log   *audit.Log
}

// reachDatabase makes sure of a database for a command: the one that was given, or the private one of `ekyc up`, which is started unless it runs.
func (f *databaseFlags) reachDatabase(ctx context.Context) (stop func() error, err error) {
	stop = func() error { return nil }
	if f.DatabaseURL == "" {
		if _, err := os.Stat(filepath.Join(f.DataDir, "postgres")); err != nil {
			return nil, f.requireDatabase()
		}
		if f.DatabaseURL, stop, err = f.owner(ctx); err != nil {
			return nil, err
		}
	}
	if err := f.requireDatabase(); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

// work opens the root keys and the database for a command.
func (f *databaseFlags) work(ctx context.Context, c *console, do func(*keysWork) error) error {
	stop, err := f.reachDatabase(ctx)
	if err != nil {
		return err
	}
	defer stop()
	ring, err := f.openRing(ctx, nil)
	if err != nil {
		return err
	}
	if f.Migrate {
		if err := f.migrate(ctx); err != nil {
			return err
		}
	}
	db, err := store.Open(ctx, f.DatabaseURL, store.Options{ServiceConns: 1, SystemConns: 3})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := fitRing(ctx, ring, db); err != nil {
		return err
	}
	log := audit.New(db, ring, audit.Options{})
	if err := log.EnterRoot(ctx, ring, commandActor("keys")); err != nil {
		return err
	}
	return do(&keysWork{ring: ring, db: db, vault: vault.New(db, ring, nil, vault.Options{}), log: log})
}

// enter runs an act and enters it.
func (w *keysWork) enter(ctx context.Context, action audit.Action, scope ekyc.Scope, act func(context.Context) (units int64, err error)) error {
	return w.log.Enter(ctx, ekyc.Scope{}, func(ctx context.Context) (audit.Entry, error) {
		units, err := act(ctx)
		e := audit.Entry{Action: action, Scope: scope, Actor: commandActor("keys")}
		if units > 0 {
			e.Details = audit.Details{audit.Units: strconv.FormatInt(units, 10)}
		}
		return e, err
	})
}

// demoFile is the one file that is sealed under the root key: of the demonstration's credentials.
func (f *databaseFlags) demoFile() string { return filepath.Join(f.DataDir, "demo.sealed") }

// demoKey says under which key the demonstration's file is sealed, and false where there is none.
func (f *databaseFlags) demoKey() (uint32, bool, error) {
	sealed, err := os.ReadFile(f.demoFile())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be read", f.demoFile()).Because(err)
	}
	id, ok := keyring.KeyOf(sealed)
	return id, ok, nil
}

// rootUse counts what is sealed under each root key, by column.
func (f *databaseFlags) rootUse(ctx context.Context, w *keysWork) (map[string]map[uint32]int64, error) {
	use := map[string]map[uint32]int64{}
	for _, column := range sealedColumns() {
		found, err := keyring.Count(ctx, w.db, column)
		if err != nil {
			return nil, err
		}
		use[column.String()] = found
	}
	if id, there, err := f.demoKey(); err != nil {
		return nil, err
	} else if there {
		use["demo.sealed"] = map[uint32]int64{id: 1}
	}
	return use, nil
}

// KeysStatusCmd is `ekyc keys status`.
type KeysStatusCmd struct {
	databaseFlags
	JSON bool `help:"Print JSON."`
}

type rootKeyStatus struct {
	ID     string           `json:"id"`
	State  keyring.KeyState `json:"state"`
	Made   *time.Time       `json:"made_at"`
	Sealed int64            `json:"sealed"`
	Where  map[string]int64 `json:"where"`
}

type tenantKeyStatus struct {
	Tenant      ekyc.ID          `json:"tenant_id"`
	Environment ekyc.Environment `json:"environment"`
	Made        time.Time        `json:"made_at"`
	Rotated     *time.Time       `json:"rotated_at"`
	Keys        int              `json:"wrapping_keys"`
	Sealing     int              `json:"sealing_keys"`
	Subjects    int64            `json:"subjects"`
	Behind      int64            `json:"subjects_under_older_keys"`
	Values      int64            `json:"values_under_older_keys"`
}

// Run lists.
func (k *KeysStatusCmd) Run(ctx context.Context, c *console) error {
	return k.work(ctx, c, func(w *keysWork) error {
		use, err := k.rootUse(ctx, w)
		if err != nil {
			return err
		}
		scopes, err := w.vault.ListKeys(ctx, "", tenantColumns())
		if err != nil {
			return err
		}
		roots, tenants := []rootKeyStatus{}, []tenantKeyStatus{}
		for _, key := range w.ring.Keys() {
			s := rootKeyStatus{ID: keyring.KeyName(key.ID), State: key.State, Where: map[string]int64{}}
			if !key.Made.IsZero() {
				s.Made = &key.Made
			}
			for where, found := range use {
				if n := found[key.ID]; n > 0 {
					s.Where[where] = n
					s.Sealed += n
				}
			}
			roots = append(roots, s)
		}
		for _, s := range scopes {
			tenants = append(tenants, tenantKeyStatus{s.Scope.Tenant, s.Scope.Environment, s.CreatedAt.UTC(), s.RotatedAt, len(s.Wrapping), len(s.Sealing), s.Subjects, s.Behind.Subjects, s.Behind.Values})
		}
		if k.JSON {
			return writeJSON(c.out, map[string]any{"root_keys": roots, "tenant_keys": tenants})
		}
		return tellKeys(c, roots, tenants)
	})
}

func tellKeys(c *console, roots []rootKeyStatus, tenants []tenantKeyStatus) error {
	t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "root key\tstate\tmade\tsealed under it")
	for _, r := range roots {
		made := "before this was written down"
		if r.Made != nil {
			made = r.Made.Format(time.DateOnly) + fmt.Sprintf(" (%d days)", int(time.Since(*r.Made).Hours()/24))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\n", r.ID, r.State, made, r.Sealed)
	}
	fmt.Fprintln(t, "\ntenant\tenvironment\tkeys\trotated\tsubjects\tunder older keys\tother values under older keys")
	for _, s := range tenants {
		rotated := "never; made " + s.Made.Format(time.DateOnly)
		if s.Rotated != nil {
			rotated = s.Rotated.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%d\t%d\n", s.Tenant, s.Environment, max(s.Keys, s.Sealing), rotated, s.Subjects, s.Behind, s.Values)
	}
	return t.Flush()
}

// KeysRotateRootCmd is `ekyc keys rotate-root`.
type KeysRotateRootCmd struct {
	databaseFlags
	Stage bool `help:"Make the key and seal nothing under it yet: where processes have copies of the file, bring it to all of them, and then rotate without this."`
}

// Run makes the key.
func (k *KeysRotateRootCmd) Run(ctx context.Context, c *console) error {
	return k.work(ctx, c, func(w *keysWork) error {
		act := w.ring.Rotate
		if k.Stage {
			act = w.ring.Stage
		}
		if err := w.log.ChangeRoot(ctx, w.ring, commandActor("keys"), act); err != nil {
			return err
		}
		for _, key := range w.ring.Keys() {
			fmt.Fprintln(c.out, keyring.KeyName(key.ID), key.State)
		}
		return nil
	})
}

// KeysRewrapCmd is `ekyc keys rewrap`.
type KeysRewrapCmd struct{ databaseFlags }

// Run seals anew, column by column.
func (k *KeysRewrapCmd) Run(ctx context.Context, c *console) error {
	return k.work(ctx, c, func(w *keysWork) error {
		var all int64
		for _, column := range sealedColumns() {
			began := time.Now()
			n, err := w.ring.Reseal(ctx, w.db, column, c.progress(column.String()))
			all += n
			if err != nil {
				return err
			}
			c.tellRewrapped(column.String(), n, time.Since(began))
		}
		n, err := k.resealDemo(w)
		if err != nil {
			return err
		}
		all += n
		return w.enter(ctx, audit.RootKeyRewrap, ekyc.Scope{}, func(context.Context) (int64, error) { return all, nil })
	})
}

func (c *console) progress(what string) func(int64) {
	if c.terminal == nil {
		return nil
	}
	return func(done int64) { fmt.Fprintf(c.terminal, "\r%s: %d", what, done) }
}

func (c *console) tellRewrapped(what string, n int64, took time.Duration) {
	if c.terminal != nil && n > 0 {
		fmt.Fprint(c.terminal, "\r"+strings.Repeat(" ", len(what)+20)+"\r")
	}
	fmt.Fprintf(c.out, "%s: %d sealed anew in %s\n", what, n, took.Round(time.Millisecond))
}

// resealDemo seals the demonstration's file anew.
func (k *KeysRewrapCmd) resealDemo(w *keysWork) (int64, error) {
	id, there, err := k.demoKey()
	if err != nil || !there || id == w.ring.Primary() {
		return 0, err
	}
	sealed, err := os.ReadFile(k.demoFile())
	if err != nil {
		return 0, err
	}
	plain, err := w.ring.Open(demoPurpose, sealed)
	if err != nil {
		return 0, err
	}
	defer clear(plain)
	if sealed, err = w.ring.Seal(demoPurpose, plain); err != nil {
		return 0, err
	}
	return 1, writeSecretFile(k.demoFile(), sealed)
}

// KeysRetireRootCmd is `ekyc keys retire-root`.
type KeysRetireRootCmd struct {
	databaseFlags
	After time.Duration `help:"How long the current key must have been in use: a process that has not noticed it may still seal under the one before." default:"15m"`
}

// Run removes the older keys.
func (k *KeysRetireRootCmd) Run(ctx context.Context, c *console) error {
	return k.work(ctx, c, func(w *keysWork) error {
		var gone []uint32
		for _, key := range w.ring.Keys() {
			switch key.State {
			case keyring.Former:
				gone = append(gone, key.ID)
			case keyring.Current:
				if age := time.Since(key.Since); len(gone) > 0 && age < k.After {
					return ekyc.Errorf(ekyc.ErrConflict, "the current root key seals since %s only; retire the others after %s", age.Round(time.Second), k.After)
				}
			}
		}
		use, err := k.rootUse(ctx, w)
		if err != nil {
			return err
		}
		for where, found := range use {
			for _, id := range gone {
				if n := found[id]; n > 0 {
					return ekyc.Errorf(ekyc.ErrConflict, "%d values of %s are still sealed under %s; `ekyc keys rewrap` first", n, where, keyring.KeyName(id))
				}
			}
		}
		if len(gone) == 0 {
			fmt.Fprintln(c.out, "there is one root key only")
			return nil
		}
		if err := w.log.ChangeRoot(ctx, w.ring, commandActor("keys"), func(ctx context.Context) error { return w.ring.Retire(ctx, gone) }); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%d root keys are gone\n", len(gone))
		return nil
	})
}

// KeysSealRootCmd is `ekyc keys seal-root`.
type KeysSealRootCmd struct {
	databaseFlags
	With string `help:"Address of the key service, as of EKYC_ROOT_KEY_SERVICE; empty for none: the file is clear then." required:"" placeholder:"ADDRESS"`
}

// Run writes the file anew.
func (k *KeysSealRootCmd) Run(ctx context.Context, c *console) error {
	return k.work(ctx, c, func(w *keysWork) error {
		var to keyring.Service
		if k.With != "" {
			var err error
			if to, err = keyservice.Open(k.With, keyservice.Options{}); err != nil {
				return err
			}
		}
		if err := w.enter(ctx, audit.RootKeySeal, ekyc.Scope{}, func(context.Context) (int64, error) { return 0, w.ring.SealWith(ctx, to) }); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%s is written; start every process with EKYC_ROOT_KEY_SERVICE=%s\n", k.rootKey(), k.With)
		return nil
	})
}

// KeysRotateAuditCmd is `ekyc keys rotate-audit`.
type KeysRotateAuditCmd struct{ databaseFlags }

// Run makes the next key and tells which key signed up to where.
func (k *KeysRotateAuditCmd) Run(ctx context.Context, c *console) error {
	return k.work(ctx, c, func(w *keysWork) error {
		if err := w.log.RotateKey(ctx, commandActor("keys")); err != nil {
			return err
		}
		keys, err := w.log.Keys(ctx)
		if err != nil {
			return err
		}
		for _, key := range keys {
			until := "on"
			if key.LastSize != nil {
				until = fmt.Sprintf("to %d", *key.LastSize)
			}
			fmt.Fprintf(c.out, "%s signs from %d entries %s\n", key.Verifier, key.FirstSize, until)
		}
		return nil
	})
}

// KeysRotateTenantCmd is `ekyc keys rotate-tenant`.
type KeysRotateTenantCmd struct {
	databaseFlags
	Tenant      ekyc.ID          `help:"The tenant." required:"" placeholder:"ID"`
	Environment ekyc.Environment `help:"test or live; both unless given." enum:",test,live" default:"" placeholder:"NAME"`
	Rewrap      bool             `help:"Make no newer key; bring what is still under older ones under the newest, for instance after a break."`
	Retire      bool             `help:"Make no newer key; destroy the older ones, ten minutes after the rotation. What is still under them is brought under the newest before, and then it takes a minute."`
}

// Run rotates each environment that has keys.
func (k *KeysRotateTenantCmd) Run(ctx context.Context, c *console) error {
	return k.work(ctx, c, func(w *keysWork) error {
		list, err := w.vault.ListKeys(ctx, k.Tenant, nil)
		if err != nil {
			return err
		}
		found := false
		for _, s := range list {
			if k.Environment != "" && k.Environment != s.Scope.Environment {
				continue
			}
			found = true
			if err := k.one(ctx, c, w, s.Scope); err != nil {
				return err
			}
		}
		if !found {
			return ekyc.Errorf(ekyc.ErrNotFound, "the tenant has no keys")
		}
		return nil
	})
}

func (k *KeysRotateTenantCmd) one(ctx context.Context, c *console, w *keysWork, scope ekyc.Scope) error {
	progress := c.progress(string(scope.Tenant))
	if k.Retire {
		if err := w.vault.AwaitRetirement(ctx, scope, tenantColumns(), progress); err != nil {
			return err
		}
		removed := 0
		err := w.enter(ctx, audit.TenantKeyRetire, scope, func(ctx context.Context) (n int64, err error) {
			removed, err = w.vault.RetireKeys(ctx, scope, tenantColumns())
			return int64(removed), err
		})
		if err == nil {
			fmt.Fprintf(c.out, "%s %s: %d keys are gone\n", scope.Tenant, scope.Environment, removed)
		}
		return err
	}
	if !k.Rewrap {
		err := w.enter(ctx, audit.TenantKeyRotate, scope, func(ctx context.Context) (int64, error) { return 0, w.vault.RotateKeys(ctx, scope) })
		if err != nil {
			return err
		}
	}
	began := time.Now()
	done, err := w.vault.RewrapScope(ctx, scope, tenantColumns(), progress)
	if err != nil {
		return err
	}
	c.tellRewrapped(fmt.Sprintf("keys of subjects of %s %s", scope.Tenant, scope.Environment), done.Subjects, time.Since(began))
	c.tellRewrapped(fmt.Sprintf("other values of %s %s", scope.Tenant, scope.Environment), done.Values, time.Since(began))
	return w.enter(ctx, audit.TenantKeyRewrap, scope, func(context.Context) (int64, error) { return done.Subjects + done.Values, nil })
}
