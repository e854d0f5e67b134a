package tenant

import (
	"ekyc"
	"ekyc/internal/keyring"
)

// Sealed are the package's columns under the root key.
func Sealed() []keyring.Column {
	return []keyring.Column{
		{Table: "ekyc.tenant", Name: "support_email", Key: []string{"tenant_id"}, Purpose: func(key []string) string { return emailPurpose(ekyc.ID(key[0])) }},
		{Table: "ekyc.api_key_secret", Name: "sealed", Key: []string{"key_id"}, Purpose: func(key []string) string { return secretPurpose(key[0]) }},
	}
}
