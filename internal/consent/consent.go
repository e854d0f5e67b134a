// Package consent keeps what subjects have agreed to, and that they do not any more: which text, in which language, when, by which way.
//
// Records are added and never changed; the latest says how things stand. A withdrawal is a record like the others: it erases nothing and stops
// nothing by itself. A text is kept once, under the tenant's key; everything else is sealed under the subject's and goes with it.
package consent

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the package's tables; they stand after those of vault and workflow.
var Migrations = store.Migrations{Package: "consent", Files: migrationFiles, Directory: "migrations"}

// Channel is the way by which a person has said it.
type Channel string

// The channels.
const (
	API         Channel = "api" // the tenant's own page or app; it says so by the API
	CapturePage Channel = "capture_page"
	InPerson    Channel = "in_person"
	Paper       Channel = "paper"
	Telephone   Channel = "telephone"
	Other       Channel = "other"
)

// Channels lists them.
var Channels = []Channel{API, CapturePage, InPerson, Paper, Telephone, Other}

// Bounds of what is kept.
const (
	LongestVersion  = 100    // characters
	LongestText     = 20_000 // characters
	LongestLanguage = 35     // characters, the longest that RFC 5646 (section 4.4.1) has software be ready for
	// clockSkew is how far a client's clock may be ahead of ours.
	clockSkew = 5 * time.Minute
)

