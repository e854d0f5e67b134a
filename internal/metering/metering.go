// Package metering counts what tenants use: monthly quotas per module with reserve, commit and refund, and an append-only record of
// usage from which invoices are made.
//
// A piece of work reserves units before it starts, commits those of the modules that gave an answer in the transaction that stores
// the answer, and gets the rest back. Used and reserved units together never exceed a quota, unless the plan allows overage; and a
// reservation is settled exactly once, however often that is tried.
//
// Locks are taken in one order everywhere: a reservation, then the counters of its modules by tenant, environment, period and module.
// A reservation of many is locked only when it is free, so that no two transactions wait for each other. [Service.Reserve] and
// [Service.Commit] hold a tenant's counters until the transaction ends: call them last.
package metering

import (
	"embed"
	"time"

	"ekyc"
	"ekyc/internal/store"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations are the tables of this package.
var Migrations = store.Migrations{Package: "metering", Files: files, Directory: "migrations"}

// Entitlement is what a tenant's plan permits.
type Entitlement struct {
	Plan        string
	PlanVersion int
	Quotas      map[ekyc.Module]int64 // units a month; absent: unlimited. A tenant's own limit wins over it.
	Overage     bool                  // more than the quota is allowed, and billed
}

// Reserve says what a piece of work may need.
type Reserve struct {
	Units       map[ekyc.Module]int64 // at least one module, each 1 to maxUnits
	Entitlement Entitlement
	Job         ekyc.ID       // "" for work outside of a job
	Expires     time.Duration // when it goes back by itself; 0 for an hour
}

// Source says what used the units. Its first value that is set, of Job and RequestKey, names the work in the dedupe key of its usage
// events, so that no work is ever billed twice, under whatever reservation; without both the reservation names it.
type Source struct {
	Job        ekyc.ID
	RequestKey string // identifies a request outside of a job; no personal data
	KeyID      string // the API key that asked
}

// Crossing is a threshold of a quota that was reached, by what was used or by a limit that was lowered. Each is returned once, to the transaction that
// reached it.
type Crossing struct {
	Module  ekyc.Module
	Percent int // 80 or 100
	Limit   int64
	Used    int64
	Period  string // "2026-11"
}

// Quota is the state of one module's quota in the running period.
type Quota struct {
	Module   ekyc.Module `json:"module"`
	Limit    *int64      `json:"limit"` // nil: unlimited
	Used     int64       `json:"used"`
	Reserved int64       `json:"reserved"`
	Period   string      `json:"period"`
	ResetsAt time.Time   `json:"resets_at"`
	Overage  bool        `json:"overage"`
}

// Event is one entry of the record of usage: a module that ran, once.
type Event struct {
	ID          ekyc.ID     `json:"id"`
	Module      ekyc.Module `json:"module"`
	Units       int64       `json:"units"`
	OverLimit   int64       `json:"over_limit"` // of the units, those beyond the limit that held at that moment
	Plan        string      `json:"plan"`
	PlanVersion int         `json:"plan_version"`
	JobID       ekyc.ID     `json:"job_id,omitempty"`
	KeyID       string      `json:"key_id,omitempty"`
	OccurredAt  time.Time   `json:"occurred_at"`
	Period      string      `json:"period"` // the month that it counts in: that of its reservation
}

// Group is the grain of a summary of usage.
type Group string

// The grains. A day is that of the event, a month that which the event counts in; both in UTC.
const (
	ByDay   Group = "day"
	ByMonth Group = "month"
)

// Total is the usage of one module in one day or month.
type Total struct {
	Period    string      `json:"period"` // "2026-11-30" or "2026-11"
	Module    ekyc.Module `json:"module"`
	Units     int64       `json:"units"`
	OverLimit int64       `json:"over_limit"`
	Events    int64       `json:"events"`
}

// Filter selects usage events; the zero value selects all.
type Filter struct {
	From, To time.Time // of the events, From inclusive and To exclusive
	Module   ekyc.Module
	Job      ekyc.ID
	KeyID    string
	Limit    int     // most events; 0 for all
	After    ekyc.ID // those older than this one
}

// Limit is a tenant's own quota, which wins over the plan's.
type Limit struct {
	Module ekyc.Module `json:"module"`
	Units  *int64      `json:"units"` // nil: unlimited
}

// Service is the meter. It is safe for concurrent use.
type Service struct{ db *store.DB }

// New makes the meter of a database.
func New(db *store.DB) *Service { return &Service{db} }

const (
	defaultExpiry = time.Hour
	// maxUnits bounds the units of one reservation and module, and maxLimit a quota, so that no sum can overflow.
	maxUnits = 1_000_000
	maxLimit = 1_000_000_000_000
)
