package ekyc_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"ekyc"
)

func TestIdentifiersSortByTheirMaking(t *testing.T) {
	t.Parallel()
	ids := make([]ekyc.ID, 10_000)
	for i := range ids {
		ids[i] = ekyc.NewID(ekyc.KindJob)
	}
	if !slices.IsSorted(ids) {
		t.Error("identifiers made one after the other do not sort in that order")
	}
}

func TestIdentifiersAreUniqueAcrossGoroutines(t *testing.T) {
	t.Parallel()
	var (
		mu    sync.Mutex
		seen  = map[ekyc.ID]bool{}
		group sync.WaitGroup
	)
	for range 8 {
		group.Go(func() {
			for range 2_000 {
				id := ekyc.NewID(ekyc.KindUsage)
				mu.Lock()
				if seen[id] {
					t.Errorf("%s was made twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	group.Wait()
}

func TestParseIDRefusesWhatIsNotOfTheKind(t *testing.T) {
	t.Parallel()
	good := ekyc.NewID(ekyc.KindTenant)
	if got, err := ekyc.ParseID(ekyc.KindTenant, string(good)); err != nil || got != good {
		t.Errorf("ParseID(%q) = %q, %v", good, got, err)
	}
	for _, text := range []string{"", "tnt_", "tnt", strings.ToUpper(string(good)), string(good) + "0", string(good[:len(good)-1]), "tnt_" + strings.Repeat("z", 26), string(ekyc.NewID(ekyc.KindJob)), "tnt_';drop table job;--aaaaaa"} {
		if _, err := ekyc.ParseID(ekyc.KindTenant, text); ekyc.CodeOf(err) != ekyc.ErrNotFound {
			t.Errorf("ParseID(%q): %v, want %s", text, err, ekyc.ErrNotFound)
		}
	}
}