var languageForm = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$`)

// Statement is what a person has said.
type Statement struct {
	Withdrawn bool   // not any more
	Version   string // of the text, as the tenant calls it; "" where the text alone names it
	Text      string // as the person read it; "" where it is known by its version, or is not kept here
	Language  string // of the text, a tag of BCP 47; may be "" for a withdrawal
	Channel   Channel
	At        time.Time // when the person said it; zero: now
	Job       ekyc.ID   // that brought it; "" for none
}

// check refuses what is no statement. Error: ErrInvalidArgument with the detail "field".
func (s *Statement) check(now time.Time) error {
	invalid := func(field, format string, a ...any) error {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, format, a...).With("field", field)
	}
	switch {
	case utf8.RuneCountInString(s.Version) > LongestVersion:
		return invalid("version", "the version has more than %d characters", LongestVersion)
	case utf8.RuneCountInString(s.Text) > LongestText:
		return invalid("text", "the text has more than %d characters", LongestText)
	case !s.Withdrawn && s.Version == "" && s.Text == "":
		return invalid("version", "the version of the text is needed, or the text itself")
	case !s.Withdrawn && s.Language == "", s.Language != "" && (len(s.Language) > LongestLanguage || !languageForm.MatchString(s.Language)):
		return invalid("language", "the language of the text is needed, as a tag such as en or fr-BE")
	case !slices.Contains(Channels, s.Channel):
		return invalid("channel", "there is no such channel")
	case s.At.After(now.Add(clockSkew)):
		return invalid("at", "the moment has not come yet")
	}
	return nil
}

// Record is a statement as it is kept.
type Record struct {
	ID         ekyc.ID
	Subject    ekyc.ID
	RecordedAt time.Time
	Statement
	TextSHA256 string // of the text that the statement brought or was linked to, in hex; "" where none is known
}

// sealed is the part of a record that is personal.
type sealed struct {
	Version    string    `json:"version,omitempty"`
	Language   string    `json:"language,omitempty"`
	Channel    Channel   `json:"channel"`
	At         time.Time `json:"at"`
	TextSHA256 string    `json:"text_sha256,omitempty"`
}

// wording is a text as it is kept.
type wording struct {
	Version  string `json:"version,omitempty"`
	Language string `json:"language,omitempty"`
	Text     string `json:"text"`
}

// Service records and tells. It is safe for concurrent use, and exact over any number of processes on one database.
type Service struct{ vault *vault.Vault }

// New makes a service.
func New(v *vault.Vault) *Service { return &Service{v} }

func objectOf(id ekyc.ID) string { return string(id) + "/consent" }

const textObject = "consent_text"

// keepTries is how often a text is kept that an erasure takes away in the same moment.
const keepTries = 10

// Record adds a statement in the caller's transaction, which is one of InTenant for the scope. One that names a version whose text was recorded before,
// in the same language, is linked to the text. Errors: ErrInvalidArgument with the detail "field", ErrConflict for a withdrawal where no
// consent is in force, ErrNotFound and ErrGone for the subject.
func (s *Service) Record(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, said Statement) (Record, error) {
	r := Record{ID: ekyc.NewID(ekyc.KindConsent), Subject: subject, Statement: said}
	if err := tx.QueryRow(ctx, `select date_trunc('milliseconds', clock_timestamp())`).Scan(&r.RecordedAt); err != nil {
		return Record{}, fmt.Errorf("tell the time: %w", err)
	}
	if err := said.check(r.RecordedAt); err != nil {
		return Record{}, err
	}
	if r.At.IsZero() {
		r.At = r.RecordedAt
	}
	if said.Withdrawn {
		if err := s.withdraw(ctx, tx, scope, &r); err != nil {
			return Record{}, err
		}
	}
	hash, err := s.link(ctx, tx, scope, &r)
	if err != nil {
		return Record{}, err
	}
	plain, err := json.Marshal(sealed{r.Version, r.Language, r.Channel, r.At.UTC(), r.TextSHA256})
	if err != nil {
		return Record{}, fmt.Errorf("write a consent: %w", err)
	}
	box, err := s.vault.Seal(ctx, tx, scope, subject, objectOf(r.ID), plain)
	if err != nil {
		return Record{}, err
	}
	_, err = tx.Exec(ctx, `insert into consent (tenant_id, environment, id, subject_id, job_id, given, text_hash, sealed, recorded_at)
		values ($1, $2, $3, $4, nullif($5, ''), $6, $7, $8, $9)`,
		scope.Tenant, scope.Environment, r.ID, subject, r.Job, !r.Withdrawn, hash, box, r.RecordedAt)
	if err != nil {
		return Record{}, fmt.Errorf("record a consent: %w", err)
	}
	return r, nil
}

// withdraw says of a withdrawal what it withdraws where it does not say so itself.
func (s *Service) withdraw(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, r *Record) error {
	latest, err := s.latest(ctx, tx, scope, r.Subject)
	if err != nil {
		return err
	}
	if latest == nil || latest.Withdrawn {
		return ekyc.Errorf(ekyc.ErrConflict, "there is no consent that could be withdrawn")
	}
	if r.Version == "" && r.Text == "" {
		r.Version, r.Language = latest.Version, latest.Language
		r.Text, r.TextSHA256 = latest.Text, latest.TextSHA256
	}
	return nil
}

// link keeps the text of a record, or finds the one that its version was recorded with, and gives its hash; nil where no text is known.
func (s *Service) link(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, r *Record) ([]byte, error) {
	versionHash, err := s.vault.Hash(ctx, tx, scope, "consent/version", r.Language+"\n"+r.Version)
	if err != nil {
		return nil, err
	}
	if r.Text == "" {
		return s.known(ctx, tx, scope, r, versionHash)
	}
	hash, err := s.vault.Hash(ctx, tx, scope, "consent/text", r.Language+"\n"+r.Version+"\n"+r.Text)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(r.Text))
	r.TextSHA256 = hex.EncodeToString(sum[:])
	plain, err := json.Marshal(wording{r.Version, r.Language, r.Text})
	if err != nil {
		return nil, fmt.Errorf("write the text of a consent: %w", err)
	}
	box, err := s.vault.Seal(ctx, tx, scope, "", textObject, plain)
	if err != nil {
		return nil, err
	}
	for range keepTries {
		tag, err := tx.Exec(ctx, `insert into consent_text (tenant_id, environment, text_hash, version_hash, sealed) values ($1, $2, $3, $4, $5) on conflict do nothing`,
			scope.Tenant, scope.Environment, hash, versionHash, box)
		if err != nil {
			return nil, fmt.Errorf("keep the text of a consent: %w", err)
		}
		if tag.RowsAffected() == 1 {
			return hash, nil
		}
		// It is there already, and is held: an erasure of the last who had agreed to it would take it away before the record is written.
		tag, err = tx.Exec(ctx, `select from consent_text where tenant_id = $1 and environment = $2 and text_hash = $3 for key share`,
			scope.Tenant, scope.Environment, hash)
		if err != nil {
			return nil, fmt.Errorf("hold the text of a consent: %w", err)
		}
		if tag.RowsAffected() == 1 {
			return hash, nil
		}
	}
	return nil, ekyc.Errorf(ekyc.ErrUnavailable, "the text of a consent goes as often as it is kept")
}

// known finds the text that was recorded last with the record's version and language.
func (s *Service) known(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, r *Record, versionHash []byte) (hash []byte, err error) {
	if r.Version == "" {
		return nil, nil
	}
	var box []byte
	err = tx.QueryRow(ctx, `select text_hash, sealed from consent_text where tenant_id = $1 and environment = $2 and version_hash = $3
		order by created_at desc limit 1 for key share`, scope.Tenant, scope.Environment, versionHash).Scan(&hash, &box)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the text of a consent: %w", err)
	}
	text, err := s.text(ctx, tx, scope, box)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(text))
	r.Text, r.TextSHA256 = text, hex.EncodeToString(sum[:])
	return hash, nil
}

func (s *Service) text(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, box []byte) (string, error) {
	plain, err := s.vault.Open(ctx, tx, scope, "", textObject, box)
	if err != nil {
		return "", fmt.Errorf("open the text of a consent: %w", err)
	}
	var w wording
	if err := json.Unmarshal(plain, &w); err != nil {
		return "", fmt.Errorf("read the text of a consent: %w", err)
	}
	return w.Text, nil
}
