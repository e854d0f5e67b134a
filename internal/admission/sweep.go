package admission

import (
	"context"
	"fmt"
)

// sweepBatch bounds the rows that one statement removes, so that it is short.
const sweepBatch = 5000

const sweepSignatures = `
	delete from signature_seen where ctid = any(array(select ctid from signature_seen
		where signed_at < clock_timestamp() - make_interval(secs => $1) limit $2 for update skip locked))`

// Sweep forgets signatures whose timestamps are too old to be accepted again, and returns how many there were. Several processes may
// sweep at once.
func (a *Admitter) Sweep(ctx context.Context) (int, error) {
	total := 0
	for {
		tag, err := a.db.SystemPool().Exec(ctx, sweepSignatures, keepSigned.Seconds(), sweepBatch)
		if err != nil {
			return total, fmt.Errorf("sweep signatures: %w", err)
		}
		n := int(tag.RowsAffected())
		if total += n; n < sweepBatch {
			return total, nil
		}
	}
}
