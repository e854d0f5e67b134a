package layout

import (
	"testing"

	"pgregory.net/rapid"
)

func TestDistanceIsAMetricUpToItsLimit(t *testing.T) {
	t.Parallel()
	word := rapid.StringMatching(`[A-E]{0,7}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		const far = 20
		distance := func(a, b string, limit int) int { return Distance([]byte(a), []byte(b), limit) }
		ab, ba := distance(a, b, far), distance(b, a, far)
		if ab != ba || (ab == 0) != (a == b) || ab > max(len(a), len(b)) {
			t.Fatalf("distance of %q and %q: %d and %d", a, b, ab, ba)
		}
		if ac, cb := distance(a, c, far), distance(c, b, far); ab > ac+cb {
			t.Fatalf("%d > %d + %d", ab, ac, cb)
		}
		if limit := rapid.IntRange(0, 6).Draw(t, "limit"); distance(a, b, limit) != min(ab, limit+1) {
			t.Fatalf("limit %d gives %d for %d", limit, distance(a, b, limit), ab)
		}
		if runes := Distance([]rune(a), []rune(b), far); runes != ab {
			t.Fatalf("%d of runes, %d of bytes", runes, ab)
		}
	})
}
