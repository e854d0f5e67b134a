package workflow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/pipeline"
)

// Replay chooses the decided jobs that another workflow is tried on, the one that was decided last first.
type Replay struct {
	Limit    int       // jobs that are looked at, up to MostReplayed; 0 for that
	From, To time.Time // of the decision; To is exclusive
	Workflow string    // name of the workflow that judged; "" for all
	Page     int       // most jobs that are listed of those that change, up to 100; 0 for 20
	After    ekyc.ID   // the job that the page before ended with; "" for the first page
}

// MostReplayed bounds the jobs of one replay.
const MostReplayed = 10_000

const (
	replayBatch    = 250              // jobs in memory at once, some 20 kB each
	replayTime     = 20 * time.Second // of a whole replay; 10,000 jobs take about a tenth of it
	replayPatience = "5s"             // of one statement
	mostReasons    = 5                // told of each job that changes
	mostJudged     = 100              // workflows that judged the jobs of a replay and are compared with the one tried
)

// WhatIf is what would change.
type WhatIf struct {
	Replayed int          `json:"replayed" doc:"Jobs that were decided once more."`
	Same     int          `json:"same"`
	Changed  int          `json:"changed"`
	Matrix   Matrix       `json:"matrix" doc:"Jobs by what was decided, then by what would be."`
	Score    ScoreChange  `json:"score_change"`
	Skipped  Skipped      `json:"skipped"`
	Untried  []string     `json:"untried" doc:"Members of the workflow that stored facts cannot answer: as to these, jobs are as the workflow had them that judged them."`
	Jobs     []ChangedJob `json:"changed_jobs" doc:"A page of the jobs that would be decided otherwise, the one that was decided last first."`
}

// ScoreChange is how the score changes, in points.
type ScoreChange struct {
	Mean   decision.Points `json:"mean" doc:"In points; negative where scores fall."`
	Median decision.Points `json:"median"`
}

// Skipped counts the jobs of the replay that could not be decided again.
type Skipped struct {
	Erased     int `json:"erased" doc:"Their person was erased."`
	Incomplete int `json:"incomplete" doc:"The workflow would have taken a step that was not taken, or promises a false match rate that the models do not know."`
	Failed     int `json:"failed" doc:"They cannot be decided once more."`
}

// ChangedJob is a job that would be decided otherwise. Of its reasons, only codes are told.
type ChangedJob struct {
	Job       ekyc.ID         `json:"job_id"`
	DecidedAt time.Time       `json:"decided_at"`
	From      ekyc.Decision   `json:"from" doc:"As it was decided."`
	To        ekyc.Decision   `json:"to"`
	ScoreFrom decision.Points `json:"score_from"`
	ScoreTo   decision.Points `json:"score_to"`
	Gained    []decision.Code `json:"reasons_gained" doc:"Codes of the first reasons that it did not have."`
	Lost      []decision.Code `json:"reasons_lost" doc:"Codes of the first reasons that it would no longer have."`
	Rules     []string        `json:"rules" doc:"Hard rules that hold, by their codes, and the workflow's own, by their names."`
}

// WhatIf decides stored facts once more under another workflow and says what would change; nothing is written. The job to go on after is ""
// on the last page. Errors: ErrRateLimited while another replay of the tenant is under way, ErrInvalidArgument for a page that there is
// not, ErrTimeout, ErrCancelled.
func (s *Service) WhatIf(ctx context.Context, scope ekyc.Scope, p *pipeline.Pipeline, q Replay) (*WhatIf, ekyc.ID, error) {
	q = q.complete()
	within, cancel := context.WithTimeout(ctx, replayTime)
	defer cancel()
	tried := newTrial(within, p, s.engine)
	var run *replaying
	err := s.db.InTenant(within, scope, func(ctx context.Context, tx pgx.Tx) error {
		run = &replaying{service: s, scope: scope, trial: tried, query: q, out: WhatIf{Matrix: newMatrix(), Untried: []string{}, Jobs: []ChangedJob{}}, judged: map[string]ekyc.ID{}}
		return run.all(ctx, tx)
	})
	if err != nil && ctx.Err() == nil && (within.Err() != nil || isTimeout(err)) {
		return nil, "", ekyc.Errorf(ekyc.ErrTimeout, "the replay took too long; ask for fewer jobs").Because(err)
	}
	if err != nil {
		return nil, "", err
	}
	out, next := run.finish()
	return out, next, nil
}

// isTimeout says whether a statement took longer than it may.
func isTimeout(err error) bool {
	p, ok := errors.AsType[*pgconn.PgError](err)
	return ok && p.Code == "57014"
}

func (q Replay) complete() Replay {
	if q.Limit <= 0 {
		q.Limit = MostReplayed
	}
	q.Limit = min(q.Limit, MostReplayed)
	q.Page = clampLimit(q.Page)
	return q
}

// replaying is one replay under way.
type replaying struct {
	service *Service
	scope   ekyc.Scope
	trial   trial
	query   Replay

	out     WhatIf
	changes []int64 // of the score of every job, in hundredths of a point
	looked  int
	last    *place             // of the batch before
	after   *place             // that the page begins after
	more    bool               // there are changed jobs beyond the page
	judged  map[string]ekyc.ID // a job of each workflow that judged, by its hash; at most mostJudged
}

// place is a job's place in the order of a replay.
type place struct {
	At time.Time
	ID ekyc.ID
}

