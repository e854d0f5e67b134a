// Package reuse finds a document or a picture again under another subject of the same tenant and environment: the same document number, the very
// same file of a picture, and the same picture of a face in another compression, size or brightness.
//
// It compares nobody with everybody: what is looked up are numbers and files, never faces. Hashes are keyed with the tenant's key, so that they lead
// nowhere without it and from no tenant to another.
package reuse

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
	"ekyc/internal/vault"
	"ekyc/internal/vision"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the package's tables; they stand after those of vault and workflow.
var Migrations = store.Migrations{Package: "reuse", Files: migrationFiles, Directory: "migrations"}

// Document names one document of the world.
type Document struct {
	Type    ekyc.DocumentType
	Country string // of the issuer, ISO 3166-1 alpha-3 or ICAO's code
	Number  string
}

// Bounds of what counts as a number: shorter ones, or ones without digits, are more often misread print than somebody's.
const (
	shortestNumber = 5
	fewestDigits   = 3
)

// Usable says whether the document is known well enough to be found again.
func (d *Document) Usable() bool {
	if d == nil || d.Type == "" || d.Country == "" {
		return false
	}
	number, digits, different := d.normal(), 0, map[rune]bool{}
	for _, c := range number {
		different[c] = true
		if unicode.IsDigit(c) {
			digits++
		}
	}
	return len([]rune(number)) >= shortestNumber && digits >= fewestDigits && len(different) > 2
}

// normal is the number without what one print has and another has not: spaces, hyphens, fillers, case.
func (d *Document) normal() string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return -1
		}
		return unicode.ToUpper(c)
	}, d.Number)
}

// Image is one picture that was sent.
type Image struct {
	Kind     vault.MediaKind
	Position int
	Sum      [sha256.Size]byte // of the file as the gate left it: metadata do not change it
	// Fingerprint is that of the picture of the face which was judged; nil for all others. Photographs of documents have none: two cards of one kind
	// on a scanner are more alike than two files of one picture (docs/decisions/0027-reuse-signals.md).
	Fingerprint *vision.Fingerprint
}

// Brought is what a verification brought.
type Brought struct {
	Document *Document // nil where no number was read
	Images   []Image
}

// Found is what other subjects have brought before. They are counted up to MostSubjects, which stands for so many or more.
type Found struct {
	Documents int      `json:"documents"` // subjects with a document of the same number
	Images    int      `json:"images"`    // subjects with the same picture; with one like it where nobody has brought the very same
	Kinds     []string `json:"kinds"`     // of the pictures found again, as they were sent now; sorted
}

// Service finds and keeps. It is safe for concurrent use, and exact over any number of processes on one database.
type Service struct{ vault *vault.Vault }

// New makes a service.
func New(v *vault.Vault) *Service { return &Service{v} }

// documentKind stands among the kinds of pictures for the number of the document.
const documentKind = "document"

// trace is a row of reuse_trace with its bands.
type trace struct {
	kind        string
	position    int
	hash        []byte
	fingerprint *vision.Fingerprint
	bands       [][]byte
}

// Hashes are what a verification brought, hashed under the tenant's key.
type Hashes struct{ traces []trace }

// Hash hashes what a verification brought, in the caller's transaction, which is one of InTenant for the scope.
func (s *Service) Hash(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, in Brought) (*Hashes, error) {
	h := &Hashes{}
	if in.Document.Usable() {
		d := in.Document
		hash, err := s.vault.Hash(ctx, tx, scope, "reuse/document", string(d.Type)+"|"+d.Country+"|"+d.normal())
		if err != nil {
			return nil, err
		}
		h.traces = append(h.traces, trace{kind: documentKind, hash: hash})
	}
	for _, image := range in.Images {
		hash, err := s.vault.Hash(ctx, tx, scope, "reuse/image", string(image.Sum[:]))
		if err != nil {
			return nil, err
		}
		t := trace{kind: string(image.Kind), position: image.Position, hash: hash, fingerprint: image.Fingerprint}
		if t.bands, err = s.bands(ctx, tx, scope, image.Fingerprint); err != nil {
			return nil, err
		}
		h.traces = append(h.traces, t)
	}
	return h, nil
}

