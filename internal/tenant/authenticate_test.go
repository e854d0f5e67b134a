package tenant

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/tenant/signing"
)

func TestAPrincipalIsWhoSigned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	end := time.Now().Add(time.Hour).Truncate(time.Microsecond).UTC()
	key, secret := b.key(KeyInput{Name: "key-1", Scopes: []string{ScopeOCR, ScopeLiveness, ScopeOCR}, RatePerMinute: 7,
		CIDRs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, EndpointLimits: map[string]int{"/v1/document/ocr": 3}, ExpiresAt: &end})
	p, err := b.s.Authenticate(t.Context(), signed(key.ID, secret))
	b.must(err)
	if p.Key.ID != key.ID || p.Key.Scope != b.scope || p.Key.EndpointLimits["/v1/document/ocr"] != 3 || !p.Key.ExpiresAt.Equal(end) {
		t.Errorf("key %+v", p.Key)
	}
	if p.Tenant.ID != b.tenant.ID || p.Tenant.Plan != "pro" || p.Tenant.Status != Active || p.Plan.Name != "pro" || p.Plan.Version != 1 || p.Plan.Weight != 4 {
		t.Errorf("tenant %+v, plan %+v", p.Tenant, p.Plan)
	}
	if perMinute, perDay := p.Rates(); perMinute != 7 || perDay != p.Plan.RatePerDay {
		t.Errorf("rates %d and %d", perMinute, perDay)
	}
	if err := p.Require(ScopeLiveness); err != nil {
		t.Error(err)
	}
	for _, scope := range []string{ScopeAdmin, ScopeKYA, ""} {
		if err := p.Require(scope); ekyc.CodeOf(err) != ekyc.ErrScopeDenied {
			t.Errorf("scope %q: %v", scope, err)
		}
	}
}

func TestRefusalsComeInTheOrderOfTheContract(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, secret := b.key(KeyInput{})
	good := signed(key.ID, secret)
	old := strconv.FormatInt(time.Now().Unix()-400, 10)
	for _, c := range []struct {
		name   string
		change func(r *SignedRequest)
		want   ekyc.ErrorCode
		detail string
	}{
		{"nothing is wrong", func(*SignedRequest) {}, "", ""},
		{"no key", func(r *SignedRequest) { r.KeyID = "" }, ekyc.ErrCredentialsMissing, "header"},
		{"no time", func(r *SignedRequest) { r.Timestamp = "" }, ekyc.ErrCredentialsMissing, "header"},
		{"no signature", func(r *SignedRequest) { r.Signature = "" }, ekyc.ErrCredentialsMissing, "header"},
		{"two keys", func(r *SignedRequest) { r.KeyID += "," + r.KeyID }, ekyc.ErrCredentialsMissing, "header"},
		{"upper case", func(r *SignedRequest) { r.Signature = "AB" + r.Signature[2:] }, ekyc.ErrCredentialsMissing, "header"},
		{"another region, and a wrong time", func(r *SignedRequest) {
			r.KeyID, r.Timestamp = strings.Replace(r.KeyID, "_eu1_", "_us1_", 1), old
		}, ekyc.ErrWrongRegion, "base_url"},
		{"a region that there is not", func(r *SignedRequest) { r.KeyID = strings.Replace(r.KeyID, "_eu1_", "_xx9_", 1) }, ekyc.ErrKeyUnknown, ""},
		{"an old time and an unknown key", func(r *SignedRequest) { r.KeyID, r.Timestamp = "ek_test_unknown", old }, ekyc.ErrTimestampSkew, "server_time"},
		{"a future time", func(r *SignedRequest) { r.Timestamp = "99999999999" }, ekyc.ErrTimestampSkew, "server_timestamp"},
		{"no such key", func(r *SignedRequest) { r.KeyID = r.KeyID[:len(r.KeyID)-2] + "00" }, ekyc.ErrKeyUnknown, ""},
		{"not a key at all", func(r *SignedRequest) { r.KeyID = "ek_live_nonsense" }, ekyc.ErrKeyUnknown, ""},
		{"the other environment", func(r *SignedRequest) { r.KeyID = strings.Replace(r.KeyID, "_test_", "_live_", 1) }, ekyc.ErrKeyUnknown, ""},
		{"another method", func(r *SignedRequest) { r.Method = "GET" }, ekyc.ErrSignatureInvalid, "canonical_sha256"},
		{"another target", func(r *SignedRequest) { r.Target += "&y=2" }, ekyc.ErrSignatureInvalid, "canonical_sha256"},
		{"another body", func(r *SignedRequest) { r.BodySHA256[31] ^= 1 }, ekyc.ErrSignatureInvalid, "canonical_sha256"},
		{"another second", func(r *SignedRequest) { r.Timestamp = strconv.FormatInt(time.Now().Unix()-2, 10) }, ekyc.ErrSignatureInvalid, "canonical_sha256"},
	} {
		r := good
		c.change(&r)
		_, err := b.s.Authenticate(t.Context(), r)
		problem, _ := err.(*ekyc.Error)
		if ekyc.CodeOf(err) != c.want || c.want != "" && c.detail != "" && problem.Details[c.detail] == nil || c.detail == "" && problem != nil && len(problem.Details) > 0 {
			t.Errorf("%s: %v %+v", c.name, err, problem)
		}
	}
}

