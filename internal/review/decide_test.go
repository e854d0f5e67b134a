package review_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/review"
)

func TestAClaimLocksForAWhile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.open(b.aCase())
	held := b.claim(id, first)
	if held.State != review.Claimed || held.Claim.Who != first || held.Claim.Until.Sub(held.Claim.At) != review.DefaultClaim {
		t.Fatalf("claimed: %+v", held.Claim)
	}
	p := b.processes[1]
	for what, who := range map[string]review.Who{"another reviewer": second, "the same through another key": throughKey} {
		_, err := p.Claim(t.Context(), b.scope, id, who, 0)
		wantReason(t, "claim by "+what, err, review.ReasonClaimed)
		_, err = p.Decide(t.Context(), b.scope, id, who, accept)
		wantReason(t, "decision by "+what, err, review.ReasonClaimed)
		_, err = p.Release(t.Context(), b.scope, id, who)
		wantReason(t, "release by "+what, err, review.ReasonClaimed)
	}
	extended, err := p.Claim(t.Context(), b.scope, id, first, 2*time.Hour)
	if err != nil || !near(extended.Claim.Until, time.Now().Add(2*time.Hour)) {
		t.Errorf("extended: %+v, %v", extended.Claim, err)
	}
	if r, err := p.Release(t.Context(), b.scope, id, first); err != nil || r.State != review.Open || r.Claim != nil {
		t.Errorf("released: %+v, %v", r, err)
	}
	_, err = p.Decide(t.Context(), b.scope, id, first, accept)
	wantReason(t, "without a claim", err, review.ReasonNotClaimed)
	_, err = p.Release(t.Context(), b.scope, id, first)
	wantReason(t, "released twice", err, review.ReasonNotClaimed)

	b.claim(id, first)
	b.expire(id)
	_, err = p.Decide(t.Context(), b.scope, id, first, accept)
	wantReason(t, "too late", err, review.ReasonClaimExpired)
	_, err = p.Decide(t.Context(), b.scope, id, second, accept)
	wantReason(t, "another's expired claim", err, review.ReasonNotClaimed)
	b.claim(id, second)
	_, err = p.Decide(t.Context(), b.scope, id, first, accept)
	wantReason(t, "after another took over", err, review.ReasonClaimed)
	if r, err := p.Decide(t.Context(), b.scope, id, second, accept); err != nil || r.State != review.Decided {
		t.Errorf("%+v, %v", r, err)
	}
	want := []review.Kind{review.ActOpened, review.ActClaimed, review.ActExtended, review.ActReleased, review.ActClaimed, review.ActClaimed, review.ActDecided}
	if r := b.get(id); !slices.Equal(kindsOf(r.Acts), want) || r.Acts[1].Who != first || r.Acts[6].Who != second {
		t.Errorf("acts %+v", r.Acts)
	}
	for _, life := range []time.Duration{-1, time.Second, review.LongestClaim + 1} {
		_, err := p.Claim(t.Context(), b.scope, id, first, life)
		wantCode(t, life.String(), err, ekyc.ErrInvalidArgument)
	}
}

func TestOneOfFiftyHoldsAClaim(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.open(b.aCase())
	var holders atomic.Int64
	together(50, func(i int) {
		who := review.Who{KeyID: first.KeyID, Reviewer: "reviewer-" + string(rune('A'+i))}
		r, err := b.processes[i%2].Claim(context.Background(), b.scope, id, who, 0)
		if err != nil {
			wantReason(t, "one of many", err, review.ReasonClaimed)
			return
		}
		holders.Add(1)
		if r.Claim.Who != who {
			t.Errorf("%v got the claim of %v", who, r.Claim.Who)
		}
	})
	if r := b.get(id); holders.Load() != 1 || len(r.Acts) != 2 {
		t.Errorf("%d hold it; acts %+v", holders.Load(), r.Acts)
	}
}

func TestOneOfFiftyDecidesAndIsToldOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	c := b.aCase()
	c.CallbackURL = "https://example.com/callback"
	id := b.open(c)
	b.claim(id, first)
	var deciders atomic.Int64
	together(50, func(i int) {
		_, err := b.processes[i%2].Decide(context.Background(), b.scope, id, first, []review.Decision{accept, reject}[i/2%2])
		if err != nil {
			wantReason(t, "one of many", err, review.ReasonDecided)
			return
		}
		deciders.Add(1)
	})
	r := b.get(id)
	if deciders.Load() != 1 || r.State != review.Decided || len(r.Acts) != 3 || r.Outcome.Decision != r.Acts[2].Decision {
		t.Errorf("%d decided; %+v", deciders.Load(), r)
	}
	if events, deliveries := b.count("ekyc.webhook_event where type = 'kyc.reviewed'"), b.count("ekyc.webhook_delivery"); events != 1 || deliveries != 2 {
		t.Errorf("%d events, %d deliveries; one to the endpoint and one to the callback were to be", events, deliveries)
	}
}

