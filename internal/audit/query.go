package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Stored is an entry as the log has it.
type Stored struct {
	Record
	Text      string  // of the record, as it is hashed
	SubjectID ekyc.ID // "" where no person is concerned
	Sealed    []byte  // the salt of the commitment, sealed under the subject's key
	Index     *int64  // nil until it has its place
}

// Filter selects entries; the zero value selects all.
type Filter struct {
	From, To time.Time // From inclusive and To exclusive
	Tenant   ekyc.ID   // for who sees all tenants
	Action   Action
	Outcome  Outcome
	Actor    string  // identifier
	Object   ekyc.ID // among the objects
	Subject  ekyc.ID
	Limit    int     // most entries; 0 for all
	After    ekyc.ID // those older than this one
}

const (
	queryPage     = 500 // rows of one transaction, so that a slow reader holds none open
	storedColumns = `record, coalesce(subject_id, ''), salt, leaf_index`
	readEntries   = `select ` + storedColumns + ` from audit_entry
		where at >= $3 and at < $4 and ($5 = '' or action = $5) and ($6 = '' or outcome = $6) and ($7 = '' or actor_id = $7) and ($8 = '' or objects ? $8)
			and ($9 = '' or id < $9)`
	newestFirst = ` order by id desc limit $10`
)

// condition is that of a column with an index. A statement that left open whether there is one would be planned without the index.
func condition(column, parameter, value string) string {
	if value == "" {
		return " and " + parameter + " = ''"
	}
	return " and " + column + " = " + parameter
}

func scanStored(row pgx.CollectableRow) (e Stored, err error) {
	if err := row.Scan(&e.Text, &e.SubjectID, &e.Sealed, &e.Index); err != nil {
		return e, err
	}
	e.Record, err = parseRecord([]byte(e.Text))
	return e, err
}

// Query passes the selected entries to yield, newest first, page by page: those of the scope and of its tenant in both environments, or with
// the zero scope all of the installation. It ends with yield's error.
func (l *Log) Query(ctx context.Context, scope ekyc.Scope, f Filter, yield func(Stored) error) error {
	if scope.Tenant != "" {
		f.Tenant = scope.Tenant // lets the index be used; the policies hold without it
	}
	for left := f.Limit; f.Limit == 0 || left > 0; left -= queryPage {
		size := queryPage
		if f.Limit > 0 {
			size = min(size, left)
		}
		page, err := l.page(ctx, scope, f, size)
		if err != nil {
			return fmt.Errorf("read the audit log: %w", err)
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

func (l *Log) page(ctx context.Context, scope ekyc.Scope, f Filter, size int) (page []Stored, err error) {
	from, to := f.From, f.To
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	if to.IsZero() {
		to = time.Now().Add(48 * time.Hour)
	}
	err = l.within(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		query := readEntries + condition("tenant_id", "$1", string(f.Tenant)) + condition("subject_id", "$2", string(f.Subject)) + newestFirst
		rows, err := tx.Query(ctx, query, f.Tenant, f.Subject, from, to, f.Action, f.Outcome, f.Actor, f.Object, f.After, size)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, scanStored)
		return err
	})
	return page, err
}

// within runs f in a transaction that sees the scope, or with the zero scope everything.
func (l *Log) within(ctx context.Context, scope ekyc.Scope, f func(context.Context, pgx.Tx) error) error {
	if scope == (ekyc.Scope{}) {
		return l.db.AsSystem(ctx, f)
	}
	return l.db.InTenant(ctx, scope, f)
}
