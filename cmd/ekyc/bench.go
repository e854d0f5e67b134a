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

	Card     string `help:"Page of Markdown in which the parts on faces and liveness are written anew, between their marks." placeholder:"FILE"`
	CardJSON string `help:"Write the accuracy card as JSON to this file; the program carries internal/card/card.json." name:"card-json" placeholder:"FILE"`
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
	if err := b.writeCard(result, string(e.Profile())); err != nil {
		return err
	}
	return b.write(c, result, earlier)
}

// writeCard writes the accuracy card where it is asked for.
func (b *BenchCmd) writeCard(result *bench.Result, profile string) error {
	if b.Card == "" && b.CardJSON == "" {
		return nil
	}
	made, err := result.Card(profile, "ekyc bench DIR --only face,liveness --card docs/accuracy.md --card-json internal/card/card.json")
	if err != nil {
		return err
	}
	if b.Card != "" {
		page, err := os.ReadFile(b.Card)
		if err != nil {
			return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be read", b.Card).Because(err)
		}
		filled, err := made.Fill(string(page))
		if err != nil {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "%s: %v", b.Card, err)
		}
		if err := os.WriteFile(b.Card, []byte(filled), 0o644); err != nil {
			return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be written", b.Card).Because(err)
		}
	}
	if b.CardJSON == "" {
		return nil
	}
	return writeJSONFile(b.CardJSON, made)
}

func writeJSONFile(path string, content any) error {
	f, err := os.Create(path)
	if err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be written", path).Because(err)
	}
	if err := writeJSON(f, content); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func (b *BenchCmd) write(c *console, result, earlier *bench.Result) error {
	if b.JSON == "-" {
		return writeJSON(c.out, result)
	}
	if b.JSON != "" {
		if err := writeJSONFile(b.JSON, result); err != nil {
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
