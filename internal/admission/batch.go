package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ekyc"
	"ekyc/internal/tenant"
)

const (
	batchTimeout = 10 * time.Second
	// keepSigned is how long after its timestamp a signature is remembered. A timestamp is accepted until MaxSkew after it by the
	// clock of the process that reads it; the rest allows for clocks that differ and for waiting.
	keepSigned = 2*tenant.MaxSkew + time.Minute
	// acceptSigned is how old a timestamp may be by the database's clock, so that none is accepted whose signature may have been
	// forgotten, however wrong the clock of a process is.
	acceptSigned = keepSigned - 30*time.Second
)

// errNoneAdmitted rolls back a transaction that would have changed nothing.
var errNoneAdmitted = errors.New("none admitted")

// errWindowsLost tells that rows which this process has seen are not there: the database is another one, restored from a backup.
var errWindowsLost = errors.New("windows are missing")

// decide gives every call of a batch its verdict.
func (a *Admitter) decide(batch []*call) {
	calls := make([]*call, 0, len(batch))
	for _, c := range batch {
		if c.ctx.Err() != nil {
			c.verdict = verdict{err: cancelled(c.ctx)}
			close(c.done)
			continue
		}
		calls = append(calls, c)
	}
	if len(calls) == 0 {
		return
	}
	// The batch belongs to many requests: none of them can stop it.
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	asked := time.Now()
	verdicts, err := a.transact(ctx, calls)
	if errors.Is(err, errWindowsLost) {
		a.made.forget()
		verdicts, err = a.transact(ctx, calls)
	}
	for i, c := range calls {
		if err != nil {
			c.verdict = verdict{err: err}
		} else {
			c.verdict = verdicts[i].verdict
			if r := verdicts[i].refused; r >= 0 {
				a.denials.add(asked, c.rules[r], c.verdict.outcome.Windows, r)
			}
		}
		close(c.done)
	}
}

// ruling is a verdict and the index of the rule that refused, or -1.
type ruling struct {
	verdict
	refused int
}

func (a *Admitter) transact(ctx context.Context, calls []*call) ([]ruling, error) {
	var rulings []ruling
	var d *decision
	err := a.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rulings = make([]ruling, len(calls)) // this may be the second run
		eligible, err := a.checkKeys(ctx, tx, calls, rulings)
		if err != nil {
			return err
		}
		if len(eligible) == 0 {
			return errNoneAdmitted
		}
		if d, err = lock(ctx, tx, calls, eligible, &a.made); err != nil {
			return err
		}
		if !d.judge(calls, eligible, rulings) {
			return errNoneAdmitted
		}
		return d.write(ctx, tx)
	})
	p, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		a.made.add(d.windows)
		return rulings, nil
	case errors.Is(err, errNoneAdmitted):
		return rulings, nil
	case answered && p.Code == "55P03", errors.Is(err, context.DeadlineExceeded):
		return nil, ekyc.Errorf(ekyc.ErrUnavailable, "the decision took too long").Because(err)
	}
	return nil, fmt.Errorf("admit requests: %w", err)
}

