package check

import (
	"testing"
	"time"
)

func TestAgesAndDays(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 15, 23, 30, 0, 0, time.UTC)
	for text, want := range map[string]int{"2008-06-15": 18, "2008-06-16": 17, "2008-06": 17, "2008": 17, "2007-XX-XX": 18, "2026-06-15": 0} {
		if got, ok := Age(text, at); !ok || got != want {
			t.Errorf("born %s: %d years, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "2008-02-30", "15.06.2008", "2027-01-01"} {
		if got, ok := Age(text, at); ok {
			t.Errorf("born %q: %d years", text, got)
		}
	}
	for text, want := range map[string]int{"2026-06-15": 0, "2026-06-16": 1, "2026-06-14": -1, "2026-06": 15, "2027-06-15": 365, "9999-01-01": 2911913} {
		if got, ok := DaysUntil(text, at); !ok || got != want {
			t.Errorf("%s: %d days, %v", text, got, ok)
		}
	}
	if _, ok := DaysUntil("soon", at); ok {
		t.Error("what is no date has days")
	}
}
