package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/health"
	"ekyc/internal/models"
)

// DoctorCmd is `ekyc doctor`. It knows the options of the service, so that it looks at what a process with the same ones would work with.
type DoctorCmd struct {
	serviceFlags
	edgeFlags
	JSON bool `help:"Print JSON."`
}

// How a part is found: well, working but to be seen to, or not working.
const (
	stateOK   = "ok"
	stateWarn = "warn"
	stateFail = "fail"
)

// finding is what is said of one part. Nothing in it is a secret.
type finding struct {
	engine.Diagnosis        // its Model names the part
	State            string `json:"state"`
	Found            string `json:"found,omitempty"`
	Advice           string `json:"advice,omitempty"` // where it is not well: what to do
}

// Run examines whatever is configured, and fails when something does not work.
func (d *DoctorCmd) Run(ctx context.Context, c *console) error {
	findings, err := d.examineModels(ctx)
	if err != nil {
		return err
	}
	for _, examine := range []func(context.Context) []finding{
		d.examineMachine, d.examineRootKeys, d.examineDatabase, d.examineTLS, d.examineMedia, d.examineLedger, d.examineClamd, d.examineExport,
	} {
		findings = append(findings, examine(ctx)...)
		if ctx.Err() != nil {
			return ekyc.Errorf(ekyc.ErrCancelled, "the examination was stopped").Because(ctx.Err())
		}
	}
	return tellFindings(c, findings, d.JSON)
}

const modelAdvice = "run `ekyc models pull`, or give --models-dir"

// examineModels runs every model.
func (d *DoctorCmd) examineModels(ctx context.Context) (list []finding, err error) {
	library, err := models.Open(d.ModelsDir, d.Profile)
	if err != nil {
		return []finding{failed("models", err, modelAdvice)}, nil
	}
	diagnoses, err := engine.Examine(ctx, library)
	if err != nil {
		return nil, err
	}
	for _, one := range diagnoses {
		f := diagnosed(one, modelAdvice)
		for _, o := range one.Got {
			f.Found += fmt.Sprintf("%.4g, %.4g  ", o.Mean, o.RMS)
		}
		list = append(list, f)
	}
	for _, one := range engine.ExamineScripts() {
		list = append(list, diagnosed(one, "install Tesseract's data of this script"))
	}
	return list, nil
}

// diagnosed is a finding about what was well or not.
func diagnosed(d engine.Diagnosis, advice string) finding {
	if d.Healthy {
		return finding{Diagnosis: d, State: stateOK}
	}
	return finding{Diagnosis: d, State: stateFail, Advice: advice}
}

// well is a part that works.
func well(part, format string, args ...any) finding {
	return finding{Diagnosis: engine.Diagnosis{Model: part, Healthy: true}, State: stateOK, Found: fmt.Sprintf(format, args...)}
}

// minded is a part that works, and that somebody is to see to.
func minded(part, problem, advice string) finding {
	return finding{Diagnosis: engine.Diagnosis{Model: part, Healthy: true, Problem: problem}, State: stateWarn, Advice: advice}
}

// failed is a part that does not work. Causes are told apart by what stands behind an error: a wrong name and a wrong secret.
func failed(part string, err error, advice string) finding {
	return finding{Diagnosis: engine.Diagnosis{Model: part, Problem: health.Cause(err)}, State: stateFail, Advice: advice}
}

// timed adds how long it took.
func timed(began time.Time, f finding) finding {
	f.LatencyMS = float64(time.Since(began).Microseconds()) / 1000
	return f
}

// tellFindings prints what was found. As JSON it is one value in either case: the findings, or the error with them in its details.
func tellFindings(c *console, findings []finding, asJSON bool) error {
	sick, code := 0, ekyc.ErrUnavailable
	for _, f := range findings {
		if f.State == stateFail {
			sick++
		}
		if f.State == stateFail && f.Advice == modelAdvice {
			code = ekyc.ErrModelAltered
		}
	}
	var problem error
	if sick > 0 {
		problem = ekyc.Errorf(code, "%d of %d parts do not work; their lines say what to do", sick, len(findings)).With("diagnoses", findings)
	}
	switch {
	case !asJSON:
		if err := printFindings(c, findings); err != nil {
			return err
		}
	case problem == nil:
		return writeJSON(c.out, findings)
	}
	return problem
}

func printFindings(c *console, findings []finding) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATE\tPART\tMS\tFOUND (OF MODELS: MEAN, RMS OF EACH OUTPUT)")
	for _, f := range findings {
		said := f.Found
		if f.Problem != "" {
			said = strings.TrimSpace(said+" "+f.Problem) + "; to do: " + f.Advice
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f\t%s\n", f.State, f.Model, f.LatencyMS, said)
	}
	return w.Flush()
}
