package consent

import "ekyc/internal/vault"

// Sealed are the package's columns under the tenant's key.
func Sealed() []vault.Column {
	return []vault.Column{{Table: "ekyc.consent_text", Name: "sealed", Object: func([]string) string { return textObject }}}
}
