package signing

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
)

// VectorsJSON are the signing vectors that the documentation publishes, for writers of clients. Their secrets are nobody's.
//
//go:embed vectors.json
var VectorsJSON []byte

// Vector is one request with what must come out of signing it.
type Vector struct {
	Name      string `json:"name"`
	Secret    string `json:"secret"`
	Timestamp string `json:"timestamp"`
	Method    string `json:"method"`
	Target    string `json:"target"`
	Body      []byte `json:"body_base64"`
	BodyHash  string `json:"body_sha256"`
	Canonical string `json:"canonical"`
	Signature string `json:"signature"`
}

// Vectors gives the signing vectors.
func Vectors() []Vector {
	var vectors []Vector
	if err := json.Unmarshal(VectorsJSON, &vectors); err != nil {
		panic(err) // the file is compiled in
	}
	return vectors
}

// complete computes what must come out.
func (v Vector) complete() Vector {
	body := sha256.Sum256(v.Body)
	v.BodyHash = hex.EncodeToString(body[:])
	v.Canonical = Canonical(v.Timestamp, v.Method, v.Target, body)
	v.Signature = Sign(v.Secret, v.Timestamp, v.Method, v.Target, body)
	return v
}
