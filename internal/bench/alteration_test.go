package bench

import (
	"testing"
	"time"

	"ekyc/internal/document/check"
)

// TestWhichChecksTellOfContradictions: of the names that checks have today, those that hold what a document states twice against each other.
func TestWhichChecksTellOfContradictions(t *testing.T) {
	t.Parallel()
	told := map[string]bool{}
	for _, c := range check.Validate(check.Input{At: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}).Checks {
		told[c.Name] = contradictionCheck(c.Name)
	}
	for name, want := range map[string]bool{
		"mrz_checksum": true, "mrz_check_document_number": true, "mrz_check_composite": true, "mrz_viz_names": true, "mrz_barcode_birth_date": true, "sides_belong_together": true,
		"alteration_portrait": false, "document_not_expired": false, "specimen_words": false,
	} {
		if got, known := told[name]; !known || got != want {
			t.Errorf("%s is known: %t; tells of a contradiction: %t, not %t", name, known, got, want)
		}
	}
}
