package workflow

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/pipeline"
	"ekyc/internal/reuse"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vision"
)

// recognising is a synthetic engine that reads a number and gives fingerprints, as the first byte behind the picture's end says.
type recognising struct {
	*synthetic
}

// marked is a picture with a mark that the engine takes for what it shows: files with the same mark show the same.
func marked(mark byte, file string) []byte {
	return append(append(slices.Clone(photograph()), mark), file...)
}

func markOf(data []byte) byte { return data[len(photograph())] }

func (e recognising) Selfie(ctx context.Context, r engine.SelfieRequest) (*engine.SelfieOutcome, error) {
	out, err := e.synthetic.Selfie(ctx, r)
	if err != nil {
		return nil, err
	}
	out.Frame = len(r.Frames) - 1
	out.Fingerprint = &vision.Fingerprint{}
	for i := range out.Fingerprint {
		out.Fingerprint[i] = markOf(r.Frames[out.Frame]) * byte(i+1)
	}
	return out, nil
}

func (e recognising) Document(ctx context.Context, r engine.DocumentUpload) (*engine.DocumentOutcome, error) {
	out, err := e.synthetic.Document(ctx, r)
	if err == nil {
		out.Reading.Fields[document.Key(check.DocumentNumber)] = document.Field{Value: "L8989" + string(rune('0'+markOf(r.Front)%10)) + "2C", Confidence: 0.9, Source: document.FromMRZ}
	}
	return out, err
}

