package workflow

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/pipeline"
	"ekyc/internal/vault"
)

// BenchmarkPlan is what a workflow costs beside its steps: the plan, the facts after each step, and the decision. The engine gives its outcomes at once.
func BenchmarkPlan(b *testing.B) {
	rules := []string{}
	for i := range 50 {
		rules = append(rules, fmt.Sprintf(`{"name": "r%d", "when": "document.country != 'UTO' && liveness.live_score < 0.%02d && face_match.similarity > 0.1", "then": "review"}`, i, i+1))
	}
	for name, text := range map[string]string{"default": `{"name": "a"}`, "50 rules": `{"name": "b", "rules": [` + strings.Join(rules, ",") + `]}`} {
		b.Run(name, func(b *testing.B) {
			sub := submission(ekyc.Scope{Environment: ekyc.Test})
			sub.Workflow = planned(b, text)
			e := &people{cases: map[string]pipeline.Facts{}}
			picture := e.meet("somebody", pipeline.Facts{
				Evidence: decision.Input{
					Liveness:  decision.LivenessEvidence{IsLive: true, LiveScore: 0.9, Zone: decision.ZoneLive, SpoofType: ekyc.SpoofNone, Confidence: 0.9},
					FaceMatch: decision.FaceMatchEvidence{State: decision.Ran, Similarity: 0.9}, Document: decision.DocumentEvidence{State: decision.Ran, Valid: true, Confidence: 0.9},
				},
				Document: pipeline.DocumentFacts{Type: ekyc.Passport, Country: "UTO"},
			})
			var p progress
			x := &execution{
				plan: sub.Workflow.plan, engine: e, given: given{Faces: 1, Front: true}, environment: ekyc.Test, known: &p,
				read:   func(context.Context, ...vault.MediaKind) ([][]byte, error) { return [][]byte{picture}, nil },
				keep:   func(context.Context, part, []Step, any) error { return nil },
				forget: func(context.Context, []part) error { return nil },
				guard:  func(ctx context.Context, _ part, step func(context.Context) error) error { return step(ctx) },
			}
			for b.Loop() {
				p = progress{}
				if err := x.follow(b.Context()); err != nil {
					b.Fatal(err)
				}
				if r, _, err := x.decide(); err != nil || r.Decision != ekyc.Accepted {
					b.Fatal(r, err)
				}
			}
		})
	}
}
