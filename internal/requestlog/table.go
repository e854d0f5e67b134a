package requestlog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ekyc"
)

// PostgreSQL has no COPY into a table under row-level security; arrays are as few round trips.
const insertEntries = `
	insert into request_log (tenant_id, environment, id, at, key_id, method, route, status, code, duration_ms, bytes_in, bytes_out, trace_id, module, billed)
	select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::smallint[], $9::text[],
		$10::double precision[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::boolean[])
	on conflict do nothing` // written before, and the connection broke before it said so

// write inserts entries in one statement, and makes the partitions of their days where they are missing.
func (l *Log) write(ctx context.Context, entries []Entry) error {
	entries = timely(entries, time.Now())
	err := l.insert(ctx, entries)
	if p, ok := errors.AsType[*pgconn.PgError](err); ok && p.Code == "23514" && strings.HasPrefix(p.Message, "no partition") {
		if err := l.makeDays(ctx, entries); err != nil {
			return err
		}
		err = l.insert(ctx, entries)
	}
	return err
}

// Days further away than this are no partition's; see request_log_make_day, which knows a day more either way.
const (
	mostAhead  = 30 * 24 * time.Hour
	mostBehind = 399 * 24 * time.Hour
)

// timely gives the present to entries of a time that has no partition: a clock that was wrong when they came, and is right now, would keep them and
// everything behind them from ever being written.
func timely(entries []Entry, now time.Time) []Entry {
	strange := func(e Entry) bool { return e.At.Sub(now) > mostAhead || now.Sub(e.At) > mostBehind }
	if !slices.ContainsFunc(entries, strange) {
		return entries
	}
	entries = slices.Clone(entries)
	for i := range entries {
		if strange(entries[i]) {
			entries[i].At = now
		}
	}
	return entries
}

func (l *Log) insert(ctx context.Context, entries []Entry) error {
	n := len(entries)
	var (
		texts                        [9][]string
		times                        = make([]time.Time, n)
		statuses                     = make([]int16, n)
		durations                    = make([]float64, n)
		in, out                      = make([]int64, n), make([]int64, n)
		billed                       = make([]bool, n)
		tenant, environment, id, key = 0, 1, 2, 3
		method, route, code, trace   = 4, 5, 6, 7
		module                       = 8
	)
	for i := range texts {
		texts[i] = make([]string, n)
	}
	for i, e := range entries {
		texts[tenant][i], texts[environment][i], texts[id][i], texts[key][i] = string(e.Scope.Tenant), string(e.Scope.Environment), string(e.ID), e.KeyID
		texts[method][i], texts[route][i], texts[code][i], texts[trace][i], texts[module][i] = e.Method, e.Route, string(e.Code), e.TraceID, string(e.Module)
		times[i], statuses[i], durations[i], in[i], out[i], billed[i] = e.At, int16(e.Status), e.DurationMS, e.BytesIn, e.BytesOut, e.Billed
	}
	_, err := l.db.SystemPool().Exec(ctx, insertEntries, texts[tenant], texts[environment], texts[id], times, texts[key], texts[method], texts[route],
		statuses, texts[code], durations, in, out, texts[trace], texts[module], billed)
	return err
}

func (l *Log) makeDays(ctx context.Context, entries []Entry) error {
	var days []time.Time
	for _, e := range entries {
		days = append(days, e.At.UTC().Truncate(24*time.Hour))
	}
	slices.SortFunc(days, time.Time.Compare)
	for _, day := range slices.Compact(days) {
		if _, err := l.db.SystemPool().Exec(ctx, "select request_log_make_day($1)", day); err != nil {
			return fmt.Errorf("make a day of the request log: %w", err)
		}
	}
	return nil
}

// daysAhead is how many partitions stand ready, so that a process that nobody sweeps for a while goes on.
const daysAhead = 3

// EnsurePartitions makes the partitions of today and the next days. Lines of a day without one make it themselves.
func (l *Log) EnsurePartitions(ctx context.Context) error {
	_, err := l.db.SystemPool().Exec(ctx, "select request_log_make_day(current_date + n) from generate_series(-1, $1) n", daysAhead)
	if err != nil {
		return fmt.Errorf("make days of the request log: %w", err)
	}
	return nil
}

// DropBefore removes the lines of the UTC days before that of day, and returns how many days there were.
func (l *Log) DropBefore(ctx context.Context, day time.Time) (days int, err error) {
	if err = l.db.SystemPool().QueryRow(ctx, "select request_log_drop_before($1)", day.UTC().Truncate(24*time.Hour)).Scan(&days); err != nil {
		return 0, fmt.Errorf("drop days of the request log: %w", err)
	}
	return days, nil
}

// Filter selects lines; the zero value selects all.
type Filter struct {
	From, To time.Time      // of the request, From inclusive and To exclusive
	Status   int            // exactly; 1 to 5 for all of 1xx to 5xx
	Code     ekyc.ErrorCode // of the error
	Route    string
	KeyID    string
	Limit    int     // most lines; 0 for all
	After    ekyc.ID // those older than this one
}

const (
	queryPage   = 1000 // rows of one transaction, so that a slow reader holds none open
	readEntries = `
		select id, at, key_id, method, route, status, code, duration_ms, bytes_in, bytes_out, trace_id, module, billed from request_log
		where tenant_id = $1 and environment = $2 and at >= $3 and at < $4 and status between $5 and $6
			and ($7 = '' or code = $7) and ($8 = '' or route = $8) and ($9 = '' or key_id = $9) and ($10 = '' or id < $10)
		order by id desc limit $11`
)

// Query passes the selected lines to yield, newest first, page by page. It ends with yield's error.
func (l *Log) Query(ctx context.Context, scope ekyc.Scope, f Filter, yield func(Entry) error) error {
	for left := f.Limit; f.Limit == 0 || left > 0; left -= queryPage {
		size := queryPage
		if f.Limit > 0 {
			size = min(size, left)
		}
		page, err := l.page(ctx, scope, f, size)
		if err != nil {
			return fmt.Errorf("read the request log: %w", err)
		}
		for _, e := range page {
			if err := yield(e); err != nil {
				return err
			}
		}
		if len(page) < size {
			return nil
		}
		f.After = page[len(page)-1].ID
	}
	return nil
}

func (l *Log) page(ctx context.Context, scope ekyc.Scope, f Filter, size int) (page []Entry, err error) {
	from, to := f.From, f.To
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	if to.IsZero() {
		to = time.Now().Add(48 * time.Hour)
	}
	low, high := 0, math.MaxInt16
	switch {
	case f.Status >= 1 && f.Status <= 5:
		low, high = f.Status*100, f.Status*100+99
	case f.Status != 0:
		low, high = f.Status, f.Status
	}
	err = l.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		if l.keep != nil {
			d, err := l.keep(ctx, tx, scope)
			if err != nil {
				return err
			}
			if first := time.Now().Add(-d); from.Before(first) {
				from = first
			}
		}
		rows, err := tx.Query(ctx, readEntries, scope.Tenant, scope.Environment, from, to, low, high, f.Code, f.Route, f.KeyID, f.After, size)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Entry, err error) {
			e.Scope = scope
			err = row.Scan(&e.ID, &e.At, &e.KeyID, &e.Method, &e.Route, &e.Status, &e.Code, &e.DurationMS, &e.BytesIn, &e.BytesOut, &e.TraceID, &e.Module, &e.Billed)
			return e, err
		})
		return err
	})
	return page, err
}
