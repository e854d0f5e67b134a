package decision

import (
	"errors"
	"fmt"
	"slices"

	"ekyc"
)

// State says how far the step of a factor came.
type State string

// The states. NotConfigured, also as "", is for a step that the workflow does not contain; a policy that lists the step takes
// it for one that failed to run, except KYA, which is then disabled, and a step on demand, which was not asked for. Skipped is for a step that an
// early stop spared; where no early stop holds it is taken for one that failed to run.
const (
	Ran           State = "ran"
	FailedToRun   State = "failed_to_run"
	NotConfigured State = "not_configured"
	Skipped       State = "skipped"
)

var states = []State{Ran, FailedToRun, NotConfigured, Skipped}

// Zone is the band of the liveness score.
type Zone string

// The zones.
const (
	ZoneLive   Zone = "live"
	ZoneReview Zone = "review"
	ZoneAttack Zone = "attack"
)

// Input is the evidence of one verification. A factor that did not run has a State and an ErrorCode, and nothing else counts.
type Input struct {
	Liveness  LivenessEvidence  `json:"liveness"`
	FaceMatch FaceMatchEvidence `json:"face_match"`
	Document  DocumentEvidence  `json:"document"`
	KYA       KYAEvidence       `json:"kya"`
	Signals   *Signals          `json:"signals,omitempty"` // nil where nobody has looked
}

// LivenessEvidence is the answer of the liveness module. LiveScore and Confidence are 0 to 1.
type LivenessEvidence struct {
	State      State          `json:"state"`
	ErrorCode  ekyc.ErrorCode `json:"error_code,omitempty"` // why it did not run
	IsLive     bool           `json:"is_live,omitempty"`
	LiveScore  float64        `json:"live_score,omitempty"`
	Zone       Zone           `json:"zone,omitempty"`
	SpoofType  ekyc.SpoofType `json:"spoof_type,omitempty"`
	Confidence float64        `json:"confidence,omitempty"`
	Checks     []ekyc.Check   `json:"checks,omitempty"`
}

// FaceMatchEvidence is the answer of the face match module. Similarity, Threshold and FMRAtThreshold are 0 to 1.
type FaceMatchEvidence struct {
	State          State          `json:"state"`
	ErrorCode      ekyc.ErrorCode `json:"error_code,omitempty"`
	Match          bool           `json:"match,omitempty"`
	Similarity     float64        `json:"similarity,omitempty"`
	Threshold      float64        `json:"threshold,omitempty"`
	FMRAtThreshold float64        `json:"fmr_at_threshold,omitempty"`
	Uncertain      bool           `json:"uncertain,omitempty"` // no match, and near enough to one that a person should look
}

// DocumentEvidence is the answer of reading and validation. Confidence is 0 to 1, in the verdict given.
type DocumentEvidence struct {
	State         State          `json:"state"`
	ErrorCode     ekyc.ErrorCode `json:"error_code,omitempty"`
	Valid         bool           `json:"valid,omitempty"`
	Confidence    float64        `json:"confidence,omitempty"`
	Checks        []ekyc.Check   `json:"checks,omitempty"`
	Expired       bool           `json:"expired,omitempty"`
	ProvenForgery bool           `json:"proven_forgery,omitempty"`
	Retakeable    bool           `json:"retakeable,omitempty"` // not valid for want of a good photograph only
}

// KYAEvidence is the answer of the profile checks. Score is 0 to 1.
type KYAEvidence struct {
	State     State          `json:"state"`
	ErrorCode ekyc.ErrorCode `json:"error_code,omitempty"`
	Score     float64        `json:"score,omitempty"`
	Checks    []ekyc.Check   `json:"checks,omitempty"`
}

// Validate joins everything that is outside its range; NaN is.
func (in Input) Validate() error {
	var problems []error
	share := func(name string, value float64) {
		if !(value >= 0 && value <= 1) {
			problems = append(problems, fmt.Errorf("%s is %v, which is outside 0 to 1", name, value))
		}
	}
	for i, state := range in.states() {
		if state != "" && !slices.Contains(states, state) {
			problems = append(problems, fmt.Errorf("%s.state %q is unknown", factorNames[i], state))
		}
	}
	if in.Liveness.State == Ran {
		share("liveness.live_score", in.Liveness.LiveScore)
		share("liveness.confidence", in.Liveness.Confidence)
		if !slices.Contains([]Zone{ZoneLive, ZoneReview, ZoneAttack}, in.Liveness.Zone) {
			problems = append(problems, fmt.Errorf("liveness.zone %q is unknown", in.Liveness.Zone))
		}
	}
	if in.FaceMatch.State == Ran {
		share("face_match.similarity", in.FaceMatch.Similarity)
		share("face_match.threshold", in.FaceMatch.Threshold)
		share("face_match.fmr_at_threshold", in.FaceMatch.FMRAtThreshold)
	}
	if in.Document.State == Ran {
		share("document.confidence", in.Document.Confidence)
	}
	if in.KYA.State == Ran {
		share("kya.score", in.KYA.Score)
	}
	return errors.Join(problems...)
}

func (in Input) states() [factorCount]State {
	return [factorCount]State{in.Liveness.State, in.FaceMatch.State, in.Document.State, in.KYA.State}
}

func (in Input) errorCode(i int) ekyc.ErrorCode {
	return [factorCount]ekyc.ErrorCode{in.Liveness.ErrorCode, in.FaceMatch.ErrorCode, in.Document.ErrorCode, in.KYA.ErrorCode}[i]
}

// values are the factors' values, 0 for what did not run. A document's is the confidence that it is valid.
func (in Input) values() [factorCount]Share {
	document := in.Document.Confidence
	if !in.Document.Valid {
		document = 1 - document
	}
	values := [factorCount]Share{}
	for i, value := range [factorCount]float64{in.Liveness.LiveScore, in.FaceMatch.Similarity, document, in.KYA.Score} {
		if in.states()[i] == Ran {
			values[i] = ShareOf(value)
		}
	}
	return values
}

// with is the input with another value of one factor and what follows from that: a similarity from the threshold on is a
// match, one below it is none. The verdicts on liveness and document stay, since their bounds are not known here.
func (in Input) with(i int, value Share) Input {
	switch v := value.float(); factorNames[i] {
	case Liveness:
		in.Liveness.LiveScore = v
	case FaceMatch:
		in.FaceMatch.Similarity = v
		in.FaceMatch.Match = v >= in.FaceMatch.Threshold
	case Document:
		in.Document.Confidence = v
		if !in.Document.Valid {
			in.Document.Confidence = (FullShare - value).float()
		}
	case KYA:
		in.KYA.Score = v
	}
	return in
}
