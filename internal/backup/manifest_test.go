package backup

import (
	"os"
	"path/filepath"
	"testing"
)

// TestAManifestIsWholeOrNotThere: half of one would keep the keys beside it from being destroyed.
func TestAManifestIsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	i := setup(t)
	directory, m := i.create(CreateOptions{KeysOnly: true})
	names := func() (list []string) {
		t.Helper()
		entries, err := os.ReadDir(directory)
		i.must(err)
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return list
	}
	if list := names(); len(list) != 2 {
		t.Errorf("a backup of keys holds %v", list)
	}
	i.must(os.Remove(filepath.Join(directory, manifestName)))
	i.must(os.MkdirAll(filepath.Join(directory, manifestName, "in the way"), 0o700))
	if err := m.write(i.ring, directory); err == nil {
		t.Error("a manifest was written where none can be")
	}
	if list := names(); len(list) != 2 {
		t.Errorf("one that could not be written has left %v", list)
	}
}
