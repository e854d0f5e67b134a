package main

import (
	"context"
	"crypto/rand"
	"fmt"

	"ekyc/internal/audit"
	"ekyc/internal/operator"
	"ekyc/internal/store"
)

// MigrateCmd is `ekyc migrate`.
type MigrateCmd struct {
	databaseFlags
}

// Run brings the tables up to date.
func (m *MigrateCmd) Run(ctx context.Context, c *console) error {
	if m.DatabaseURL == "" && m.OwnerURL == "" {
		return m.requireDatabase()
	}
	if err := m.migrate(ctx); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "the tables are up to date")
	return nil
}

// AdminCmd is `ekyc admin`: what must be done before anybody can log in.
type AdminCmd struct {
	RootKey  RootKeyCmd  `cmd:"" help:"Make the file of the root keys. Without it nothing that is stored can be read: keep a copy apart from the database."`
	Operator OperatorCmd `cmd:"" help:"Make an owner's account, or open the one that is there again: another password, no one-time codes, the role owner. The password counts for a day: change it at /admin/v1/me/password."`
}

// RootKeyCmd is `ekyc admin root-key`.
type RootKeyCmd struct {
	databaseFlags
}

// Run makes the file; one that is there is left alone.
func (r *RootKeyCmd) Run(ctx context.Context, c *console) error {
	if err := r.createRing(ctx); err != nil {
		return err
	}
	fmt.Fprintln(c.out, r.rootKey())
	return nil
}

// OperatorCmd is `ekyc admin operator`.
type OperatorCmd struct {
	databaseFlags
	Email string `arg:"" help:"The account's address."`
}

// Run prints a new password.
func (o *OperatorCmd) Run(ctx context.Context, c *console) error {
	stop, err := o.reachDatabase(ctx)
	if err != nil {
		return err
	}
	defer stop()
	ring, err := o.openRing(ctx, nil)
	if err != nil {
		return err
	}
	if o.Migrate {
		if err := o.migrate(ctx); err != nil {
			return err
		}
	}
	db, err := store.Open(ctx, o.DatabaseURL, store.Options{ServiceConns: 1, SystemConns: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := fitRing(ctx, ring, db); err != nil {
		return err
	}
	password := rand.Text()
	if err := setOperator(ctx, audit.New(db, ring, audit.Options{}), operator.New(db, ring, operator.Options{}), "admin operator", o.Email, password, true); err != nil {
		return err
	}
	fmt.Fprintln(c.out, password)
	return nil
}
