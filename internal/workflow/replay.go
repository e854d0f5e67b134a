package workflow

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/pipeline"
	"ekyc/internal/vault"
)

// replayed is what became of one job of a replay: a change, or why there is none.
type replayed struct {
	place
	change     *ChangedJob // with equal decisions where nothing changes
	erased     bool
	incomplete bool
	fault      error
}

// decide replays a batch on half of the processors, so that jobs and requests go on beside it.
func (r *replaying) decide(ctx context.Context, keys *vault.SubjectKeys, rows []replayRow) ([]replayed, error) {
	out := make([]replayed, len(rows))
	workers := max(1, runtime.GOMAXPROCS(0)/2)
	var group sync.WaitGroup
	for first := range workers {
		group.Go(func() {
			for i := first; i < len(rows) && ctx.Err() == nil; i += workers {
				out[i] = r.decideOne(keys, rows[i])
			}
		})
	}
	group.Wait()
	return out, ctx.Err()
}

func (r *replaying) decideOne(keys *vault.SubjectKeys, row replayRow) (o replayed) {
	o.place = place{row.DecidedAt, row.ID}
	var was verdict
	var facts pipeline.Facts
	for _, part := range []struct {
		object string
		sealed []byte
		into   any
	}{{resultOf(row.ID), row.Result, &was}, {factsOf(row.ID), row.Facts, &facts}} {
		plain, err := keys.Open(row.SubjectID, part.object, part.sealed)
		if code := ekyc.CodeOf(err); code == ekyc.ErrGone || code == ekyc.ErrNotFound {
			o.erased = true
			return o
		}
		if err != nil {
			o.fault = err
			return o
		}
		if json.Unmarshal(plain, part.into) != nil {
			o.fault = fmt.Errorf("%s is not in its form", part.object) // json's own error can quote what it reads
			return o
		}
	}
	would, err := r.trial.decide(&facts)
	switch {
	case errors.Is(err, errIncomplete):
		o.incomplete = true
	case err != nil:
		o.fault = err
	case !slices.Contains(decisions, was.Decision):
		o.fault = fmt.Errorf("%s has no decision", resultOf(row.ID))
	default:
		o.change = changeOf(row, &was, &would)
	}
	return o
}

// verdict is what a replay needs of a job's result.
type verdict struct {
	Decision ekyc.Decision   `json:"decision"`
	Score    decision.Points `json:"score"`
	Reasons  []struct {
		Code decision.Code `json:"code"`
	} `json:"reasons"`
}

func changeOf(row replayRow, was *verdict, would *decision.Result) *ChangedJob {
	before, after := make([]decision.Code, len(was.Reasons)), make([]decision.Code, len(would.Reasons))
	for i, reason := range was.Reasons {
		before[i] = reason.Code
	}
	for i, reason := range would.Reasons {
		after[i] = reason.Code
	}
	return &ChangedJob{
		Job: row.ID, DecidedAt: row.DecidedAt, From: was.Decision, To: would.Decision, ScoreFrom: was.Score, ScoreTo: would.Score,
		Gained: without(after, before), Lost: without(before, after), Rules: rulesOf(would),
	}
}

// without gives the first of the codes that are not among the others, each once.
func without(codes, others []decision.Code) []decision.Code {
	out := []decision.Code{}
	for _, code := range codes {
		if len(out) < mostReasons && !slices.Contains(others, code) && !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	return out
}

// count adds one job to what is known. Of faults, the log has the first: what is wrong with one job can be wrong with ten thousand.
func (r *replaying) count(ctx context.Context, o replayed) {
	c := o.change
	switch {
	case o.erased:
		r.out.Skipped.Erased++
		return
	case o.incomplete:
		r.out.Skipped.Incomplete++
		return
	case o.fault != nil:
		if r.out.Skipped.Failed++; r.out.Skipped.Failed == 1 {
			r.service.logger.WarnContext(ctx, "a job could not be replayed", "job", o.ID, "error", o.fault)
		}
		return
	}
	r.out.Matrix[c.From][c.To]++
	r.changes = append(r.changes, int64(c.ScoreTo-c.ScoreFrom))
	if c.From == c.To || r.after != nil && !r.after.isBefore(o.place) {
		return
	}
	if r.more = len(r.out.Jobs) == r.query.Page; !r.more {
		r.out.Jobs = append(r.out.Jobs, *c)
	}
}

// finish sums up, and gives the job to go on after.
func (r *replaying) finish() (*WhatIf, ekyc.ID) {
	r.out.Same, r.out.Changed = r.out.Matrix.counts()
	r.out.Replayed = r.out.Same + r.out.Changed
	if n := int64(len(r.changes)); n > 0 {
		slices.Sort(r.changes)
		var sum int64
		for _, change := range r.changes {
			sum += change
		}
		r.out.Score = ScoreChange{Mean: half(2*sum, n), Median: half(r.changes[(n-1)/2]+r.changes[n/2], 1)}
	}
	var next ekyc.ID
	if r.more {
		next = r.out.Jobs[len(r.out.Jobs)-1].Job
	}
	return &r.out, next
}

// half is sum / (2 n), rounded to the nearest.
func half(sum, n int64) decision.Points {
	return decision.Points(math.Round(float64(sum) / float64(2*n)))
}
