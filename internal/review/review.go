// Package review keeps the queue of verifications that a person has to look at.
//
// A review is opened in the transaction that decides its job. Who wants to decide it claims it, which locks it for a while and names the
// reviewer; only the holder of the claim decides, with a reason of a closed list. Where the tenant asks for a second pair of eyes the first
// decision is a proposal: another reviewer must come to the same one, or the review goes back into the queue, contested. Every act is a
// row that is never changed. A subject's erasure withdraws its reviews, by a trigger of the subject's own table, so that no way of erasing
// can forget it.
//
// Whom a decision is told is the matter of [Options].Decided, which runs in its transaction.
package review

import (
	"context"
	"embed"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the tables of reviews, their acts and settings. They follow those of the vault.
var Migrations = store.Migrations{Package: "review", Files: migrationFiles, Directory: "migrations"}

const (
	// DefaultClaim is how long a claim lasts unless it is said otherwise: a look at a document and a face takes minutes.
	DefaultClaim  = 15 * time.Minute
	ShortestClaim = time.Minute
	LongestClaim  = 4 * time.Hour

	longestReviewer = 200  // characters, as of a subject's reference
	longestComment  = 2000 // characters
)

// State is how far a review is.
type State string

// The states. The last two are final. A claimed review whose claim runs out is open again.
const (
	Open      State = "open"
	Claimed   State = "claimed"
	Decided   State = "decided"
	Withdrawn State = "withdrawn" // its subject was erased, or what there was to be looked at is no longer kept
)

// States lists the states.
var States = []State{Open, Claimed, Decided, Withdrawn}

// Why a review does not permit an act: the detail "reason" of ErrConflict.
const (
	ReasonClaimed      = "claimed"       // by another
	ReasonNotClaimed   = "not_claimed"   // by this reviewer
	ReasonClaimExpired = "claim_expired" // it was this reviewer's
	ReasonSameReviewer = "same_reviewer" // the second must be another than the first
	ReasonDecided      = "decided"
	ReasonWithdrawn    = "withdrawn"
)

// Review is one case.
type Review struct {
	ID              ekyc.ID
	Scope           ekyc.Scope
	Job             ekyc.ID
	Subject         ekyc.ID
	State           State
	Score           decision.Points
	Reasons         []decision.Code
	Workflow        string
	WorkflowVersion int
	WorkflowHash    string
	OpenedAt        time.Time
	DueAt           *time.Time
	HeldUntil       *time.Time // when what a reviewer needs goes; nil: at no time
	AwaitsSecond    bool       // one reviewer has decided, and another is needed
	Contested       bool       // two disagreed
	Claim           *Claim     // of a claimed review
	Outcome         *Outcome   // of a decided review
	ClosedAt        *time.Time
	ErasedAt        *time.Time // when its subject was erased; nil: it was not
	Acts            []Act      // of Get only
}

// Who acts: an API key, and what its owner calls the reviewer. The latter is personal data of one of the tenant's people.
type Who struct {
	KeyID    string
	Reviewer string
}

// Claim says who holds a review.
type Claim struct {
	Who
	At    time.Time
	Until time.Time
}

// Outcome is how a review was decided.
type Outcome struct {
	Who
	Decision   ekyc.Decision
	ReasonCode ReasonCode
	Override   bool     // the score alone would have given the other decision
	Overruled  []string // rules that stood against the acceptance
	At         time.Time
}

// Kind is what an act did.
type Kind string

// The kinds of acts.
const (
	ActOpened    Kind = "opened"
	ActClaimed   Kind = "claimed"
	ActExtended  Kind = "extended"
	ActReleased  Kind = "released"
	ActProposed  Kind = "proposed"  // a decision that waits for a second reviewer
	ActDisagreed Kind = "disagreed" // the second reviewer decided otherwise
	ActDecided   Kind = "decided"
	ActWithdrawn Kind = "withdrawn"
)

// Kinds lists the kinds of acts.
var Kinds = []Kind{ActOpened, ActClaimed, ActExtended, ActReleased, ActProposed, ActDisagreed, ActDecided, ActWithdrawn}

// Act is one entry of a review's history.
type Act struct {
	Number     int // from 1
	Kind       Kind
	At         time.Time
	Who                      // empty for what nobody in particular did
	Decision   ekyc.Decision // "" for acts that decide nothing
	ReasonCode ReasonCode
	Override   bool
	Overruled  []string
	Comment    string // "" too once the subject is erased
}

// Verdict is what the program had found about a job.
type Verdict struct {
	ByScore ekyc.Decision // before the hard rules
	Against []string      // rules that stand against an acceptance
}

// Told is a final decision, as it is told.
type Told struct {
	Review      ekyc.ID
	Job         ekyc.ID
	Subject     ekyc.ID
	Outcome     Outcome
	Reviewers   int // who agreed: 1 or 2
	Contested   bool
	CallbackURL string     // the one further receiver of the job's events
	HeldUntil   *time.Time // what tells of the person goes then; nil: it is kept
}

// Options say what a decision rests on and leads to. Both run in the decision's transaction, and an error of theirs undoes it.
type Options struct {
	// Verdict gives what the program had found about a job.
	Verdict func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ekyc.ID) (Verdict, error)
	// Decided is called once for each review that is decided.
	Decided func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, t Told) error
}

// Service keeps reviews. It is safe for concurrent use, and exact over any number of processes on one database.
type Service struct {
	db      *store.DB
	vault   *vault.Vault
	options Options
}

// New makes a service.
func New(db *store.DB, v *vault.Vault, o Options) *Service {
	return &Service{db: db, vault: v, options: o}
}
