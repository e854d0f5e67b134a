package workflow

import (
	"context"
	"crypto/sha256"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/decision"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/reuse"
	"ekyc/internal/vault"
)

// imageSum tells one photograph from every other file. It goes with the request that it is part of.
type imageSum struct {
	Kind     vault.MediaKind   `json:"kind"`
	Position int               `json:"position,omitempty"`
	Sum      [sha256.Size]byte `json:"sum"`
}

// sums are taken at the submission, which has the photographs at hand; nil where nothing is compared.
func (s *Service) sums(sub Submission) (sums []imageSum) {
	if s.hooks.Reuse == nil {
		return nil
	}
	add := func(kind vault.MediaKind, position int, data []byte) {
		if len(data) > 0 {
			sums = append(sums, imageSum{kind, position, sha256.Sum256(data)})
		}
	}
	for i, photograph := range sub.Selfie {
		add(sub.faceKind(), i, photograph)
	}
	add(vault.MediaDocumentFront, 0, sub.Front)
	add(vault.MediaDocumentBack, 0, sub.Back)
	return sums
}

// signal looks for what others have brought, and notes what this verification brings for those that come after it, unless it is not to be kept. It is done
// in the transaction that ends the job: of two that bring the same at one moment, the later one sees what the earlier has brought.
func (s *Service) signal(ctx context.Context, tx pgx.Tx, c *claim, p *progress) error {
	if s.hooks.Reuse == nil {
		return nil
	}
	hashes, err := s.hooks.Reuse.Hash(ctx, tx, c.Scope, p.brought())
	if err != nil {
		return err
	}
	found, err := s.hooks.Reuse.Look(ctx, tx, c.Scope, c.SubjectID, hashes)
	if err != nil {
		return err
	}
	p.signals = &decision.Signals{Documents: found.Documents, Images: found.Images, Kinds: found.Kinds}
	if !c.Kept {
		return nil
	}
	return s.hooks.Reuse.Keep(ctx, tx, c.Scope, c.SubjectID, c.ID, hashes)
}

// brought is what a verification can be recognised by.
func (p *progress) brought() reuse.Brought {
	var out reuse.Brought
	if p.document != nil && p.document.Reading != nil {
		out.Document = documentOf(p.document.Reading)
	}
	live := p.live()
	for _, sum := range p.request.Sums {
		image := reuse.Image{Kind: sum.Kind, Position: sum.Position, Sum: sum.Sum}
		if live != nil && (sum.Kind == vault.MediaSelfie || sum.Kind == vault.MediaFrame) && sum.Position == live.Frame {
			image.Fingerprint = live.Fingerprint
		}
		out.Images = append(out.Images, image)
	}
	return out
}

// leastSure is how sure the number of a document must be read to be taken for it.
const leastSure = 0.5

// documentOf names the document; nil where its number was not read.
func documentOf(r *document.Reading) *reuse.Document {
	number := r.Fields[document.Key(check.DocumentNumber)]
	if number.Value == "" || number.Confidence < leastSure {
		return nil
	}
	return &reuse.Document{Type: r.Detected.Type, Country: issuerOf(r), Number: number.Value}
}

// issuerOf is the country that gave the document out, as it is printed or else as it was recognised.
func issuerOf(r *document.Reading) string {
	if printed := countryCode(r.Fields[document.Key(check.IssuingCountry)].Value); printed != "" {
		return printed
	}
	return recognisedCountry(r)
}

// SignalsResult is what the tenant's other verifications tell of this one. It decides nothing by itself.
type SignalsResult struct {
	DocumentReused   bool     `json:"document_reused" doc:"Another subject has brought a document of the same number, kind and issuer."`
	DocumentSubjects int      `json:"document_subjects" doc:"How many others have, up to 100, which stands for 100 or more."`
	ImageReused      bool     `json:"image_reused" doc:"Another subject has brought the very same picture."`
	ImageSubjects    int      `json:"image_subjects" doc:"How many others have, up to 100, which stands for 100 or more."`
	ImageKinds       []string `json:"image_kinds" doc:"Which pictures: selfie, frame, document_front, document_back."`
}

func signalsResult(s *decision.Signals) *SignalsResult {
	if s == nil {
		return nil
	}
	return &SignalsResult{
		DocumentReused: s.Documents > 0, DocumentSubjects: s.Documents, ImageReused: s.Images > 0, ImageSubjects: s.Images, ImageKinds: orNone(s.Kinds),
	}
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
