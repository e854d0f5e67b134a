package workflow

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/retention"
	"ekyc/internal/vault"
)

// keptCrop is the most pixels of a side of a face that is kept: enough to hold two beside each other by eye, in about 30 kB.
const keptCrop = 400

// Where the faces of a job stand among its face crops.
const (
	CropOfSelfie   = 0
	CropOfDocument = 1
)

// cropSide is how large the faces are to be that the engine cuts out for a job; 0: none is kept of it.
func (c *claim) cropSide(kept retention.Settings) int {
	if !c.Kept || kept.Days(retention.FaceCrop) == 0 {
		return 0
	}
	return keptCrop
}

// takeCrop takes the cut-out face from the outcome of a part, which is stored without it; nil where there is none.
func takeCrop(outcome any) (crop []byte, position int) {
	switch o := outcome.(type) {
	case *engine.SelfieOutcome:
		crop, position, o.FaceCrop = o.FaceCrop, CropOfSelfie, nil
	case *engine.DocumentOutcome:
		crop, position, o.FaceCrop = o.FaceCrop, CropOfDocument, nil
	}
	return crop, position
}

// putCrop stores a cut-out face as long as the photographs of its job, unless an earlier attempt has. That the subject is erased is for others to find.
func (s *Service) putCrop(ctx context.Context, tx pgx.Tx, c *claim, crop []byte, position int) error {
	held, err := s.vault.MediaOfJob(ctx, tx, c.Scope, c.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(held, func(m vault.Media) bool { return m.Kind == vault.MediaFaceCrop && m.Position == position }) {
		return nil
	}
	expires := time.Now().Add(s.options.KeepUploads)
	_, err = s.vault.PutMedia(ctx, tx, c.Scope, vault.MediaInput{
		Subject: c.SubjectID, Job: c.ID, Kind: vault.MediaFaceCrop, Position: position, Data: crop, Expires: &expires,
	})
	switch ekyc.CodeOf(err) {
	case ekyc.ErrGone:
		return nil
	case ekyc.ErrUnavailable:
		return errors.Join(vault.ErrStoreAway, err)
	}
	return err
}
