package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/engine"
	"ekyc/internal/fence"
	"ekyc/internal/pipeline"
	"ekyc/internal/profile"
	"ekyc/internal/report"
	"ekyc/internal/vision"
	"ekyc/internal/workflow"
)

// VerifyCmd is `ekyc verify`.
type VerifyCmd struct {
	modelFlags
	Selfie []string `help:"Live photograph; several files, oldest first, are taken as frames of one recording." placeholder:"FILE" sep:"none"`
	Front  string   `help:"Photograph of the document's front." placeholder:"FILE"`
	Back   string   `help:"Photograph of the document's back." placeholder:"FILE"`
	KYA    string   `help:"What the person says of himself, as JSON: the member kya of a request." placeholder:"FILE" name:"kya"`

	Workflow  string  `help:"Workflow to judge by, JSON or YAML; the program's own unless given. It says which of the photographs are needed." placeholder:"FILE"`
	Threshold float64 `help:"Similarity from which two faces match, 0 to 1; 0 for the workflow's (0.75: one false match in 10,000)." default:"0"`
	TargetFMR float64 `help:"False match rate to aim at instead of a threshold." default:"0" name:"target-fmr"`
	Date      string  `help:"Day on which the document is judged, YYYY-MM-DD; today unless given." placeholder:"DATE"`
	Specimens bool    `help:"Let specimen documents pass with a warning."`

	JSON   bool   `help:"Print the whole result as JSON."`
	Report string `help:"Write a self-contained page with everything that was seen." placeholder:"FILE"`
}

// verification is the outcome in the form that the command prints.
type verification struct {
	*engine.Verification
	KYA      *workflow.KYAResult     `json:"kya,omitempty"`
	Workflow workflow.WorkflowResult `json:"workflow"`
}

// Run verifies one person.
func (v *VerifyCmd) Run(ctx context.Context, c *console) error {
	submission, at, err := v.submission(ctx)
	if err != nil {
		return err
	}
	if err := workflow.Examine(submission); err != nil { // before the models are loaded
		return err
	}
	e, err := v.open()
	if err != nil {
		return err
	}
	defer e.Close()
	if names := e.Undocumented(); len(names) > 0 {
		fmt.Fprintf(c.err, "ekyc: these models do not say what they were trained on: %s; --profile strict avoids them\n", strings.Join(names, ", "))
	}
	start := time.Now()
	outcome, err := workflow.Verify(ctx, fence.Local{Engine: e}, profile.New(profile.Options{}), submission, at)
	if err != nil {
		return err
	}
	out := verificationOf(outcome, time.Since(start))
	if v.Report != "" {
		if err := writeReport(v.Report, out.Verification, report.Models{Profile: string(e.Profile()), Undocumented: e.Undocumented()}); err != nil {
			return err
		}
	}
	if v.JSON {
		return writeJSON(c.out, out)
	}
	return printVerification(c, out.Verification, v.Report)
}

// verificationOf joins what the steps gave with what was decided. The engine's own steps say more than those of a job.
func verificationOf(o *workflow.Outcome, took time.Duration) verification {
	v := engine.VerificationOf(o.Selfie, o.DocumentSide, o.Match)
	known := v.Steps
	v.Result, v.Steps, v.ProcessingMS = o.Result.Result, nil, float64(took)/float64(time.Millisecond)
	for _, s := range o.Steps {
		step := engine.Step{Name: s.Name, Status: engine.StepStatus(s.Status), Code: s.Code, DurationMS: s.DurationMS}
		if i := slices.IndexFunc(known, func(k engine.Step) bool { return k.Name == s.Name && string(k.Status) == s.Status }); i >= 0 {
			step = known[i]
		}
		v.Steps = append(v.Steps, step)
	}
	return verification{v, o.KYA, o.Workflow}
}

// submission reads the files and options.
func (v *VerifyCmd) submission(ctx context.Context) (s workflow.Submission, at time.Time, err error) {
	at = time.Now()
	if v.Threshold != 0 && v.TargetFMR != 0 {
		return s, at, ekyc.Errorf(ekyc.ErrInvalidArgument, "--threshold and --target-fmr exclude each other")
	}
	if v.Date != "" {
		if at, err = time.Parse(time.DateOnly, v.Date); err != nil {
			return s, at, ekyc.Errorf(ekyc.ErrInvalidArgument, "--date wants YYYY-MM-DD")
		}
	}
	s.Scope.Environment = ekyc.Live
	if v.Specimens {
		s.Scope.Environment = ekyc.Test
	}
	if s.Workflow, err = v.workflow(ctx, s.Scope.Environment); err != nil {
		return s, at, err
	}
	for _, path := range v.Selfie {
		data, err := readImage(ctx, path, "selfie")
		if err != nil {
			return s, at, err
		}
		s.Selfie = append(s.Selfie, data)
	}
	for _, side := range []struct {
		path, name string
		into       *[]byte
	}{{v.Front, "front", &s.Front}, {v.Back, "back", &s.Back}} {
		if side.path == "" {
			continue
		}
		if *side.into, err = readImage(ctx, side.path, side.name); err != nil {
			return s, at, err
		}
	}
	s.KYA, err = v.claim(ctx)
	return s, at, err
}

// mostWorkflow is the longest text of a workflow that is read, a byte over what is accepted being refused by its reader.
const mostWorkflow = 256 << 10

