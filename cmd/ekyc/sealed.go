package main

import (
	"slices"

	"ekyc/internal/audit"
	"ekyc/internal/capture"
	"ekyc/internal/consent"
	"ekyc/internal/idempotency"
	"ekyc/internal/keyring"
	"ekyc/internal/operator"
	"ekyc/internal/receipt"
	"ekyc/internal/review"
	"ekyc/internal/tenant"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
)

// sealedColumns are all columns under the root key. Beside them there is one file, that of the demonstration.
func sealedColumns() []keyring.Column {
	return slices.Concat(vault.Sealed(), tenant.Sealed(), operator.Sealed(), webhook.Sealed(), receipt.Sealed(), audit.Sealed())
}

// tenantColumns are all columns with something under the keys of tenants themselves. What is under subjects' keys alone is in none of them.
func tenantColumns() []vault.Column {
	return slices.Concat(webhook.SealedByTenants(), review.Sealed(), capture.Sealed(), consent.Sealed(), idempotency.Sealed())
}
