// Package operator knows who runs the platform: accounts with roles, passwords, one-time codes and sessions. An operator is not a
// tenant and never signs with a key.
package operator

import (
	"context"
	"crypto/rand"
	"embed"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the package's tables.
var Migrations = store.Migrations{Package: "operator", Files: migrations, Directory: "migrations"}

// Sealer encrypts and hashes what only this program may read. The purpose is bound to the result.
type Sealer interface {
	Seal(purpose string, plaintext []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
	MAC(purpose string, data []byte) []byte
}

// Operator is one account.
type Operator struct {
	ID          ekyc.ID
	Email       string
	Role        Role
	TOTP        bool // a one-time code is asked for
	Disabled    bool
	CreatedAt   time.Time
	LastLoginAt *time.Time
	// PasswordExpiresAt is when a first password is over, unless it is changed before; nil for one that was chosen.
	PasswordExpiresAt *time.Time
}

// Session is the proof of a login. The token is told once.
type Session struct {
	Token     string
	Operator  Operator
	ExpiresAt time.Time // at the latest
}

// Options tune a Service; the zero value serves.
type Options struct {
	Issuer string // shown by authenticator apps; "" for eKYC
	Cost   Cost   // of a password hash; zero for DefaultCost
	// Words are those of the organisation, which count for nothing in passwords; the product's, and those of the account's address, do not either.
	Words    []string
	Breached *Breached // passwords that are refused beside those that the program knows
	// SignIn, where set, is called for every log-in: in the transaction that opens the session, or in one after a log-in that was refused.
	// The operator is "" where the address has no account. An error of it refuses the log-in.
	SignIn func(ctx context.Context, tx pgx.Tx, id ekyc.ID, opened bool) error
}

// Service keeps the accounts. It is safe for concurrent use.
type Service struct {
	db        *store.DB
	sealer    Sealer
	o         Options
	decoy     string        // hash of a password that nobody has, for accounts that do not exist
	slots     chan struct{} // one a hash that runs
	hashes    atomic.Int64  // how many were computed
	strangers strangers
}

// New makes a Service. It computes one password hash.
func New(db *store.DB, sealer Sealer, o Options) *Service {
	if o.Issuer == "" {
		o.Issuer = "eKYC"
	}
	if o.Cost == (Cost{}) {
		o.Cost = DefaultCost
	}
	if o.SignIn == nil {
		o.SignIn = func(context.Context, pgx.Tx, ekyc.ID, bool) error { return nil }
	}
	return &Service{db: db, sealer: sealer, o: o, decoy: o.Cost.hash(rand.Text()), slots: make(chan struct{}, hashesAtOnce)}
}
