package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/report"
	"ekyc/internal/vision"
)

// VerifyCmd is `ekyc verify`.
type VerifyCmd struct {
	modelFlags
	Selfie []string `help:"Live photograph; several files, oldest first, are taken as frames of one recording." required:"" placeholder:"FILE" sep:"none"`
	Front  string   `help:"Photograph of the document's front." required:"" placeholder:"FILE"`
	Back   string   `help:"Photograph of the document's back." placeholder:"FILE"`

	Threshold float64 `help:"Similarity from which two faces match, 0 to 1; 0 for the default (0.75: one false match in 10,000)." default:"0"`
	TargetFMR float64 `help:"False match rate to aim at instead of a threshold." default:"0" name:"target-fmr"`
	Date      string  `help:"Day on which the document is judged, YYYY-MM-DD; today unless given." placeholder:"DATE"`
	Specimens bool    `help:"Let specimen documents pass with a warning."`

	JSON   bool   `help:"Print the whole result as JSON."`
	Report string `help:"Write a self-contained page with everything that was seen." placeholder:"FILE"`
}

// Run verifies one person.
func (v *VerifyCmd) Run(ctx context.Context, c *console) error {
	request, err := v.request(ctx)
	if err != nil {
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
	outcome, err := e.Verify(ctx, request)
	if err != nil {
		return err
	}
	if v.Report != "" {
		if err := writeReport(v.Report, outcome, report.Models{Profile: string(e.Profile()), Undocumented: e.Undocumented()}); err != nil {
			return err
		}
	}
	if v.JSON {
		return writeJSON(c.out, outcome)
	}
	return printVerification(c, outcome, v.Report)
}

// request reads the files and options.
func (v *VerifyCmd) request(ctx context.Context) (engine.VerifyRequest, error) {
	r := engine.VerifyRequest{
		Matching: face.Options{Threshold: v.Threshold, TargetFMR: v.TargetFMR},
		Checks:   check.Policy{SpecimensAllowed: v.Specimens},
		Policy:   decision.DefaultPolicy(),
		At:       time.Now(),
	}
	if v.Threshold != 0 && v.TargetFMR != 0 {
		return r, ekyc.Errorf(ekyc.ErrInvalidArgument, "--threshold and --target-fmr exclude each other")
	}
	if v.Date != "" {
		at, err := time.Parse(time.DateOnly, v.Date)
		if err != nil {
			return r, ekyc.Errorf(ekyc.ErrInvalidArgument, "--date wants YYYY-MM-DD")
		}
		r.At = at
	}
	for _, path := range v.Selfie {
		data, err := readImage(ctx, path, "selfie")
		if err != nil {
			return r, err
		}
		r.Selfie = append(r.Selfie, data)
	}
	var err error
	if r.Front, err = readImage(ctx, v.Front, "front"); err != nil || v.Back == "" {
		return r, err
	}
	r.Back, err = readImage(ctx, v.Back, "back")
	return r, err
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