func TestADecisionIsToldOrNotMade(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	id := b.open(b.aCase())
	b.claim(id, first)
	b.fault = errors.New("the teller is away")
	if _, err := b.tryDecide(id, first, accept); err == nil {
		t.Fatal("decided although nobody was told")
	}
	if r := b.get(id); r.State != review.Claimed || len(r.Acts) != 2 || b.count("ekyc.webhook_event") != 0 {
		t.Errorf("left behind: %+v", r)
	}
	b.fault = nil
	if _, err := b.tryDecide(id, first, accept); err != nil {
		t.Fatal(err)
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	b := setup(t)
	against := []string{"similarity_below_threshold"}
	for _, c := range []struct {
		verdict   review.Verdict
		decision  review.Decision
		override  bool
		overruled int
	}{
		{review.Verdict{ByScore: ekyc.Rejected}, accept, true, 0},
		{review.Verdict{ByScore: ekyc.Rejected}, reject, false, 0},
		{review.Verdict{ByScore: ekyc.Accepted, Against: against}, accept, false, 1},
		{review.Verdict{ByScore: ekyc.Accepted, Against: against}, reject, true, 0},
		{review.Verdict{ByScore: ekyc.Review}, accept, false, 0},
		{review.Verdict{ByScore: ekyc.Review, Against: against}, accept, false, 1},
		{review.Verdict{ByScore: ekyc.Review, Against: against}, reject, false, 0},
	} {
		b.verdict = c.verdict
		r := b.decide(b.open(b.aCase()), first, c.decision)
		if r.Outcome.Override != c.override || len(r.Outcome.Overruled) != c.overruled || r.Outcome.Decision != c.decision.Decision {
			t.Errorf("%+v, %s: %+v", c.verdict, c.decision.Decision, r.Outcome)
		}
	}
}

// One person is no second pair of eyes under another spelling of the same name.
func TestTheSecondReviewerIsNoOtherSpellingOfTheFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(review.SecondAlways)
	id := b.open(b.aCase())
	b.decide(id, review.Who{KeyID: first.KeyID, Reviewer: "José Ruiz"}, reject)
	for what, name := range map[string]string{
		"capitals": "JOSÉ RUIZ", "decomposed": "Jose\u0301 Ruiz", "zero width": "José\u200b Ruiz", "no-break space": "José\u00a0Ruiz", "two spaces": "José  Ruiz",
		"full width": "Ｊosé Ruiz", "soft hyphen": "José Ru\u00adiz", "filler": "José Ruiz\u3164", "selector": "José Ruiz\ufe0f",
	} {
		_, err := b.processes[0].Claim(t.Context(), b.scope, id, review.Who{KeyID: second.KeyID, Reviewer: name}, 0)
		wantReason(t, what, err, review.ReasonSameReviewer)
	}
	if r := b.decide(id, review.Who{KeyID: first.KeyID, Reviewer: "Josefa Ruiz"}, reject); r.State != review.Decided {
		t.Errorf("after another: %+v", r)
	}
}

func TestASecondReviewerMustAgree(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	b.set(review.SecondAlways)
	id := b.open(b.aCase())
	if r := b.decide(id, first, reject); r.State != review.Open || !r.AwaitsSecond || r.Outcome != nil || b.count("ekyc.webhook_event") != 0 {
		t.Fatalf("after the first: %+v", r)
	}
	_, err := b.tryDecide(id, first, reject)
	wantReason(t, "again, by the same", err, review.ReasonNotClaimed)
	for what, who := range map[string]review.Who{"the same": first, "the same through another key": throughKey} {
		_, err = b.processes[0].Claim(t.Context(), b.scope, id, who, 0)
		wantReason(t, what, err, review.ReasonSameReviewer)
	}
	b.set(review.SecondOff) // changes nothing for a review that waits
	another := review.Decision{Decision: ekyc.Rejected, ReasonCode: review.DocumentNotGenuine}
	r := b.decide(id, second, another)
	if r.State != review.Decided || r.AwaitsSecond || r.Contested || r.Outcome.Who != second || r.Outcome.ReasonCode != review.DocumentNotGenuine {
		t.Errorf("after the second: %+v", r)
	}
	if n := b.count("ekyc.webhook_event"); n != 1 {
		t.Errorf("%d events", n)
	}
	if r := b.get(id); !slices.Equal(kindsOf(r.Acts), []review.Kind{review.ActOpened, review.ActClaimed, review.ActProposed, review.ActClaimed, review.ActDecided}) || r.Acts[2].Comment != reject.Comment {
		t.Errorf("acts %+v", r.Acts)
	}
}

