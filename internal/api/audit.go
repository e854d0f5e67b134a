package api

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/operator"
)

// caller is on whose behalf the audit log's entries of this request are written.
func (c *Call) caller() audit.Caller {
	out := audit.Caller{Actor: audit.Actor{Kind: audit.ActorNobody}, Address: c.from}
	switch {
	case c.Operator != nil:
		out.Actor = audit.Actor{Kind: audit.ActorOperator, ID: string(c.Operator.ID)}
	case c.link != "":
		out.Actor = audit.Actor{Kind: audit.ActorLink, ID: string(c.link)}
	case c.Principal != nil:
		out.Actor = audit.Actor{Kind: audit.ActorKey, ID: c.Principal.Key.ID}
	}
	return out
}

// entered is Enter for acts that give something.
func entered[O any](ctx context.Context, s *Server, scope ekyc.Scope, act func(context.Context) (O, audit.Entry, error)) (out O, err error) {
	err = s.Audit.Enter(ctx, scope, func(ctx context.Context) (e audit.Entry, err error) {
		out, e, err = act(ctx)
		return e, err
	})
	return out, err
}

// enterAbout enters what was done to a person. The entry tells of whom as long as the subject's key lives.
func (s *Server) enterAbout(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID, e audit.Entry) error {
	salt := audit.NewSalt()
	sealed, err := s.Vault.Seal(ctx, tx, scope, subject, audit.SaltObject, salt)
	if err != nil {
		return err
	}
	e.Scope, e.Subject = scope, audit.Subject{ID: subject, Salt: salt, Sealed: sealed}
	return s.Audit.Append(ctx, tx, e)
}

// given lists the members of a patch that were given, for an entry of the audit log.
func given(members map[string]bool) string {
	return strings.Join(slices.DeleteFunc(slices.Sorted(maps.Keys(members)), func(name string) bool { return !members[name] }), ",")
}

// AuditRow is one entry of the audit log.
type AuditRow struct {
	EntryID     ekyc.ID           `json:"entry_id"`
	Index       *int64            `json:"index" doc:"Its place in the tree; null until it has one, about a second."`
	At          time.Time         `json:"at"`
	TenantID    ekyc.ID           `json:"tenant_id,omitempty" doc:"For operators; absent for what is the platform's."`
	Environment ekyc.Environment  `json:"environment,omitempty" enum:"test,live" doc:"Absent for what concerns both."`
	Actor       audit.ActorKind   `json:"actor" enum:"key,operator,link,nobody,system"`
	ActorID     string            `json:"actor_id,omitempty"`
	Action      audit.Action      `json:"action"`
	Outcome     audit.Outcome     `json:"outcome" enum:"success,refused"`
	Objects     []ekyc.ID         `json:"objects" doc:"What it was done to."`
	Details     map[string]string `json:"details"`
	SubjectID   ekyc.ID           `json:"subject_id,omitempty" doc:"The person whom it concerns. In the tree stands a commitment in its place."`
	TraceID     string            `json:"trace_id,omitempty"`
	Network     string            `json:"network,omitempty" doc:"That the request came from: the first 24 bits of an IPv4 address, the first 48 of an IPv6 address."`
}

func auditRow(e audit.Stored) AuditRow {
	at, _ := time.Parse(time.RFC3339Nano, e.At) // the database holds it to that form
	row := AuditRow{
		EntryID: e.ID, Index: e.Index, At: at, TenantID: e.Tenant, Environment: e.Environment, Actor: e.Actor, ActorID: e.ActorID, Action: e.Action,
		Outcome: e.Outcome, Objects: orEmpty(e.Objects), Details: map[string]string{}, SubjectID: e.SubjectID, TraceID: e.TraceID, Network: e.Network,
	}
	for name, value := range e.Details {
		row.Details[string(name)] = value
	}
	return row
}

func (AuditRow) header() []string {
	return []string{"entry_id", "index", "at", "tenant_id", "environment", "actor", "actor_id", "action", "outcome", "objects", "details", "subject_id", "trace_id", "network"}
}

func (r AuditRow) record() []string {
	index := ""
	if r.Index != nil {
		index = strconv.FormatInt(*r.Index, 10)
	}
	objects := make([]string, len(r.Objects))
	for i, id := range r.Objects {
		objects[i] = string(id)
	}
	var details []string
	for _, name := range slices.Sorted(maps.Keys(r.Details)) {
		details = append(details, name+"="+r.Details[name])
	}
	return []string{string(r.EntryID), index, r.At.UTC().Format(time.RFC3339Nano), string(r.TenantID), string(r.Environment), string(r.Actor), r.ActorID, string(r.Action),
		string(r.Outcome), strings.Join(objects, " "), strings.Join(details, " "), string(r.SubjectID), r.TraceID, r.Network}
}

