package requestlog_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/requestlog"
	"ekyc/internal/store/storetest"
)

// TestLinesEndWithTheDaysOfTheirTenant has one tenant that has said nothing, one that wants its lines for a week and one for three months.
func TestLinesEndWithTheDaysOfTheirTenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const day = 24 * time.Hour
	silent, short, long := newScope(), newScope(), newScope()
	keeping := requestlog.Keeping{Standard: 30 * day, Of: map[ekyc.Scope]time.Duration{short: 7 * day, long: 90 * day}}
	log := requestlog.New(b.db, requestlog.Options{Logger: slog.New(slog.DiscardHandler), Keep: func(_ context.Context, _ pgx.Tx, scope ekyc.Scope) (time.Duration, error) {
		if d, said := keeping.Of[scope]; said {
			return d, nil
		}
		return keeping.Standard, nil
	}})
	t.Cleanup(log.Close)
	ages := []int{0, 10, 33, 100} // days
	for _, scope := range []ekyc.Scope{silent, short, long} {
		for _, age := range ages {
			e := b.entry(age)
			e.Scope = scope
			b.log.Add(e)
		}
	}
	for deadline := time.Now().Add(90 * time.Second); len(b.query(t, long, requestlog.Filter{})) < len(ages) && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	owner := storetest.Owner(t, b.url)
	for _, statement := range []string{
		"set search_path to ekyc", "select request_log_make_day(current_date - n) from unnest(array[9, 10, 11, 32, 33, 34, 99, 100, 101]) n",
		"update request_log set at = at - bytes_in * interval '1 day'", // which is its age
	} {
		if _, err := owner.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	want := map[ekyc.Scope][]int{silent: {0, 10}, short: {0}, long: {0, 10, 33}}
	check := func(when string, log *requestlog.Log) {
		t.Helper()
		for scope, days := range want {
			var seen []int
			err := log.Query(t.Context(), scope, requestlog.Filter{}, func(e requestlog.Entry) error { seen = append(seen, int(e.BytesIn)); return nil })
			if slices.Sort(seen); err != nil || !slices.Equal(seen, days) {
				t.Errorf("%s: of %d days are seen %v, %v", when, len(days), seen, err)
			}
		}
	}
	check("over and not yet removed", log)
	if at, err := b.log.OldestExpired(t.Context(), keeping); err != nil || time.Since(at) < 8*day || time.Since(at) > 11*day {
		t.Errorf("over since %s, %v", at, err)
	}
	for i, n := range []int{2, 1, 0} {
		if removed, err := b.log.RemoveExpired(t.Context(), keeping, 2); err != nil || removed != n {
			t.Errorf("pass %d: %d lines removed, %v", i, removed, err)
		}
	}
	check("removed", b.log) // which asks nobody how long
	if at, err := b.log.OldestExpired(t.Context(), keeping); err != nil || !at.IsZero() {
		t.Errorf("over since %s, %v", at, err)
	}
}
