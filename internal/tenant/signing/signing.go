// Package signing is the arithmetic of signed requests, for the server, for clients in Go and for the command line. It knows no
// keys' owners, no clock and no network.
package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// The headers of a signed request.
const (
	HeaderKey       = "X-API-KEY"
	HeaderTimestamp = "X-API-TIMESTAMP"
	HeaderSignature = "X-API-SIGN"
)

// Canonical is the text that is signed: timestamp, method, request target as sent and the body's SHA-256 in lower-case hex, joined
// by line feeds. An empty body hashes as the empty string.
func Canonical(timestamp, method, target string, body [sha256.Size]byte) string {
	return timestamp + "\n" + method + "\n" + target + "\n" + hex.EncodeToString(body[:])
}

// MAC is HMAC-SHA256 (RFC 2104) of a canonical text. The bytes of the secret are those of the text that was shown, undecoded.
func MAC(secret []byte, canonical string) [sha256.Size]byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(canonical))
	return [sha256.Size]byte(m.Sum(nil))
}

// Sign gives the value of X-API-SIGN.
func Sign(secret, timestamp, method, target string, body [sha256.Size]byte) string {
	sum := MAC([]byte(secret), Canonical(timestamp, method, target, body))
	return hex.EncodeToString(sum[:])
}

// Verify says, in time that does not depend on where they differ, whether signature is what Sign gives.
func Verify(secret, signature, timestamp, method, target string, body [sha256.Size]byte) bool {
	return hmac.Equal([]byte(signature), []byte(Sign(secret, timestamp, method, target, body)))
}

// Credentials are the three headers of a request, taken apart.
type Credentials struct {
	KeyID     string
	Timestamp int64 // Unix seconds
	Signature [sha256.Size]byte
}

// HeaderError names the header that is absent or malformed and what it must be. It never repeats what was sent.
type HeaderError struct {
	Header string
	Absent bool
	Want   string
}

func (e *HeaderError) Error() string {
	if e.Absent {
		return e.Header + " is absent"
	}
	return fmt.Sprintf("%s is malformed: it must be %s", e.Header, e.Want)
}

const (
	maxKeyID     = 80 // a key identifier has 38 characters with a region of three letters
	maxTimestamp = 11 // digits; the year 5138
)

// Parse takes the three headers apart. A value has one spelling only, so that no accepted request can be sent again in another
// one. Errors: *HeaderError.
func Parse(keyID, timestamp, signature string) (Credentials, error) {
	var c Credentials
	for _, h := range []struct{ name, value string }{{HeaderKey, keyID}, {HeaderTimestamp, timestamp}, {HeaderSignature, signature}} {
		if h.value == "" {
			return c, &HeaderError{Header: h.name, Absent: true}
		}
	}
	if len(keyID) > maxKeyID || !every(keyID, isToken) {
		return c, &HeaderError{Header: HeaderKey, Want: "the identifier of a key"}
	}
	if len(timestamp) > maxTimestamp || !every(timestamp, isDigit) || timestamp[0] == '0' {
		return c, &HeaderError{Header: HeaderTimestamp, Want: "a time in Unix seconds, in decimal digits"}
	}
	if len(signature) != 2*sha256.Size || !every(signature, isHex) {
		return c, &HeaderError{Header: HeaderSignature, Want: "64 lower-case hexadecimal digits"}
	}
	c.KeyID = keyID
	c.Timestamp, _ = strconv.ParseInt(timestamp, 10, 64) // digits that fit
	hex.Decode(c.Signature[:], []byte(signature))        // hexadecimal of the right length
	return c, nil
}

func every(s string, in func(byte) bool) bool {
	for i := range len(s) {
		if !in(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= c && c <= 'f' }
func isToken(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '-'
}
