package workflow

import (
	"context"
	"maps"
	"slices"
	"time"

	"ekyc"
	"ekyc/internal/pipeline"
	"ekyc/internal/profile"
	"ekyc/internal/vault"
)

// execution follows the plan of one verification. follow alone changes it; the steps, which run side by side, are given a copy of what is known.
type execution struct {
	plan        *pipeline.Pipeline
	engine      Engine
	profile     *profile.Checker
	given       given
	environment ekyc.Environment
	at          time.Time // of the submission, on which the document is judged
	known       *progress

	read   func(ctx context.Context, kinds ...vault.MediaKind) ([][]byte, error)
	keep   func(ctx context.Context, name part, steps []Step, outcome any) error // of a part that is done
	forget func(ctx context.Context, parts []part) error
	guard  func(ctx context.Context, name part, step func(context.Context) error) error // around every step

	done, begun, required map[pipeline.StepName]bool
	exchanges             int // of the models, under the comparison
}

// record puts what a step gave into what is known. A step that fails can have given something.
type record func(*progress)

// ending is how a step ended.
type ending struct {
	step   pipeline.StepName
	record record
	err    error
}

// follow runs what the plan has ready, again and again, until nothing is left or an early stop ends it; what runs then is let finish, and its
// outcome is used. It begins after what is known already. When a step cannot be done, those beside it are let finish too, so that another attempt need
// not do them again.
func (x *execution) follow(ctx context.Context) error {
	x.takeStock()
	endings := make(chan ending)
	running := 0
	var fault error
	for {
		if fault == nil {
			for _, step := range x.next() {
				x.begun[step] = true
				running++
				known := *x.known
				go func() { endings <- x.do(ctx, step, known) }()
			}
		}
		if running == 0 {
			x.skip()
			return fault
		}
		e := <-endings
		running--
		if e.record != nil {
			e.record(x.known)
		}
		if other, outdated := e.err.(*otherModels); outdated {
			if e.err = x.undo(ctx, other.parts); e.err == nil {
				continue
			}
		}
		if e.err != nil {
			fault = graver(fault, e.err)
			continue
		}
		x.settle(e.step)
	}
}

// graver is the one of two faults that decides what becomes of the attempt: the first, unless only the second is beyond another try.
func graver(first, second error) error {
	if first == nil || passes(ekyc.CodeOf(first)) && !passes(ekyc.CodeOf(second)) {
		return second
	}
	return first
}

// takeStock finds what earlier attempts have done, and what follows from that.
func (x *execution) takeStock() {
	x.done, x.begun, x.required = map[pipeline.StepName]bool{}, map[pipeline.StepName]bool{}, map[pipeline.StepName]bool{}
	if !x.looksAtProfile() {
		x.done[pipeline.StepKYA] = true // nothing waits for it
	}
	for _, step := range moduleSteps {
		if x.known.has(step) {
			x.begun[step] = true
			x.settle(step)
		}
	}
}

// looksAtProfile says whether the profile checks can be part of this verification: there is a profile, or a rule or the workflow asks for one.
func (x *execution) looksAtProfile() bool {
	return x.given.Profile || onDemand(x.plan, pipeline.StepKYA) || demandsProfile(x.plan)
}

// settle notes that a step is done, and what the workflow makes of it.
func (x *execution) settle(step pipeline.StepName) {
	x.done[step] = true
	if x.known.stop != nil {
		return
	}
	f := x.facts()
	if x.known.stop = x.plan.Stopped(step, f); x.known.stop != nil {
		return
	}
	for _, wanted := range x.plan.Required(f) {
		x.required[wanted] = true
	}
}

// next gives the steps that are to be begun now.
func (x *execution) next() []pipeline.StepName {
	if x.known.stop != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(x.plan.Ready(x.done, x.required)), func(step pipeline.StepName) bool {
		return step == pipeline.StepDecision || x.begun[step]
	})
}

// skip notes what an early stop has spared.
func (x *execution) skip() {
	x.known.skipped = nil
	if x.known.stop == nil {
		return
	}
	for _, step := range moduleSteps {
		if x.plan.Includes(step) && !x.done[step] && !x.begun[step] && (x.required[step] || !onDemand(x.plan, step)) {
			x.known.skipped = append(x.known.skipped, step)
		}
	}
}

// undo forgets what other models made of the photographs, so that it is made again. Errors: those of forget, ErrUnavailable when that happens again
// and again.
func (x *execution) undo(ctx context.Context, parts []part) error {
	if x.exchanges++; x.exchanges > mostExchanges {
		return ekyc.Errorf(ekyc.ErrUnavailable, "the models of the engine do not agree")
	}
	if err := x.forget(ctx, parts); err != nil {
		return err
	}
	again := map[pipeline.StepName]bool{pipeline.StepFaceMatch: true}
	for _, name := range parts {
		x.known.forget(name)
		if step, ok := stepOf[name]; ok {
			again[step] = true
		}
	}
	for step := range maps.Keys(again) {
		delete(x.begun, step)
		delete(x.done, step)
	}
	return nil
}

// do runs one step.
func (x *execution) do(ctx context.Context, step pipeline.StepName, known progress) (e ending) {
	e.step = step
	work := map[pipeline.StepName]func(context.Context, progress) (record, error){
		pipeline.StepLiveness: x.judgeLiveness, pipeline.StepOCR: x.readDocument, pipeline.StepValidate: x.validate,
		pipeline.StepFaceMatch: x.compare, pipeline.StepKYA: x.checkProfile,
	}[step]
	e.err = x.guard(ctx, partOf[step], func(ctx context.Context) (err error) {
		if work == nil {
			return ekyc.Errorf(ekyc.ErrInternal, "the step %s is unknown to this program", step)
		}
		e.record, err = work(ctx, known)
		return err
	})
	return e
}
