package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"

	"ekyc"
)

// Inspection is what a database is like for who wants to work with it.
type Inspection struct {
	Version   string
	Number    int           // of the version, such as 150004
	Standby   bool          // it takes no writes
	Superuser bool          // the login is one
	Bypasses  bool          // the login has BYPASSRLS
	Unbound   []string      // roles of the service that row-level security does not bind: no tenant is kept from another's rows
	Barred    []string      // roles of the service that the login may not use, or that are not there yet
	Behind    []string      // packages whose tables are older than the program
	Ahead     []string      // packages whose tables are newer
	Hidden    bool          // the login may not see how old tables are
	Skew      time.Duration // by how much its clock is ahead of this machine's
}

// Inspect looks at a database and changes nothing. Errors: ErrInvalidArgument for the address, ErrUnavailable, ErrConflict while a backup is being restored.
func Inspect(ctx context.Context, url string, list ...Migrations) (Inspection, error) {
	var out Inspection
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return out, ekyc.Errorf(ekyc.ErrInvalidArgument, "the database URL cannot be parsed")
	}
	config.ConnectTimeout = connectTimeout
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return out, ekyc.Errorf(ekyc.ErrUnavailable, "the database cannot be reached").Because(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := RefuseRestoring(ctx, conn); err != nil {
		return out, err
	}
	before := time.Now()
	var there time.Time
	err = conn.QueryRow(ctx, `select clock_timestamp(), current_setting('server_version'), current_setting('server_version_num')::int, pg_is_in_recovery(),
		rolsuper, rolbypassrls from pg_roles where rolname = current_user`).Scan(&there, &out.Version, &out.Number, &out.Standby, &out.Superuser, &out.Bypasses)
	if err != nil {
		return out, unavailable(fmt.Errorf("look at the database: %w", err))
	}
	out.Skew = there.Sub(before.Add(time.Since(before) / 2))
	rows, err := conn.Query(ctx, `select name from unnest($1::text[]) name where not coalesce((select pg_has_role(current_user, oid, 'member') from pg_roles where rolname = name), false)`,
		[]string{RoleService, RoleSystem})
	if err == nil {
		out.Barred, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err == nil {
		rows, err = conn.Query(ctx, `select rolname::text from pg_roles where rolname = any($1) and (rolsuper or rolbypassrls) order by rolname`, []string{RoleService, RoleSystem})
	}
	if err == nil {
		out.Unbound, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return out, unavailable(fmt.Errorf("look at the roles: %w", err))
	}
	return out, out.compare(ctx, conn, list)
}

// compare finds out which tables are of another version than the program's.
func (i *Inspection) compare(ctx context.Context, conn *pgx.Conn, list []Migrations) error {
	for _, m := range list {
		if m.Run != nil {
			continue // a library's, which looks after its own
		}
		newest, err := m.newest()
		if err != nil {
			return err
		}
		var applied int64
		err = conn.QueryRow(ctx, `select coalesce(max(version_id), 0) from `+pgx.Identifier{"ekyc", "migration_" + m.Package}.Sanitize()+` where is_applied`).Scan(&applied)
		p, answered := errors.AsType[*pgconn.PgError](err)
		switch {
		case answered && (p.Code == "42P01" || p.Code == "3F000"): // no such table, or schema
			applied = 0
		case answered && p.Code == "42501": // no right
			i.Hidden = true
			return nil
		case err != nil:
			return unavailable(fmt.Errorf("look at the migrations: %w", err))
		}
		if applied < newest {
			i.Behind = append(i.Behind, m.Package)
		}
		if applied > newest {
			i.Ahead = append(i.Ahead, m.Package)
		}
	}
	return nil
}

// newest is the number of a package's last migration.
func (m Migrations) newest() (newest int64, err error) {
	directory := m.Directory
	if directory == "" {
		directory = "."
	}
	entries, err := fs.ReadDir(m.Files, directory)
	for _, entry := range entries {
		if n, err := goose.NumericComponent(entry.Name()); err == nil {
			newest = max(newest, n)
		}
	}
	return newest, err
}
