package erasure

import (
	"context"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// Part is one place that holds something of subjects beside what is sealed under their key.
type Part struct {
	Name string // as the certificate names it, such as "consents"
	// Erase deletes or blanks what is held of the subject, in the erasure's transaction, which is one of InTenant for the scope. It gives the
	// number of rows that it touched. The subject's key is still there when it is called.
	Erase func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (removed int, err error)
}
