package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"ekyc"
	"ekyc/internal/bench"
)

// BenchCmd is `ekyc bench`.
type BenchCmd struct {
	modelFlags
	Dir     string   `arg:"" help:"Labelled folder; its layout is in docs/bench.md." placeholder:"DIR"`
	Only    []string `help:"Parts to measure: ${parts}." placeholder:"PART,…"`
	Split   string   `help:"Half of the set by a hash of identity or holder: tune or report." enum:",tune,report" default:""`
	JSON    string   `help:"Write the result as JSON to this file; - for standard output." placeholder:"FILE"`
	Compare string   `help:"Earlier JSON result to compare with." placeholder:"OLD.json"`
	Workers int      `help:"Files at once where accuracy is measured." default:"2"`
}

// Run measures and prints.
func (b *BenchCmd) Run(ctx context.Context, c *console) error {
	var earlier *bench.Result
	if b.Compare != "" {
		data, err := os.ReadFile(b.Compare)
		if err != nil {
			return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be read", b.Compare).Because(err)
		}
		if err := json.Unmarshal(data, &earlier); err != nil {
			return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s is not a result of ekyc bench", b.Compare).Because(err)
		}
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program's own file: %w", err)
	}
	e, err := b.open()
	if err != nil {
		return err
	}
	defer e.Close()
	result, err := bench.Run(ctx, e, bench.Options{
		Dir: b.Dir, Only: b.Only, Split: bench.Split(b.Split), Workers: b.Workers, Version: programVersion(), Program: program, Terminal: c.terminal,
	})
	if err != nil {
		return err
	}
	return b.write(c, result, earlier)
}

func (b *BenchCmd) write(c *console, result, earlier *bench.Result) error {
	if b.JSON == "-" {
		return writeJSON(c.out, result)
	}
	if b.JSON != "" {
		f, err := os.Create(b.JSON)
		if err != nil {
			return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be written", b.JSON).Because(err)
		}
		if err := writeJSON(f, result); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	if err := result.Print(c.out); err != nil {
		return err
	}
	if earlier == nil {
		return nil
	}
	fmt.Fprintln(c.out, "\nAGAINST THE EARLIER RUN")
	differences, err := bench.Compare(earlier, result)
	if err != nil {
		return err
	}
	for _, d := range differences {
		verdict := "no significant difference"
		if d.Changed {
			verdict = "significant"
		}
		fmt.Fprintf(c.out, "%s: %d worse, %d better, p = %.3f (%s)\n", d.Part, len(d.Worse), len(d.Better), d.PValue, verdict)
		for _, file := range d.Worse {
			fmt.Fprintf(c.out, "  worse: %s: %s\n", file, result.Files[file])
		}
	}
	return nil
}
