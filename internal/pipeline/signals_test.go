package pipeline_test

import (
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/pipeline"
)

// TestSignalsComeTooLateForSteps: they are looked up when all steps are done, and whatever would stop or ask for a step by them is refused.
func TestSignalsComeTooLateForSteps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"early stop":     {"name: a\nsteps:\n  - step: liveness\n  - step: ocr\n    stop: [{name: seen, when: signals.image_reused, decision: rejected}]\n  - step: validate\n", "known only before the decision"},
		"step on demand": {"name: a\nsteps:\n  - step: liveness\n    on_demand: true\n  - step: ocr\n  - step: validate\nrules: [{name: seen, when: signals.document_reused, then: require_step, step: liveness}]\n", "not known before liveness has run"},
		"misspelt":       {"name: a\nrules: [{name: seen, when: signals.document_used, then: review}]\n", "document_reused"},
	} {
		_, err := pipeline.Parse([]byte(c.text), pipeline.Options{Environment: ekyc.Live})
		problems := problemsOf(err)
		if len(problems) != 1 || !strings.Contains(problems[0].Message, c.want) {
			t.Errorf("%s: %v %+v", name, err, problems)
		}
	}
	if _, err := pipeline.Parse([]byte("name: a\nsteps: [{step: liveness}]\nrules: [{name: seen, when: has(signals.image_reused) && signals.image_reused, then: review}]\n"), pipeline.Options{Environment: ekyc.Live}); err != nil {
		t.Errorf("a rule in a workflow without documents: %v", err)
	}
}