// Nearest is how many bits of two fingerprints may differ for the pictures to be one: chosen on what was measured, see
// docs/decisions/0027-reuse-signals.md.
const Nearest = 12

// bandCount is one more than the bits that may differ, so that of two such fingerprints one band at least is the same.
const (
	bandCount = Nearest + 1
	bandHash  = 16 // bytes of a band's hash: two of different bands never meet by chance
)

// bands hashes the parts of a fingerprint. Neighbouring bits, which are of like frequencies, go to different parts.
func (s *Service) bands(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, f *vision.Fingerprint) ([][]byte, error) {
	if f == nil {
		return nil, nil
	}
	parts := make([]strings.Builder, bandCount)
	for i := range vision.FingerprintBits {
		parts[i%bandCount].WriteByte('0' + f[i/8]>>(i%8)&1)
	}
	hashes := make([][]byte, bandCount)
	for i := range parts {
		hash, err := s.vault.Hash(ctx, tx, scope, fmt.Sprintf("reuse/band/%d", i), parts[i].String())
		if err != nil {
			return nil, err
		}
		hashes[i] = hash[:bandHash]
	}
	return hashes, nil
}

// Look finds what other subjects have brought. It holds, until the transaction ends, what was brought against other verifications that bring the
// same at this moment, so that of two that look and keep in one transaction each, the later one sees what the earlier has kept.
func (s *Service) Look(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, h *Hashes) (Found, error) {
	found := Found{Kinds: []string{}}
	if len(h.traces) == 0 {
		return found, nil
	}
	if err := h.hold(ctx, tx); err != nil {
		return found, err
	}
	documents, images := map[ekyc.ID]bool{}, map[ekyc.ID]bool{}
	exact, err := exactly(ctx, tx, scope, subject, h)
	if err != nil {
		return found, err
	}
	for _, t := range h.traces {
		others := exact[hex.EncodeToString(t.hash)]
		for _, other := range others {
			if t.kind == documentKind {
				documents[other] = true
				continue
			}
			images[other] = true
			found.Kinds = append(found.Kinds, t.kind)
		}
		if t.fingerprint == nil || len(others) > 0 { // the very same says all that one like it could
			continue
		}
		near, err := s.nearly(ctx, tx, scope, subject, t)
		if err != nil {
			return found, err
		}
		for _, other := range near {
			images[other] = true
			found.Kinds = append(found.Kinds, t.kind)
		}
	}
	found.Documents, found.Images = min(len(documents), MostSubjects), min(len(images), MostSubjects)
	slices.Sort(found.Kinds)
	found.Kinds = slices.Compact(found.Kinds)
	return found, nil
}

// hold takes advisory locks on the hashes, in their order, so that nobody waits for one another.
func (h *Hashes) hold(ctx context.Context, tx pgx.Tx) error {
	var keys []int64
	for _, t := range h.traces {
		for _, hash := range append([][]byte{t.hash}, t.bands...) {
			keys = append(keys, int64(binary.BigEndian.Uint64(hash)))
		}
	}
	slices.Sort(keys)
	_, err := tx.Exec(ctx, `select pg_advisory_xact_lock(key) from (select key from unnest($1::bigint[]) key order by key) held`, slices.Compact(keys))
	if err != nil {
		return fmt.Errorf("hold what a verification brought: %w", err)
	}
	return nil
}

// MostSubjects is up to how many others are counted: what is looked at does not grow with how often something was brought.
const MostSubjects = 100

