package workflow

import (
	"slices"
	"strings"

	"ekyc"
	"ekyc/internal/face/liveness"
	"ekyc/internal/pipeline"
	"ekyc/internal/vault"
)

// given says what a submission brings for the steps to work on.
type given struct {
	Faces     int  `json:"faces"` // photographs
	Front     bool `json:"front"`
	Back      bool `json:"back"`
	Profile   bool `json:"profile"`
	Challenge bool `json:"challenge"`
}

// moduleSteps are the steps that are a module of their own, in the order in which they are reported.
var moduleSteps = []pipeline.StepName{
	pipeline.StepLiveness, pipeline.StepOCR, pipeline.StepValidate, pipeline.StepFaceMatch, pipeline.StepKYA,
}

// serves says whether what was given is enough for a step.
func (g given) serves(step pipeline.StepName) bool {
	switch step {
	case pipeline.StepLiveness:
		return g.Faces > 0
	case pipeline.StepOCR, pipeline.StepValidate:
		return g.Front
	case pipeline.StepFaceMatch:
		return g.Faces > 0 && g.Front
	case pipeline.StepKYA:
		return g.Profile
	}
	return true
}

// units are what a verification can use: one of each module that is part of its workflow and has something to work on, and one workflow.
func (g given) units(plan *pipeline.Pipeline) map[ekyc.Module]int64 {
	units := map[ekyc.Module]int64{ekyc.ModuleWorkflow: 1}
	for _, step := range moduleSteps {
		if plan.Includes(step) && g.serves(step) {
			units[ekyc.Module(step)] = 1
		}
	}
	return units
}

// looksAtFace and looksAtDocument say which photographs a workflow has a use for.
func looksAtFace(plan *pipeline.Pipeline) bool {
	return plan.Includes(pipeline.StepLiveness) || plan.Includes(pipeline.StepFaceMatch)
}

func looksAtDocument(plan *pipeline.Pipeline) bool { return plan.Includes(pipeline.StepOCR) }

// onDemand says whether a step runs only where a rule asks for it.
func onDemand(plan *pipeline.Pipeline, step pipeline.StepName) bool {
	return slices.ContainsFunc(plan.Definition().Steps, func(s pipeline.Step) bool { return s.Step == step && s.OnDemand })
}

// demandsProfile says whether every verification has the profile checks. Otherwise those have them that bring a profile, or of which a rule asks it.
func demandsProfile(plan *pipeline.Pipeline) bool {
	enabled := plan.Definition().KYA.Enabled
	return plan.Includes(pipeline.StepKYA) && !onDemand(plan, pipeline.StepKYA) && enabled != nil && *enabled
}

// The names of what a submission can lack, as the detail "missing" has them.
const (
	needSelfie    = "selfie"
	needFrames    = "frames"
	needChallenge = "challenge"
	needFront     = "front"
	needProfile   = "kya"
)

// lacks gives the photographs that a workflow cannot do without and that were not given. Those of steps on demand may be absent: such a step then does not
// run when it is asked for.
func (g given) lacks(plan *pipeline.Pipeline) (missing []string) {
	always := func(step pipeline.StepName) bool { return plan.Includes(step) && !onDemand(plan, step) }
	if g.Faces == 0 && (always(pipeline.StepLiveness) || always(pipeline.StepFaceMatch)) {
		missing = append(missing, needSelfie)
	}
	if !g.Front && (always(pipeline.StepOCR) || always(pipeline.StepValidate) || always(pipeline.StepFaceMatch)) {
		missing = append(missing, needFront)
	}
	if g.Faces == 0 || !plan.Includes(pipeline.StepLiveness) {
		return missing
	}
	switch plan.Definition().Liveness.MinMethod {
	case pipeline.MethodActive:
		if g.Faces < liveness.MinFrames {
			missing = append(missing, needFrames)
		}
	case pipeline.MethodChallenge:
		if !g.Challenge {
			missing = append(missing, needChallenge)
		}
	}
	return missing
}

// DemandsRecording says whether the workflow refuses a single photograph of the face.
func (p Pinned) DemandsRecording() bool {
	return p.plan != nil && p.plan.Includes(pipeline.StepLiveness) && p.Definition.Liveness.MinMethod != ""
}

func missingField(missing ...string) error {
	return ekyc.Errorf(ekyc.ErrMissingField, "the workflow cannot do without: %s", strings.Join(missing, ", ")).With("missing", missing)
}

// given says what the submission brings.
func (sub Submission) given() given {
	return given{Faces: len(sub.Selfie), Front: sub.Front != nil, Back: len(sub.Back) > 0, Profile: sub.KYA != nil, Challenge: sub.Challenge != nil}
}

// withoutUnneeded is the submission without what its workflow has no use for: that is neither looked at nor stored.
func (sub Submission) withoutUnneeded() Submission {
	plan := sub.Workflow.plan
	if !looksAtFace(plan) {
		sub.Selfie = nil
	}
	if !plan.Includes(pipeline.StepLiveness) {
		sub.Hints, sub.Challenge = liveness.Hints{}, nil
	}
	if !looksAtDocument(plan) {
		sub.Front, sub.Back = nil, nil
	}
	if !plan.Includes(pipeline.StepKYA) {
		sub.KYA = nil
	}
	return sub
}

// given says what a job was given, which may be held no longer. Those from before it was noted have one workflow, which looks at everything.
func (p *progress) given() given {
	if p.request.Given != nil {
		return *p.request.Given
	}
	g := givenBy(p.media, p.request.KYA != nil)
	g.Faces, g.Front, g.Challenge = max(g.Faces, 1), true, p.request.Challenge != nil
	return g
}

// givenBy says what the photographs of a job are, all of which are held.
func givenBy(media []vault.Media, profile bool) given {
	g := given{Profile: profile}
	for _, m := range media {
		switch m.Kind {
		case vault.MediaSelfie, vault.MediaFrame:
			g.Faces++
		case vault.MediaDocumentFront:
			g.Front = true
		case vault.MediaDocumentBack:
			g.Back = true
		}
	}
	return g
}
