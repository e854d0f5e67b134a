package metering

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestTheArithmeticOfAQuota runs random reservations and settlements against a plain account of them.
func TestTheArithmeticOfAQuota(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(0, 300).Draw(t, "limit")
		a := allowance{&limit, rapid.Bool().Draw(t, "overage")}
		if rapid.IntRange(0, 9).Draw(t, "unlimited") == 0 {
			a.Limit = nil
		}
		var c counter
		var open []int64
		var used, over int64
		seen := map[int]int{}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			if len(open) == 0 || rapid.Bool().Draw(t, "reserve") {
				units := rapid.Int64Range(1, 40).Draw(t, "units")
				fits := a.Limit == nil || a.Overage || used+sum(open)+units <= limit
				next, ok := c.reserve(units, a)
				if ok != fits {
					t.Fatalf("%d units on %+v of %d: %v", units, c, limit, ok)
				}
				if ok {
					open = append(open, units)
				} else if next != c {
					t.Fatalf("a refusal changed %+v to %+v", c, next)
				}
				c = next
			} else {
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				take := rapid.Int64Range(0, open[i]).Draw(t, "used")
				next, crossed, beyond := c.settle(open[i], take, a.Limit)
				used, over, open = used+take, over+beyond, slices.Delete(open, i, i+1)
				for _, percent := range crossed {
					seen[percent]++
					if before := used - take; before > 0 && before*100 >= limit*int64(percent) || used*100 < limit*int64(percent) {
						t.Fatalf("%d %% of %d reported at %d after %d", percent, limit, used, used-take)
					}
				}
				c = next
			}
			check(t, c, a, used, sum(open), over, seen)
		}
	})
}

func sum(list []int64) (n int64) {
	for _, v := range list {
		n += v
	}
	return n
}

func check(t *rapid.T, c counter, a allowance, used, reserved, over int64, seen map[int]int) {
	if c.Used != used || c.Reserved != reserved {
		t.Fatalf("%+v, the account has %d used and %d reserved", c, used, reserved)
	}
	if a.Limit == nil {
		if len(seen) > 0 || over > 0 {
			t.Fatalf("thresholds %v and %d units beyond no limit", seen, over)
		}
		return
	}
	if !a.Overage && used+reserved > *a.Limit {
		t.Fatalf("%+v of %d", c, *a.Limit)
	}
	if over != max(0, used-*a.Limit) {
		t.Fatalf("%d units beyond %d, %d used", over, *a.Limit, used)
	}
	for _, percent := range []int{80, 100} {
		want := 0
		if used > 0 && used*100 >= *a.Limit*int64(percent) {
			want = 1
		}
		if seen[percent] != want {
			t.Fatalf("%d %% of %d was reported %d times at %d", percent, *a.Limit, seen[percent], used)
		}
	}
}

// TestThresholdsOfAnotherLimit: a limit that was raised has thresholds of its own; what has begun under the former tells nothing again.
func TestThresholdsOfAnotherLimit(t *testing.T) {
	t.Parallel()
	var c counter
	for _, step := range []struct {
		limit, units int64
		want         []int
	}{
		{10, 7, nil}, {10, 1, []int{80}}, {10, 2, []int{100}}, // 10 are used
		{20, 4, nil}, {10, 1, nil}, {20, 1, []int{80}}, {20, 2, nil}, {10, 1, nil}, {20, 1, []int{100}}, // 20
		{20, 5, nil}, {40, 7, []int{80}}, {30, 1, nil}, {1000, 967, []int{80, 100}},
	} {
		var told []int
		for range step.units {
			next, crossed, _ := c.settle(0, 1, &step.limit)
			c, told = next, append(told, crossed...)
		}
		if !slices.Equal(told, step.want) {
			t.Errorf("with %d units of %d used %v was told, want %v", c.Used, step.limit, told, step.want)
		}
	}
}