// exactly finds other subjects of the same hashes, by the hash in hex, of each the first that there are. It goes from subject to subject in the index, so
// that one who has brought a thing a thousand times is one step.
func exactly(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, h *Hashes) (map[string][]ekyc.ID, error) {
	hashes := make([][]byte, len(h.traces))
	for i, t := range h.traces {
		hashes[i] = t.hash
	}
	rows, err := tx.Query(ctx, `
		select o.hash, f.subject_id from (select distinct hash from unnest($3::bytea[]) hash) o cross join lateral (
			with recursive other as (
				(select t.subject_id from reuse_trace t where t.hash = o.hash and t.tenant_id = $1 and t.environment = $2 order by t.subject_id limit 1)
				union all
				select (select t.subject_id from reuse_trace t where t.hash = o.hash and t.tenant_id = $1 and t.environment = $2 and t.subject_id > other.subject_id
					order by t.subject_id limit 1)
				from other where other.subject_id is not null)
			select subject_id from other where subject_id <> $4 limit $5) f`, scope.Tenant, scope.Environment, hashes, subject, MostSubjects)
	if err != nil {
		return nil, fmt.Errorf("look for what was brought before: %w", err)
	}
	found := map[string][]ekyc.ID{}
	var hash []byte
	var other ekyc.ID
	_, err = pgx.ForEachRow(rows, []any{&hash, &other}, func() error {
		key := hex.EncodeToString(hash)
		found[key] = append(found[key], other)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for what was brought before: %w", err)
	}
	return found, nil
}

const (
	// mostOfBand bounds the pictures that are looked at for one part of a fingerprint: so many of the newest subjects, and of those newer than the one who asks.
	mostOfBand = 100
	// mostCandidates bounds the fingerprints that are compared for one picture. Of more, those with the most parts alike are, and of these the newest.
	mostCandidates = 200
)

// nearly finds other subjects with a picture that differs in few bits.
func (s *Service) nearly(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, t trace) ([]ekyc.ID, error) {
	type candidate struct {
		JobID       ekyc.ID
		Kind        string
		Position    int
		SubjectID   ekyc.ID
		Fingerprint []byte
	}
	rows, err := tx.Query(ctx, `
		with alike as materialized (
			select b.job_id, b.kind, b.position from unnest($3::bytea[]) o (hash) cross join lateral (
				(select job_id, kind, position from reuse_band b where b.hash = o.hash and b.tenant_id = $1 and b.environment = $2 and b.subject_id < $4
					order by b.subject_id desc, b.job_id desc limit $6)
				union all
				(select job_id, kind, position from reuse_band b where b.hash = o.hash and b.tenant_id = $1 and b.environment = $2 and b.subject_id > $4
					order by b.subject_id desc, b.job_id desc limit $6)) b
			group by b.job_id, b.kind, b.position order by count(*) desc, b.job_id desc limit $5)
		select t.job_id, t.kind, t.position, t.subject_id, t.fingerprint
		from alike a cross join lateral (
			select * from reuse_trace t where t.tenant_id = $1 and t.environment = $2 and t.job_id = a.job_id and t.kind = a.kind and t.position = a.position) t
		where t.fingerprint is not null`,
		scope.Tenant, scope.Environment, t.bands, subject, mostCandidates, mostOfBand)
	if err != nil {
		return nil, fmt.Errorf("look for pictures like this: %w", err)
	}
	candidates, err := pgx.CollectRows(rows, pgx.RowToStructByPos[candidate])
	if err != nil || len(candidates) == 0 {
		return nil, err
	}
	subjects := make([]ekyc.ID, len(candidates))
	for i, c := range candidates {
		subjects[i] = c.SubjectID
	}
	keys, err := s.vault.ReadKeys(ctx, tx, scope, subjects)
	if err != nil {
		return nil, err
	}
	var near []ekyc.ID
	for _, c := range candidates {
		plain, err := keys.Open(c.SubjectID, fingerprintOf(c.JobID, c.Kind, c.Position), c.Fingerprint)
		switch ekyc.CodeOf(err) {
		case ekyc.ErrGone, ekyc.ErrNotFound: // erased at this moment
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(plain) != len(vision.Fingerprint{}) {
			return nil, ekyc.Errorf(ekyc.ErrInternal, "a fingerprint has %d bytes", len(plain))
		}
		if t.fingerprint.Distance(vision.Fingerprint(plain)) <= Nearest {
			near = append(near, c.SubjectID)
		}
	}
	return near, nil
}

func fingerprintOf(job ekyc.ID, kind string, position int) string {
	return fmt.Sprintf("%s/reuse/%s/%d", job, kind, position)
}
