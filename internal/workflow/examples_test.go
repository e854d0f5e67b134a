package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
	"ekyc/internal/pipeline"
	"ekyc/internal/profile"
)

// people is an engine that sees in each photograph the person that a case of an example describes: the photograph ends in the name of the case.
type people struct {
	mu    sync.Mutex
	cases map[string]pipeline.Facts
}

func (e *people) of(photograph []byte) (pipeline.Facts, string) {
	name := string(photograph[bytes.LastIndexByte(photograph, '\n')+1:])
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cases[name], name
}

// meet adds a person and gives the photograph that shows him.
func (e *people) meet(name string, f pipeline.Facts) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cases[name] = f
	return append(bytes.Clone(photograph()), "\n"+name...)
}

// embedded is a face whose cosine with the other side's is the similarity of the case: the live face lies on the axis.
func embedded(cosine float64, q *pipeline.FaceQuality) *engine.FaceSample {
	s := &engine.FaceSample{Face: &face.Face{}, Embedding: face.Embedding{Model: "people", Vector: []float32{float32(cosine), float32(math.Sqrt(1 - cosine*cosine))}}}
	if q != nil {
		s.Quality = qualityOf(q)
	}
	return s
}

func qualityOf(q *pipeline.FaceQuality) face.Quality {
	out := face.Quality{Score: q.Score}
	for _, code := range q.Codes {
		out.Codes = append(out.Codes, face.QualityCode(code))
	}
	return out
}

func (e *people) Selfie(_ context.Context, r engine.SelfieRequest) (*engine.SelfieOutcome, error) {
	f, _ := e.of(r.Frames[0])
	out := &engine.SelfieOutcome{Step: engine.Step{Name: engine.StepLiveness, Status: engine.StepSkipped}, Sample: embedded(1, f.Liveness.Quality)}
	l := f.Evidence.Liveness
	switch {
	case r.SkipLiveness:
	case l.ErrorCode != "":
		out.Step.Status, out.Step.Code, out.Sample = engine.StepFailed, l.ErrorCode, nil
	default:
		out.Step.Status = engine.StepCompleted
		out.Liveness = &liveness.Result{
			IsLive: l.IsLive, SpoofType: l.SpoofType, Confidence: l.Confidence, LiveScore: l.LiveScore, Zone: liveness.Zone(l.Zone),
			Method: liveness.Method(f.Liveness.Method), Checks: l.Checks,
		}
		if f.Liveness.Quality != nil {
			out.Liveness.Quality = qualityOf(f.Liveness.Quality)
		}
	}
	return out, nil
}

func (e *people) Document(_ context.Context, r engine.DocumentUpload) (*engine.DocumentOutcome, error) {
	f, _ := e.of(r.Front)
	out := &engine.DocumentOutcome{OCR: engine.Step{Name: engine.StepOCR, Status: engine.StepCompleted}, Validate: engine.Step{Name: engine.StepValidate, Status: engine.StepSkipped}}
	d := f.Evidence.Document
	if d.ErrorCode != "" {
		out.OCR.Status, out.OCR.Code = engine.StepFailed, d.ErrorCode
		return out, nil
	}
	fields := map[document.Key]document.Field{}
	put := func(key check.Key, value string) {
		if value != "" {
			fields[document.Key(key)] = document.Field{Value: value, Source: document.Source(append(f.Document.Sources, "viz")[0]), Confidence: 0.9}
		}
	}
	for _, name := range f.Document.Fields {
		put(check.Key(name), "X")
	}
	put(check.IssuingCountry, f.Document.IssuingCountry)
	put(check.Nationality, f.Document.Nationality)
	delete(fields, document.Key(check.DateOfBirth))
	if f.Document.Age != nil {
		put(check.DateOfBirth, r.At.AddDate(-*f.Document.Age, 0, -1).Format(time.DateOnly))
	}
	if f.Document.DaysToExpiry != nil {
		put(check.DateOfExpiry, r.At.AddDate(0, 0, *f.Document.DaysToExpiry).Format(time.DateOnly))
	}
	out.Reading = &document.Reading{Detected: document.Detected{Type: f.Document.Type, Country: f.Document.Country}, Fields: fields}
	checks := slices.Clone(d.Checks)
	for _, name := range slices.Sorted(maps.Keys(f.Document.Checks)) {
		checks = append(checks, ekyc.Check{Name: name, Status: f.Document.Checks[name], Severity: ekyc.SeverityInfo})
	}
	out.Validation = &check.Result{DocumentValid: d.Valid, Confidence: d.Confidence, Checks: checks, Expired: d.Expired, ProvenForgery: d.ProvenForgery, Retake: d.Retakeable}
	if d.State != "ran" {
		out.Validation = nil
	}
	if f.Evidence.FaceMatch.State == "ran" { // otherwise there is nothing to compare with
		out.Portrait = embedded(f.Evidence.FaceMatch.Similarity, f.Portrait)
	}
	return out, nil
}

