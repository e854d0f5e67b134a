// Package face finds faces, places landmarks on them, judges the capture, embeds them and compares them on a calibrated
// scale. It is pure: pictures and model sessions in, results out, safe for concurrent use.
package face

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ekyc"
	"ekyc/internal/vision"
)

// Models are the networks that an Analyzer runs. Detector and Landmarks are required, the others are left out where the
// profile has none: without FastDetector there is no second opinion, without EyeState closed eyes rest on the landmarks
// alone, without Iris there is no gaze, without Embeddings nothing can be compared.
type Models struct {
	Detector     *vision.Session // BlazeFace back camera, 256 x 256
	FastDetector *vision.Session // UltraFace RFB-320
	Landmarks    *vision.Session // MediaPipe Face Mesh, 468 points
	Iris         *vision.Session // MediaPipe Iris
	EyeState     *vision.Session // open or closed, 24 x 24 grey
	Embeddings   []EmbeddingModel
	Calibration  *Calibration // nil: the shipped table of these embedding models
}

// EmbeddingModel is one network that turns an aligned face into a vector. Several are joined into one vector whose cosine
// is the weighted mean of their cosines; their order does not matter.
type EmbeddingModel struct {
	Session       *vision.Session
	Name          string // in the lock
	SHA256        string // of the model's file: a vector is compared only with vectors of the same models
	Template      Template
	Normalisation vision.Normalisation
	Interleaved   bool    // the network's layout is NHWC instead of NCHW
	Weight        float64 // share in the joined cosine; 0 counts as 1
}

// Analyzer runs the models. It is safe for concurrent use.
type Analyzer struct {
	models      Models
	modelID     string
	calibration *Calibration
}

// New checks the models and finds the calibration of the embedding. Errors: ErrInvalidArgument when a required model is
// absent, a template is unknown, or nobody has calibrated the embedding models.
func New(m Models) (*Analyzer, error) {
	if m.Detector == nil || m.Landmarks == nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "a face detector and a landmark model are needed")
	}
	m.Embeddings = slices.SortedFunc(slices.Values(m.Embeddings), func(x, y EmbeddingModel) int { return cmp.Compare(x.SHA256, y.SHA256) })
	a := &Analyzer{models: m, calibration: m.Calibration}
	var ids []string
	for _, e := range m.Embeddings {
		if e.Session == nil {
			return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the embedding model %s has no session", e.Name)
		}
		if _, known := templates[e.Template]; !known {
			return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the alignment template %q of %s is not known", e.Template, e.Name)
		}
		ids = append(ids, fmt.Sprintf("%.16s", e.SHA256))
	}
	a.modelID = strings.Join(append(ids, alignmentVersion), "+")
	if len(ids) > 0 && a.calibration == nil {
		shipped, err := shippedCalibration(a.modelID)
		if err != nil {
			return nil, err
		}
		a.calibration = shipped
	}
	return a, nil
}

// ModelID names the embedding models and the alignment; embeddings with different ids are never compared.
func (a *Analyzer) ModelID() string { return a.modelID }

// Calibration is the table that turns cosines into similarities and error rates; nil without embedding models.
func (a *Analyzer) Calibration() *Calibration { return a.calibration }