// TestWhatOthersHaveBroughtIsSignalled: a document and a picture that another subject has brought are warned of, and nothing is decided by that
// but where a rule of the workflow says so.
func TestWhatOthersHaveBroughtIsSignalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, recognising{&synthetic{}}, swift(), 1)
	hooks := p.rooms.hooks()
	hooks.Reuse = reuse.New(p.vault)
	p.SetHooks(hooks)
	scope := newScope()
	verify := func(ref, workflow string, selfie [][]byte, front []byte, store bool) (Job, Result) {
		t.Helper()
		sub := submission(scope)
		sub.SubjectRef, sub.Selfie, sub.Front, sub.Store = ref, selfie, front, store
		if workflow != "" {
			var err error
			if sub.Workflow, err = p.Pin(t.Context(), scope, Settings{Name: workflow}); err != nil {
				t.Fatal(err)
			}
		}
		done := await(t, p, scope, submit(t, p, sub).ID, Completed)
		var r Result
		if err := json.Unmarshal(done.Result, &r); err != nil {
			t.Fatal(err)
		}
		return done, r
	}
	still := func(mark byte, file string) [][]byte { return [][]byte{marked(mark, file)} }
	publish(t, p, scope, "name: careful\nrules:\n  - {name: seen-before, when: signals.document_reused || signals.image_reused, then: review}")

	nothing := SignalsResult{ImageKinds: []string{}}
	first, r := verify("one", "", still(1, "a"), marked(1, "front"), true)
	if r.Signals == nil || r.Signals.DocumentReused || r.Signals.ImageReused || r.Decision != ekyc.Accepted {
		t.Fatalf("the first of all: %+v", r.Signals)
	}
	plain := r
	if _, r = verify("one", "careful", still(1, "a"), marked(1, "front"), true); r.Signals.DocumentReused || r.Signals.ImageReused || r.Decision != ekyc.Accepted {
		t.Errorf("the same subject again: %+v %s", r.Signals, r.Decision)
	}
	if _, r = verify("two", "careful", still(2, "b"), marked(2, "front"), true); r.Decision != ekyc.Accepted || r.Signals.DocumentSubjects+r.Signals.ImageSubjects != nothing.ImageSubjects {
		t.Errorf("somebody else: %+v", r.Signals)
	}

	// The same number on another picture, and the same selfie coded anew.
	_, r = verify("three", "", still(1, "coded anew"), marked(1, "photographed again"), true)
	if s := r.Signals; !s.DocumentReused || s.DocumentSubjects != 1 || !s.ImageReused || s.ImageSubjects != 1 || !slices.Equal(s.ImageKinds, []string{"selfie"}) {
		t.Errorf("brought by another: %+v", s)
	}
	if r.Decision != plain.Decision || r.Score != plain.Score || len(r.UserMessages) != 0 || r.Retryable != plain.Retryable {
		t.Errorf("a warning decides: %s %s %v", r.Decision, r.Score, r.UserMessages)
	}
	told := map[decision.Code]decision.Reason{}
	for _, reason := range r.Reasons {
		told[reason.Code] = reason
	}
	for _, code := range []decision.Code{decision.CodeDocumentReused, decision.CodeImageReused} {
		if reason, ok := told[code]; !ok || reason.Points != 0 || reason.Retryable || reason.Message == "" || reason.Factor != decision.WholeWorkflow {
			t.Errorf("%s: %+v", code, reason)
		}
	}
	// A workflow's rule; the very file of a document, which has another number; the frame that was judged, among others.
	_, r = verify("four", "careful", [][]byte{marked(7, "x"), marked(2, "frame")}, marked(2, "front"), true)
	if r.Decision != ekyc.Review || r.Signals.DocumentSubjects != 1 || !slices.Equal(r.Signals.ImageKinds, []string{"document_front", "frame"}) {
		t.Errorf("by the rule: %s %+v", r.Decision, r.Signals)
	}

	// What is not kept is told of others, and leaves nothing that others could be told of. The very file was brought by one; who brought one like it is not counted besides.
	for range 2 {
		if _, r = verify("", "", still(1, "a"), marked(9, "unkept"), false); r.Signals.ImageSubjects != 1 || r.Signals.DocumentReused {
			t.Errorf("without store: %+v", r.Signals)
		}
	}

	// The same facts under the rule.
	careful, err := pipeline.Compile(&pipeline.Definition{Name: "x", Rules: []pipeline.Rule{{Name: "seen", When: "signals.image_reused", Then: pipeline.EffectReviewAtBest}}})
	if err != nil {
		t.Fatal(err)
	}
	what, _, err := p.WhatIf(t.Context(), scope, careful, Replay{Workflow: "default"})
	if err != nil || what.Replayed != 4 || what.Changed != 3 || what.Matrix[ekyc.Accepted][ekyc.Review] != 3 || slices.ContainsFunc(what.Jobs, func(j ChangedJob) bool { return j.Job == first.ID }) {
		t.Errorf("what if: %+v, %v", what, err)
	}

	// The hashes go with the result.
	owner := storetest.Owner(t, w.URL)
	count := func() (n int) {
		t.Helper()
		if err := owner.QueryRow(t.Context(), "select count(*) from ekyc.reuse_trace where job_id = $1", first.ID).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 3 {
		t.Errorf("%d traces of the first job", n)
	}
	if _, err := p.db.SystemPool().Exec(t.Context(), "update job set dropped_at = now(), result = null, facts = null, annotations = null where id = $1", first.ID); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d traces are left of a job whose result is gone", n)
	}
}

// TestUnknownSignalsHoldNobodyUp: a rule on signals does not apply where nobody has looked: on the spot, and in facts from before there were any.
func TestUnknownSignalsHoldNobodyUp(t *testing.T) {
	t.Parallel()
	d, err := pipeline.Parse([]byte("name: careful\nrules:\n  - {name: seen-before, when: '!signals.document_reused', then: rejected}"), pipeline.Options{Environment: ekyc.Test})
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := pipeline.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		signals *decision.Signals
		want    ekyc.Decision
	}{"unknown": {nil, ekyc.Accepted}, "nothing found": {&decision.Signals{}, ekyc.Rejected}, "found": {&decision.Signals{Documents: 1}, ekyc.Accepted}} {
		f := strong.facts()
		f.Evidence.Signals = want.signals
		if r, err := compiled.Decide(f); err != nil || r.Decision != want.want {
			t.Errorf("%s: %s, %v", name, r.Decision, err)
		}
	}
}
