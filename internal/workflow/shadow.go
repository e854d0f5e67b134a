package workflow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/drafting"
	"ekyc/internal/store"
)

// Comparisons lets the versions in the shadow decide each job once more, and keeps what they would have decided. They change nothing: what
// they do is neither billed nor told, and whatever fails in them leaves the job as it is. It is safe for concurrent use.
type Comparisons struct {
	db      *store.DB
	library *drafting.Service
	engine  Engine
	logger  *slog.Logger
}

// NewComparisons makes the hook for Hooks.Shadows, and what reads its results. The engine may be nil in a process that runs no jobs.
func NewComparisons(db *store.DB, library *drafting.Service, e Engine, logger *slog.Logger) *Comparisons {
	if logger == nil {
		logger = slog.Default()
	}
	return &Comparisons{db: db, library: library, engine: e, logger: logger}
}

// shadowTime is the most that all versions in the shadow may take of a job's end.
const shadowTime = 2 * time.Second

// After compares in the transaction of the job's end, behind a savepoint that takes back what fails. It never gives an error.
func (c *Comparisons) After(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ShadowCase) error {
	trial, err := tx.Begin(ctx)
	if err != nil {
		c.warn(ctx, job.Job, err) // the connection is gone, which the job's own next statement will say
		return nil
	}
	if err := c.compare(ctx, trial, scope, job); err != nil {
		trial.Rollback(ctx)
		c.warn(ctx, job.Job, err)
		return nil
	}
	if err := trial.Commit(ctx); err != nil {
		c.warn(ctx, job.Job, err)
	}
	return nil
}

func (c *Comparisons) warn(ctx context.Context, job ekyc.ID, err error) {
	c.logger.WarnContext(ctx, "a job was not compared with what decides in the shadow", "job", job, "error", err)
}

func (c *Comparisons) compare(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ShadowCase) error {
	if job.Facts == nil || job.Result == nil {
		return nil
	}
	versions, err := c.library.Shadows(ctx, tx, scope, job.Workflow.Name)
	if err != nil {
		return err
	}
	started := time.Now()
	for _, v := range versions {
		if v.Hash == job.Workflow.Hash { // it is what has decided
			continue
		}
		if time.Since(started) > shadowTime {
			return errors.New("no time was left for all versions in the shadow")
		}
		var would *ekyc.Decision
		var score *decision.Points
		switch verdict, err := newTrial(ctx, v.Pipeline, c.engine).decide(job.Facts); {
		case err == nil:
			would, score = &verdict.Decision, &verdict.Score
		case !errors.Is(err, errIncomplete):
			c.logger.WarnContext(ctx, "a version in the shadow could not decide", "job", job.Job, "workflow", v.ID, "error", err)
		}
		_, err := tx.Exec(ctx, `insert into shadow_decision (tenant_id, environment, workflow_id, job_id, subject_id, workflow_name, workflow_version,
				decided, score, would, would_score, decided_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing`,
			scope.Tenant, scope.Environment, v.ID, job.Job, job.Subject, job.Workflow.Name, job.Workflow.Version,
			job.Result.Decision, job.Result.Score, would, score, job.At)
		if err != nil { // among others, that the subject is being erased
			return fmt.Errorf("keep what a version in the shadow would decide: %w", err)
		}
	}
	return nil
}

// Matrix counts jobs: by what was decided, and by what would be. Every cell is there.
type Matrix map[ekyc.Decision]map[ekyc.Decision]int

var decisions = []ekyc.Decision{ekyc.Accepted, ekyc.Review, ekyc.Rejected}

func newMatrix() Matrix {
	m := Matrix{}
	for _, from := range decisions {
		m[from] = map[ekyc.Decision]int{}
		for _, to := range decisions {
			m[from][to] = 0
		}
	}
	return m
}

// counts gives how many jobs would be decided as they were, and how many otherwise.
func (m Matrix) counts() (same, changed int) {
	for from, row := range m {
		for to, n := range row {
			if from == to {
				same += n
			} else {
				changed += n
			}
		}
	}
	return same, changed
}

