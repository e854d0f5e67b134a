package engine

import (
	"time"

	"ekyc"
	"ekyc/internal/decision"
)

// decide turns what the steps found into the score, the decision and its reasons.
func (v *verifying) decide() error {
	start := time.Now()
	v.decision = Step{Name: StepDecision, Status: StepCompleted}
	result, err := decision.Evaluate(v.request.Policy, v.evidence())
	if err != nil {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "the policy or the evidence is outside its ranges: %v", err)
	}
	v.outcome.Result = result
	v.decision.DurationMS = milliseconds(time.Since(start))
	return nil
}

// evidence puts the outcomes of the steps into the terms of the decision. A step without outcome failed to run; profile checks
// are no part of this pipeline, so their weight is spread over the others.
func (v *verifying) evidence() decision.Input {
	in := decision.Input{
		Liveness:  decision.LivenessEvidence{State: decision.FailedToRun, ErrorCode: v.liveness.Code},
		FaceMatch: decision.FaceMatchEvidence{State: decision.FailedToRun, ErrorCode: v.match.Code},
		Document:  decision.DocumentEvidence{State: decision.FailedToRun, ErrorCode: v.ocr.Code},
		KYA:       decision.KYAEvidence{State: decision.NotConfigured},
	}
	if r := v.outcome.Liveness; r != nil {
		in.Liveness = decision.LivenessEvidence{
			State: decision.Ran, IsLive: r.IsLive, LiveScore: r.LiveScore, Zone: decision.Zone(r.Zone), SpoofType: r.SpoofType,
			Confidence: r.Confidence, Checks: r.Checks,
		}
	}
	if m := v.outcome.FaceMatch; m != nil {
		in.FaceMatch = decision.FaceMatchEvidence{
			State: decision.Ran, Match: m.Match, Similarity: m.Similarity, Threshold: m.Threshold, FMRAtThreshold: m.FMRAtThreshold, Uncertain: m.Uncertain,
		}
	}
	if r := v.outcome.Validation; r != nil {
		in.Document = decision.DocumentEvidence{
			State: decision.Ran, Valid: r.DocumentValid, Confidence: r.Confidence, Checks: r.Checks, Expired: r.Expired,
			ProvenForgery: r.ProvenForgery, Retakeable: r.Retake,
		}
	}
	return in
}
