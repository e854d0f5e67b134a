package metering

// counter is the state of one module in one month.
type counter struct {
	Used, Reserved        int64
	Crossed80, Crossed100 bool
	Seen                  *int64 // the limit that it was last held against, or the least that was told since; nil: unlimited
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
// first time, or for the first time under a limit that has been raised since, and how many of the units lie beyond the limit.
func (c counter) settle(held, used int64, limit *int64) (next counter, crossed []int, over int64) {
	next = c.refund(held)
	next.Used += used
	if limit == nil || used == 0 {
		return next, nil, 0
	}
	if reached(c, next, threshold(*limit, 80), c.Crossed80) {
		next.Crossed80, crossed = true, append(crossed, 80)
	}
	if reached(c, next, *limit, c.Crossed100) {
		next.Crossed100, crossed = true, append(crossed, 100)
	}
	if len(crossed) > 0 && (next.Seen == nil || *limit < *next.Seen) {
		next.Seen = limit
	}
	return next, crossed, min(used, max(0, next.Used-*limit))
}

// relimit holds the counter against a limit that has changed, and returns the percentages that are thereby reached: those that were not told, and those
// that what is used had not reached of the limit before.
func (c counter) relimit(limit *int64) (next counter, crossed []int) {
	next = c
	next.Seen = limit
	if limit == nil || c.Used == 0 {
		return next, nil
	}
	reached := func(percent int64, told bool) bool {
		return c.Used >= threshold(*limit, percent) && (!told || c.Seen == nil || c.Used < threshold(*c.Seen, percent))
	}
	if reached(80, c.Crossed80) {
		next.Crossed80, crossed = true, append(crossed, 80)
	}
	if reached(100, c.Crossed100) {
		next.Crossed100, crossed = true, append(crossed, 100)
	}
	return next, crossed
}

// reached says whether a threshold that now stands at a number of units is to be told. Usage only grows, so who is below one that has been told is
// below that of a larger limit.
func reached(before, after counter, at int64, told bool) bool {
	return after.Used >= at && (before.Used < at || !told)
}

// threshold is the least whole number of units that is at least the percentage of a limit.
func threshold(limit, percent int64) int64 {
	return limit/100*percent + (limit%100*percent+99)/100
}
