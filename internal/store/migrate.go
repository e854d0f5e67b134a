package store

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"ekyc"
)

// Migrations are the tables of one package: goose files in the Directory of Files, applied in their order, after those of the packages
// that stand before it in the list given to Migrate.
type Migrations struct {
	Package   string
	Files     fs.FS
	Directory string // "" for the root of Files
	// Run, where set, is used in place of Files: for libraries that bring migrations of their own.
	Run func(ctx context.Context, conn *pgx.Conn) error
}

//go:embed bootstrap.sql
var bootstrap string

// mostTries of a migration that processes of the version before, which are still at work, hold up from two sides. A file is one transaction.
const mostTries = 10

// migrationLock is the advisory lock under which one process at a time migrates.
const migrationLock = 0x656b7963 // "ekyc"

// Migrate makes the roles and brings every package's tables up to date; a second process waits for the first. The URL's login
// must be able to create roles, or be a member of all three. Errors: ErrUnavailable; ErrConflict while a backup is being restored.
func Migrate(ctx context.Context, url string, list ...Migrations) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "the database URL cannot be parsed")
	}
	config.ConnectTimeout = connectTimeout
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return ekyc.Errorf(ekyc.ErrUnavailable, "the database cannot be reached").Because(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", migrationLock); err != nil {
		return fmt.Errorf("wait for other migrations: %w", err)
	}
	if err := RefuseRestoring(ctx, conn); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, bootstrap); err != nil {
		return fmt.Errorf("make roles and schemas: %w", err)
	}
	config.RuntimeParams["role"] = RoleOwner
	config.RuntimeParams["search_path"] = "ekyc"
	for _, m := range list {
		if err := m.apply(ctx, config); err != nil {
			return fmt.Errorf("migrate %s: %w", m.Package, err)
		}
	}
	return nil
}

func (m Migrations) apply(ctx context.Context, config *pgx.ConnConfig) error {
	if m.Run != nil {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		return m.Run(ctx, conn)
	}
	db := stdlib.OpenDB(*config)
	defer db.Close()
	provider, err := m.provider(db)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		if _, err = provider.Up(ctx); err == nil || !interfered(err) || try == mostTries {
			return err
		}
	}
}

func (m Migrations) provider(db *sql.DB) (*goose.Provider, error) {
	table, err := database.NewStore(database.DialectPostgres, "migration_"+m.Package)
	if err != nil {
		return nil, err
	}
	files := m.Files
	if m.Directory != "" {
		if files, err = fs.Sub(files, m.Directory); err != nil {
			return nil, err
		}
	}
	return goose.NewProvider(database.DialectCustom, db, files, goose.WithStore(table))
}
