package tenant

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"regexp"
	"time"

	"ekyc"
	"ekyc/internal/tenant/signing"
)

// MaxSkew is how far a request's timestamp may be from this process's clock, on either side.
const MaxSkew = 300 * time.Second

// SignedRequest is what of a request takes part in its signature.
type SignedRequest struct {
	KeyID, Timestamp, Signature string // the headers, as they came
	Method                      string
	Target                      string // request target as sent: path and query
	BodySHA256                  [sha256.Size]byte
	RemoteIP                    netip.Addr
	Now                         time.Time // for the skew; zero: time.Now()
}

var keyIDForm = regexp.MustCompile(`^ek_(test|live)_([a-z][a-z0-9]{1,9})_[0-9a-v]{26}$`)

// ParseKeyID gives the environment and home region that a key's identifier carries, and false for what cannot be one.
func ParseKeyID(id string) (environment ekyc.Environment, region string, ok bool) {
	m := keyIDForm.FindStringSubmatch(id)
	if m == nil {
		return "", "", false
	}
	return ekyc.Environment(m[1]), m[2], true
}

// Authenticate finds out who signed a request. Nothing about a key's state is told to one who cannot sign with it, and what is
// refused costs the same whether the key exists or not: two rounds of MaxSecrets HMACs and one look-up between them.
//
// Errors, in this order: ErrCredentialsMissing (details header), ErrWrongRegion (details region, base_url), ErrTimestampSkew
// (details server_time, server_timestamp), ErrKeyUnknown, ErrSignatureInvalid (with a test key details canonical_sha256),
// ErrKeyRevoked, ErrKeyExpired, ErrTenantSuspended, ErrIPDenied; ErrUnavailable. Whether the same request has been accepted before
// is not known here.
func (s *Service) Authenticate(ctx context.Context, r SignedRequest) (*Principal, error) {
	credentials, err := signing.Parse(r.KeyID, r.Timestamp, r.Signature)
	if err != nil {
		return nil, malformed(err)
	}
	if err := s.checkRegion(r.KeyID); err != nil {
		return nil, err
	}
	if err := checkSkew(credentials.Timestamp, r.Now); err != nil {
		return nil, err
	}
	a := attempt{credentials, signing.Canonical(r.Timestamp, r.Method, r.Target, r.BodySHA256), r.RemoteIP}
	// What is remembered can accept. Only what the database says now can refuse: the secret may be new, the tenant active again.
	if e := s.cache.get(r.KeyID, s.o.CacheFor); s.judge(e, a) == nil {
		return s.accept(e), nil
	}
	e, err := s.lookUp(ctx, r.KeyID)
	if err != nil {
		return nil, err
	}
	if err := s.judge(e, a); err != nil {
		return nil, err
	}
	return s.accept(e), nil
}

// accept hands out a copy of its own to each request; what it points to is shared and read only.
func (s *Service) accept(e *entry) *Principal {
	s.uses.note(s, e.principal.Key.ID)
	p := e.principal
	return &p
}

func malformed(err error) error {
	problem := ekyc.Errorf(ekyc.ErrCredentialsMissing, "the request is not signed")
	if h, ok := err.(*signing.HeaderError); ok { // never wrapped
		problem.Message = h.Error()
		problem = problem.With("header", h.Header)
	}
	return problem
}

// checkRegion turns keys of other regions away before anything of the request is looked at. A region that there is not has no keys.
func (s *Service) checkRegion(keyID string) error {
	_, region, ok := ParseKeyID(keyID)
	base, exists := s.o.Regions[region]
	if !ok || region == s.o.Region || !exists {
		return nil
	}
	return ekyc.Errorf(ekyc.ErrWrongRegion, "the tenant of this key lives in region %s", region).With("region", region).With("base_url", base)
}

func checkSkew(timestamp int64, now time.Time) error {
	if now.IsZero() {
		now = time.Now()
	}
	if now.Sub(time.Unix(timestamp, 0)).Abs() <= MaxSkew {
		return nil
	}
	return ekyc.Errorf(ekyc.ErrTimestampSkew, "the timestamp is more than %d seconds from the server's time", int(MaxSkew.Seconds())).
		With("server_time", now.UTC().Format(time.RFC3339)).With("server_timestamp", now.Unix())
}

// attempt is a request that is to be judged.
type attempt struct {
	signing.Credentials
	canonical string
	from      netip.Addr
}

// judge says whether an entry accepts an attempt. Without an entry it does the same work on secrets that nobody has.
func (s *Service) judge(e *entry, a attempt) error {
	matched := -1
	for i := range MaxSecrets {
		key, real := decoySecret[:], false
		if e != nil && i < len(e.secrets) {
			key, real = e.secrets[i].text, true
		}
		sum := s.mac(key, a.canonical)
		if hmac.Equal(sum[:], a.Signature[:]) && real {
			matched = i
		}
	}
	switch {
	case e == nil:
		return ekyc.Errorf(ekyc.ErrKeyUnknown, "the key does not exist")
	case matched < 0:
		return mismatch(e, a.canonical)
	}
	return e.state(e.secrets[matched], a.from)
}

func mismatch(e *entry, canonical string) error {
	err := ekyc.Errorf(ekyc.ErrSignatureInvalid, "the signature does not fit the request")
	sum := sha256.Sum256([]byte(canonical))
	if e.principal.Key.Scope.Environment == ekyc.Test {
		err = err.With("canonical_sha256", hex.EncodeToString(sum[:]))
	}
	return err
}

// state says whether the key, one of whose secrets signed, may be used now and from there.
func (e *entry) state(used secret, from netip.Addr) error {
	key, known := e.principal.Key, e.keyState()
	switch replaced := passed(used.validUntil, e.now()); {
	case replaced && !known.Revoked && !known.Expired:
		return ekyc.Errorf(ekyc.ErrKeyExpired, "the secret that signed was replaced and is not valid any more")
	case known.Err() != nil:
		return known.Err()
	case !key.admits(from):
		return ekyc.Errorf(ekyc.ErrIPDenied, "the key may not be used from this address")
	}
	return nil
}

// keyState is what the entry knows of its key.
func (e *entry) keyState() KeyState {
	key := e.principal.Key
	return KeyState{Revoked: key.RevokedAt != nil, Expired: passed(key.ExpiresAt, e.now()), Suspended: e.principal.Tenant.Status != Active}
}

func passed(end *time.Time, now time.Time) bool { return end != nil && !now.Before(*end) }