// checkKeys rules out calls whose key may not be used any more or has changed, and returns the indices of the others.
func (a *Admitter) checkKeys(ctx context.Context, tx pgx.Tx, calls []*call, rulings []ruling) (eligible []int, err error) {
	ids := make([]string, len(calls))
	for i, c := range calls {
		ids[i] = c.keyID
	}
	slices.Sort(ids)
	states, err := a.keys.KeyStates(ctx, tx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	for i, c := range calls {
		state, exists := states[c.keyID]
		rulings[i].refused = -1
		switch err := state.Err(); {
		case !exists:
			rulings[i].err = ekyc.Errorf(ekyc.ErrKeyUnknown, "the key does not exist")
		case err != nil:
			rulings[i].err = err
		case state.Version != c.version:
			rulings[i].outcome.Stale = true
		default:
			eligible = append(eligible, i)
		}
	}
	return eligible, nil
}

const (
	// A process that freezes in the middle holds the rows of its keys: it loses them after 5 s. Who waits longer gives up. The
	// planner must never read a whole table because its statistics are of a time when that was small.
	settings = `
		select set_config('idle_in_transaction_session_timeout', '5s', true), set_config('lock_timeout', '8s', true),
			set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`

	// Both statements go through the rows in the same order. The second begins when the first has waited for everybody who was
	// making the same rows, and so sees them all.
	makeWindows = `
		insert into rate_window (owner, name, opened_at, used)
		select owner, name, '-infinity', 0 from unnest($1::text[], $2::text[]) as k (owner, name)
		order by owner collate "C", name collate "C" on conflict do nothing`
	lockWindows = `
		select w.owner, w.name, case when w.used > 0 then w.opened_at else 'epoch' end, w.used
		from unnest($1::text[], $2::text[]) as k (owner, name) join rate_window w using (owner, name)
		order by w.owner, w.name for update of w`
	readClock = `select clock_timestamp()`
	// The rows of the keys' minutes are locked, so that nobody else inserts signatures of these keys now.
	insertSignatures = `
		insert into signature_seen (key_id, signature, signed_at)
		select * from unnest($1::text[], $2::bytea[], $3::timestamptz[]) on conflict do nothing returning key_id, signature`

	writeWindows = `
		update rate_window w set opened_at = k.opened_at, used = k.used
		from unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[]) as k (owner, name, opened_at, used)
		where w.owner = k.owner and w.name = k.name`
	deleteSignatures = `
		delete from signature_seen s using unnest($1::text[], $2::bytea[]) as k (key_id, signature)
		where s.key_id = k.key_id and s.signature = k.signature`
)

// signed identifies a signature.
type signed struct {
	keyID     string
	signature [32]byte
}

func (c *call) signed() signed { return signed{c.keyID, [32]byte(c.signature)} }

// decision is the state that a batch is decided on, locked until the transaction ends.
type decision struct {
	now     time.Time
	windows ledger
	fresh   map[signed]bool // signatures that this transaction inserted and no call has been admitted with
	changed map[place]bool
}

// lock locks the windows of the eligible calls, reads the clock after that, and inserts their signatures.
func lock(ctx context.Context, tx pgx.Tx, calls []*call, eligible []int, known *made) (*decision, error) {
	d := &decision{windows: ledger{}, fresh: map[signed]bool{}, changed: map[place]bool{}}
	places := map[place]bool{}
	keyIDs, signatures, times := make([]string, 0, len(eligible)), make([][]byte, 0, len(eligible)), make([]time.Time, 0, len(eligible))
	for _, i := range eligible {
		c := calls[i]
		for _, r := range c.rules {
			places[r.place] = true
		}
		keyIDs, signatures, times = append(keyIDs, c.keyID), append(signatures, c.signature), append(times, c.signedAt)
	}
	owners, names := columns(places)
	batch := &pgx.Batch{}
	batch.Queue(settings)
	if !known.all(places) {
		batch.Queue(makeWindows, owners, names)
	}
	batch.Queue(lockWindows, owners, names).Query(d.scanWindows)
	batch.Queue(readClock).QueryRow(func(row pgx.Row) error { return row.Scan(&d.now) })
	batch.Queue(insertSignatures, keyIDs, signatures, times).Query(d.scanFresh)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	if len(d.windows) != len(places) {
		return nil, fmt.Errorf("%d of %d: %w", len(d.windows), len(places), errWindowsLost)
	}
	return d, nil
}

// made remembers windows whose rows exist, so that they need not be made again. Rows are never removed.
type made struct {
	mutex sync.Mutex
	known map[place]bool
}

// maxMade bounds the memory; beyond it everything is learnt again.
const maxMade = 100_000

func (m *made) all(places map[place]bool) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for p := range places {
		if !m.known[p] {
			return false
		}
	}
	return true
}

func (m *made) add(windows ledger) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.known == nil || len(m.known) > maxMade {
		m.known = map[place]bool{}
	}
	for p := range windows {
		m.known[p] = true
	}
}

func (m *made) forget() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.known = nil
}

func columns(places map[place]bool) (owners, names []string) {
	for p := range places {
		owners, names = append(owners, p.owner), append(names, p.name)
	}
	return owners, names
}

func (d *decision) scanWindows(rows pgx.Rows) error {
	var p place
	var c count
	_, err := pgx.ForEachRow(rows, []any{&p.owner, &p.name, &c.opened, &c.used}, func() error {
		d.windows[p] = c
		return nil
	})
	return err
}

func (d *decision) scanFresh(rows pgx.Rows) error {
	var s signed
	var signature []byte
	_, err := pgx.ForEachRow(rows, []any{&s.keyID, &signature}, func() error {
		s.signature = [32]byte(signature)
		d.fresh[s] = true
		return nil
	})
	return err
}

// judge decides about the eligible calls in the order in which they came, and says whether it admitted any.
func (d *decision) judge(calls []*call, eligible []int, rulings []ruling) (admitted bool) {
	for _, i := range eligible {
		c, r := calls[i], &rulings[i]
		if d.now.Sub(c.signedAt) > acceptSigned {
			r.err = ekyc.Errorf(ekyc.ErrTimestampSkew, "the timestamp is too old").
				With("server_time", d.now.UTC().Format(time.RFC3339)).With("server_timestamp", d.now.Unix())
			continue
		}
		if !d.fresh[c.signed()] {
			r.err = ekyc.Errorf(ekyc.ErrReplayed, "this signed request has been accepted before")
			continue
		}
		windows, refused := d.windows.take(d.now, c.rules)
		if refused >= 0 {
			r.verdict, r.refused = limited(windows, refused), refused
			continue
		}
		r.outcome, admitted = Outcome{Windows: windows}, true
		delete(d.fresh, c.signed())
		for _, rule := range c.rules {
			d.changed[rule.place] = true
		}
	}
	return admitted
}

// write stores the windows that changed. A refusal is no acceptance: signatures that no call was admitted with are taken out.
func (d *decision) write(ctx context.Context, tx pgx.Tx) error {
	owners, names := columns(d.changed)
	opened, used := make([]time.Time, len(owners)), make([]int, len(owners))
	for i := range owners {
		c := d.windows[place{owners[i], names[i]}]
		opened[i], used[i] = c.opened, c.used
	}
	batch := &pgx.Batch{}
	batch.Queue(writeWindows, owners, names, opened, used)
	if len(d.fresh) > 0 {
		var keyIDs []string
		var signatures [][]byte
		for s := range d.fresh {
			keyIDs, signatures = append(keyIDs, s.keyID), append(signatures, s.signature[:])
		}
		batch.Queue(deleteSignatures, keyIDs, signatures)
	}
	return tx.SendBatch(ctx, batch).Close()
}
