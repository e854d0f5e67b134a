package operator

import (
	"ekyc"
	"ekyc/internal/keyring"
)

// Sealed are the package's columns under the root key.
func Sealed() []keyring.Column {
	totp := func(key []string) string { return totpPurpose(ekyc.ID(key[0])) }
	return []keyring.Column{
		{Table: "ekyc.operator", Name: "email", Key: []string{"id"}, Purpose: func(key []string) string { return emailPurpose(ekyc.ID(key[0])) }},
		{Table: "ekyc.operator", Name: "totp", Key: []string{"id"}, Purpose: totp},
		{Table: "ekyc.operator", Name: "totp_pending", Key: []string{"id"}, Purpose: totp},
	}
}
