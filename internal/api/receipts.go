package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"ekyc"
	"ekyc/internal/receipt"
	"ekyc/internal/tenant"
)

// ReceiptAnswer is a signed decision.
type ReceiptAnswer struct {
	Receipt   ReceiptBody       `json:"receipt"`
	Signature string            `json:"signature" doc:"Ed25519 over the receipt's bytes as they stand here, in standard base64."`
	KeyID     string            `json:"key_id" doc:"A key of /receipts/keys."`
	Openings  *receipt.Openings `json:"openings,omitempty" doc:"Where they were asked for."`
}

// ReceiptBody is a receipt as it was signed, in its canonical form.
type ReceiptBody json.RawMessage

// MarshalJSON gives the receipt as it is.
func (r ReceiptBody) MarshalJSON() ([]byte, error) { return json.RawMessage(r).MarshalJSON() }

// Schema documents the receipt.
func (ReceiptBody) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[receipt.Receipt](), true, "receipt")
}

type receiptParams struct {
	ID       string `path:"id" maxLength:"64" doc:"The job."`
	Sequence int    `query:"sequence" minimum:"1" maximum:"2" doc:"1: as the program decided; 2: as a person decided after the review. The last unless given."`
	Openings bool   `query:"openings" doc:"Give the salt by which inputs and result can be held against the receipt."`
}

func (s *Server) receiptRoutes(f *surface) {
	handle(f, route{
		method: http.MethodGet, path: "/jobs/{id}/receipt", id: "jobs-receipt", tag: "verifications", scope: tenant.ScopeWorkflow, summary: "The signed receipt of a decision",
		description: "What was decided, from which inputs, by which models and rules, in the canonical form of RFC 8785 and signed with Ed25519. It holds no personal data and stays " +
			"when photographs and subject are gone; the openings go with the subject. With store: false it is there for 50 minutes after the decision. `ekyc receipt verify` needs only this answer and the keys.",
		errors: []ekyc.ErrorCode{ekyc.ErrNotFound, ekyc.ErrGone},
	}, s.getReceipt)
	handle(f, route{
		method: http.MethodGet, path: "/receipts/keys", id: "receipts-keys", tag: "service", access: open, summary: "The keys that sign receipts",
		description: "Every key that has ever signed, as JSON Web Keys with the times of their use; the present one comes first.",
	}, s.receiptKeys)
}

func (s *Server) getReceipt(ctx context.Context, call *Call, p *receiptParams, _ *none) (*ReceiptAnswer, error) {
	return withID(ekyc.KindJob, p.ID, func(id ekyc.ID) (*ReceiptAnswer, error) {
		r, err := s.Receipts.Get(ctx, call.Scope, id, p.Sequence, p.Openings)
		return &ReceiptAnswer{Receipt: ReceiptBody(r.Receipt), Signature: r.Signature, KeyID: r.KeyID, Openings: r.Openings}, err
	})
}

func (s *Server) receiptKeys(ctx context.Context, _ *Call, _ *none, _ *none) (*receipt.KeySet, error) {
	set, err := s.Receipts.Keys(ctx)
	return &set, err
}
