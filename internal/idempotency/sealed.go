package idempotency

import (
	"encoding/hex"
	"strings"

	"ekyc/internal/vault"
)

// Sealed are the package's columns under the tenant's key: answers that are about no subject.
func Sealed() []vault.Column {
	return []vault.Column{{Table: "ekyc.idempotency", Name: "answer", Key: []string{"key_hash", "request_hash"}, Object: func(key []string) string {
		return (&Claim{keyHash: hashOf(key[0]), requestHash: hashOf(key[1])}).object()
	}}}
}

// hashOf reads the text of a binary column.
func hashOf(text string) []byte {
	hash, _ := hex.DecodeString(strings.TrimPrefix(text, `\x`)) // it is hexadecimal, by PostgreSQL
	return hash
}
