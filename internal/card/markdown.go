package card

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Marks of the parts of a page that Fill writes.
const (
	begin = "<!-- card:%s -->\n"
	end   = "<!-- /card -->\n"
)

// Fill puts the card's parts between their marks on a page of Markdown. Parts that the card does not have are left as they are. The error says
// which mark is missing.
func (c *Card) Fill(page string) (string, error) {
	for name, write := range map[string]func() string{"face": c.faceText, "liveness": c.livenessText} {
		text := write()
		if text == "" {
			continue
		}
		open := fmt.Sprintf(begin, name)
		before, rest, found := strings.Cut(page, open)
		if !found {
			return "", fmt.Errorf("the page has no mark %s", strings.TrimSpace(open))
		}
		_, after, found := strings.Cut(rest, end)
		if !found {
			return "", fmt.Errorf("the mark %s has no end", strings.TrimSpace(open))
		}
		page = before + open + text + end + after
	}
	return page, nil
}

func (c *Card) measured() string {
	return fmt.Sprintf("Version %s, %s, profile `%s`, %s with %d cores: `%s`\n", c.Version, c.MeasuredAt.UTC().Format("2 January 2006"), c.Profile, c.CPU, c.Cores, c.Command)
}

func (c *Card) faceText() string {
	f := c.Face
	if f == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(c.measured())
	fmt.Fprintf(&b, "\n| set | mated | not mated | FNMR at FMR 1/100 | 1/1,000 | 1/10,000 | at similarity %g: FMR | FNMR |\n|---|---|---|---|---|---|---|---|\n", f.Threshold)
	for _, r := range f.Rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %.4f %% | %s |\n", name(r.Set, r.Half, r.Slice), thousands(r.Mated), thousands(r.NonMated),
			percent(r.FNMRAtFMR1e2), r.FNMRAtFMR1e3, r.FNMRAtFMR1e4, 100*r.FMRAtThreshold.Value, percent(r.FNMRAtThreshold))
	}
	b.WriteString("\nAll pairs within a set. Faces that could not be enrolled, which are non-matches of all their mated pairs:")
	separator := " "
	for _, r := range f.Rows {
		if r.Half == "" && r.Slice == "" {
			fmt.Fprintf(&b, "%s%s %s", separator, r.Set, r.FailedToEnrol)
			separator = "; "
		}
	}
	fmt.Fprintf(&b, ". Two 12-megapixel photographs take %s.\n", f.LatencyMS)
	b.WriteString("\nPictures that get a quality code:\n\n| code |")
	for _, q := range f.Quality {
		fmt.Fprintf(&b, " %s |", q.Set)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(f.Quality)) + "\n")
	for _, code := range codesOf(f.Quality) {
		fmt.Fprintf(&b, "| `%s` |", code)
		for _, q := range f.Quality {
			fmt.Fprintf(&b, " %s |", percent(q.Codes[code]))
		}
		b.WriteString("\n")
	}
	writeSets(&b, f.Sets, f.Limits)
	return b.String()
}

func codesOf(sets []FaceCodes) []string {
	all := map[string]bool{}
	for _, s := range sets {
		for code := range s.Codes {
			all[code] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (c *Card) livenessText() string {
	l := c.Liveness
	if l == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(c.measured())
	b.WriteString("\n| source | AUC | living not called live (BPCER) | BPCER where each species is at 10 % APCER | refused |\n|---|---|---|---|---|\n")
	for _, r := range l.Rows {
		auc, at10 := "– (no attacks)", "–"
		if r.AUC != nil {
			auc, at10 = fmt.Sprintf("%.3f", *r.AUC), r.BPCERAtAPCER10.String()
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name(r.Source, r.Half, r.Slice), auc, r.BPCER, at10, percent(r.Refused))
	}
	if i := slices.IndexFunc(l.Rows, func(r AttackErrors) bool { return r.Source == "all" && r.Half == "" && r.Slice == "" }); i >= 0 {
		l.Rows[i].writeSpecies(&b)
	}
	if k := l.Controls; k != nil {
		fmt.Fprintf(&b, "\nAUC with the sharpness of the faces matched %.3f; of the sharpness of the face crop alone %.3f. Verdicts that a harmless change of the picture flips:", k.AUCSharpnessMatched, k.AUCSharpnessAlone)
		for i, change := range slices.Sorted(maps.Keys(k.Flips)) {
			separator := " "
			if i > 0 {
				separator = ", "
			}
			fmt.Fprintf(&b, "%s%s %s", separator, change, percent(k.Flips[change]))
		}
		b.WriteString(".\n")
	}
	fmt.Fprintf(&b, "\nOne 12-megapixel photograph takes %s.\n", l.LatencyMS)
	writeSets(&b, l.Sets, l.Limits)
	return b.String()
}

// writeSpecies tells the zones of each species, and of the living.
func (r AttackErrors) writeSpecies(b *strings.Builder) {
	b.WriteString("\n| of all sources | called live (APCER) | zone live | zone review | zone attack |\n|---|---|---|---|---|\n")
	for _, species := range append(slices.Sorted(maps.Keys(r.APCER)), "live") {
		apcer, label := "–", "the living"
		if rate, attack := r.APCER[species]; attack {
			apcer, label = rate.String(), species
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", label, apcer, percent(r.Zones["live"][species]), percent(r.Zones["review"][species]), percent(r.Zones["attack"][species]))
	}
}

func writeSets(b *strings.Builder, sets []DataSet, limits []string) {
	b.WriteString("\nWhat the sets are:\n")
	for _, s := range sets {
		fmt.Fprintf(b, "- **%s**: %s.\n", s.Name, s.What)
	}
	b.WriteString("\nWhat this does not prove:\n")
	for _, limit := range limits {
		fmt.Fprintf(b, "- %s\n", limit)
	}
}

func name(set, half, slice string) string {
	if half != "" {
		set += ", " + half + " half"
	}
	if slice != "" {
		set += ", " + slice
	}
	return set
}

// String gives the value in percent with its bounds and the number of trials.
func (p Proportion) String() string {
	if p.N == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f %% (%.2f–%.2f, n=%d)", 100*p.Value, 100*p.Low, 100*p.High, p.N)
}

func percent(p Proportion) string {
	if p.N == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", 100*p.Value)
}

// String gives the percentiles.
func (p Percentiles) String() string {
	return fmt.Sprintf("%.0f ms in the median and %.0f ms at the 95th percentile (n=%d)", p.P50, p.P95, p.N)
}

// thousands writes an integer with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
