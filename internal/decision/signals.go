package decision

import (
	"fmt"
	"strings"

	"ekyc"
)

// MostSubjects is up to how many other subjects are counted: it stands for so many or more.
const MostSubjects = 100

// Signals is what the other verifications of the tenant tell of this one. They decide nothing by themselves.
type Signals struct {
	Documents int      `json:"documents,omitempty"` // other subjects with a document of the same number, kind and issuer
	Images    int      `json:"images,omitempty"`    // other subjects with the very same picture
	Kinds     []string `json:"kinds,omitempty"`     // of those pictures: selfie, frame, document_front, document_back
}

// reasons tell operators of the signals. They cost no points and decide nothing, so the person is told what is told of a part that was done: who tries
// out what is noticed learns nothing from it.
func (s *Signals) reasons() []Reason {
	if s == nil {
		return nil
	}
	var reasons []Reason
	add := func(code Code, message string, evidence ekyc.Evidence) {
		reasons = append(reasons, Reason{Code: code, Factor: WholeWorkflow, Message: message, UserMessage: textDone, Evidence: evidence})
	}
	if s.Documents > 0 {
		add(CodeDocumentReused, "a document of this number was brought for "+others(s.Documents), ekyc.Evidence{"subjects": s.Documents})
	}
	if s.Images > 0 {
		add(CodeImageReused, fmt.Sprintf("the same picture (%s) was brought for %s", strings.Join(s.Kinds, ", "), others(s.Images)),
			ekyc.Evidence{"subjects": s.Images, "kinds": s.Kinds})
	}
	return reasons
}

func others(n int) string {
	if n == 1 {
		return "another subject"
	}
	if n >= MostSubjects {
		return fmt.Sprintf("%d or more other subjects", n)
	}
	return fmt.Sprintf("%d other subjects", n)
}
