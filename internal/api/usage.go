package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"ekyc"
	"ekyc/internal/metering"
	"ekyc/internal/requestlog"
)

func (s *Server) usageRoutes(f *surface) {
	handle(f, route{method: http.MethodGet, path: "/quotas", id: "quotas", tag: "usage", scope: "admin", summary: "The month's quotas and what is left of them"}, s.quotas)
	stream(f, route{method: http.MethodGet, path: "/usage", id: "usage", tag: "usage", scope: "admin", summary: "What was used, by day or month and module",
		description: "The last 31 days unless from and to say otherwise."}, "usage", func(p *usageParams) string { return p.chosen() }, s.usage)
	stream(f, route{method: http.MethodGet, path: "/usage/events", id: "usage-events", tag: "usage", scope: "admin", summary: "Every metered event, the newest first",
		description: "From these alone invoices are made."}, "events", func(p *eventParams) string { return p.chosen() }, s.usageEvents)
	stream(f, route{method: http.MethodGet, path: "/logs/request", id: "logs-request", tag: "usage", scope: "admin", summary: "The requests of this environment, the newest first",
		description: "Route, status, code and time; never a body. The last 24 hours unless from and to say otherwise."}, "requests", func(p *logParams) string { return p.chosen() }, s.requestLog)
}

// QuotasAnswer is the state of every module's quota.
type QuotasAnswer struct {
	Plan        string           `json:"plan"`
	PlanVersion int              `json:"plan_version"`
	Quotas      []metering.Quota `json:"quotas"`
}

func (s *Server) quotas(ctx context.Context, call *Call, _ *none, _ *none) (*QuotasAnswer, error) {
	list, err := s.Metering.Quotas(ctx, call.Scope, EntitlementOf(call.Principal.Plan))
	return &QuotasAnswer{Plan: call.Principal.Plan.Name, PlanVersion: call.Principal.Plan.Version, Quotas: orEmpty(list)}, err
}

type usageParams struct {
	Span
	Format
	Group string `query:"group" enum:"day,month" default:"day"`
}

// UsageRow is the usage of one module in one day or month.
type UsageRow metering.Total

func (UsageRow) header() []string {
	return []string{"period", "module", "units", "over_limit", "events"}
}

func (r UsageRow) record() []string {
	return []string{r.Period, string(r.Module), strconv.FormatInt(r.Units, 10), strconv.FormatInt(r.OverLimit, 10), strconv.FormatInt(r.Events, 10)}
}

// between fills in what a span leaves open.
func (p *Span) between(back time.Duration) (from, to time.Time) {
	from, to = p.From, p.To
	if to.IsZero() {
		to = time.Now().Add(time.Minute) // clocks of replicas differ
	}
	if from.IsZero() {
		from = to.Add(-back)
	}
	return from, to
}

func (s *Server) usage(ctx context.Context, call *Call, p *usageParams, yield func(UsageRow) error) error {
	from, to := p.between(31 * 24 * time.Hour)
	totals, err := s.Metering.Usage(ctx, call.Scope, from, to, metering.Group(p.Group))
	if err != nil {
		return err
	}
	for _, t := range totals {
		if err := yield(UsageRow(t)); err != nil {
			return err
		}
	}
	return nil
}

type eventParams struct {
	Span
	Format
	Module string `query:"module" enum:"liveness,ocr,validate,face_match,kya,workflow"`
	JobID  string `query:"job_id" maxLength:"64"`
}

// EventRow is one metered event.
type EventRow metering.Event

func (EventRow) header() []string {
	return []string{"id", "module", "units", "over_limit", "plan", "plan_version", "job_id", "key_id", "occurred_at", "period"}
}

func (r EventRow) record() []string {
	return []string{string(r.ID), string(r.Module), strconv.FormatInt(r.Units, 10), strconv.FormatInt(r.OverLimit, 10), r.Plan, strconv.Itoa(r.PlanVersion),
		string(r.JobID), r.KeyID, r.OccurredAt.UTC().Format(time.RFC3339Nano), r.Period}
}

func (s *Server) usageEvents(ctx context.Context, call *Call, p *eventParams, yield func(EventRow) error) error {
	f := metering.Filter{From: p.From, To: p.To, Module: ekyc.Module(p.Module), Job: ekyc.ID(p.JobID)}
	return s.Metering.Events(ctx, call.Scope, f, func(e metering.Event) error { return yield(EventRow(e)) })
}

type logParams struct {
	Span
	Format
	Status int    `query:"status" minimum:"100" maximum:"599"`
	Code   string `query:"code" maxLength:"40"`
	Route  string `query:"route" maxLength:"200"`
	KeyID  string `query:"key_id" maxLength:"64"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000000" default:"10000"`
}

// RequestRow is one request as the log has it.
type RequestRow struct {
	At         time.Time      `json:"at"`
	KeyID      string         `json:"key_id"`
	Method     string         `json:"method"`
	Route      string         `json:"route"`
	Status     int            `json:"status"`
	Code       ekyc.ErrorCode `json:"code,omitempty"`
	DurationMS float64        `json:"duration_ms"`
	BytesIn    int64          `json:"bytes_in"`
	BytesOut   int64          `json:"bytes_out"`
	TraceID    string         `json:"trace_id"`
	Module     ekyc.Module    `json:"module,omitempty"`
	Billed     bool           `json:"billed"`
}

func (RequestRow) header() []string {
	return []string{"at", "key_id", "method", "route", "status", "code", "duration_ms", "bytes_in", "bytes_out", "trace_id", "module", "billed"}
}

func (r RequestRow) record() []string {
	return []string{r.At.UTC().Format(time.RFC3339Nano), r.KeyID, r.Method, r.Route, strconv.Itoa(r.Status), string(r.Code), strconv.FormatFloat(r.DurationMS, 'f', 3, 64),
		strconv.FormatInt(r.BytesIn, 10), strconv.FormatInt(r.BytesOut, 10), r.TraceID, string(r.Module), strconv.FormatBool(r.Billed)}
}

func (s *Server) requestLog(ctx context.Context, call *Call, p *logParams, yield func(RequestRow) error) error {
	from, to := p.between(24 * time.Hour)
	f := requestlog.Filter{From: from, To: to, Status: p.Status, Code: ekyc.ErrorCode(p.Code), Route: p.Route, KeyID: p.KeyID, Limit: p.Limit}
	return s.Requests.Query(ctx, call.Scope, f, func(e requestlog.Entry) error {
		return yield(RequestRow{
			At: e.At, KeyID: e.KeyID, Method: e.Method, Route: e.Route, Status: e.Status, Code: e.Code, DurationMS: e.DurationMS,
			BytesIn: e.BytesIn, BytesOut: e.BytesOut, TraceID: e.TraceID, Module: e.Module, Billed: e.Billed,
		})
	})
}