// workflow reads the workflow and lets the options differ from it. Who runs the program on files of his own is its operator.
func (v *VerifyCmd) workflow(ctx context.Context, environment ekyc.Environment) (workflow.Pinned, error) {
	d := pipeline.Default()
	if v.Workflow != "" {
		text, err := readFile(ctx, v.Workflow, mostWorkflow)
		if err != nil {
			return workflow.Pinned{}, err
		}
		if d, err = pipeline.Parse(text, pipeline.Options{Environment: environment, ByOperator: true}); err != nil {
			return workflow.Pinned{}, atPlaces(v.Workflow, err)
		}
	}
	var settings workflow.Settings
	if v.Threshold != 0 {
		settings.FaceMatch.Threshold = &v.Threshold
	}
	if v.TargetFMR != 0 {
		settings.FaceMatch.TargetFMR = &v.TargetFMR
	}
	return workflow.Pin(d, 0, settings, environment)
}

// atPlaces words the first problem of a workflow as compilers do, and how many there are beside it.
func atPlaces(path string, err error) error {
	known, ok := errors.AsType[*ekyc.Error](err)
	if !ok {
		return err
	}
	problems, _ := known.Details["problems"].([]pipeline.Problem)
	if len(problems) == 0 {
		return err
	}
	more := ""
	if len(problems) > 1 {
		more = fmt.Sprintf(" (and %d more)", len(problems)-1)
	}
	first := problems[0]
	out := ekyc.Errorf(known.Code, "%s:%d:%d: %s: %s%s", path, first.Line, first.Column, first.Path, first.Message, more)
	return out.With("problems", problems)
}

// claim reads what the person says of himself; nil where nothing is said.
func (v *VerifyCmd) claim(ctx context.Context) (*profile.Input, error) {
	if v.KYA == "" {
		return nil, nil
	}
	text, err := readFile(ctx, v.KYA, mostWorkflow)
	if err != nil {
		return nil, err
	}
	var said struct {
		Email, Phone, Country, IP string
		Names                     struct {
			GivenNames string `json:"given_names"`
			Surname    string `json:"surname"`
			FullName   string `json:"full_name"`
		}
		DateOfBirth string `json:"date_of_birth"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&said); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrMalformedJSON, "%s is not the JSON of a profile", v.KYA).Because(err)
	}
	return &profile.Input{
		Email: said.Email, Phone: said.Phone, Country: said.Country, IP: said.IP,
		GivenNames: said.Names.GivenNames, Surname: said.Names.Surname, FullName: said.Names.FullName, DateOfBirth: said.DateOfBirth,
	}, nil
}

// readImage reads a photograph and checks it before any model is loaded, so that a bad one is refused at once.
func readImage(ctx context.Context, path, name string) ([]byte, error) {
	data, err := readFile(ctx, path, vision.SceneLimits.MaxBytes)
	if err != nil {
		return nil, err
	}
	if _, err := vision.Inspect(data, vision.SceneLimits); err != nil {
		if problem, ok := errors.AsType[*ekyc.Error](err); ok {
			return nil, problem.With("image", name)
		}
		return nil, err
	}
	return data, nil
}

// writeReport writes the page beside its final place first, so that no half page is left behind.
func writeReport(path string, outcome *engine.Verification, m report.Models) (err error) {
	// A rename would put a file in the place of a device such as /dev/stdout.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be written: it is not a regular file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be written", path).Because(err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := report.Write(f, outcome, m); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be written", path).Because(err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be written", path).Because(err)
	}
	return nil
}

// printVerification prints the decision, where its points come from, and what was read.
func printVerification(c *console, v *engine.Verification, reportPath string) error {
	fmt.Fprintf(c.out, "%s, %s of 100 points\n\n", v.Decision, v.Score)
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FACTOR\tPOINTS\tOF\tVALUE\tSTATE")
	for _, f := range v.Factors {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.Name, f.Points, f.MaxPoints, f.Value, f.State)
	}
	fmt.Fprintln(w)
	for _, r := range v.HardRules {
		fmt.Fprintf(w, "rule\t%s\t%s\t%s\n", r.Code, r.Effect, r.Message)
	}
	for _, r := range v.WorkflowRules {
		fmt.Fprintf(w, "rule\t%s\t%s\t%s\n", cmp.Or(r.Name, string(r.Code)), r.Effect, r.Message)
	}
	for _, r := range v.Reasons {
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.Points, r.Code, r.Message)
	}
	if v.Document != nil {
		fmt.Fprintf(w, "\ndocument\t%s %s\t%.2f\n", v.Document.Detected.Type, v.Document.Detected.Country, v.Document.Detected.Confidence)
		for _, key := range document.Keys {
			if f, ok := v.Document.Fields[key]; ok {
				fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\n", key, f.Value, f.Source, f.Confidence)
			}
		}
	}
	fmt.Fprintln(w)
	for _, s := range v.Steps {
		fmt.Fprintf(w, "%s\t%s\t%.0f ms\t%s\n", s.Name, s.Status, s.DurationMS, s.Message)
	}
	fmt.Fprintf(w, "total\t\t%.0f ms\n", v.ProcessingMS)
	if reportPath != "" {
		fmt.Fprintf(w, "\nreport\t%s\n", reportPath)
	}
	return w.Flush()
}
