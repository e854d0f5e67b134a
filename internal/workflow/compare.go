package workflow

import (
	"ekyc/internal/engine"
)

// mostExchanges is how often an attempt enrols the faces anew because the models were exchanged under it.
const mostExchanges = 2

// otherModels says which parts rest on faces that other models enrolled. It is no fault: they are made again.
type otherModels struct{ parts []part }

func (*otherModels) Error() string { return "the faces were enrolled by other models" }

// outdated are the parts that rest on a face of another model, where the faces are to be compared.
func outdated(model string, p progress, live *engine.SelfieOutcome) (parts []part) {
	if live.Sample == nil || p.document == nil || p.document.Portrait == nil {
		return nil
	}
	if live.Sample.Embedding.Model != model {
		if p.live() == p.selfie && p.selfie != nil {
			parts = append(parts, partSelfie)
		} else {
			parts = append(parts, partFace)
		}
	}
	if p.document.Portrait.Embedding.Model != model {
		parts = append(parts, partDocument)
		if p.validation != nil {
			parts = append(parts, partValidate)
		}
	}
	return parts
}
