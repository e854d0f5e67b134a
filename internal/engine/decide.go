package engine

import (
	"time"

	"ekyc"
	"ekyc/internal/decision"
)

// decide turns what the steps found into the score, the decision and its reasons.
func decide(policy decision.Policy, in decision.Input) (decision.Result, Step, error) {
	start := time.Now()
	step := Step{Name: StepDecision, Status: StepCompleted}
	result, err := decision.Evaluate(policy, in)
	if err != nil {
		return result, step, ekyc.Errorf(ekyc.ErrInvalidArgument, "the policy or the evidence is outside its ranges: %v", err)
	}
	step.DurationMS = milliseconds(time.Since(start))
	return result, step, nil
}

// EvidenceOf puts the outcomes of the steps into the terms of the decision. It is a pure function, and outcomes that were stored as
// JSON give the same evidence. A nil outcome, like a step that the request skipped, is one that the workflow does not contain; an outcome
// without result is a step that failed to run.
func EvidenceOf(selfie *SelfieOutcome, doc *DocumentOutcome, match *MatchOutcome, kya decision.KYAEvidence) decision.Input {
	return decision.Input{Liveness: livenessEvidence(selfie), FaceMatch: matchEvidence(match), Document: documentEvidence(doc), KYA: kya}
}

func livenessEvidence(o *SelfieOutcome) decision.LivenessEvidence {
	switch {
	case o == nil || o.Liveness == nil && o.Step.Status == StepSkipped:
		return decision.LivenessEvidence{State: decision.NotConfigured}
	case o.Liveness == nil:
		return decision.LivenessEvidence{State: decision.FailedToRun, ErrorCode: o.Step.Code}
	}
	r := o.Liveness
	return decision.LivenessEvidence{
		State: decision.Ran, IsLive: r.IsLive, LiveScore: r.LiveScore, Zone: decision.Zone(r.Zone), SpoofType: r.SpoofType,
		Confidence: r.Confidence, Checks: r.Checks,
	}
}

func matchEvidence(o *MatchOutcome) decision.FaceMatchEvidence {
	switch {
	case o == nil:
		return decision.FaceMatchEvidence{State: decision.NotConfigured}
	case o.Match == nil:
		return decision.FaceMatchEvidence{State: decision.FailedToRun, ErrorCode: o.Step.Code}
	}
	m := o.Match
	return decision.FaceMatchEvidence{
		State: decision.Ran, Match: m.Match, Similarity: m.Similarity, Threshold: m.Threshold, FMRAtThreshold: m.FMRAtThreshold, Uncertain: m.Uncertain,
	}
}

func documentEvidence(o *DocumentOutcome) decision.DocumentEvidence {
	switch {
	case o == nil:
		return decision.DocumentEvidence{State: decision.NotConfigured}
	case o.Validation == nil:
		return decision.DocumentEvidence{State: decision.FailedToRun, ErrorCode: o.OCR.Code}
	}
	r := o.Validation
	return decision.DocumentEvidence{
		State: decision.Ran, Valid: r.DocumentValid, Confidence: r.Confidence, Checks: r.Checks, Expired: r.Expired,
		ProvenForgery: r.ProvenForgery, Retakeable: r.Retake,
	}
}
