package audit

import (
	"strconv"

	"ekyc/internal/keyring"
)

// Sealed are the package's columns under the root key.
func Sealed() []keyring.Column {
	return []keyring.Column{{Table: "ekyc.audit_key", Name: "sealed", Key: []string{"number"}, Purpose: func(key []string) string {
		number, _ := strconv.Atoi(key[0]) // an integer, by the table
		return keyPurpose(number)
	}}}
}