func TestTheSkewIs300SecondsOnBothSides(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, secret := b.key(KeyInput{})
	r := signed(key.ID, secret)
	at, _ := strconv.ParseInt(r.Timestamp, 10, 64)
	for seconds, want := range map[int64]ekyc.ErrorCode{-301: ekyc.ErrTimestampSkew, -300: "", 0: "", 300: "", 301: ekyc.ErrTimestampSkew} {
		r.Now = time.Unix(at+seconds, 0)
		if got := authenticate(t, b.s, r); got != want {
			t.Errorf("%d seconds: %q", seconds, got)
		}
	}
}

func TestOnlyATestKeyIsToldWhatTheServerSaw(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, environment := range []ekyc.Environment{ekyc.Test, ekyc.Live} {
		b.scope.Environment = environment
		key, _ := b.key(KeyInput{})
		r := signed(key.ID, "another secret")
		_, err := b.s.Authenticate(t.Context(), r)
		problem, ok := err.(*ekyc.Error)
		if !ok || problem.Code != ekyc.ErrSignatureInvalid {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(signing.Canonical(r.Timestamp, r.Method, r.Target, r.BodySHA256)))
		want := any(nil)
		if environment == ekyc.Test {
			want = hex.EncodeToString(sum[:])
		}
		if problem.Details["canonical_sha256"] != want {
			t.Errorf("%s: %v", environment, problem.Details)
		}
	}
}

// What is refused costs the same in look-ups, openings of secrets and HMACs, whatever the key is and whether it is remembered.
func TestEveryRefusalCostsTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	prepare := func(in KeyInput, then func(Key)) SignedRequest {
		key, secret := b.key(in)
		r := signed(key.ID, secret)
		if got := authenticate(t, b.s, r); got != "" && got != ekyc.ErrIPDenied {
			t.Fatal(got)
		}
		if then != nil {
			then(key)
		}
		return r
	}
	plain := prepare(KeyInput{}, nil)
	wrong := func(r SignedRequest) SignedRequest { r.Signature = strings.Repeat("0", 64); return r }
	fresh, _ := b.key(KeyInput{})
	rolled := prepare(KeyInput{}, func(k Key) {
		_, _, err := b.s.RolloverKey(t.Context(), b.scope, k.ID, time.Hour)
		b.must(err)
	})
	replaced := prepare(KeyInput{}, func(k Key) {
		_, _, err := b.s.RolloverKey(t.Context(), b.scope, k.ID, 0)
		b.must(err)
		b.state(b.s, b.db, k.ID)
	})
	revoked := prepare(KeyInput{}, func(k Key) {
		_, err := b.s.RevokeKey(t.Context(), b.scope, k.ID)
		b.must(err)
		b.state(b.s, b.db, k.ID)
	})
	elsewhere := prepare(KeyInput{CIDRs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, nil)
	unknown, nonsense := plain, plain
	unknown.KeyID, nonsense.KeyID = newKeyID(ekyc.Test, "eu1"), "k"
	b.counts.take()
	for _, c := range []struct {
		name string
		r    SignedRequest
		want ekyc.ErrorCode
	}{
		{"unknown", unknown, ekyc.ErrKeyUnknown},
		{"unknown and wrong", wrong(unknown), ekyc.ErrKeyUnknown},
		{"not a key", nonsense, ekyc.ErrKeyUnknown},
		{"wrong, remembered", wrong(plain), ekyc.ErrSignatureInvalid},
		{"wrong, not remembered", wrong(SignedRequest{KeyID: fresh.ID, Timestamp: plain.Timestamp}), ekyc.ErrSignatureInvalid},
		{"wrong, with two secrets", wrong(rolled), ekyc.ErrSignatureInvalid},
		{"replaced secret", replaced, ekyc.ErrKeyExpired},
		{"revoked", revoked, ekyc.ErrKeyRevoked},
		{"revoked and wrong", wrong(revoked), ekyc.ErrSignatureInvalid},
		{"elsewhere", elsewhere, ekyc.ErrIPDenied},
	} {
		for range 3 {
			if got := authenticate(t, b.s, c.r); got != c.want {
				t.Errorf("%s: %s", c.name, got)
			}
			if cost := b.counts.take(); cost != [3]int64{1, MaxSecrets, 2 * MaxSecrets} {
				t.Errorf("%s costs %d look-ups, %d openings, %d HMACs", c.name, cost[0], cost[1], cost[2])
			}
		}
	}
	if got := authenticate(t, b.s, plain); got != "" {
		t.Error(got)
	}
	if cost := b.counts.take(); cost != [3]int64{0, 0, MaxSecrets} {
		t.Errorf("a remembered key costs %v", cost)
	}
}

