package audit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
)

// recordVersion is that of the record's members.
const recordVersion = 1

// Record is an entry as it is hashed. Its text is the JSON of these members in this order, without spaces; RecordHash of tlog over that text
// (SHA-256 of a zero byte and the text, RFC 6962 section 2.1) is its leaf.
type Record struct {
	Version     int              `json:"v"`
	ID          ekyc.ID          `json:"id"`
	At          string           `json:"at"` // RFC 3339 in UTC with microseconds
	Tenant      ekyc.ID          `json:"tenant,omitempty"`
	Environment ekyc.Environment `json:"environment,omitempty"`
	Actor       ActorKind        `json:"actor"`
	ActorID     string           `json:"actor_id,omitempty"`
	Action      Action           `json:"action"`
	Outcome     Outcome          `json:"outcome"`
	Objects     []ekyc.ID        `json:"objects,omitempty"`
	Details     Details          `json:"details,omitempty"` // by name
	TraceID     string           `json:"trace_id,omitempty"`
	Network     string           `json:"network,omitempty"` // that the request came from
	Subject     string           `json:"subject,omitempty"` // commitment, in lower-case hex
	Nonce       string           `json:"nonce"`
}

const (
	timeForm   = "2006-01-02T15:04:05.000000Z"
	nonceBytes = 16
	saltBytes  = 32 // as many as HMAC-SHA256 makes use of (RFC 2104 section 3)
)

// Caller is on whose behalf something is done, and from where.
type Caller struct {
	Actor   Actor
	Address netip.Addr // only its network is written down
}

type callerKey struct{}

// WithCaller gives the context for what is done on a caller's behalf. The function is asked for each entry, so it may learn who calls later.
func WithCaller(ctx context.Context, caller func() Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, caller)
}

func callerOf(ctx context.Context) (c Caller) {
	if ask, ok := ctx.Value(callerKey{}).(func() Caller); ok {
		c = ask()
	}
	if c.Actor.Kind == "" {
		c.Actor.Kind = ActorSystem
	}
	return c
}

// NewSalt makes the salt of one entry.
func NewSalt() []byte {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails, by its documentation
	return salt
}

// Commitment is what stands for a subject in a record: HMAC-SHA256 under the salt over tenant, environment and subject, separated by "|".
func Commitment(salt []byte, scope ekyc.Scope, subject ekyc.ID) string {
	mac := hmac.New(sha256.New, salt)
	fmt.Fprintf(mac, "%s|%s|%s", scope.Tenant, scope.Environment, subject)
	return hex.EncodeToString(mac.Sum(nil))
}

// Bits of an address that stay. What is left is shared by many people.
const (
	networkBits4 = 24
	networkBits6 = 48 // of which a site is given at least one (RFC 6177)
)

func networkOf(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := networkBits6
	if a.Is4() {
		bits = networkBits4
	}
	p, err := a.Prefix(bits)
	if err != nil || !p.IsValid() { // of a request that came by no address
		return ""
	}
	return p.String()
}

var (
	identifier = regexp.MustCompile(`^[a-z]{2,4}_[0-9a-z_]{1,60}$`)
	actorName  = regexp.MustCompile(`^[a-z][0-9a-z_ ]{0,63}$`)
	smallValue = regexp.MustCompile(`^[0-9A-Za-z_.,:-]{0,200}$`)
)

const mostObjects = 20

// check refuses what the log may not hold. It is a fault of the program to come here with such an entry.
func (e *Entry) check(actor Actor) error {
	fault := func(what string) error {
		return ekyc.Errorf(ekyc.ErrInternal, "an act could not be entered into the audit log").Because(errors.New(what))
	}
	switch {
	case !e.Action.Valid():
		return fault("there is no such action")
	case e.Outcome != Success && e.Outcome != Refused:
		return fault("there is no such outcome")
	case e.Scope != (ekyc.Scope{}) && !e.Scope.Tenant.Is(ekyc.KindTenant), e.Scope.Environment != "" && !e.Scope.Valid():
		return fault("the scope is malformed")
	case actor.ID != "" && !actorName.MatchString(actor.ID):
		return fault("the actor's name is malformed")
	case len(e.Objects) > mostObjects || slices.ContainsFunc(e.Objects, func(id ekyc.ID) bool { return !identifier.MatchString(string(id)) }):
		return fault("an object is no identifier")
	case e.Subject.ID != "" && (!e.Scope.Valid() || !e.Subject.ID.Is(ekyc.KindSubject) || len(e.Subject.Salt) != saltBytes || len(e.Subject.Sealed) == 0):
		return fault("a subject needs a scope and a sealed salt")
	case e.Subject.ID == "" && e.Subject.Sealed != nil:
		return fault("a salt needs a subject")
	}
	for name, value := range e.Details {
		if !slices.Contains(details, name) || !smallValue.MatchString(value) {
			return fault("a detail is outside of the catalogue")
		}
	}
	return nil
}

// newRecord makes the record of an entry and gives its time.
func newRecord(ctx context.Context, e Entry, now time.Time) (Record, time.Time, error) {
	caller := callerOf(ctx)
	if e.Actor.Kind != "" {
		caller.Actor = e.Actor
	}
	if e.Outcome == "" {
		e.Outcome = Success
	}
	if err := e.check(caller.Actor); err != nil {
		return Record{}, time.Time{}, err
	}
	var nonce [nonceBytes]byte
	rand.Read(nonce[:]) // never fails, by its documentation
	at := now.UTC().Truncate(time.Microsecond)
	r := Record{
		Version: recordVersion, ID: ekyc.NewID(KindEntry), At: at.Format(timeForm), Tenant: e.Scope.Tenant, Environment: e.Scope.Environment,
		Actor: caller.Actor.Kind, ActorID: caller.Actor.ID, Action: e.Action, Outcome: e.Outcome, Objects: e.Objects, Details: e.Details,
		Network: networkOf(caller.Address), Nonce: hex.EncodeToString(nonce[:]),
	}
	if id := trace.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		r.TraceID = id.String()
	}
	if e.Subject.ID != "" {
		r.Subject = Commitment(e.Subject.Salt, e.Scope, e.Subject.ID)
	}
	return r, at, nil
}

// text is the record as it is hashed.
func (r Record) text() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic("audit: a record of strings was not written: " + err.Error())
	}
	return string(text)
}

// parseRecord reads a record that has exactly the form in which text writes it.
func parseRecord(text []byte) (r Record, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Record{}, errors.New("a record is malformed") // json's own error quotes it
	}
	if r.Version != recordVersion {
		return Record{}, fmt.Errorf("a record has the version %d", r.Version)
	}
	if r.text() != string(text) {
		return Record{}, errors.New("a record is not in its canonical form")
	}
	return r, nil
}

// leafOf is the leaf of a record's text.
func leafOf(text []byte) tlog.Hash { return tlog.RecordHash(text) }
