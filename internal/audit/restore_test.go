package audit

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
)

// TestAnExportDoesNotGoOnWithAnotherPast: after a restore to an earlier time the log goes another way than what was exported. That is found before a
// segment is written which nobody could remove any more.
func TestAnExportDoesNotGoOnWithAnotherPast(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(3)
	sink, err := OpenFolder(t.TempDir())
	b.must(err)
	b.fill(4)
	if done, err := b.log.Export(t.Context(), sink, ExportOptions{}); err != nil || done.Size != 7 {
		t.Fatalf("%+v, %v", done, err)
	}
	for _, table := range []string{"audit_entry", "audit_hash", "audit_checkpoint"} {
		b.exec(`alter table ` + table + ` disable trigger user`)
	}
	b.exec(`delete from audit_entry where leaf_index >= 3`)
	b.exec(`delete from audit_hash where position >= $1`, tlog.StoredHashCount(3))
	b.exec(`delete from audit_checkpoint where size > 3`)
	for _, table := range []string{"audit_entry", "audit_hash", "audit_checkpoint"} {
		b.exec(`alter table ` + table + ` enable trigger user`)
	}
	b.db, b.log = b.another()
	for _, more := range []int{2, 2, 3} { // fewer than there were, as many, more
		b.fill(more)
		b.check()
		if done, err := b.log.Export(t.Context(), sink, ExportOptions{}); ekyc.CodeOf(err) != ekyc.ErrConflict || done.Segments != 0 {
			t.Errorf("%d more: %+v, %v", more, done, err)
		}
	}
}
