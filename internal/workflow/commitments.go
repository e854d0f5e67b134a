package workflow

import (
	"crypto/rand"
	"encoding/json"
	"fmt"

	"ekyc"
	"ekyc/internal/profile"
	"ekyc/internal/receipt"
	"ekyc/internal/vault"
)

// commitments bind what a submission brings, so that its receipt can be held against it later. The salt is personal data in effect: who has it can
// try whether a photograph was the one.
type commitments struct {
	Salt   []byte          `json:"salt"`
	Inputs []receipt.Input `json:"inputs"`
}

// inputClaim is the kind of what was said of the person, beside the kinds of media.
const inputClaim = "claim"

// commit binds the photographs as they were sent and the profile; nil where no receipts are made.
func (s *Service) commit(sub Submission) (*commitments, error) {
	if s.hooks.Receipts == nil {
		return nil, nil
	}
	c := &commitments{Salt: make([]byte, receipt.SaltSize)}
	rand.Read(c.Salt) // never fails, by its documentation
	add := func(kind string, position int, data []byte) {
		if len(data) > 0 {
			c.Inputs = append(c.Inputs, receipt.Input{Kind: kind, Position: position, Commitment: receipt.Commit(c.Salt, data)})
		}
	}
	for i, photograph := range sub.Selfie {
		add(string(sub.faceKind()), i, photograph)
	}
	add(string(vault.MediaDocumentFront), 0, sub.Front)
	add(string(vault.MediaDocumentBack), 0, sub.Back)
	if sub.KYA == nil {
		return c, nil
	}
	claim, err := canonicalClaim(*sub.KYA)
	if err != nil {
		return nil, err
	}
	add(inputClaim, 0, claim)
	return c, nil
}

// canonicalClaim is what was said of the person as the canonical form (RFC 8785) of one JSON object, without what was not said.
func canonicalClaim(in profile.Input) ([]byte, error) {
	said := map[string]string{
		"email": in.Email, "phone": in.Phone, "ip": in.IP, "country": in.Country, "given_names": in.GivenNames, "surname": in.Surname,
		"full_name": in.FullName, "date_of_birth": in.DateOfBirth,
	}
	for name, value := range said {
		if value == "" {
			delete(said, name)
		}
	}
	text, err := json.Marshal(said)
	if err == nil {
		text, err = receipt.Canonical(text)
	}
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "a profile has no canonical form").Because(fmt.Errorf("commit to a profile: %w", err))
	}
	return text, nil
}