// AuditParams choose entries.
type AuditParams struct {
	Span
	Format
	Action    string `query:"action" maxLength:"40" doc:"As docs/security/audit.md lists them."`
	Outcome   string `query:"outcome" enum:"success,refused"`
	Actor     string `query:"actor" maxLength:"64" doc:"Identifier of a key, an operator or a link."`
	Object    string `query:"object" maxLength:"64" doc:"An identifier among the objects."`
	SubjectID string `query:"subject_id" maxLength:"64"`
	Limit     int    `query:"limit" minimum:"1" maximum:"1000000" default:"1000" doc:"Most entries of the answer."`
	After     string `query:"after" maxLength:"64" doc:"The entry_id of the last entry of the page before."`
}

func (p *AuditParams) filter() (audit.Filter, error) {
	if p.After != "" && !ekyc.ID(p.After).Is(audit.KindEntry) {
		return audit.Filter{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "after is not a cursor of this list").With("field", "after")
	}
	return audit.Filter{
		From: p.From, To: p.To, Action: audit.Action(p.Action), Outcome: audit.Outcome(p.Outcome), Actor: p.Actor, Object: ekyc.ID(p.Object),
		Subject: ekyc.ID(p.SubjectID), Limit: p.Limit, After: ekyc.ID(p.After),
	}, nil
}

type adminAuditParams struct {
	AuditParams
	TenantID string `query:"tenant_id" maxLength:"64"`
}

// CheckpointAnswer is the newest signed tree head.
type CheckpointAnswer struct {
	Origin      string      `json:"origin" doc:"Names the log."`
	Size        int64       `json:"size" doc:"Entries of the tree."`
	RootHash    string      `json:"root_hash" doc:"SHA-256, in base64."`
	Checkpoint  string      `json:"checkpoint" doc:"The signed form, C2SP tlog-checkpoint: keep it, and hold later exports and proofs against it."`
	VerifierKey string      `json:"verifier_key" doc:"The key that verifies it, as C2SP signed-note writes keys."`
	SignedAt    time.Time   `json:"signed_at"`
	Keys        []audit.Key `json:"keys" doc:"All keys that have signed this log, the first one first: a checkpoint of a former key stays good up to its last_size. Each but the first was introduced by the one before."`
}

type inclusionParams struct {
	Index int64 `query:"index" minimum:"-1" default:"-1" doc:"Of the entry; the last one unless given."`
	Size  int64 `query:"size" minimum:"0" default:"0" doc:"Of the tree; that of the newest checkpoint unless given."`
}

// InclusionAnswer shows that an entry stands in a tree.
type InclusionAnswer struct {
	Index    int64         `json:"index"`
	Size     int64         `json:"size"`
	LeafHash string        `json:"leaf_hash" doc:"SHA-256 of a zero byte and the record, in base64."`
	Hashes   []string      `json:"hashes" doc:"The audit path of RFC 6962 section 2.1.1, from the leaf up, in base64."`
	Record   string        `json:"record,omitempty" doc:"What was hashed, byte for byte. Of own entries only."`
	Opening  *AuditOpening `json:"opening,omitempty" doc:"What the record's member subject commits to. Of own entries about a person who has not been erased."`
}

// AuditOpening opens a commitment: it is HMAC-SHA256 under the salt over tenant_id|environment|subject_id.
type AuditOpening struct {
	SubjectID ekyc.ID `json:"subject_id"`
	Salt      string  `json:"salt" doc:"32 bytes in base64."`
}

type consistencyParams struct {
	From int64 `query:"from" minimum:"1" default:"1" doc:"Size of the earlier tree."`
	To   int64 `query:"to" minimum:"0" default:"0" doc:"Size of the later tree; that of the newest checkpoint unless given."`
}

// ConsistencyAnswer shows that a later tree begins with the whole of an earlier one.
type ConsistencyAnswer struct {
	From   int64    `json:"from"`
	To     int64    `json:"to"`
	Hashes []string `json:"hashes" doc:"The proof of RFC 6962 section 2.1.2, in base64."`
}

func (s *Server) auditRoutes(f *surface) {
	const about = "The newest first. An entry's leaf is in the tree within about a second."
	list := func(path, id, description string) route {
		return route{method: http.MethodGet, path: path, id: id, tag: "audit", scope: "admin", summary: "The audit log of this environment", description: description}
	}
	stream(f, list("/audit/entries", "audit-entries", about), "entries", func(p *AuditParams) string { return p.chosen() }, s.auditEntries)
	stream(f, list("/logs/audit", "logs-audit", about+" The same as /audit/entries."), "entries", func(p *AuditParams) string { return p.chosen() }, s.auditEntries)
	s.proofRoutes(f, "", func(rt route) route { rt.scope = "admin"; return rt })
}

