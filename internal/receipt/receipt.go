// Package receipt signs decisions, so that who holds a receipt can prove later, without this service, what was decided, from which inputs,
// by which models and rules, and when.
//
// A receipt is JSON in its canonical form (RFC 8785), signed with an Ed25519 key of the installation (RFC 8032). It holds no personal data:
// inputs and result stand in it as commitments, HMAC-SHA256 under a random salt of the job. The salt is stored sealed under the subject's
// key, so that the commitments can be opened by those who may see the job, and by nobody after the subject's erasure; then they are
// random numbers. A job that a person decided after its review has a second receipt, which names the first by its hash.
//
// [Verify] needs nothing but the receipt and the published keys.
package receipt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"ekyc"
	"ekyc/internal/decision"
)

// Version is the form of receipts that this program makes and verifies.
const Version = "ekyc-receipt-1"

// Receipt is what is signed. Times are UTC; hashes and commitments are 64 digits of lower-case hex.
type Receipt struct {
	Version         string            `json:"version" enum:"ekyc-receipt-1"`
	Job             ekyc.ID           `json:"job_id"`
	Sequence        int               `json:"sequence" minimum:"1" doc:"1: as the program decided; 2: as a person decided after the review."`
	Tenant          ekyc.ID           `json:"tenant_id"`
	Environment     ekyc.Environment  `json:"environment" enum:"test,live"`
	SubmittedAt     time.Time         `json:"submitted_at"`
	DecidedAt       time.Time         `json:"decided_at"`
	IssuedAt        time.Time         `json:"issued_at"`
	Inputs          []Input           `json:"inputs" doc:"Empty for jobs that were submitted before there were receipts."`
	Models          map[string]string `json:"models" doc:"SHA-256 of every model that was loaded, by name."`
	Workflow        Workflow          `json:"workflow"`
	Policy          Policy            `json:"policy"`
	Program         string            `json:"program" doc:"Version of the program that issued this receipt."`
	Decision        ekyc.Decision     `json:"decision" enum:"accepted,review,rejected"`
	DecisionByScore ekyc.Decision     `json:"decision_by_score,omitempty" enum:"accepted,review,rejected" doc:"Before the hard rules."`
	Score           decision.Points   `json:"score" doc:"0 to 100."`
	Factors         []Factor          `json:"factors" doc:"Their points add up to the score."`
	Result          string            `json:"result_commitment" doc:"HMAC-SHA256 under the job's salt of the canonical form of the job's result, as /jobs/{id} gives it."`
	Review          *Review           `json:"review,omitempty" doc:"Of the receipt of a review."`
	Previous        string            `json:"previous,omitempty" doc:"SHA-256 of the receipt before this one, in its canonical form."`
	Checkpoint      string            `json:"checkpoint,omitempty" doc:"The audit log's latest checkpoint when the receipt was issued."`
	KeyID           string            `json:"key_id" doc:"The key that signs: the thumbprint (RFC 7638) of its public half."`
}

// Input binds one thing that the decision rests on.
type Input struct {
	Kind       string `json:"kind" doc:"selfie, frame, document_front, document_back: a photograph as it was taken in, which is the file that was sent without its metadata; claim: what was said of the person."`
	Position   int    `json:"position" minimum:"0" doc:"Among those of its kind, from 0."`
	Commitment string `json:"commitment" doc:"HMAC-SHA256 of its bytes under the job's salt."`
}

// Workflow names the workflow that judged.
type Workflow struct {
	Name    string `json:"name"`
	Version int    `json:"version" doc:"0: no published version."`
	Hash    string `json:"hash"`
}

// Policy names the decision's policy.
type Policy struct {
	Version string `json:"version"`
	Hash    string `json:"hash"`
}

// Factor is one part of the score.
type Factor struct {
	Name      string          `json:"name"`
	State     string          `json:"state"`
	Points    decision.Points `json:"points"`
	MaxPoints decision.Points `json:"max_points"`
}

// Review is what a person decided.
type Review struct {
	ID         ekyc.ID  `json:"review_id"`
	ReasonCode string   `json:"reason_code"`
	Override   bool     `json:"override" doc:"The score alone would have given another decision."`
	Overruled  []string `json:"overruled_rules" doc:"Rules that stood against the acceptance: codes of the hard rules that held, names of the workflow's own that never accept."`
	Reviewers  int      `json:"reviewers" minimum:"1" doc:"How many agreed."`
}

// SaltSize is the length of a job's salt in bytes.
const SaltSize = 32

// Commit binds data under a salt: HMAC-SHA256 in lower-case hex.
func Commit(salt, data []byte) string {
	mac := hmac.New(sha256.New, salt)
	mac.Write(data)
	return hex.EncodeToString(mac.Sum(nil))
}

// commitResult binds a job's result in its canonical form, so that white space and order do not matter.
func commitResult(salt, result []byte) (string, error) {
	canonical, err := Canonical(result)
	if err != nil {
		return "", fmt.Errorf("the result of a job: %w", err)
	}
	return Commit(salt, canonical), nil
}

// canonical is the form that is signed.
func (r *Receipt) canonical() ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write a receipt: %w", err)
	}
	return Canonical(text)
}

// hashOf is how a receipt is named by the next one.
func hashOf(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

// Signed is a receipt with its signature, as it is given out and verified.
type Signed struct {
	Receipt   json.RawMessage `json:"receipt"`   // in its canonical form
	Signature string          `json:"signature"` // Ed25519 over these bytes, standard base64
	KeyID     string          `json:"key_id"`
	Openings  *Openings       `json:"openings,omitempty"`
}

// Openings is what shows that given inputs are those of a receipt. It is personal data as long as there is somebody who holds the inputs.
type Openings struct {
	Salt string `json:"salt" doc:"The key of every commitment, 64 digits of hex."`
}
