package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/document/ocr"
	"ekyc/internal/document/ocr/tesseract"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
	"ekyc/internal/models"
	"ekyc/internal/vision"
)

// mrzLineModel is the name in the lock of the network that reads lines of OCR-B.
const mrzLineModel = "mrz_line"

// textDetector is that of the network that finds lines of print.
const textDetector = "text_detector"

// Engine is every visual module, loaded and ready. It is safe for concurrent use.
type Engine struct {
	library  *models.Library
	sessions map[string]*vision.Session
	faces    *face.Analyzer
	liveness *liveness.Analyzer
	reader   *document.Reader
	national *tesseract.Readers
	openedIn time.Duration
	worked   atomic.Int64 // pieces of work done, for tidy
}

// Open loads the models of the library and assembles the modules. Errors: ErrRuntimeMissing, ErrModelMissing, ErrModelAltered.
func Open(library *models.Library) (*Engine, error) {
	start := time.Now()
	l, err := newLoader(library)
	if err != nil {
		return nil, err
	}
	names := []string{
		"face_detector", "face_detector_fast", "face_landmarks", "iris", "eye_state",
		textDetector, "text_recogniser", "text_recogniser_accurate", "text_direction", "page_orientation", mrzLineModel,
	}
	embeddings, attacks := embeddingsOf(library), attacksOf(library)
	e := &Engine{library: library}
	if e.sessions, err = l.sessions(slices.Concat(names, embeddings, attacks)...); err != nil {
		return nil, err
	}
	for _, assemble := range []func() error{
		func() error { return e.assembleFaces(embeddings) },
		func() error { return e.assembleLiveness(attacks) },
		e.assembleReader,
	} {
		if err := assemble(); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	e.openedIn = time.Since(start)
	return e, nil
}

// OpenedIn is how long Open took.
func (e *Engine) OpenedIn() time.Duration { return e.openedIn }

// embeddingsOf names the networks that the profile compares faces with: an operator's own, else the accurate pair where the
// profile has it.
func embeddingsOf(library *models.Library) []string {
	if asset, ok := library.Asset("face_embedding"); ok && asset.Source.Manager == models.Local {
		return []string{asset.Name}
	}
	var names []string
	for _, name := range []string{"face_embedding", "face_embedding_192"} {
		if library.Has(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = append(names, "face_embedding_dlib")
	}
	return names
}

func (e *Engine) assembleFaces(embeddings []string) error {
	m := face.Models{
		Detector: e.sessions["face_detector"], FastDetector: e.sessions["face_detector_fast"], Landmarks: e.sessions["face_landmarks"],
		Iris: e.sessions["iris"], EyeState: e.sessions["eye_state"],
	}
	for _, name := range embeddings {
		asset, ok := e.library.Asset(name)
		if !ok || asset.Preprocessing == nil {
			return ekyc.Errorf(ekyc.ErrModelMissing, "the profile has no usable entry for %s", name)
		}
		n, err := normalisation(asset.Preprocessing)
		if err != nil {
			return err
		}
		m.Embeddings = append(m.Embeddings, face.EmbeddingModel{
			Session: e.sessions[name], Name: asset.Name, SHA256: asset.SHA256, Template: face.Template(asset.Preprocessing.Template), Normalisation: n,
			Interleaved: asset.Preprocessing.Layout == "NHWC",
		})
		if asset.Source.Manager == models.Local {
			if m.Calibration, err = calibrationOf(asset); err != nil {
				return err
			}
		}
	}
	var err error
	e.faces, err = face.New(m)
	return err
}

// rateParameters are the members of an operator's embedding that say at which cosine it makes one false match in 100, 1,000 and 10,000.
var rateParameters = [3]string{"cosine_at_fmr_0.01", "cosine_at_fmr_0.001", "cosine_at_fmr_0.0001"}

// calibrationOf is the table of an operator's own embedding. The shipped tables belong to the shipped networks.
func calibrationOf(asset models.Asset) (*face.Calibration, error) {
	var cosines [3]float64
	for i, name := range rateParameters {
		cosine, given := asset.Parameters[name]
		if !given {
			return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "%s in models.local.json needs the parameters %s; `ekyc bench DIR --only face` measures them as cosine_at_fmr",
				asset.Name, strings.Join(rateParameters[:], ", "))
		}
		cosines[i] = cosine
	}
	return face.CalibrationOfCard(asset.Name, cosines)
}

func (e *Engine) assembleReader() error {
	dictionary, err := e.library.Bytes("text_dictionary")
	if err != nil {
		return err
	}
	detector := ocr.DetectorOptions{}
	if asset, ok := e.library.Asset(textDetector); ok {
		detector.PixelThreshold, detector.BoxThreshold = asset.Parameters["pixel_threshold"], asset.Parameters["box_threshold"]
		detector.UnclipRatio = asset.Parameters["unclip_ratio"]
		if asset.Preprocessing != nil {
			n, err := normalisation(asset.Preprocessing)
			if err != nil {
				return err
			}
			detector.Normalisation, detector.Multiple = &n, asset.Preprocessing.Multiple
		}
	}
	m := document.Models{
		Detector:   ocr.NewDetector(e.sessions[textDetector], detector),
		Recogniser: ocr.NewRecogniser(e.sessions["text_recogniser"], ocr.ParseDictionary(dictionary), ocr.RecogniserOptions{}),
		MRZLine:    e.sessions[mrzLineModel],
		Faces:      e.faces.Boxes,
	}
	if session, ok := e.sessions["text_recogniser_accurate"]; ok {
		dictionary, err := e.library.Bytes("text_dictionary_accurate")
		if err != nil {
			return err
		}
		m.Accurate = ocr.NewRecogniser(session, ocr.ParseDictionary(dictionary), ocr.RecogniserOptions{Batch: 1}) // its output has 18,710 classes a step
	}
	if session, ok := e.sessions["text_direction"]; ok {
		m.Direction = ocr.NewDirection(session)
	}
	if session, ok := e.sessions["page_orientation"]; ok {
		m.Orientation = ocr.NewOrientation(session, nil)
	}
	e.national = tesseract.NewReaders("")
	m.National = e.national
	e.reader = document.New(m)
	return nil
}

// Close frees the models. No call may be under way.
func (e *Engine) Close() error {
	var faults []error
	for _, s := range e.sessions {
		faults = append(faults, s.Close())
	}
	e.sessions = nil
	if e.national != nil {
		e.national.Close()
	}
	return errors.Join(faults...)
}

// Threads is the number of threads that one model uses, the detector of print apart.
func (e *Engine) Threads() int { return threadsPerModel }

// Profile is the set of models that was loaded.
func (e *Engine) Profile() models.Profile { return e.library.Profile() }

// Undocumented names the loaded models whose makers do not say what they were trained on; the operator is to be told.
func (e *Engine) Undocumented() []string {
	var names []string
	for _, asset := range e.library.Undocumented() {
		if _, loaded := e.sessions[asset.Name]; loaded {
			names = append(names, asset.Name)
		}
	}
	slices.Sort(names)
	return names
}

// ModelHashes gives the SHA-256 of every loaded model by name.
func (e *Engine) ModelHashes() map[string]string {
	hashes := make(map[string]string, len(e.sessions))
	for name := range e.sessions {
		if asset, ok := e.library.Asset(name); ok {
			hashes[name] = asset.SHA256
		}
	}
	return hashes
}

// ModelTimes gives how long each loaded model has run in all, by name.
func (e *Engine) ModelTimes() map[string]time.Duration {
	times := make(map[string]time.Duration, len(e.sessions))
	for name, session := range e.sessions {
		_, times[name] = session.Spent()
	}
	return times
}

// Photographs are the licensed portraits of the lock, by name, as file bytes: material for specimens and demonstrations.
// Errors: ErrModelMissing, ErrModelAltered.
func Photographs(library *models.Library) (map[string][]byte, error) {
	photographs := map[string][]byte{}
	for _, asset := range library.OfKind(models.KindPhotograph) {
		data, err := library.Bytes(asset.Name)
		if err != nil {
			return nil, err
		}
		photographs[asset.Name] = data
	}
	return photographs, nil
}

// Photographs are those of the engine's own library.
func (e *Engine) Photographs() (map[string][]byte, error) { return Photographs(e.library) }

// Faces is the comparison of faces, for those who enrol many and compare all.
func (e *Engine) Faces() *face.Analyzer { return e.faces }

// Liveness judges one picture (passive) or several, oldest first (active).
// Errors: those of decoding, ErrFaceNotFound, ErrFramesCount, ErrCancelled.
func (e *Engine) Liveness(ctx context.Context, frames []*vision.Picture, hints liveness.Hints) (*liveness.Result, error) {
	return e.judge(ctx, frames, hints, nil)
}

func (e *Engine) judge(ctx context.Context, frames []*vision.Picture, hints liveness.Hints, task *liveness.Task) (*liveness.Result, error) {
	pyramids := make([]*vision.Pyramid, len(frames))
	for i, f := range frames {
		pyramids[i] = f.Pyramid
	}
	return e.liveness.Analyze(ctx, liveness.Input{Frames: pyramids, Want: hints, Task: task})
}

// DocumentRequest is a document to read. Back may be nil, the hints empty; At is the day on which it is read.
type DocumentRequest struct {
	Front, Back *vision.Picture
	TypeHint    ekyc.DocumentType
	CountryHint string
	At          time.Time
	SkipTraces  bool // nobody asks for traces of forgery
}

// ReadDocument finds and reads a document. Errors: ErrDocumentNotFound, ErrCancelled.
func (e *Engine) ReadDocument(ctx context.Context, r DocumentRequest) (*document.Reading, error) {
	in := document.Input{Front: r.Front.Pyramid, TypeHint: r.TypeHint, CountryHint: r.CountryHint, At: r.At, SkipTraces: r.SkipTraces}
	if r.Back != nil {
		in.Back = r.Back.Pyramid
	}
	return e.reader.Read(ctx, in)
}

// ReadMRZ reads only the machine readable zone. Errors: ErrCancelled.
func (e *Engine) ReadMRZ(ctx context.Context, p *vision.Picture) (*document.MRZ, error) {
	return e.reader.ReadMRZ(ctx, p.Pyramid)
}
