package metering

import "math"

// counter is the state of one module in one month.
type counter struct {
	Used, Reserved        int64
	Crossed80, Crossed100 bool   // told; Recheck takes it back where the limit was raised beyond what is used
	Seen                  *int64 // the limit that Recheck last held it against, see seenAs; nil: none yet
	Relimited             bool   // Recheck is to look at it
}

// seenAs is a limit as a counter keeps it.
func seenAs(limit *int64) int64 {
	if limit == nil {
		return math.MaxInt64
	}
	return *limit
}

// allowance is what a counter may reach.
type allowance struct {
	Limit   *int64 // nil: unlimited
	Overage bool
}

// reserve adds units to what is reserved; false where the limit does not permit it, and then nothing changes.
func (c counter) reserve(units int64, a allowance) (counter, bool) {
	if a.Limit != nil && !a.Overage && units > *a.Limit-c.Used-c.Reserved {
		return c, false
	}
	c.Reserved += units
	return c, true
}

// refund gives held units back.
func (c counter) refund(held int64) counter {
	c.Reserved -= held
	return c
}

// settle turns used of the held units into usage and gives the rest back. It returns the percentages that were reached for the
// first time, or for the first time under a limit that has been raised since, and how many of the units lie beyond the limit. Use under
// another limit than the one seen may have reached that one unnoticed, which is left to Recheck.
func (c counter) settle(held, used int64, limit *int64) (next counter, crossed []int, over int64) {
	next = c.refund(held)
	next.Used += used
	if used == 0 {
		return next, nil, 0
	}
	next.Relimited = c.Relimited || c.Seen == nil || *c.Seen != seenAs(limit)
	if limit == nil {
		return next, nil, 0
	}
	if c.reached(next, *limit, 80, c.Crossed80) {
		next.Crossed80, crossed = true, append(crossed, 80)
	}
	if c.reached(next, *limit, 100, c.Crossed100) {
		next.Crossed100, crossed = true, append(crossed, 100)
	}
	return next, crossed, min(used, max(0, next.Used-*limit))
}

// relimit holds the counter against a limit that may have changed, and returns the percentages that what is used has reached of it and that were not told.
// What it has not reached is to be told again. A second time changes nothing.
func (c counter) relimit(limit *int64) (next counter, crossed []int) {
	next = c
	next.Seen, next.Relimited = new(seenAs(limit)), false
	reached := func(percent int64) bool { return limit != nil && c.Used > 0 && c.Used >= threshold(*limit, percent) }
	next.Crossed80, next.Crossed100 = reached(80), reached(100)
	if next.Crossed80 && !c.Crossed80 {
		crossed = append(crossed, 80)
	}
	if next.Crossed100 && !c.Crossed100 {
		crossed = append(crossed, 100)
	}
	return next, crossed
}

// reached says whether a percentage of a limit is to be told. Usage only grows, so who is below one that has been told is below that of a larger limit.
// Where what was used before had reached it, and the limit is lower than the one seen, it was either lowered, and Recheck tells, or is one of before it was
// raised, and it was told.
func (c counter) reached(after counter, limit, percent int64, told bool) bool {
	at := threshold(limit, percent)
	lower := c.Seen != nil && limit < *c.Seen
	return after.Used >= at && (c.Used < at || !told && !lower)
}

// threshold is the least whole number of units that is at least the percentage of a limit.
func threshold(limit, percent int64) int64 {
	return limit/100*percent + (limit%100*percent+99)/100
}
