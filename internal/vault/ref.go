package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/unicode/norm"

	"ekyc"
)

// LongestRef is the most characters of a reference.
const LongestRef = 200

const refPurpose = "subject/ref" // of the hash that a subject is found by

// NormalRef gives a reference in the form in which it is kept: Unicode's composed one (NFC), so that all spellings of it are one subject's. Error:
// ErrInvalidArgument for one that is no Unicode text, has control characters, or is longer than LongestRef.
func NormalRef(ref string) (string, error) {
	normal := norm.NFC.String(ref)
	problem := ""
	switch {
	case !utf8.ValidString(ref):
		problem = "is no Unicode text"
	case strings.ContainsFunc(ref, unicode.IsControl):
		problem = "has control characters"
	case utf8.RuneCountInString(normal) > LongestRef:
		problem = fmt.Sprintf("has more than %d characters", LongestRef)
	default:
		return normal, nil
	}
	return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "the reference %s", problem).With("field", "subject_ref")
}

// RefHashes are what the subject of a reference may be kept by: the hash of its normal form, and those of spellings that were hashed as they came
// before references were normalised.
func (v *Vault) RefHashes(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, ref string) (hashes [][]byte, err error) {
	spellings := []string{norm.NFC.String(ref), norm.NFD.String(ref), ref}
	for i, spelling := range spellings {
		if slices.Contains(spellings[:i], spelling) {
			continue
		}
		hash, err := v.Hash(ctx, tx, scope, refPurpose, spelling)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// RefHash is what the subject of a reference is kept by, or will be once it is made.
func (v *Vault) RefHash(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, ref string) ([]byte, error) {
	_, hash, err := v.findRef(ctx, tx, scope, ref)
	return hash, err
}

// KeptBy is the hash by which a subject is found; nil where it has no reference. One from before may be kept by another spelling than the normal one.
func (v *Vault) KeptBy(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (hash []byte, err error) {
	err = tx.QueryRow(ctx, `select ref_hash from subject where tenant_id = $1 and environment = $2 and id = $3`, scope.Tenant, scope.Environment, subject).Scan(&hash)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("read by what a subject is found: %w", err)
	}
	return hash, nil
}

// SubjectByRef finds the subject of a ref. The second result is false where there is none; an erased one is not found.
func (v *Vault) SubjectByRef(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, ref string) (ekyc.ID, bool, error) {
	id, _, err := v.findRef(ctx, tx, scope, ref)
	return id, id != "", err
}

// findRef finds the subject of a ref and what it is kept by; "" and the hash of the normal form where there is none. Where two spellings have
// a subject each from before, that of the normal form comes first.
func (v *Vault) findRef(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, ref string) (id ekyc.ID, hash []byte, err error) {
	hashes, err := v.RefHashes(ctx, tx, scope, ref)
	if err != nil {
		return "", nil, err
	}
	err = tx.QueryRow(ctx, `select id, ref_hash from subject where tenant_id = $1 and environment = $2 and ref_hash = any($3)
		order by array_position($3, ref_hash) limit 1`, scope.Tenant, scope.Environment, hashes).Scan(&id, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", hashes[0], nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("find a subject: %w", err)
	}
	return id, hash, nil
}
