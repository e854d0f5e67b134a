package erasure

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/receipt"
)

// Version is the form of certificates that this program makes and verifies.
const Version = "ekyc-erasure-1"

// Certificate is what is signed of an erasure. It holds no personal data. Times are UTC.
type Certificate struct {
	Version       string           `json:"version" enum:"ekyc-erasure-1"`
	ID            ekyc.ID          `json:"certificate_id"`
	Tenant        ekyc.ID          `json:"tenant_id"`
	Environment   ekyc.Environment `json:"environment" enum:"test,live"`
	Subject       ekyc.ID          `json:"subject_id"`
	Cause         string           `json:"cause" enum:"request,restore" doc:"request: it was asked for. restore: a restored database had forgotten an erasure, which was repeated from the ledger."`
	ErasedAt      time.Time        `json:"erased_at" doc:"When the subject's key was destroyed, and everything in the database with it."`
	KeyBackupsEnd time.Time        `json:"key_backups_end_by" doc:"When the last backup of the key has come to its end, as the operator keeps them."`
	Parts         []Removed        `json:"parts" doc:"What was removed where."`
	LedgerEntry   string           `json:"ledger_entry" doc:"Its entry in the ledger outside of the database, from which every restore repeats it."`
	LedgeredAt    time.Time        `json:"ledgered_at"`
	AuditEntry    ekyc.ID          `json:"audit_entry_id"`
	Checkpoint    string           `json:"checkpoint,omitempty" doc:"The audit log's latest checkpoint when the certificate was issued."`
	StillHeld     []string         `json:"still_held" doc:"What stays, without personal data: identifiers, times, states and amounts."`
	Program       string           `json:"program" doc:"Version of the program that erased."`
	IssuedAt      time.Time        `json:"issued_at"`
	KeyID         string           `json:"key_id" doc:"The key that signs: the thumbprint (RFC 7638) of its public half."`
}

// Removed is what was removed in one place.
type Removed struct {
	Part  string `json:"part"`
	Count int    `json:"count" minimum:"0" doc:"Rows or files that were deleted or blanked."`
}

// stillHeld is what an erasure leaves.
var stillHeld = []string{"subject identifier and times", "states and times of its jobs and reviews", "usage events", "signed receipts, whose commitments open no more", "audit entries"}

// Signed is a certificate with its signature, as it is given out and verified.
type Signed struct {
	Certificate json.RawMessage `json:"certificate"` // in its canonical form
	Signature   string          `json:"signature"`   // Ed25519 over these bytes, standard base64
	KeyID       string          `json:"key_id"`
}

// CertificateOf gives the certificate of a subject's erasure. Errors: ErrNotFound when the subject was not erased, or was not kept in the first place;
// ErrConflict while the erasure is not completed.
func (s *Service) CertificateOf(ctx context.Context, scope ekyc.Scope, subject ekyc.ID) (Signed, error) {
	var signed Signed
	err := s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		var text, key *string
		var signature []byte
		err := tx.QueryRow(ctx, `select certificate, signature, key_id from erasure where tenant_id = $1 and environment = $2 and subject_id = $3`,
			scope.Tenant, scope.Environment, subject).Scan(&text, &signature, &key)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ekyc.Errorf(ekyc.ErrNotFound, "there is no certificate of an erasure of this subject")
		case err != nil:
			return fmt.Errorf("read a certificate: %w", err)
		case text == nil:
			return ekyc.Errorf(ekyc.ErrConflict, "the subject is erased, and the last of its files are still being removed; the certificate follows")
		}
		signed = Signed{json.RawMessage(*text), base64.StdEncoding.EncodeToString(signature), *key}
		return nil
	})
	return signed, err
}

// document is Signed, read strictly.
type document struct {
	Certificate jsontext.Value `json:"certificate"`
	Signature   string         `json:"signature"`
	KeyID       string         `json:"key_id"`
}

// answer is what stands around it where the erasure itself was answered.
type answer struct {
	Subject     ekyc.ID  `json:"subject_id"`
	Erased      bool     `json:"erased"`
	Certificate document `json:"certificate"`
}

// LongestDocument bounds what is read as a certificate, in bytes.
const LongestDocument = receipt.LongestDocument

// Verify checks a certificate as the API gave it, alone or in the answer of the erasure, against the published keys. Errors: ErrReceiptInvalid with
// the detail "reason".
func Verify(text []byte, keys receipt.KeySet) (Certificate, error) {
	refuse := func(reason, message string) (Certificate, error) {
		return Certificate{}, ekyc.Errorf(ekyc.ErrReceiptInvalid, "%s", message).With("reason", reason)
	}
	strict := jsonv2.RejectUnknownMembers(true)
	var d document
	if err := jsonv2.Unmarshal(text, &d, strict); err != nil || len(text) > LongestDocument {
		var around answer
		if err := jsonv2.Unmarshal(text, &around, strict); err != nil || len(text) > LongestDocument {
			return refuse(receipt.ReasonMalformed, "this is no JSON object of certificate, signature and key_id")
		}
		d = around.Certificate
	}
	var c Certificate
	if err := jsonv2.Unmarshal(d.Certificate, &c, strict); err != nil {
		return refuse(receipt.ReasonMalformed, "the certificate's members are not those of a certificate")
	}
	if c.Version != Version {
		return refuse(receipt.ReasonVersion, "the certificate is of another version than "+Version)
	}
	if c.KeyID != d.KeyID {
		return refuse(receipt.ReasonMalformed, "the document names another key than the certificate")
	}
	return c, receipt.VerifyDocument(d.Certificate, d.Signature, d.KeyID, c.IssuedAt, keys)
}