// isBefore says whether a job comes earlier, which is to say that it was decided later.
func (p place) isBefore(other place) bool {
	if !p.At.Equal(other.At) {
		return p.At.After(other.At)
	}
	return p.ID > other.ID
}

// replayRow is a job as the table has it.
type replayRow struct {
	ID        ekyc.ID
	SubjectID ekyc.ID
	DecidedAt time.Time
	Hash      string
	Facts     []byte
	Result    []byte
}

// all replays batch by batch, in a transaction that can write nothing. Each batch sees what was committed before it, so that an erasure holds
// from the next one on.
func (r *replaying) all(ctx context.Context, tx pgx.Tx) error {
	if err := r.begin(ctx, tx); err != nil {
		return err
	}
	for more := true; more && r.looked < r.query.Limit; {
		rows, err := r.read(ctx, tx)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		keys, err := r.service.vault.ReadKeys(ctx, tx, r.scope, subjectsOf(rows))
		if err != nil {
			return err
		}
		outcomes, err := r.decide(ctx, keys, rows)
		if err != nil {
			return err
		}
		for i, o := range outcomes {
			r.count(ctx, o)
			if len(r.judged) < mostJudged {
				r.judged[rows[i].Hash] = rows[i].ID
			}
		}
		r.looked += len(rows)
		end := rows[len(rows)-1]
		r.last = &place{end.DecidedAt, end.ID}
		more = len(rows) == replayBatch
	}
	return r.addUntried(ctx, tx)
}

// addUntried compares the workflow tried with those that judged, as far as stored facts do not tell.
func (r *replaying) addUntried(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `select settings from job where tenant_id = $1 and environment = $2 and id = any($3)`,
		r.scope.Tenant, r.scope.Environment, slices.Collect(maps.Values(r.judged)))
	if err != nil {
		return fmt.Errorf("read the workflows that judged: %w", err)
	}
	judged, err := pgx.CollectRows(rows, pgx.RowTo[pipeline.Definition])
	if err != nil {
		return fmt.Errorf("read the workflows that judged: %w", err)
	}
	for i := range judged {
		r.out.Untried = append(r.out.Untried, untried(r.trial.pipeline.Definition(), &judged[i], r.scope.Environment)...)
	}
	slices.Sort(r.out.Untried)
	r.out.Untried = slices.Compact(r.out.Untried)
	return nil
}

// begin makes the transaction one that reads, and the only replay of its tenant in all processes.
func (r *replaying) begin(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "set transaction read only; set local statement_timeout = '"+replayPatience+"'"); err != nil {
		return fmt.Errorf("begin a replay: %w", err)
	}
	var alone bool
	err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock(hashtextextended('replay/' || $1::text, 0))`, r.scope.Tenant).Scan(&alone)
	if err != nil {
		return fmt.Errorf("begin a replay: %w", err)
	}
	if !alone {
		return ekyc.Errorf(ekyc.ErrRateLimited, "another replay of this tenant is under way").With("retry_after_seconds", 1)
	}
	if r.query.After == "" {
		return nil
	}
	r.after = &place{ID: r.query.After}
	var at *time.Time
	err = tx.QueryRow(ctx, `select decided_at from job where tenant_id = $1 and environment = $2 and id = $3`,
		r.scope.Tenant, r.scope.Environment, r.query.After).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && at == nil {
		return invalid("/changed_after", "this is not a job of the list")
	}
	if err != nil {
		return fmt.Errorf("begin a replay: %w", err)
	}
	r.after.At = *at
	return nil
}

// read gives the next batch. Conditions are there only where they are needed, so that the plan follows the index that fits.
func (r *replaying) read(ctx context.Context, tx pgx.Tx) ([]replayRow, error) {
	query, values := `select id, subject_id, decided_at, workflow_hash, facts, result from job
		where tenant_id = $1 and environment = $2 and facts is not null and (result is not null or length(facts) = 0) and (expires_at is null or expires_at > clock_timestamp())`, []any{r.scope.Tenant, r.scope.Environment}
	add := func(condition string, more ...any) {
		values = append(values, more...)
		query += fmt.Sprintf(condition, len(values)-len(more)+1, len(values))
	}
	if r.query.Workflow != "" {
		add(" and workflow_name = $%[1]d", r.query.Workflow)
	}
	if !r.query.From.IsZero() {
		add(" and decided_at >= $%[1]d", r.query.From)
	}
	if !r.query.To.IsZero() {
		add(" and decided_at < $%[1]d", r.query.To)
	}
	if r.last != nil {
		add(" and (decided_at, id) < ($%[1]d, $%[2]d)", r.last.At, r.last.ID)
	}
	add(" order by decided_at desc, id desc limit $%[1]d", min(replayBatch, r.query.Limit-r.looked))
	rows, err := tx.Query(ctx, query, values...)
	if err != nil {
		return nil, fmt.Errorf("read decided jobs: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[replayRow])
	if err != nil {
		return nil, fmt.Errorf("read decided jobs: %w", err)
	}
	return found, nil
}

func subjectsOf(rows []replayRow) []ekyc.ID {
	subjects := make([]ekyc.ID, len(rows))
	for i, row := range rows {
		subjects[i] = row.SubjectID
	}
	slices.Sort(subjects)
	return slices.Compact(subjects)
}
