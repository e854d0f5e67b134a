package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Prefixes of keys, as Standard Webhooks has them ("Signature scheme").
const (
	secretPrefix    = "whsec_"
	publicKeyPrefix = "whpk_"
)

const secretBytes = 32 // Standard Webhooks asks for 24 to 64

// The versions of signatures.
const (
	versionHMAC    = "v1"  // HMAC-SHA256
	versionEd25519 = "v1a" // Ed25519
)

// signingKey is a secret as it is stored: the bytes of an HMAC secret, or the seed of an Ed25519 key.
type signingKey struct {
	version string
	bytes   []byte
}

func newSigningKey(version string) signingKey {
	b := make([]byte, secretBytes) // an Ed25519 seed is of that size too
	rand.Read(b)                   // never fails, by its documentation
	return signingKey{version, b}
}

// text is the secret as it is given to the tenant.
func (k signingKey) text() string { return secretPrefix + base64.StdEncoding.EncodeToString(k.bytes) }

// publicKey is what verifies an Ed25519 signature, as it is given to the tenant.
func (k signingKey) publicKey() string {
	public := ed25519.NewKeyFromSeed(k.bytes).Public().(ed25519.PublicKey)
	return publicKeyPrefix + base64.StdEncoding.EncodeToString(public)
}

// sign gives the value of webhook-signature: one signature for each key, parted by spaces. What is signed is id.timestamp.body.
func sign(keys []signingKey, id string, at time.Time, body []byte) string {
	message := append([]byte(id+"."+strconv.FormatInt(at.Unix(), 10)+"."), body...)
	signatures := make([]string, len(keys))
	for i, k := range keys {
		signatures[i] = k.version + "," + base64.StdEncoding.EncodeToString(k.sign(message))
	}
	return strings.Join(signatures, " ")
}

func (k signingKey) sign(message []byte) []byte {
	if k.version == versionEd25519 {
		return ed25519.Sign(ed25519.NewKeyFromSeed(k.bytes), message)
	}
	mac := hmac.New(sha256.New, k.bytes)
	mac.Write(message)
	return mac.Sum(nil)
}
