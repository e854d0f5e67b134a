package engine

import (
	"encoding/json"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document/check"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

// stored is a value after a round trip through the database or a process boundary.
func stored[T any](t testing.TB, v *T) *T {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out := new(T)
	if err := json.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// asJSON is a value in the terms of JSON, for comparison.
func asJSON(t testing.TB, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

var noProfile = decision.KYAEvidence{State: decision.NotConfigured}

func upload(pair *specimen.Pair) DocumentUpload {
	return DocumentUpload{Front: pair.Front, Checks: check.Policy{SpecimensAllowed: true}, At: judged}
}

// TestStoredOutcomesGiveTheSameAnswer runs the pipeline step by step, stores every outcome in between, and compares with Verify.
func TestStoredOutcomesGiveTheSameAnswer(t *testing.T) {
	t.Parallel()
	e, pair := open(t), demonstration(t)
	selfie, err := e.Selfie(t.Context(), SelfieRequest{Frames: [][]byte{pair.Selfie}})
	if err != nil {
		t.Fatal(err)
	}
	order := upload(pair)
	order.Claimed = map[check.Key]string{check.Surname: "SOMEBODY ELSE"}
	doc, err := e.Document(t.Context(), *stored(t, &order))
	if err != nil {
		t.Fatal(err)
	}
	selfie, doc = stored(t, selfie), stored(t, doc)
	if again := check.Validate(*doc.Evidence); !cmp.Equal(asJSON(t, again), asJSON(t, doc.Validation)) {
		t.Error("stored evidence validates otherwise:", cmp.Diff(asJSON(t, doc.Validation), asJSON(t, again)))
	}
	if doc.Validation.DocumentValid {
		t.Error("a claim to be somebody else was not held against the document")
	}
	unclaimed := *doc.Evidence
	unclaimed.Claimed = nil
	result := check.Validate(unclaimed)
	doc.Validation = &result

	match, err := stored(t, ptr(e.Matcher())).Match(selfie, doc, face.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := decide(decision.DefaultPolicy(), EvidenceOf(selfie, doc, stored(t, match), noProfile))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := e.Verify(t.Context(), request(pair.Selfie, pair.Front))
	if err != nil {
		t.Fatal(err)
	}
	if want := asJSON(t, whole.Result); !cmp.Equal(asJSON(t, got), want) {
		t.Error("the steps decide otherwise than the whole:", cmp.Diff(want, asJSON(t, got)))
	}
	if got.Decision != ekyc.Accepted {
		t.Errorf("the sample person is %s", got.Decision)
	}
}

func ptr[T any](v T) *T { return &v }

func TestStepsWithoutContentTellTheSameAsTheWhole(t *testing.T) {
	t.Parallel()
	e, pair, nothing := open(t), demonstration(t), noise(t, 640, 480)
	for name, r := range map[string]VerifyRequest{
		"no face": request(nothing, pair.Front), "no document": request(pair.Selfie, nothing), "nothing": request(nothing, nothing),
	} {
		selfie, err := e.Selfie(t.Context(), SelfieRequest{Frames: r.Selfie})
		if err != nil {
			t.Fatal(err)
		}
		doc, err := e.Document(t.Context(), DocumentUpload{Front: r.Front, Checks: r.Checks, At: r.At})
		if err != nil {
			t.Fatal(err)
		}
		match, err := e.Matcher().Match(stored(t, selfie), stored(t, doc), r.Matching)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := decide(r.Policy, EvidenceOf(stored(t, selfie), stored(t, doc), stored(t, match), noProfile))
		if err != nil {
			t.Fatal(err)
		}
		whole, err := e.Verify(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if want := asJSON(t, whole.Result); !cmp.Equal(asJSON(t, got), want) {
			t.Errorf("%s: %s", name, cmp.Diff(want, asJSON(t, got)))
		}
	}
}

func TestAStillProvesNoMovement(t *testing.T) {
	t.Parallel()
	r := SelfieRequest{Frames: [][]byte{demonstration(t).Selfie}, Hints: liveness.Hints{Pose: true, Blink: true, Gaze: true}, SkipEnrol: true}
	o, err := open(t).Selfie(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	status := map[string]ekyc.CheckStatus{}
	for _, c := range o.Liveness.Checks {
		status[c.Name] = c.Status
	}
	if status["blink"] != ekyc.NotEvaluable || status["head_movement"] != ekyc.NotEvaluable {
		t.Errorf("a still: blink %q, movement of the head %q", status["blink"], status["head_movement"])
	}
	if status["pose"] == "" || status["gaze"] == "" {
		t.Errorf("a hint was asked for and is not answered: %v", status)
	}
	if o.Sample != nil {
		t.Error("an embedding was made that nobody asked for")
	}
}

// TestAReadingCanBeValidatedLater reads a document without a verdict and gives the verdict from what was stored.
func TestAReadingCanBeValidatedLater(t *testing.T) {
	t.Parallel()
	e, order := open(t), upload(demonstration(t))
	order.SkipEnrol = true
	whole, err := e.Document(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	order.SkipValidate = true
	read, err := e.Document(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	if read.Validation != nil || read.Validate.Status != StepSkipped || read.Portrait != nil {
		t.Errorf("there is a verdict although none was wanted: %+v", read.Validate)
	}
	later := check.Validate(*stored(t, read).Evidence)
	if !cmp.Equal(asJSON(t, later), asJSON(t, whole.Validation)) {
		t.Error("the later verdict is another:", cmp.Diff(asJSON(t, whole.Validation), asJSON(t, later)))
	}
}

// TestReadingAloneLooksForNoForgery and reads the same.
func TestReadingAloneLooksForNoForgery(t *testing.T) {
	t.Parallel()
	e, order := open(t), upload(demonstration(t))
	whole, err := e.Document(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	order.ReadOnly = true
	alone, err := e.Document(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	if _, searched := alone.OCR.StagesMS["traces"]; searched || alone.Evidence != nil || alone.Validation != nil || len(alone.Reading.Traces) > 0 {
		t.Errorf("what nobody asked for was made: stages %v, evidence %v, verdict %v", alone.OCR.StagesMS, alone.Evidence != nil, alone.Validation != nil)
	}
	if _, searched := whole.OCR.StagesMS["traces"]; !searched || whole.Evidence == nil || whole.Validation == nil || len(whole.Reading.Traces) == 0 {
		t.Error("a whole verification was not told of traces")
	}
	if diff := cmp.Diff(whole.Reading.Readings, alone.Reading.Readings); diff != "" {
		t.Errorf("the reading alone is another one: %s", diff)
	}
}

func TestSkippedStepsAreNotConfigured(t *testing.T) {
	t.Parallel()
	e, pair := open(t), demonstration(t)
	selfie, err := e.Selfie(t.Context(), SelfieRequest{Frames: [][]byte{noise(t, 640, 480), pair.Selfie}, SkipLiveness: true})
	if err != nil {
		t.Fatal(err)
	}
	if selfie.Sample == nil || selfie.Liveness != nil || selfie.Fault != nil {
		t.Fatalf("the face of the better frame was not enrolled: %+v", selfie.Step)
	}
	in := EvidenceOf(selfie, nil, nil, noProfile)
	if in.Liveness.State != decision.NotConfigured || in.Document.State != decision.NotConfigured || in.FaceMatch.State != decision.NotConfigured {
		t.Errorf("skipped steps count as %s, %s and %s", in.Liveness.State, in.Document.State, in.FaceMatch.State)
	}
	faceless, err := e.Selfie(t.Context(), SelfieRequest{Frames: [][]byte{noise(t, 640, 480)}, SkipLiveness: true})
	if err != nil {
		t.Fatal(err)
	}
	match, err := e.Matcher().Match(stored(t, faceless), &DocumentOutcome{}, face.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if match.Step.Status != StepFailed || match.Step.Code != ekyc.ErrFaceNotFound {
		t.Errorf("a match without a live face: %+v", match.Step)
	}
}

func TestImagesComeOnRequestOnly(t *testing.T) {
	t.Parallel()
	order := upload(demonstration(t))
	order.WantFaceCrop, order.WantDocument, order.SkipEnrol = true, true, true
	o, err := open(t).Document(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	o = stored(t, o)
	for name, data := range map[string][]byte{"face crop": o.FaceCrop, "document": o.DocumentImage} {
		if info, err := vision.Inspect(data, vision.FaceCropLimits); err != nil || info.Format != vision.JPEG {
			t.Errorf("%s: %v", name, err)
		}
	}
	if o.Portrait != nil {
		t.Error("an embedding was made that nobody asked for")
	}
	order.WantFaceCrop, order.WantDocument = false, false
	if o, err = open(t).Document(t.Context(), order); err != nil || o.FaceCrop != nil || o.DocumentImage != nil {
		t.Errorf("images came unasked: %v", err)
	}
}

// TestFacesAreCutOutToBeKept: of both photographs, upright, at most as large as was said, and found again as the same person.
func TestFacesAreCutOutToBeKept(t *testing.T) {
	t.Parallel()
	const side = 400
	e, pair := open(t), demonstration(t)
	selfie, err := e.Selfie(t.Context(), SelfieRequest{Frames: [][]byte{pair.Selfie}, SkipEnrol: true, FaceCropSide: side})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := e.Selfie(t.Context(), SelfieRequest{Frames: [][]byte{pair.Selfie}, SkipLiveness: true, FaceCropSide: side})
	if err != nil || len(alone.FaceCrop) == 0 {
		t.Fatalf("without liveness: %v", err)
	}
	order := upload(pair)
	order.WantFaceCrop, order.FaceCropSide = true, side
	doc, err := e.Document(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	for name, crop := range map[string][]byte{"selfie": selfie.FaceCrop, "document": doc.FaceCrop} {
		info, err := vision.Inspect(crop, vision.FaceCropLimits)
		if err != nil || info.Format != vision.JPEG || max(info.Width, info.Height) > side {
			t.Errorf("the face of the %s: %+v, %v", name, info, err)
		}
	}
	same, err := e.MatchPhotos(t.Context(), selfie.FaceCrop, doc.FaceCrop, face.Options{})
	if err != nil || !same.Match.Match {
		t.Errorf("the faces are of %+v, %v", same, err)
	}
	if o, err := e.Selfie(t.Context(), SelfieRequest{Frames: [][]byte{pair.Selfie}, SkipEnrol: true}); err != nil || o.FaceCrop != nil {
		t.Errorf("a face came unasked: %v", err)
	}
}

// BenchmarkFaceCrop is what the face of a selfie costs beyond its judgement.
func BenchmarkFaceCrop(b *testing.B) {
	e, pair := open(b), demonstration(b)
	picture, err := decodeOne(b.Context(), pair.Selfie, "selfie")
	if err != nil {
		b.Fatal(err)
	}
	scene, err := e.faces.Analyze(b.Context(), picture.Pyramid)
	if err != nil {
		b.Fatal(err)
	}
	o := SelfieOutcome{picture: picture}
	work := func() time.Duration { // of the processor, whatever else it does
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			b.Fatal(err)
		}
		return time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	begun := work()
	for b.Loop() {
		if err := o.crop(scene, 400); err != nil || o.FaceCrop == nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((work()-begun).Seconds()*1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(len(o.FaceCrop)), "bytes")
}

func TestPhotographsAndStoredFacesAreCompared(t *testing.T) {
	t.Parallel()
	e, pair := open(t), demonstration(t)
	order := upload(pair)
	order.WantFaceCrop = true
	doc, err := e.Document(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	crop, err := vision.Decode(doc.FaceCrop, vision.FaceCropLimits)
	if err != nil {
		t.Fatal(err)
	}
	small, err := vision.EncodeJPEG(crop.Native().Resize(64, 64), answerQuality)
	if err != nil {
		t.Fatal(err)
	}
	for name, reference := range map[string][]byte{"portrait": doc.FaceCrop, "small portrait": small} {
		c, err := e.MatchPhotos(t.Context(), pair.Selfie, reference, face.Options{TargetFMR: 0.01})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !c.Match.Match {
			t.Errorf("%s: similarity %.2f", name, c.Similarity)
		}
		c = stored(t, c)
		again, err := e.Matcher().Compare(c.Live, c.Document, face.Options{TargetFMR: 0.01})
		if err != nil || again != c.Match {
			t.Errorf("%s: stored faces compare as %+v, %v; photographs as %+v", name, again, err, c.Match)
		}
	}
	sample, err := e.Enrol(t.Context(), pair.Selfie)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := e.Matcher().Compare(stored(t, sample), doc.Portrait, face.Options{}); err != nil || !m.Match {
		t.Errorf("an enrolled reference: %+v, %v", m, err)
	}
}

func TestAFaultSaysWhichPhotograph(t *testing.T) {
	t.Parallel()
	e, good := open(t), demonstration(t).Selfie
	_, err := e.MatchPhotos(t.Context(), good, noise(t, 300, 300), face.Options{})
	if problem, ok := err.(*ekyc.Error); !ok || problem.Code != ekyc.ErrFaceNotFound || problem.Details["side"] != "document" {
		t.Errorf("no face in the reference: %v", err)
	}
	_, err = e.MatchPhotos(t.Context(), good[:100], good, face.Options{})
	if problem, ok := err.(*ekyc.Error); !ok || problem.Details["image"] != "live" {
		t.Errorf("a damaged live photograph: %v", err)
	}
	if _, err := e.Matcher().Compare(nil, &FaceSample{}, face.Options{}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("a missing face: %v", err)
	}
}

func TestTextAloneIsValidated(t *testing.T) {
	t.Parallel()
	pair := demonstration(t)
	doc, err := open(t).Document(t.Context(), upload(pair))
	if err != nil {
		t.Fatal(err)
	}
	r := FieldsRequest{MRZ: &GivenMRZ{Lines: pair.Truth.MRZ}, Checks: check.Policy{SpecimensAllowed: true}, At: judged}
	bare := ValidateFields(r)
	if !bare.DocumentValid || !bare.MRZValid {
		t.Errorf("bare lines: %+v", bare.DocumentValid)
	}
	r.Type, r.Country, r.Fields = doc.Reading.Detected.Type, doc.Reading.Detected.Country, map[check.Key][]GivenField{}
	for key, f := range doc.Reading.Fields {
		r.Fields[check.Key(key)] = []GivenField{{Value: f.Value, Raw: f.Raw, Source: check.Source(f.Source), Confidence: &f.Confidence}}
	}
	r.MRZ.Confidence, r.MRZ.Agreement = &doc.Reading.MRZ.Confidence, check.Agreement(doc.Reading.MRZ.Agreement)
	if answered := ValidateFields(*stored(t, &r)); !answered.DocumentValid {
		t.Error("what was read of a valid document is not valid without its images")
	}
	r.MRZ = &GivenMRZ{Lines: []string{pair.Truth.MRZ[0], "0" + pair.Truth.MRZ[1][1:]}}
	if forged := ValidateFields(r); forged.DocumentValid {
		t.Error("a broken check digit in given lines is not held against the document")
	}
}

func TestTheInventoryNamesEveryModel(t *testing.T) {
	t.Parallel()
	v := stored(t, open(t).Inventory())
	if len(v.Models) != len(v.Hashes) || len(v.Models) < 10 || v.Matcher.Calibration == nil {
		t.Fatalf("%d models and %d hashes", len(v.Models), len(v.Hashes))
	}
	for _, m := range v.Models {
		if m.Licence == "" || m.Origin == "" || m.SHA256 != v.Hashes[m.Name] {
			t.Errorf("%s has no licence, origin or hash", m.Name)
		}
	}
}

func TestSanitisedUploadsAreUpright(t *testing.T) {
	t.Parallel()
	o, err := open(t).Sanitise(t.Context(), SanitiseRequest{Image: noise(t, 400, 300), Quality: 80})
	if err != nil || o.Width != 400 || o.Height != 300 || o.Info.Format != vision.JPEG || len(o.Image) == 0 {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := open(t).Sanitise(t.Context(), SanitiseRequest{Image: noise(t, 100, 60), Quality: 80}); ekyc.CodeOf(err) != ekyc.ErrImageDimensions {
		t.Errorf("a small scene: %v", err)
	}
	if _, err := open(t).Sanitise(t.Context(), SanitiseRequest{Image: noise(t, 100, 60), Quality: 80, FaceCrop: true}); err != nil {
		t.Errorf("a small face: %v", err)
	}
}
