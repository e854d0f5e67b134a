package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"ekyc"
)

// Key is one of the root keys that seal.
type Key struct {
	ID    uint32
	State KeyState
	Made  time.Time // zero: before this was written down
	Since time.Time // of the current one: when it became that; zero as above
}

// KeyState is what a root key is used for.
type KeyState string

// The states of root keys.
const (
	Current KeyState = "current" // it seals, and opens
	Former  KeyState = "former"  // it opens what it has sealed
	Next    KeyState = "next"    // it is known, so that it can be made the current one
)

// Change is a change of the root keys. Its file remembers it until it is told by Entered that the audit log knows of it.
type Change struct {
	What ChangeKind `json:"change"`
	Keys []string   `json:"keys"` // names of those that were added, made the current one or removed
}

// ChangeKind is what was done to root keys.
type ChangeKind string

// The kinds of changes.
const (
	Staged  ChangeKind = "stage"
	Rotated ChangeKind = "rotate"
	Retired ChangeKind = "retire"
)

// Unentered are the changes of which the audit log may not know, the oldest first.
func (r *Ring) Unentered() []Change { return r.current.Load().unentered }

// Entered forgets changes that the audit log knows of. Errors: those of OpenWith.
func (r *Ring) Entered(ctx context.Context, changes []Change) error {
	return r.change(ctx, func(c *contents) error {
		c.unentered = slices.DeleteFunc(c.unentered, func(u Change) bool {
			return slices.ContainsFunc(changes, func(e Change) bool { return e.What == u.What && slices.Equal(e.Keys, u.Keys) })
		})
		return nil
	})
}

// note remembers a change until it is entered.
func (c *contents) note(what ChangeKind, ids ...uint32) {
	change := Change{What: what}
	for _, id := range ids {
		change.Keys = append(change.Keys, KeyName(id))
	}
	c.unentered = append(c.unentered, change)
}

// Keys are the root keys that seal, the oldest first.
func (r *Ring) Keys() []Key {
	k := r.current.Load()
	list := make([]Key, 0, len(k.ids))
	state := Former
	for _, id := range k.ids {
		if id == k.primary {
			list, state = append(list, Key{id, Current, k.made[id], k.since}), Next
			continue
		}
		list = append(list, Key{ID: id, State: state, Made: k.made[id]})
	}
	return list
}

// Primary is the identifier of the key that seals.
func (r *Ring) Primary() uint32 { return r.current.Load().primary }

// Stage adds a key that seals nothing yet, so that it can be brought to where files are not shared before anything is sealed under it.
// Errors: ErrConflict when there is one already; those of OpenWith.
func (r *Ring) Stage(ctx context.Context) error {
	return r.change(ctx, func(c *contents) error {
		if list := IDs(c.aead); list[len(list)-1] != c.aead.KeysetInfo().GetPrimaryKeyId() {
			return ekyc.Errorf(ekyc.ErrConflict, "there is a next root key already")
		}
		id, err := c.add()
		c.note(Staged, id)
		return err
	})
}

// Rotate makes the next key the current one: the one that Stage has added, or a new one. Errors: those of OpenWith.
func (r *Ring) Rotate(ctx context.Context) error {
	return r.change(ctx, func(c *contents) error {
		list := IDs(c.aead)
		next := list[len(list)-1]
		if next == c.aead.KeysetInfo().GetPrimaryKeyId() {
			var err error
			if next, err = c.add(); err != nil {
				return err
			}
		}
		c.since = time.Now().UTC().Truncate(time.Second)
		c.note(Rotated, next)
		return c.edit(func(m *keyset.Manager) error { return m.SetPrimary(next) })
	})
}

// Retire removes keys for good. Nothing must be sealed under them any more. Errors: ErrConflict for a key that is not a former one; those of OpenWith.
func (r *Ring) Retire(ctx context.Context, gone []uint32) error {
	return r.change(ctx, func(c *contents) error {
		list := IDs(c.aead)
		former := list[:slices.Index(list, c.aead.KeysetInfo().GetPrimaryKeyId())]
		c.note(Retired, gone...)
		return c.edit(func(m *keyset.Manager) error {
			for _, id := range gone {
				if !slices.Contains(former, id) {
					return ekyc.Errorf(ekyc.ErrConflict, "%s is not a former root key", KeyName(id))
				}
				if err := m.Delete(id); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// SealWith seals the file with another key service, or with none where to is nil, and uses that from now on. It is for commands: other processes have
// to be told of the service by their configuration, and started again. Errors: those of OpenWith and of the service.
func (r *Ring) SealWith(ctx context.Context, to Service) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	if err := update(ctx, r.path, r.options.Service, to, func(*contents) error { return nil }); err != nil {
		return err
	}
	r.options.Service = to
	return r.reload(ctx)
}

// change changes the file and follows it.
func (r *Ring) change(ctx context.Context, do func(*contents) error) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	err := update(ctx, r.path, r.options.Service, r.options.Service, func(c *contents) error {
		if err := do(c); err != nil {
			return err
		}
		c.forget()
		return nil
	})
	if err != nil {
		return err
	}
	return r.reload(ctx)
}

func (c *contents) add() (id uint32, err error) {
	err = c.edit(func(m *keyset.Manager) error {
		id, err = m.Add(aead.AES256GCMKeyTemplate())
		return err
	})
	if err == nil {
		c.made[id] = time.Now().UTC().Truncate(time.Second)
	}
	return id, err
}

func (c *contents) edit(do func(*keyset.Manager) error) error {
	handle, err := Edit(c.aead, do)
	if err == nil {
		c.aead = handle
	}
	return err
}

// Edit gives a keyset as it is after a change.
func Edit(handle *keyset.Handle, do func(*keyset.Manager) error) (*keyset.Handle, error) {
	m := keyset.NewManagerFromHandle(handle)
	if err := do(m); err != nil {
		if _, ours := errors.AsType[*ekyc.Error](err); ours {
			return nil, err
		}
		return nil, fmt.Errorf("change a keyset: %w", err)
	}
	return m.Handle()
}
