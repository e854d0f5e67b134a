// Package store reaches PostgreSQL: pools of connections under the roles that a piece of work needs, transactions bound to one
// tenant, migrations, and a private server for those who have none.
//
// Three roles own, serve and oversee. ekyc_owner owns every table and runs migrations only. ekyc_service answers requests: row-level
// security shows it the rows of the scope that [DB.InTenant] names and of nobody else. ekyc_system does what spans tenants: finding a
// key's owner, taking the next job, sweeping. None of them is a superuser.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"ekyc"
)

// The roles.
const (
	RoleOwner   = "ekyc_owner"
	RoleService = "ekyc_service"
	RoleSystem  = "ekyc_system"
)

// Options tune the pools; the zero value serves.
type Options struct {
	ServiceConns int32           // most connections of requests; 0 for 16
	SystemConns  int32           // most connections of the system's own work; 0 for 12
	Tracer       pgx.QueryTracer // nil: no traces
}

// DB is the database of one process. It is safe for concurrent use.
type DB struct {
	service, system *pgxpool.Pool
}

// Open connects with a URL or keyword string whose login is a member of the service and system roles. Errors: ErrUnavailable; ErrConflict while a
// backup is being restored.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	service, err := openPool(ctx, url, RoleService, orDefault(o.ServiceConns, 16), o.Tracer)
	if err != nil {
		return nil, err
	}
	system, err := openPool(ctx, url, RoleSystem, orDefault(o.SystemConns, 12), o.Tracer)
	if err != nil {
		service.Close()
		return nil, err
	}
	db := &DB{service, system}
	if err := RefuseRestoring(ctx, system); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// RestoringSchema is there from before the first statement of a restore until after the last one of it. In between, tables have neither row-level
// security nor triggers.
const RestoringSchema = "ekyc_restoring"

// RefuseRestoring refuses a database whose restore is under way, or was killed. Errors: ErrConflict, ErrUnavailable.
func RefuseRestoring(ctx context.Context, db interface {
	QueryRow(ctx context.Context, statement string, arguments ...any) pgx.Row
}) error {
	var restoring bool
	if err := db.QueryRow(ctx, "select to_regnamespace($1) is not null", RestoringSchema).Scan(&restoring); err != nil {
		return ekyc.Errorf(ekyc.ErrUnavailable, "the database does not answer").Because(err)
	}
	if restoring {
		return ekyc.Errorf(ekyc.ErrConflict, "the restore of a backup into this database is under way or was broken off: wait for it, or run it again")
	}
	return nil
}

func orDefault(n, fallback int32) int32 {
	if n > 0 {
		return n
	}
	return fallback
}

const (
	connectTimeout   = 5 * time.Second
	statementTimeout = "30s" // a request that needs longer is lost anyway; migrations connect by themselves
	idleInTxTimeout  = "60s" // a process that froze must not hold its locks for ever
)

func openPool(ctx context.Context, url, role string, conns int32, tracer pgx.QueryTracer) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the database URL cannot be parsed") // the cause would hold the password
	}
	config.MaxConns = conns
	config.MinIdleConns = min(2, conns)
	config.MaxConnIdleTime = 5 * time.Minute
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.ConnConfig.Tracer = tracer
	params := config.ConnConfig.RuntimeParams
	params["role"] = role
	params["application_name"] = "ekyc/" + role
	params["search_path"] = "ekyc"
	params["timezone"] = "UTC"
	params["statement_timeout"] = statementTimeout
	params["idle_in_transaction_session_timeout"] = idleInTxTimeout
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrUnavailable, "the database cannot be reached").Because(err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, ekyc.Errorf(ekyc.ErrUnavailable, "the database cannot be reached").Because(err)
	}
	return pool, nil
}

// Close waits for connections in use and closes all.
func (db *DB) Close() {
	db.service.Close()
	db.system.Close()
}

// Ready says whether the database answers. Errors: ErrUnavailable.
func (db *DB) Ready(ctx context.Context) error {
	if err := db.service.Ping(ctx); err != nil {
		return ekyc.Errorf(ekyc.ErrUnavailable, "the database does not answer").Because(err)
	}
	return nil
}

// SystemPool is the pool of the system role, for the job queue.
func (db *DB) SystemPool() *pgxpool.Pool { return db.system }

// ServicePool is the pool of the service role. Outside InTenant it sees no tenant's rows.
func (db *DB) ServicePool() *pgxpool.Pool { return db.service }

