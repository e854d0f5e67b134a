package reference

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Kept is a template as it is kept.
type Kept struct {
	Media    ekyc.ID         `json:"media_id"` // the photograph that it was made of
	Model    string          `json:"model"`
	MadeAt   time.Time       `json:"made_at"`
	Template json.RawMessage `json:"template"` // biometric data
}

// OfSubject gives the templates of a subject's photographs.
func (t *Templates) OfSubject(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) ([]Kept, error) {
	type row struct {
		MediaID ekyc.ID
		Model   string
		MadeAt  time.Time
		Sealed  []byte
	}
	rows, err := tx.Query(ctx, `select media_id, model, made_at, sealed from reference_template
		where tenant_id = $1 and environment = $2 and subject_id = $3 order by media_id`, scope.Tenant, scope.Environment, subject)
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	kept := []Kept{}
	for _, r := range found {
		template, err := t.vault.Open(ctx, tx, scope, subject, object(r.MediaID, r.Model), r.Sealed)
		if err != nil {
			return nil, err
		}
		kept = append(kept, Kept{r.MediaID, r.Model, r.MadeAt, template})
	}
	return kept, nil
}