// A key's state is told to those who can sign with it, and to nobody else.
func TestStatesOfAKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		name   string
		in     KeyInput
		change func(Key)
		want   ekyc.ErrorCode
	}{
		{"active", KeyInput{}, nil, ""},
		{"inside its networks", KeyInput{CIDRs: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("203.0.113.7/32")}}, nil, ""},
		{"outside of its networks", KeyInput{CIDRs: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("203.0.113.8/32")}}, nil, ekyc.ErrIPDenied},
		{"expired", KeyInput{}, func(k Key) { b.owner(`update ekyc.api_key set expires_at = now() where key_id = $1`, k.ID) }, ekyc.ErrKeyExpired},
		{"revoked", KeyInput{}, func(k Key) { b.s.RevokeKey(t.Context(), b.scope, k.ID) }, ekyc.ErrKeyRevoked},
		{"revoked, expired and elsewhere", KeyInput{CIDRs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, func(k Key) {
			b.owner(`update ekyc.api_key set expires_at = now(), revoked_at = now() where key_id = $1`, k.ID)
		}, ekyc.ErrKeyRevoked},
	} {
		key, secret := b.key(c.in)
		if c.change != nil {
			c.change(key)
		}
		if got := authenticate(t, b.s, signed(key.ID, secret)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := authenticate(t, b.s, signed(key.ID, secret+"x")); got != ekyc.ErrSignatureInvalid {
			t.Errorf("%s, to who cannot sign: %q", c.name, got)
		}
	}
	key, secret := b.key(KeyInput{CIDRs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}})
	for from, want := range map[string]ekyc.ErrorCode{"::ffff:203.0.113.9": "", "203.0.114.1": ekyc.ErrIPDenied, "::1": ekyc.ErrIPDenied} {
		r := signed(key.ID, secret)
		r.RemoteIP = netip.MustParseAddr(from)
		if got := authenticate(t, b.s, r); got != want {
			t.Errorf("from %s: %q", from, got)
		}
	}
	r := signed(key.ID, secret)
	r.RemoteIP = netip.Addr{}
	if got := authenticate(t, b.s, r); got != ekyc.ErrIPDenied {
		t.Errorf("from nowhere: %q", got)
	}
}

// A suspension is lifted at once for who is suspended, though another process remembers it.
func TestSuspension(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, db, _ := b.process(time.Hour)
	key, secret := b.key(KeyInput{})
	_, err := b.s.SetStatus(t.Context(), b.tenant.ID, Suspended)
	b.must(err)
	for range 2 {
		if got := authenticate(t, other, signed(key.ID, secret)); got != ekyc.ErrTenantSuspended {
			t.Fatalf("while suspended: %q", got)
		}
	}
	if !b.state(other, db, key.ID).Suspended {
		t.Error("KeyStates does not know of it")
	}
	_, err = b.s.SetStatus(t.Context(), b.tenant.ID, Active)
	b.must(err)
	if got := authenticate(t, other, signed(key.ID, secret)); got != "" {
		t.Errorf("afterwards: %q", got)
	}
}

// A key that expires while it is remembered is refused on the second.
func TestExpiryNeedsNoLookUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var end time.Time
	var id, secret string
	lasting(t, func(life time.Duration) ekyc.ErrorCode {
		end = time.Now().Add(life)
		var key Key
		key, secret = b.key(KeyInput{ExpiresAt: &end})
		id = key.ID
		return authenticate(t, b.s, signed(id, secret))
	})
	time.Sleep(time.Until(end))
	if got := authenticate(t, b.s, signed(id, secret)); got != ekyc.ErrKeyExpired {
		t.Errorf("%q", got)
	}
	if !b.state(b.s, b.db, id).Expired {
		t.Error("KeyStates does not know of it")
	}
}

