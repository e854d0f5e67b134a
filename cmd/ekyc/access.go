package main

import "ekyc/internal/access"

// exporter gives out what the rooms hold of one subject.
func (p *platform) exporter() *access.Exporter {
	return access.New(access.Rooms{
		DB: p.db, Vault: p.vault, Consents: p.consents, Jobs: p.jobs, Reviews: p.reviews, Receipts: p.receipts, Captures: p.captures, Reuse: p.reuse,
		Metering: p.metering, Webhooks: p.webhooks, References: p.references, Answers: p.repeats, Retention: p.retention, Audit: p.audit,
	})
}