// InTenant runs f in a transaction that sees the rows of one scope. It commits when f returns nil. A deadlock or a serialisation
// failure runs f again, so f must not keep what an earlier run found. Errors: those of f, ErrUnavailable when the database is away.
func (db *DB) InTenant(ctx context.Context, scope ekyc.Scope, f func(ctx context.Context, tx pgx.Tx) error) error {
	return db.inTenant(ctx, scope, "", f)
}

// Tentatively is InTenant without the wait for the disk: a crash of the database may undo the transaction although it was committed, together
// with all that came after it, and never what a later transaction of InTenant has built upon. It is for acts that one of those completes, or that
// repair themselves.
func (db *DB) Tentatively(ctx context.Context, scope ekyc.Scope, f func(ctx context.Context, tx pgx.Tx) error) error {
	return db.inTenant(ctx, scope, "; set local synchronous_commit = off", f)
}

func (db *DB) inTenant(ctx context.Context, scope ekyc.Scope, mode string, f func(ctx context.Context, tx pgx.Tx) error) error {
	if !scope.Valid() {
		return ekyc.Errorf(ekyc.ErrInternal, "a transaction needs a tenant and an environment")
	}
	if open, ok := ctx.Value(joinKey{}).(joined); ok && open.db == db && open.scope == scope {
		return f(ctx, open.tx)
	}
	// One round trip: a query without arguments goes by the simple protocol, and both halves of a valid scope are free of quotes.
	begin := fmt.Sprintf("begin; set local ekyc.tenant = '%s'; set local ekyc.environment = '%s'", scope.Tenant, scope.Environment) + mode
	return transact(ctx, db.service, begin, f)
}

// Joining gives a context in which InTenant of the same scope takes part in an open transaction in place of one of its own: what several
// rooms do then commits together, or not at all. What they do after their own commit comes before this one, so only acts that
// allow for that may join.
func (db *DB) Joining(ctx context.Context, scope ekyc.Scope, tx pgx.Tx) context.Context {
	return context.WithValue(ctx, joinKey{}, joined{db, scope, tx})
}

type joinKey struct{}

type joined struct {
	db    *DB
	scope ekyc.Scope
	tx    pgx.Tx
}

// JoiningSystem is Joining for AsSystem.
func (db *DB) JoiningSystem(ctx context.Context, tx pgx.Tx) context.Context {
	return context.WithValue(ctx, joinKey{}, joined{db, ekyc.Scope{}, tx})
}

// AsSystem runs f in a transaction that spans tenants. Everything else is as with InTenant.
func (db *DB) AsSystem(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	if open, ok := ctx.Value(joinKey{}).(joined); ok && open.db == db && open.scope == (ekyc.Scope{}) {
		return f(ctx, open.tx)
	}
	return transact(ctx, db.system, "begin", f)
}

// Uncertain says whether a transaction that ended with this error can have been committed all the same: the connection broke off in the middle.
func Uncertain(err error) bool {
	code := ekyc.CodeOf(err)
	return code == ekyc.ErrUnavailable || code == ekyc.ErrCancelled || code == ekyc.ErrInternal
}

// attempts bounds the runs of a transaction that others interfere with.
const attempts = 5

func transact(ctx context.Context, pool *pgxpool.Pool, begin string, f func(context.Context, pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{BeginQuery: begin}, func(tx pgx.Tx) error { return f(ctx, tx) })
		if err == nil || !interfered(err) || attempt == attempts {
			return unavailable(err)
		}
	}
}

// interfered says whether the same transaction can succeed when it is run again.
func interfered(err error) bool {
	p, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (p.Code == "40001" || p.Code == "40P01")
}

// unavailable gives connection faults and time-outs their code; everything else passes.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	if _, coded := errors.AsType[*ekyc.Error](err); coded {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ekyc.Errorf(ekyc.ErrCancelled, "the request was stopped").Because(err)
	}
	p, answered := errors.AsType[*pgconn.PgError](err)
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	switch {
	case answered && (p.Code[:2] == "57" || p.Code[:2] == "53" || p.Code[:2] == "08" || p.Code == "25006"),
		connecting, !answered && pgconn.SafeToRetry(err), !answered && isNetwork(err):
		return ekyc.Errorf(ekyc.ErrUnavailable, "the database is not available").Because(err)
	}
	return err
}