// adminAuditRoutes are the same over all tenants and the platform.
func (s *Server) adminAuditRoutes(f *surface) {
	rt := route{method: http.MethodGet, path: "/audit/entries", id: "admin-audit-entries", tag: "audit", access: operators, permission: operator.View,
		summary: "The audit log of the installation", description: "The newest first; of all tenants and of the platform."}
	stream(f, rt, "entries", func(p *adminAuditParams) string { return p.chosen() }, s.adminAuditEntries)
	s.proofRoutes(f, "admin-", func(rt route) route { rt.access, rt.permission = operators, operator.View; return rt })
}

func (s *Server) proofRoutes(f *surface, prefix string, allow func(route) route) {
	of := func(path, id, summary, description string, errors ...ekyc.ErrorCode) route {
		return allow(route{method: http.MethodGet, path: path, id: prefix + id, tag: "audit", summary: summary, description: description, errors: errors})
	}
	handle(f, of("/audit/checkpoint", "audit-checkpoint", "The newest signed tree head", "One tree holds the entries of all tenants; what is not yours is hashes to you, which tell nothing."), s.auditCheckpoint)
	handle(f, of("/audit/proofs/inclusion", "audit-inclusion", "Prove that an entry stands in the tree", "", ekyc.ErrInvalidArgument), s.auditInclusion)
	handle(f, of("/audit/proofs/consistency", "audit-consistency", "Prove that the tree was only ever added to", "", ekyc.ErrInvalidArgument), s.auditConsistency)
}

func (s *Server) auditEntries(ctx context.Context, call *Call, p *AuditParams, yield func(AuditRow) error) error {
	f, err := p.filter()
	if err != nil {
		return err
	}
	return s.Audit.Query(ctx, call.Scope, f, func(e audit.Stored) error {
		row := auditRow(e)
		row.TenantID = "" // which is the caller
		return yield(row)
	})
}

func (s *Server) adminAuditEntries(ctx context.Context, _ *Call, p *adminAuditParams, yield func(AuditRow) error) error {
	f, err := p.filter()
	if err != nil {
		return err
	}
	f.Tenant = ekyc.ID(p.TenantID)
	return s.Audit.Query(ctx, ekyc.Scope{}, f, func(e audit.Stored) error { return yield(auditRow(e)) })
}

func (s *Server) auditCheckpoint(ctx context.Context, _ *Call, _ *none, _ *none) (*CheckpointAnswer, error) {
	c, err := s.Audit.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := s.Audit.Keys(ctx)
	if err != nil {
		return nil, err
	}
	return &CheckpointAnswer{Origin: c.Origin, Size: c.Size, RootHash: c.Root.String(), Checkpoint: c.Note, VerifierKey: c.Verifier, SignedAt: c.SignedAt.UTC(), Keys: keys}, nil
}

func (s *Server) auditInclusion(ctx context.Context, call *Call, p *inclusionParams, _ *none) (*InclusionAnswer, error) {
	proof, err := s.Audit.Inclusion(ctx, call.Scope, p.Index, p.Size)
	if err != nil {
		return nil, err
	}
	out := &InclusionAnswer{Index: proof.Index, Size: proof.Size, LeafHash: proof.Leaf.String(), Hashes: hashTexts(proof.Hashes)}
	if proof.Entry != nil {
		out.Record = proof.Entry.Text
		out.Opening, err = s.opening(ctx, *proof.Entry)
	}
	return out, err
}

// opening gives what opens an entry's commitment; nil where there is none, and once the person has been erased.
func (s *Server) opening(ctx context.Context, e audit.Stored) (*AuditOpening, error) {
	if e.SubjectID == "" {
		return nil, nil
	}
	var salt []byte
	scope := ekyc.Scope{Tenant: e.Tenant, Environment: e.Environment}
	err := s.DB.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		salt, err = s.Vault.Open(ctx, tx, scope, e.SubjectID, audit.SaltObject, e.Sealed)
		return err
	})
	switch ekyc.CodeOf(err) {
	case "":
		return &AuditOpening{SubjectID: e.SubjectID, Salt: base64.StdEncoding.EncodeToString(salt)}, nil
	case ekyc.ErrGone, ekyc.ErrNotFound:
		return nil, nil
	}
	return nil, err
}

func (s *Server) auditConsistency(ctx context.Context, _ *Call, p *consistencyParams, _ *none) (*ConsistencyAnswer, error) {
	proof, to, err := s.Audit.Consistency(ctx, p.From, p.To)
	if err != nil {
		return nil, err
	}
	return &ConsistencyAnswer{From: p.From, To: to, Hashes: hashTexts(proof)}, nil
}

func hashTexts(hashes []tlog.Hash) []string {
	out := make([]string, len(hashes))
	for i, h := range hashes {
		out[i] = h.String()
	}
	return out
}