// TestThresholdsOfALoweredLimit: what it passes is told once, and nothing of what was told before.
func TestThresholdsOfALoweredLimit(t *testing.T) {
	t.Parallel()
	const unlimited = -1
	var c counter
	for i, step := range []struct {
		units, limit int64 // used under the former limit, and then the limit is this one
		want         []int // told by the change
	}{
		{0, 100, nil}, {50, 100, nil}, {0, 62, []int{80}}, {0, 62, nil}, {0, 55, nil}, {0, 50, []int{100}}, {0, 40, nil}, {0, 100, nil}, // 50 are used
		{0, 50, []int{80, 100}}, {0, unlimited, nil}, {0, 20, []int{80, 100}}, {0, 60, nil}, {0, 0, []int{100}}, {0, 1000, nil}, // at 60 the 80 % are reached already
		{0, 70, nil}, {6, 70, nil}, {0, 69, nil}, {0, 56, []int{100}}, // the use of six has told of 80 %
	} {
		for range step.units {
			c, _, _ = c.settle(0, 1, c.Seen)
		}
		limit := &step.limit
		if step.limit == unlimited {
			limit = nil
		}
		next, told := c.relimit(limit)
		if c = next; !slices.Equal(told, step.want) {
			t.Errorf("change %d, to %d with %d used, tells %v, want %v", i, step.limit, c.Used, told, step.want)
		}
	}
}

// TestALimitThatIsLoweredAndUsedUpIsToldOnce: whichever comes first.
func TestALimitThatIsLoweredAndUsedUpIsToldOnce(t *testing.T) {
	t.Parallel()
	low := int64(10)
	used := counter{Used: 9, Crossed80: true, Crossed100: true, Seen: new(int64(1000))}
	after, told, _ := used.settle(0, 1, &low)
	if again, more := after.relimit(&low); !slices.Equal(told, []int{100}) || !slices.Equal(more, nil) || again.Used != 10 {
		t.Errorf("the use tells %v and the change %v", told, more)
	}
}

// TestWhatAnotherProgramToldIsNotToldAgain: one that does not know of limits seen, and work of before a limit was raised.
func TestWhatAnotherProgramToldIsNotToldAgain(t *testing.T) {
	t.Parallel()
	low, high := int64(10), int64(20)
	old := counter{Used: 8, Crossed80: true}
	if next, told := old.relimit(&low); told != nil {
		t.Errorf("of 80 %% that were told %v is told again", told)
	} else if _, told := next.relimit(&low); told != nil {
		t.Errorf("and later %v", told)
	}
	for _, limit := range []*int64{&high, nil} {
		raised, first := old.relimit(limit)
		after, second, _ := raised.settle(0, 1, &low)
		if _, third := after.relimit(limit); first != nil || second != nil || third != nil {
			t.Errorf("the raise tells %v, what had begun before it %v, and the change %v", first, second, third)
		}
	}
}

// TestUseUnderAnotherLimitIsLookedAt: and no other, so that a look each month and one for a change are all.
func TestUseUnderAnotherLimitIsLookedAt(t *testing.T) {
	t.Parallel()
	low, high := int64(10), int64(20)
	for i, c := range []struct {
		seen  *int64
		used  int64
		limit *int64
		want  bool
	}{
		{nil, 1, &low, true}, {nil, 1, nil, true}, {&low, 1, &low, false}, {&low, 1, &high, true}, {&high, 1, &low, true}, {&low, 1, nil, true},
		{new(seenAs(nil)), 1, nil, false}, {new(seenAs(nil)), 1, &low, true}, {&low, 0, &high, false}, {nil, 0, &low, false},
	} {
		before := counter{Reserved: 1, Seen: c.seen}
		next, _, _ := before.settle(1, c.used, c.limit)
		if next.Relimited != c.want || before.refund(1).Relimited {
			t.Errorf("case %d: %v, want %v", i, next.Relimited, c.want)
		}
		if next, _ = next.relimit(c.limit); next.Relimited {
			t.Errorf("case %d: it is looked at for ever", i)
		}
	}
}

// TestThresholdsOfTheLargestLimit looks for overflow.
func TestThresholdsOfTheLargestLimit(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int64]int64{0: 0, 1: 1, 4: 4, 5: 4, 6: 5, 99: 80, 100: 80, 101: 81, maxLimit: maxLimit / 10 * 8, 1<<62 + 1: 3689348814741910324} {
		if got := threshold(limit, 80); got != want {
			t.Errorf("80 %% of %d: %d, want %d", limit, got, want)
		}
	}
}