// lasting gives a key a life in which it is used once, a longer one where the machine is too slow for that.
func lasting(t *testing.T, use func(life time.Duration) ekyc.ErrorCode) {
	t.Helper()
	var got ekyc.ErrorCode
	for _, life := range []time.Duration{time.Second, 5 * time.Second, 25 * time.Second} {
		if got = use(life); got != ekyc.ErrKeyExpired {
			break
		}
	}
	if got != "" {
		t.Fatal(got)
	}
}

// What another process has changed: KeyStates knows at once and makes this one ask again; without it, the key is trusted for
// CacheFor at most.
func TestStalenessIsBoundedAndRevocationExact(t *testing.T) {
	t.Parallel()
	b := setup(t)
	exact, db, c := b.process(time.Hour)
	bounded, _, _ := b.process(300 * time.Millisecond)
	key, secret := b.key(KeyInput{})
	for _, s := range []*Service{exact, bounded} {
		if got := authenticate(t, s, signed(key.ID, secret)); got != "" {
			t.Fatal(got)
		}
	}
	_, err := b.s.RevokeKey(t.Context(), b.scope, key.ID)
	b.must(err)
	c.take()
	if got := authenticate(t, exact, signed(key.ID, secret)); got != "" || c.lookUps.Load() != 0 {
		t.Errorf("a remembered key: %q, %d look-ups", got, c.lookUps.Load())
	}
	if k := b.state(exact, db, key.ID); !k.Revoked || ekyc.CodeOf(k.Err()) != ekyc.ErrKeyRevoked {
		t.Errorf("state %+v", k)
	}
	if got := authenticate(t, exact, signed(key.ID, secret)); got != ekyc.ErrKeyRevoked {
		t.Errorf("after KeyStates: %q", got)
	}
	time.Sleep(300 * time.Millisecond)
	if got := authenticate(t, bounded, signed(key.ID, secret)); got != ekyc.ErrKeyRevoked {
		t.Errorf("after CacheFor: %q", got)
	}
}

func TestNothingOlderThanAChangeIsRemembered(t *testing.T) {
	t.Parallel()
	var c cache
	begun := time.Now()
	c.put("a", &entry{asked: begun, principal: Principal{Version: 1}})
	c.dropUnless("a", 1)
	if c.get("a", time.Hour) == nil {
		t.Fatal("an entry of the right version is gone")
	}
	c.dropUnless("a", 2)
	c.put("a", &entry{asked: begun, principal: Principal{Version: 1}}) // a look-up that was under way
	if c.get("a", time.Hour) != nil {
		t.Error("a look-up from before the change is remembered")
	}
	c.put("a", &entry{asked: time.Now(), principal: Principal{Version: 2}})
	if c.get("a", time.Hour) == nil {
		t.Error("a look-up from after the change is not remembered")
	}
	for i := range 2 * maxRemembered {
		c.put(strconv.Itoa(i), &entry{asked: time.Now()})
	}
	if len(c.entries) > maxRemembered {
		t.Errorf("%d entries", len(c.entries))
	}
}

// Under way while the key is rolled over and at last revoked, every request gets an answer that was true at some moment of it.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, secret := b.key(KeyInput{})
	var done sync.WaitGroup
	revoked := make(chan struct{})
	for range 16 {
		done.Go(func() {
			for after := false; ; {
				got := authenticate(t, b.s, signed(key.ID, secret))
				if after && got != ekyc.ErrKeyRevoked || !after && got != "" && got != ekyc.ErrKeyRevoked {
					t.Errorf("after the revocation %v: %q", after, got)
				}
				if after {
					return
				}
				select {
				case <-revoked:
					after = true
				default:
				}
			}
		})
	}
	_, second, err := b.s.RolloverKey(t.Context(), b.scope, key.ID, time.Hour)
	b.must(err)
	if got := authenticate(t, b.s, signed(key.ID, second)); got != "" {
		t.Errorf("the new secret: %q", got)
	}
	_, err = b.s.RevokeKey(t.Context(), b.scope, key.ID)
	b.must(err)
	b.state(b.s, b.db, key.ID)
	close(revoked)
	done.Wait()
}

func TestWithoutADatabaseNobodyNewIsLetIn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, db, _ := b.process(time.Hour)
	key, secret := b.key(KeyInput{})
	if got := authenticate(t, s, signed(key.ID, secret)); got != "" {
		t.Fatal(got)
	}
	db.Close()
	if got := authenticate(t, s, signed(key.ID, secret)); got != "" {
		t.Errorf("who is remembered: %q", got)
	}
	for _, r := range []SignedRequest{signed(key.ID, "wrong"), signed("ek_test_unknown", "wrong")} {
		if got := authenticate(t, s, r); got != ekyc.ErrUnavailable {
			t.Errorf("%s: %q", r.KeyID, got)
		}
	}
}
