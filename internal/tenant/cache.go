package tenant

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// maxRemembered bounds the keys that a process remembers, each under 2 KB.
const maxRemembered = 10_000

// tombstonesFor is longer than a look-up can take (the statement time-out of package store).
const tombstonesFor = time.Minute

// cache remembers what look-ups of existing keys found. The zero value is empty.
type cache struct {
	mu      sync.Mutex
	entries map[string]*entry
}

// get gives an entry that was asked for within the given time, or nil.
func (c *cache) get(keyID string, within time.Duration) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[keyID]; e != nil && !e.dropped && time.Since(e.asked) < within {
		return e
	}
	return nil
}

// put remembers an entry, unless a later look-up or a change that was noticed meanwhile stands against it.
func (c *cache) put(keyID string, e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.entries[keyID]; old != nil && old.asked.After(e.asked) {
		return
	}
	if c.entries == nil {
		c.entries = map[string]*entry{}
	}
	if len(c.entries) >= maxRemembered {
		c.makeRoom()
	}
	c.entries[keyID] = e
}

// makeRoom forgets what is old, and else whatever comes first, so much at once that the next many entries find room.
func (c *cache) makeRoom() {
	for id, e := range c.entries {
		if time.Since(e.asked) > tombstonesFor {
			delete(c.entries, id)
		}
	}
	for id := range c.entries {
		if len(c.entries) <= maxRemembered*9/10 {
			break
		}
		delete(c.entries, id)
	}
}

// drop forgets a key that this process has changed, and what look-ups that are under way will find.
func (c *cache) drop(keyID string) {
	c.put(keyID, &entry{asked: time.Now(), dropped: true})
}

// dropUnless forgets a key whose version is another one than is remembered.
func (c *cache) dropUnless(keyID string, version int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[keyID]; e != nil && !e.dropped && e.principal.Version != version {
		c.entries[keyID] = &entry{asked: time.Now(), dropped: true}
	}
}

// usedEvery is how coarsely the last use of a key is kept.
const usedEvery = time.Minute

const touchTimeout = 10 * time.Second

// uses writes down when keys were last used, behind the requests' backs. The zero value is ready.
type uses struct {
	mu      sync.Mutex
	noted   map[string]time.Time
	pending []string
	writing sync.WaitGroup
	busy    bool
	closed  bool
}

// note has the use of a key written, at most once a minute.
func (u *uses) note(s *Service, keyID string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed || time.Since(u.noted[keyID]) < usedEvery {
		return
	}
	if u.noted == nil || len(u.noted) >= maxRemembered {
		u.noted = map[string]time.Time{} // at worst some are written twice a minute
	}
	u.noted[keyID] = time.Now()
	u.pending = append(u.pending, keyID)
	if !u.busy {
		u.busy = true
		u.writing.Go(func() { u.write(s) })
	}
}

// write works off what is pending, one statement for all.
func (u *uses) write(s *Service) {
	for {
		u.mu.Lock()
		ids := u.pending
		u.pending = nil
		u.busy = len(ids) > 0
		u.mu.Unlock()
		if len(ids) == 0 {
			return
		}
		if err := s.touch(ids); err != nil {
			s.o.Logger.Warn("the last use of keys was not written", "keys", len(ids), "error", err)
		}
	}
}

func (u *uses) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.writing.Wait()
}

func (s *Service) touch(keyIDs []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), touchTimeout)
	defer cancel()
	return s.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update api_key set last_used_at = now()
			where key_id = any($1) and (last_used_at is null or last_used_at < now() - make_interval(secs => $2))`, keyIDs, usedEvery.Seconds()/2)
		return err
	})
}
