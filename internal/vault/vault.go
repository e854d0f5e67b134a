// Package vault keeps what belongs to persons. Nothing of it reaches a column or a file except encrypted (AES-256-GCM) under a key of
// the subject's own, which is encrypted under a key of its tenant and environment, which is encrypted under the root key of the
// installation. Erasing a subject destroys its key, and with it everything that was ever sealed under it, wherever copies lie.
//
// Every ciphertext is bound to tenant|environment|subject|object: moved to another row it does not open. What must be found again is
// found by a keyed hash. Functions that take a transaction work inside it; it must be one of [store.DB.InTenant] for the same scope.
package vault

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/tink"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the vault's tables.
var Migrations = store.Migrations{Package: "vault", Files: migrationFiles, Directory: "migrations"}

// Options tune a vault; the zero value serves.
type Options struct {
	Logger *slog.Logger // nil: slog.Default()
	// Expired, where set, is called by RemoveExpired inside the transaction that deletes a scope's expired media, so that what it writes
	// commits with the deletion or not at all.
	Expired func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, media []Media) error
}

// Vault seals, opens and erases. It is safe for concurrent use.
type Vault struct {
	db      *store.DB
	keyring *keyring.Ring
	blobs   blob.Store
	options Options
	logger  *slog.Logger

	mu     sync.Mutex
	scopes map[ekyc.Scope]*scopeKeys // unwrapped; they are committed before they get here
}

// New makes a vault of a database, the root keys and a place for files.
func New(db *store.DB, ring *keyring.Ring, blobs blob.Store, o Options) *Vault {
	logger := o.Logger
	if logger == nil {
		logger = slog.Default()
	}
	return &Vault{db: db, keyring: ring, blobs: blobs, options: o, logger: logger, scopes: map[ekyc.Scope]*scopeKeys{}}
}

// Seal encrypts plaintext under the subject's key, or under the tenant's own where subject is "". The object says what it is
// ("job_…/result") and is bound to it, with tenant, environment and subject. Errors: ErrNotFound, ErrGone after erasure.
func (v *Vault) Seal(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, object string, plaintext []byte) ([]byte, error) {
	key, err := v.dataKey(ctx, tx, scope, subject, subjectRead)
	if err != nil {
		return nil, err
	}
	return seal(key, binding(scope, subject, object), plaintext)
}

// Open decrypts what Seal gave for the same scope, subject and object. Errors: ErrNotFound, ErrGone after erasure, ErrInternal for
// anything that was altered or sealed as something else.
func (v *Vault) Open(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, object string, sealed []byte) ([]byte, error) {
	if subject == "" {
		keys, err := v.keysForTenants(ctx, tx, scope, sealed)
		if err != nil {
			return nil, err
		}
		return open(keys.sealing, binding(scope, "", object), sealed)
	}
	key, err := v.dataKey(ctx, tx, scope, subject, subjectRead)
	if err != nil {
		return nil, err
	}
	return open(key, binding(scope, subject, object), sealed)
}

// Hash gives the keyed hash of value for one purpose: 32 bytes, the same for the same tenant, environment, purpose and value, and
// without meaning to anyone who does not hold the tenant's key.
func (v *Vault) Hash(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, purpose, value string) ([]byte, error) {
	keys, err := v.keysOf(ctx, tx, scope)
	if err != nil {
		return nil, err
	}
	sum, err := keyring.KeyedHash(keys.hashing, purpose, []byte(value))
	if err != nil {
		return nil, fmt.Errorf("hash under the tenant's key: %w", err)
	}
	return sum, nil
}

// binding is the associated data of a ciphertext. Identifiers and environments hold no "|", and the object stands last, so that no
// two bindings read the same.
func binding(scope ekyc.Scope, subject ekyc.ID, object string) []byte {
	return []byte(string(scope.Tenant) + "|" + string(scope.Environment) + "|" + string(subject) + "|" + object)
}

func seal(key tink.AEAD, binding, plaintext []byte) ([]byte, error) {
	sealed, err := key.Encrypt(plaintext, binding)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

func open(key tink.AEAD, binding, sealed []byte) ([]byte, error) {
	plaintext, err := key.Decrypt(sealed, binding)
	if err != nil {
		return nil, keyring.DoesNotOpen(err)
	}
	return plaintext, nil
}

// The ways to read a subject's key. Media hold the subject's row until they commit, so that an erasure that runs beside them finds
// them all; a reference photograph, which the row will name, as its change does: two that share the row first would wait for one another.
const (
	subjectRead = `select s.erased_at, k.wrapped
		from subject s left join ekyc_keys.subject_key k on k.tenant_id = s.tenant_id and k.environment = s.environment and k.subject_id = s.id
		where s.tenant_id = $1 and s.environment = $2 and s.id = $3`
	subjectHeld = subjectRead + " for share of s"
	subjectMine = subjectRead + " for no key update of s"
)

// dataKey gives the key under which things of a subject are sealed. Subjects' keys are read each time and never kept, so that an
// erasure by another process holds at once.
func (v *Vault) dataKey(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, query string) (tink.AEAD, error) {
	if subject == "" {
		keys, err := v.keysOf(ctx, tx, scope)
		if err != nil {
			return nil, err
		}
		return keys.sealing, nil
	}
	var erasedAt *time.Time
	var wrapped []byte
	err := tx.QueryRow(ctx, query, scope.Tenant, scope.Environment, subject).Scan(&erasedAt, &wrapped)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, noSubject()
	}
	if err != nil {
		return nil, fmt.Errorf("read a subject's key: %w", err)
	}
	if erasedAt != nil || wrapped == nil {
		return nil, gone(erasedAt)
	}
	keys, err := v.keysForSubjects(ctx, tx, scope, one(wrapped))
	if err != nil {
		return nil, err
	}
	return keys.unwrapSubject(scope, subject, wrapped)
}

func noSubject() error { return ekyc.Errorf(ekyc.ErrNotFound, "there is no such subject") }

func gone(erasedAt *time.Time) error {
	e := ekyc.Errorf(ekyc.ErrGone, "the subject has been erased")
	if erasedAt != nil {
		e.With("erased_at", erasedAt.UTC().Format(time.RFC3339))
	}
	return e
}
