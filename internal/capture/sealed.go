package capture

import (
	"ekyc"
	"ekyc/internal/vault"
)

// Sealed are the package's columns under the tenant's key.
func Sealed() []vault.Column {
	key := []string{"id"}
	return []vault.Column{
		{Table: "ekyc.capture", Name: "request", Key: key, Object: func(key []string) string { return requestOf(ekyc.ID(key[0])) }},
		{Table: "ekyc.capture", Name: "consent", Key: key, Object: func(key []string) string { return consentOf(ekyc.ID(key[0])) }},
	}
}
