package receipt

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"time"

	"ekyc"
)

// Key is a public key as it is published: a JSON Web Key (RFC 7517, RFC 8037) with the time in which it signs.
type Key struct {
	KeyType    string     `json:"kty" enum:"OKP"`
	Curve      string     `json:"crv" enum:"Ed25519"`
	Algorithm  string     `json:"alg" enum:"EdDSA"`
	Use        string     `json:"use" enum:"sig"`
	ID         string     `json:"kid" doc:"Its thumbprint (RFC 7638)."`
	X          string     `json:"x" doc:"The 32 bytes of the public key, base64url without padding."`
	ValidFrom  *time.Time `json:"valid_from,omitempty" doc:"Receipts of this key are issued from then on."`
	ValidUntil *time.Time `json:"valid_until,omitempty" doc:"And up to then; absent while it signs."`
}

// KeySet is every key that has ever signed, the present one first.
type KeySet struct {
	Keys []Key `json:"keys"`
}

func publish(public ed25519.PublicKey) Key {
	x := base64.RawURLEncoding.EncodeToString(public)
	return Key{KeyType: "OKP", Curve: "Ed25519", Algorithm: "EdDSA", Use: "sig", ID: thumbprint(x), X: x}
}

// thumbprint names a key by itself: RFC 7638, with the members of RFC 8037.
func thumbprint(x string) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// public gives the key's bytes. It must be what its name says.
func (k Key) public() (ed25519.PublicKey, error) {
	public, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
	switch {
	case k.KeyType != "OKP" || k.Curve != "Ed25519" || err != nil || len(public) != ed25519.PublicKeySize:
		return nil, errors.New("it is no Ed25519 public key")
	case k.ID != "" && k.ID != thumbprint(k.X):
		return nil, errors.New("its kid is not its thumbprint")
	}
	return public, nil
}

// signedAt says whether the key was in use at a moment; one without a beginning or end always was.
func (k Key) signedAt(at time.Time) bool {
	return (k.ValidFrom == nil || !at.Before(*k.ValidFrom)) && (k.ValidUntil == nil || !at.After(*k.ValidUntil))
}

// ParseKeys reads published keys: the answer of /receipts/keys, one key of it, or public keys in PEM. Errors: ErrInvalidArgument.
func ParseKeys(text []byte) (KeySet, error) {
	refuse := func(why string) (KeySet, error) {
		return KeySet{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "these are no published keys: %s", why)
	}
	var set KeySet
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN")) {
		var err error
		if set, err = parsePEM(text); err != nil {
			return refuse(err.Error())
		}
	} else if err := json.Unmarshal(text, &set); err != nil {
		return refuse("neither JSON nor PEM")
	}
	if set.Keys == nil {
		set.Keys = make([]Key, 1)
		if err := json.Unmarshal(text, &set.Keys[0]); err != nil {
			return refuse("neither a key nor a set of them")
		}
	}
	for i, k := range set.Keys {
		if _, err := k.public(); err != nil {
			return refuse(err.Error())
		}
		set.Keys[i].ID = thumbprint(k.X)
	}
	if len(set.Keys) == 0 {
		return refuse("there is none")
	}
	return set, nil
}

func parsePEM(text []byte) (set KeySet, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		public, ok := parsed.(ed25519.PublicKey)
		if err != nil || !ok {
			return KeySet{}, errors.New("a block of the PEM is no Ed25519 public key")
		}
		set.Keys = append(set.Keys, publish(public))
	}
	if set.Keys == nil {
		return KeySet{}, errors.New("the PEM is malformed")
	}
	return set, nil
}

// find gives the key of a name.
func (s KeySet) find(id string) (Key, bool) {
	for _, k := range s.Keys {
		if k.ID == id {
			return k, true
		}
	}
	return Key{}, false
}