func TestDisagreementIsContestedAndStartsAnew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	b.set(review.SecondAlways)
	id := b.open(b.aCase())
	b.decide(id, first, reject)
	if r := b.decide(id, second, accept); r.State != review.Open || r.AwaitsSecond || !r.Contested || r.Outcome != nil {
		t.Fatalf("contested: %+v", r)
	}
	b.set(review.SecondOff)
	if r := b.decide(id, third, accept); r.State != review.Open || !r.AwaitsSecond { // a contested one is not decided by one person
		t.Fatalf("the third: %+v", r)
	}
	if list, _, err := b.processes[0].List(t.Context(), b.scope, review.Filter{Contested: true}, 0, ""); err != nil || len(list) != 1 || list[0].ID != id {
		t.Errorf("contested are %v, %v", list, err)
	}
	if r := b.decide(id, second, accept); r.State != review.Decided || !r.Contested {
		t.Errorf("decided: %+v", r)
	}
	r := b.get(id)
	var decisions []ekyc.Decision
	for _, a := range r.Acts {
		if a.Decision != "" {
			decisions = append(decisions, a.Decision)
		}
	}
	if !slices.Equal(decisions, []ekyc.Decision{ekyc.Rejected, ekyc.Accepted, ekyc.Accepted, ekyc.Accepted}) || b.count("ekyc.webhook_event") != 1 {
		t.Errorf("acts %+v", r.Acts)
	}
}

func TestASecondReviewerOnOverride(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(review.SecondOnOverride)
	for _, c := range []struct {
		verdict  review.Verdict
		decision review.Decision
		second   bool
	}{
		{review.Verdict{ByScore: ekyc.Rejected}, accept, true},
		{review.Verdict{ByScore: ekyc.Rejected}, reject, false},
		{review.Verdict{ByScore: ekyc.Review}, accept, false},
		{review.Verdict{ByScore: ekyc.Accepted, Against: []string{"not_live"}}, accept, true}, // against a hard rule
	} {
		b.verdict = c.verdict
		if r := b.decide(b.open(b.aCase()), first, c.decision); r.AwaitsSecond != c.second {
			t.Errorf("%+v, %s: %+v", c.verdict, c.decision.Decision, r)
		}
	}
}

// Fifty people decide at once where two must agree: the acts tell a story in which every rule held.
func TestFourEyesUnderLoad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endpoint()
	b.set(review.SecondAlways)
	id := b.open(b.aCase())
	together(50, func(i int) {
		who := review.Who{KeyID: first.KeyID, Reviewer: "reviewer-" + string(rune('A'+i%7))}
		p := b.processes[i%2]
		for range 3 {
			if _, err := p.Claim(context.Background(), b.scope, id, who, 0); err != nil {
				wantCode(t, "claim", err, ekyc.ErrConflict)
				continue
			}
			if _, err := p.Decide(context.Background(), b.scope, id, who, []review.Decision{accept, reject}[i%2]); err != nil {
				wantCode(t, "decide", err, ekyc.ErrConflict)
			}
		}
	})
	r := b.get(id)
	var proposal *review.Act
	for i, a := range r.Acts {
		if a.Number != i+1 {
			t.Fatalf("act %d is numbered %d", i+1, a.Number)
		}
		switch a.Kind {
		case review.ActProposed:
			if proposal != nil {
				t.Fatal("two proposals")
			}
			proposal = &r.Acts[i]
		case review.ActDisagreed, review.ActDecided:
			if proposal == nil || proposal.Reviewer == a.Reviewer || (proposal.Decision == a.Decision) != (a.Kind == review.ActDecided) {
				t.Fatalf("%+v after %+v", a, proposal)
			}
			proposal = nil
		}
	}
	if n := b.count("ekyc.webhook_event"); r.State == review.Decided && n != 1 || r.State != review.Decided && n != 0 {
		t.Errorf("%s with %d events", r.State, n)
	}
}

func TestWhatIsNoDecisionIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.open(b.aCase())
	b.claim(id, first)
	for what, d := range map[string]review.Decision{
		"no decision": {ReasonCode: review.IdentityConfirmed}, "review": {Decision: ekyc.Review, ReasonCode: review.IdentityConfirmed}, "no reason": {Decision: ekyc.Accepted},
		"an unknown reason": {Decision: ekyc.Accepted, ReasonCode: "because"}, "a reason of the other decision": {Decision: ekyc.Accepted, ReasonCode: review.PersonNotHolder},
		"other, without a comment": {Decision: ekyc.Rejected, ReasonCode: review.OtherReason}, "a long comment": {Decision: ekyc.Accepted, ReasonCode: review.FalseAlarm, Comment: strings.Repeat("é", 2001)},
		"a null character": {Decision: ekyc.Accepted, ReasonCode: review.FalseAlarm, Comment: "a\x00b"}, "no Unicode": {Decision: ekyc.Accepted, ReasonCode: review.FalseAlarm, Comment: "a\xff"},
	} {
		_, err := b.tryDecide(id, first, d)
		wantCode(t, what, err, ekyc.ErrInvalidArgument)
	}
	for _, name := range []string{"", " ", " a", "a ", "a\nb", "a\x00", strings.Repeat("é", 201), "\xff"} {
		_, err := b.tryDecide(id, review.Who{KeyID: first.KeyID, Reviewer: name}, accept)
		wantCode(t, "a reviewer without a proper name", err, ekyc.ErrInvalidArgument)
	}
	_, err := b.processes[0].Set(t.Context(), b.scope, review.Settings{SecondReviewer: "sometimes", KeyID: first.KeyID})
	wantCode(t, "an unknown setting", err, ekyc.ErrInvalidArgument)
	_, err = b.processes[0].Set(t.Context(), b.scope, review.Settings{SecondReviewer: review.SecondOff, DueAfter: -time.Hour, KeyID: first.KeyID})
	wantCode(t, "due before it is opened", err, ekyc.ErrInvalidArgument)
	if r := b.get(id); len(r.Acts) != 2 {
		t.Errorf("acts %+v", r.Acts)
	}
}

func TestActsAreNeverChangedAndNothingPersonalStandsInTheOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.aCase()
	c.CallbackURL = "https://example.com/zq7-callback"
	id := b.open(c)
	who := review.Who{KeyID: first.KeyID, Reviewer: "zq7-reviewer"}
	b.decide(id, who, review.Decision{Decision: ekyc.Rejected, ReasonCode: review.OtherReason, Comment: "zq7-comment"})
	if r := b.get(id); r.Outcome.Reviewer != "zq7-reviewer" || r.Acts[2].Comment != "zq7-comment" {
		t.Fatalf("the owner reads %+v", r)
	}
	if n := b.count(`(select r::text from ekyc.review r union all select a::text from ekyc.review_act a) t(line)
		where line like '%zq7-%' or position(encode('zq7-', 'hex') in line) > 0`); n != 0 {
		t.Errorf("%d rows show what is personal", n)
	}
	for _, statement := range []string{
		"update review_act set decision = 'accepted' where kind = 'decided'", "update review_act set comment = null", "delete from review_act", "delete from review", "update review set score = 0",
		"update review_setting set second_reviewer = 'off'",
	} {
		if err := b.in(func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, statement); return err }); err == nil {
			t.Errorf("the service may %s", statement)
		}
	}
}

func TestSettingsKeepTheirHistory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, s := range []review.SecondReviewer{review.SecondAlways, review.SecondOnOverride, review.SecondOff} {
		b.set(s)
		if got, err := b.processes[1].Settings(t.Context(), b.scope); err != nil || got.SecondReviewer != s || got.KeyID != first.KeyID || got.At == nil {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if n := b.count("ekyc.review_setting"); n != 3 {
		t.Errorf("%d rows", n)
	}
}

func TestEveryReasonStandsForSomething(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, info := range review.ReasonCodes {
		for _, d := range info.Decisions {
			r := b.decide(b.open(b.aCase()), first, review.Decision{Decision: d, ReasonCode: info.Code, Comment: "as it was seen"})
			if r.Outcome.ReasonCode != info.Code || info.Meaning == "" {
				t.Errorf("%s: %+v", info.Code, r.Outcome)
			}
		}
	}
}
