package webhook

import (
	"strconv"

	"ekyc"
	"ekyc/internal/keyring"
	"ekyc/internal/vault"
)

// Sealed are the package's columns under the root key.
func Sealed() []keyring.Column {
	return []keyring.Column{{
		Table: "ekyc.webhook_secret", Name: "sealed", Key: []string{"tenant_id", "environment", "id"},
		Purpose: func(key []string) string {
			return secretPurpose(ekyc.Scope{Tenant: ekyc.ID(key[0]), Environment: ekyc.Environment(key[1])}, ekyc.ID(key[2]))
		},
	}}
}

// SealedByTenants are the package's columns under the tenant's key: endpoints, and what belongs to events without a subject.
func SealedByTenants() []vault.Column {
	column := func(table, name, key, suffix string) vault.Column {
		return vault.Column{Table: table, Name: name, Key: []string{key}, Object: func(key []string) string { return key[0] + suffix }}
	}
	return []vault.Column{
		column("ekyc.webhook_endpoint", "url", "id", "/url"), column("ekyc.webhook_endpoint", "description", "id", "/description"),
		column("ekyc.webhook_event", "body", "id", "/body"), column("ekyc.webhook_event", "thin_body", "id", "/thin"),
		column("ekyc.webhook_delivery", "callback_url", "id", "/url"),
		{Table: "ekyc.webhook_attempt", Name: "answer", Key: []string{"delivery_id", "number"}, Object: func(key []string) string {
			number, _ := strconv.Atoi(key[1]) // an integer, by the table
			return answerObject(ekyc.ID(key[0]), number)
		}},
	}
}
