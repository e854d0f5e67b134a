package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/models"
)

// DoctorCmd is `ekyc doctor`.
type DoctorCmd struct {
	modelFlags
	clamdFlags
	JSON bool `help:"Print JSON."`
}

// Run examines every model and fails when one is not well.
func (d *DoctorCmd) Run(ctx context.Context, c *console) error {
	library, err := models.Open(d.ModelsDir, d.Profile)
	if err != nil {
		return err
	}
	diagnoses, err := engine.Examine(ctx, library)
	if err != nil {
		return err
	}
	diagnoses = append(diagnoses, engine.ExamineScripts()...)
	diagnoses = append(diagnoses, d.diagnose(ctx)...)
	return tellDiagnoses(c, diagnoses, d.JSON)
}

// tellDiagnoses prints what was found. As JSON it is one value in either case: the diagnoses, or the error with them in its details.
func tellDiagnoses(c *console, diagnoses []engine.Diagnosis, asJSON bool) error {
	sick := 0
	for _, diagnosis := range diagnoses {
		if !diagnosis.Healthy {
			sick++
		}
	}
	var problem error
	if sick > 0 {
		problem = ekyc.Errorf(ekyc.ErrModelAltered, "%d of %d parts are not well; run `ekyc models pull`, or see to what their line names", sick, len(diagnoses)).
			With("diagnoses", diagnoses)
	}
	switch {
	case !asJSON:
		if err := printDiagnoses(c, diagnoses); err != nil {
			return err
		}
	case problem == nil:
		return writeJSON(c.out, diagnoses)
	}
	return problem
}

func printDiagnoses(c *console, diagnoses []engine.Diagnosis) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tSTATE\tMS\tGAVE (MEAN, RMS OF EACH OUTPUT)")
	for _, d := range diagnoses {
		state := "ok"
		if !d.Healthy {
			state = d.Problem
		}
		gave := ""
		for _, o := range d.Got {
			gave += fmt.Sprintf("%.4g, %.4g  ", o.Mean, o.RMS)
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f\t%s\n", d.Model, state, d.LatencyMS, gave)
	}
	return w.Flush()
}