// ShadowReport is what a version in the shadow would have decided.
type ShadowReport struct {
	Compared  int            `json:"compared"`
	Same      int            `json:"same"`
	Changed   int            `json:"changed"`
	Undecided int            `json:"undecided" doc:"Not among those compared: it would have taken a step that was not taken, or gave no decision."`
	Matrix    Matrix         `json:"matrix"`
	Score     ScoreChange    `json:"score_change"`
	First     *time.Time     `json:"first_decided_at" doc:"null where there is nothing."`
	Last      *time.Time     `json:"last_decided_at"`
	Examples  []ShadowChange `json:"examples" doc:"Jobs that it would have decided otherwise, the newest first."`
}

// ShadowChange is a job that would have been decided otherwise.
type ShadowChange struct {
	Job       ekyc.ID         `json:"job_id"`
	DecidedAt time.Time       `json:"decided_at"`
	Workflow  string          `json:"workflow" doc:"That judged."`
	Version   int             `json:"version" doc:"Of the workflow that judged."`
	From      ekyc.Decision   `json:"from" doc:"As it was decided."`
	To        ekyc.Decision   `json:"to"`
	ScoreFrom decision.Points `json:"score_from"`
	ScoreTo   decision.Points `json:"score_to"`
}

// Report gives what a version in the shadow would have decided in a span of time, with a page of up to 100 examples; the job to go on after
// is "" at the end. A version that never was in the shadow has an empty report.
func (c *Comparisons) Report(ctx context.Context, scope ekyc.Scope, workflow ekyc.ID, from, to time.Time, limit int, after ekyc.ID) (r ShadowReport, next ekyc.ID, err error) {
	limit = clampLimit(limit)
	err = c.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		r = ShadowReport{Matrix: newMatrix()}
		if err := r.count(ctx, tx, scope, workflow, from, to); err != nil {
			return err
		}
		next, err = r.addExamples(ctx, tx, scope, workflow, from, to, limit, after)
		return err
	})
	return r, next, err
}

func (r *ShadowReport) count(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, workflow ekyc.ID, from, to time.Time) error {
	const chosen = ` from shadow_decision where tenant_id = $1 and environment = $2 and workflow_id = $3
		and ($4::timestamptz is null or decided_at >= $4) and ($5::timestamptz is null or decided_at < $5)`
	values := []any{scope.Tenant, scope.Environment, workflow, orNull(from), orNull(to)}
	err := tx.QueryRow(ctx, `select count(*) filter (where would is null), min(decided_at), max(decided_at),
			coalesce(round(avg(would_score - score)), 0)::bigint,
			coalesce(round(percentile_cont(0.5) within group (order by (would_score - score)::float8)), 0)::bigint`+chosen, values...).
		Scan(&r.Undecided, &r.First, &r.Last, &r.Score.Mean, &r.Score.Median)
	if err != nil {
		return fmt.Errorf("sum up a shadow: %w", err)
	}
	rows, err := tx.Query(ctx, `select decided, would, count(*)`+chosen+` and would is not null group by decided, would`, values...)
	if err != nil {
		return fmt.Errorf("sum up a shadow: %w", err)
	}
	var was, would ekyc.Decision
	var n int
	_, err = pgx.ForEachRow(rows, []any{&was, &would, &n}, func() error {
		r.Matrix[was][would] = n
		return nil
	})
	if err != nil {
		return fmt.Errorf("sum up a shadow: %w", err)
	}
	r.Same, r.Changed = r.Matrix.counts()
	r.Compared = r.Same + r.Changed
	return nil
}

func (r *ShadowReport) addExamples(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, workflow ekyc.ID, from, to time.Time, limit int, after ekyc.ID) (next ekyc.ID, err error) {
	rows, err := tx.Query(ctx, `select job_id, decided_at, workflow_name, workflow_version, decided, would, score, would_score from shadow_decision
		where tenant_id = $1 and environment = $2 and workflow_id = $3 and would <> decided and ($4 = '' or job_id < $4)
			and ($5::timestamptz is null or decided_at >= $5) and ($6::timestamptz is null or decided_at < $6)
		order by job_id desc limit $7`, scope.Tenant, scope.Environment, workflow, string(after), orNull(from), orNull(to), limit+1)
	if err != nil {
		return "", fmt.Errorf("list what a shadow changes: %w", err)
	}
	r.Examples, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ShadowChange])
	if err != nil {
		return "", fmt.Errorf("list what a shadow changes: %w", err)
	}
	if len(r.Examples) > limit {
		r.Examples = r.Examples[:limit]
		next = r.Examples[limit-1].Job
	}
	return next, nil
}
