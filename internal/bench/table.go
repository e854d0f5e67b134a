package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// Print writes the result as tables for people.
func (r *Result) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s, %d cores, %d thread a model; %.0f s\n", r.Machine.CPU, r.Machine.Cores, r.Machine.Threads, r.Seconds)
	for _, part := range []func(io.Writer){r.printFace, r.printLiveness, r.printDocument, r.printParsers, r.printProfile, r.printReuse, r.printPipeline} {
		part(w)
	}
	return w.Flush()
}

// String gives the value in percent with its bounds and the number of trials.
func (r Rate) String() string {
	if r.N == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f %% (%.2f–%.2f, n=%d)", 100*r.Value, 100*r.Low, 100*r.High, r.N)
}

// String gives the percentiles.
func (l Latency) String() string {
	if l.N == 0 {
		return "–"
	}
	return fmt.Sprintf("p50 %.0f, p95 %.0f, p99 %.0f, max %.0f ms (n=%d)", l.P50, l.P95, l.P99, l.Max, l.N)
}

func (r *Result) printFace(w io.Writer) {
	if r.Face == nil {
		return
	}
	fmt.Fprintln(w, "\nFACE\tMATED\tNON-MATED\tFAILED TO ENROL\tAUC\tEER\tFNMR AT FMR 1E-2\tAT 1E-3\tAT 1E-4\tAT DEFAULT: FMR\tFNMR")
	for _, groups := range []map[string]FaceGroup{r.Face.Groups, r.Face.Protocol} {
		for _, name := range slices.Sorted(maps.Keys(groups)) {
			g := groups[name]
			fmt.Fprintf(w, "%s\t%d\t%d\t%.2f %%\t%.4f\t%.4f\t%.2f %%\t%.2f %%\t%.2f %%\t%.4f %%\t%.2f %%\n", name, g.Mated, g.NonMated, 100*g.FailedEnrol.Value,
				g.AUC, g.EER, 100*g.FNMRAtFMR["0.01"].Value, 100*g.FNMRAtFMR["0.001"].Value, 100*g.FNMRAtFMR["0.0001"].Value,
				100*g.AtDefault.FMR.Value, 100*g.AtDefault.FNMR.Value)
		}
	}
	fmt.Fprintf(w, "two 12-megapixel selfies\t%s\n", r.Face.Latency)
}

func (r *Result) printLiveness(w io.Writer) {
	if r.Liveness == nil {
		return
	}
	fmt.Fprintln(w, "\nLIVENESS\tAUC\tBPCER\tAPCER WORST\tBPCER AT APCER 10 %\tREFUSED")
	for _, name := range slices.Sorted(maps.Keys(r.Liveness.Groups)) {
		g := r.Liveness.Groups[name]
		fmt.Fprintf(w, "%s\t%.3f\t%s\t%s\t%s\t%s\n", name, g.AUC, g.BPCER, g.APCERWorst, g.BPCERAtAPCER10, g.Refused)
	}
	all := r.Liveness.Groups["all"]
	for _, species := range slices.Sorted(maps.Keys(all.APCER)) {
		fmt.Fprintf(w, "APCER %s\t%s\n", species, all.APCER[species])
	}
	for _, zone := range []string{"live", "review", "attack"} {
		for _, label := range slices.Sorted(maps.Keys(all.Zones[zone])) {
			fmt.Fprintf(w, "zone %s: %s\t%s\n", zone, label, all.Zones[zone][label])
		}
	}
	if c := all.Controls; c != nil {
		fmt.Fprintf(w, "AUC, sharpness matched\t%.3f\nAUC of sharpness alone\t%.3f\n", c.AUCSharpnessMatched, c.AUCSharpnessAlone)
		for _, name := range slices.Sorted(maps.Keys(c.Flips)) {
			fmt.Fprintf(w, "verdict flips under %s\t%s\n", name, c.Flips[name])
		}
	}
	fmt.Fprintf(w, "one 12-megapixel selfie\t%s\n", r.Liveness.Latency)
}

func (r *Result) printDocument(w io.Writer) {
	d := r.Document
	if d == nil {
		return
	}
	fmt.Fprintf(w, "\nDOCUMENT\t%d images, %d with a machine readable zone\n", d.Images, d.MRZ.Present)
	for _, row := range []struct {
		name string
		rate Rate
	}{
		{"zone exact", d.MRZ.Exact}, {"all check digits hold", d.MRZ.AllChecksHold}, {"reported valid though wrong", d.MRZ.FalseValid},
		{"valid ones reported valid", d.MRZ.ValidReported}, {"sure names that are wrong", d.MRZ.NameErrors}, {"names that are sure", d.MRZ.NameCoverage},
		{"type", d.Type}, {"country", d.Country}, {"negatives accepted", d.NegativesAccepted},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row.name, row.rate)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Fields)) {
		fmt.Fprintf(w, "field %s\t%s\n", name, d.Fields[name])
	}
	if d.Visual != nil {
		for _, row := range d.Visual.rows() {
			fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
		}
	}
	d.Places.print(w)
	d.Alterations.print(w)
	fmt.Fprintf(w, "one 12-megapixel photograph\t%s\nzone alone\t%s\n", d.Latency, d.MRZ.LatencyMRZ)
}

func (r *Result) printParsers(w io.Writer) {
	if r.MRZ != nil {
		fmt.Fprintf(w, "\nMRZ VECTORS\t%s\n", r.MRZ.Vectors)
		for _, format := range slices.Sorted(maps.Keys(r.MRZ.ByFormat)) {
			fmt.Fprintf(w, "%s\t%s\n", format, r.MRZ.ByFormat[format])
		}
	}
	if r.AAMVA != nil {
		fmt.Fprintf(w, "\nAAMVA FIELDS\t%s\nwhole payloads\t%s\nPDF417 symbols\t%s\n", r.AAMVA.Fields, r.AAMVA.Payloads, r.AAMVA.Barcodes)
	}
	if r.Hostile != nil {
		fmt.Fprintf(w, "\nHOSTILE FILES\tas expected %s, %d crashes, peak %.0f MB\n", r.Hostile.AsExpected, r.Hostile.Crashes, r.Hostile.PeakRSSMB)
	}
	if r.EXIF != nil {
		fmt.Fprintf(w, "\nMETADATA\tclean %s, upright %s\n", r.EXIF.Clean, r.EXIF.Upright)
	}
}

func (r *Result) printPipeline(w io.Writer) {
	p := r.Pipeline
	if p == nil {
		return
	}
	fmt.Fprintf(w, "\nPIPELINE\t12-megapixel photographs from file bytes: %s\n", p.Latency)
	fmt.Fprintf(w, "per second\t%.2f\nready after\t%.0f ms\nresident\t%.0f MB\n", p.PerSecond, p.ReadyMS, p.RSSMB)
	for _, stage := range slices.Sorted(maps.Keys(p.Stages)) {
		fmt.Fprintf(w, "%s\t%s\n", stage, p.Stages[stage])
	}
	for _, name := range slices.Sorted(maps.Keys(p.Models)) {
		fmt.Fprintf(w, "model %s a verification\t%s\n", name, p.Models[name])
	}
}
