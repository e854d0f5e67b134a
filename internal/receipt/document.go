package receipt

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Document is another statement of this installation than a receipt, signed by the same keys in the same way. Its version tells it from receipts.
type Document struct {
	Body      json.RawMessage // in its canonical form, which is signed byte for byte
	Signature []byte          // Ed25519
	KeyID     string
}

// SignDocument signs what write gives for the key that signs and the moment, in the caller's transaction. What it gives must name both.
func (s *Service) SignDocument(ctx context.Context, tx pgx.Tx, write func(keyID string, issuedAt time.Time) any) (Document, error) {
	key, at, err := s.current(ctx, tx)
	if err != nil {
		return Document{}, err
	}
	text, err := json.Marshal(write(key.id, at))
	if err != nil {
		return Document{}, fmt.Errorf("write a document: %w", err)
	}
	body, err := Canonical(text)
	if err != nil {
		return Document{}, fmt.Errorf("write a document: %w", err)
	}
	return Document{Body: body, Signature: ed25519.Sign(key.private, body), KeyID: key.id}, nil
}

// VerifyDocument says whether a text in its canonical form was signed, standard base64, by one of the keys while that was in use. Errors:
// ErrReceiptInvalid with the detail "reason".
func VerifyDocument(body []byte, signature, keyID string, issuedAt time.Time, keys KeySet) error {
	canonical, err := Canonical(body)
	if err != nil {
		return refuse(ReasonMalformed, "the document is %s", err)
	}
	if !bytes.Equal(canonical, body) {
		return refuse(ReasonNotCanonical, "the document is not in its canonical form (RFC 8785): a tool has reformatted it")
	}
	return verifySignature(body, signature, keyID, issuedAt, keys)
}

// verifySignature says whether a key that was in use then has signed the text.
func verifySignature(body []byte, text, keyID string, issuedAt time.Time, keys KeySet) error {
	key, known := keys.find(keyID)
	if !known {
		return refuse(ReasonKeyUnknown, "the key %s is not among those given", keyID)
	}
	public, err := key.public()
	if err != nil {
		return refuse(ReasonKeyUnknown, "the key %s cannot be used: %s", keyID, err)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(signature) != ed25519.SignatureSize || !ed25519.Verify(public, body, signature) {
		return refuse(ReasonSignature, "the signature does not fit: the document or the signature has been altered")
	}
	if !key.signedAt(issuedAt) {
		return refuse(ReasonKeyTime, "the key was not in use at %s, when the document was issued", issuedAt)
	}
	return nil
}