// Models compares on a scale where the similarity is the cosine.
func (*people) Models(context.Context) (*engine.Inventory, error) {
	return &engine.Inventory{Matcher: engine.Matcher{ModelID: "people", Calibration: &face.Calibration{Points: []face.Point{
		{Cosine: -1, FMR: 1}, {Cosine: 0, FMR: 0.5, FNMR: 0.001}, {Cosine: 0.6, FMR: 1e-3, FNMR: 0.01, Similarity: 0.6},
		{Cosine: 0.75, FMR: 1e-4, FNMR: 0.02, Similarity: 0.75}, {Cosine: 0.82, FMR: 1e-5, FNMR: 0.05, Similarity: 0.82}, {Cosine: 1, FMR: 1e-6, FNMR: 1, Similarity: 1},
	}}}}, nil
}

// personCase is one of an example's sample people.
type personCase struct {
	Name     string
	Change   map[string]any
	Decision ekyc.Decision
}

// laidOver puts a change over facts, as the cases of the examples mean it.
func laidOver(facts, change map[string]any) map[string]any {
	out := maps.Clone(facts)
	for key, value := range change {
		inner, nested := value.(map[string]any)
		old, _ := facts[key].(map[string]any)
		switch {
		case value == nil:
			delete(out, key)
		case nested && old != nil:
			out[key] = laidOver(old, inner)
		default:
			out[key] = value
		}
	}
	return out
}

// TestTheExamplesRunAsJobs submits the sample people of every example and holds their jobs against what the example says. Those whose case is one of the
// profile, or of what others have brought, are left to the example's own test: here the profile is really checked and others are really looked for.
func TestTheExamplesRunAsJobs(t *testing.T) {
	t.Parallel()
	const examples = "../../examples"
	files, err := filepath.Glob(filepath.Join(examples, "*.cases.yaml"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	e := &people{cases: map[string]pipeline.Facts{}}
	p := newWorld(t).start(t, e, swift(), 4)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".cases.yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(examples, name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			pinned := planned(t, string(text))
			var sample struct {
				Facts map[string]any
				Cases []personCase
			}
			people, err := os.ReadFile(file)
			if err == nil {
				err = yaml.Unmarshal(people, &sample)
			}
			if err != nil {
				t.Fatal(err)
			}
			run := 0
			for _, c := range sample.Cases {
				if reallyChecked(c) {
					continue
				}
				run++
				runCase(t, p, e, name, pinned, c, laidOver(sample.Facts, c.Change))
			}
			if run == 0 {
				t.Error("no case was run")
			}
		})
	}
}

// reallyChecked says whether a case differs in what the profile checks find, or in what others have brought.
func reallyChecked(c personCase) bool {
	evidence, _ := c.Change["evidence"].(map[string]any)
	return c.Change["kya"] != nil || evidence["kya"] != nil || evidence["signals"] != nil
}

func runCase(t *testing.T, p *process, e *people, example string, pinned Pinned, c personCase, facts map[string]any) {
	t.Helper()
	var f pipeline.Facts
	text, err := json.Marshal(facts)
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	picture := e.meet(fmt.Sprintf("%s: %s", example, c.Name), f)
	sub := submission(newScope())
	sub.Workflow, sub.Selfie, sub.Front, sub.CountryHint = pinned, nil, picture, f.Request.CountryHint
	for range max(f.Request.Frames, 1) {
		sub.Selfie = append(sub.Selfie, picture)
	}
	if f.Request.HasBack {
		sub.Back = picture
	}
	if f.Liveness.Method == "challenge" {
		sub.Challenge = func(context.Context, pgx.Tx) (*liveness.Task, error) { return &liveness.Task{}, nil }
	}
	if f.Evidence.KYA.State == "ran" {
		sub.KYA = &profile.Input{Surname: "X", Email: "person@example.com"}
	}
	j := await(t, p, sub.Scope, submit(t, p, sub).ID, Completed)
	if r := resultOfJob(t, j); r.Decision != c.Decision {
		t.Errorf("%s: %s, want %s; steps %s\n%+v\n%+v", c.Name, r.Decision, c.Decision, told(j.Steps), r.WorkflowRules, r.Factors)
	}
}
