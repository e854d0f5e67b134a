package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"ekyc"
	"ekyc/internal/profile"
)

// NameResult is name coherence on pairs of names, of one person and of different people. Every rate is of all pairs with the label, also of those
// that could not be compared.
type NameResult struct {
	FalseAccepts  Rate                    `json:"false_accepts"`  // different people: pass
	WarnedAccepts Rate                    `json:"warned_accepts"` // different people: warn
	FalseRejects  Rate                    `json:"false_rejects"`  // one person: fail
	WarnedRejects Rate                    `json:"warned_rejects"` // one person: warn
	NotCompared   Rate                    `json:"not_compared"`   // either: not_executed
	Categories    map[string]NameCategory `json:"categories"`     // by what the pairs differ in
}

// NameCategory is one kind of pairs.
type NameCategory struct {
	Same        bool `json:"same"` // one person's names
	Passed      Rate `json:"passed"`
	Warned      Rate `json:"warned"`
	Failed      Rate `json:"failed"`
	NotCompared Rate `json:"not_compared"`
}

// NamePair is a line of a list of names: same or different, tune or report, category, language, claimed and printed name, with tabs between; a
// name is given/surname, or a full name without a stroke.
type NamePair struct {
	Same               bool
	Half               Split
	Category, Language string
	Claimed, Printed   string
}

// ReadNamePairs reads a list of names. Errors: ErrFileUnreadable for a line that is not as documented.
func ReadNamePairs(r io.Reader) ([]NamePair, error) {
	var pairs []NamePair
	scanner := bufio.NewScanner(r)
	for line := 1; scanner.Scan(); line++ {
		f := strings.Split(scanner.Text(), "\t")
		if len(f) != 6 || f[0] != "same" && f[0] != "different" {
			return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "line %d of the list of names is not in the documented form", line)
		}
		pairs = append(pairs, NamePair{Same: f[0] == "same", Half: Split(f[1]), Category: f[2], Language: f[3], Claimed: f[4], Printed: f[5]})
	}
	if err := scanner.Err(); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the list of names cannot be read").Because(err)
	}
	return pairs, nil
}

// nameParts takes given/surname apart.
func nameParts(s string) (given, surname, full string) {
	if given, surname, parts := strings.Cut(s, "/"); parts {
		return given, surname, ""
	}
	return "", "", s
}

// answer is what name coherence says of a pair.
func (p NamePair) answer(ctx context.Context, checker *profile.Checker) (ekyc.CheckStatus, error) {
	in := profile.Input{Document: &profile.DocumentFacts{}}
	in.GivenNames, in.Surname, in.FullName = nameParts(p.Claimed)
	in.Document.GivenNames, in.Document.Surname, in.Document.FullName = nameParts(p.Printed)
	r, err := checked(ctx, checker, in)
	return statusOf(r, profile.CheckNameCoherence), err
}

// MeasureNames puts the pairs of one half, or of both, through the check of names. It gives the rates, and the pairs that were passed or failed
// against their label.
func MeasureNames(ctx context.Context, checker *profile.Checker, pairs []NamePair, half Split) (*NameResult, []NamePair, error) {
	type answers struct {
		same  bool
		count map[ekyc.CheckStatus]int
		n     int
	}
	byCategory := map[string]*answers{}
	all := map[bool]*answers{true: {count: map[ekyc.CheckStatus]int{}}, false: {count: map[ekyc.CheckStatus]int{}}}
	var wrong []NamePair
	for _, p := range pairs {
		if half != SplitAll && p.Half != half {
			continue
		}
		status, err := p.answer(ctx, checker)
		if err != nil {
			return nil, nil, err
		}
		if byCategory[p.Category] == nil {
			byCategory[p.Category] = &answers{same: p.Same, count: map[ekyc.CheckStatus]int{}}
		}
		for _, a := range []*answers{byCategory[p.Category], all[p.Same]} {
			a.count[status]++
			a.n++
		}
		if p.Same && status == ekyc.Fail || !p.Same && status == ekyc.Pass {
			wrong = append(wrong, p)
		}
	}
	rate := func(a *answers, status ekyc.CheckStatus) Rate { return NewRate(a.count[status], a.n) }
	same, different := all[true], all[false]
	result := &NameResult{
		FalseAccepts: rate(different, ekyc.Pass), WarnedAccepts: rate(different, ekyc.Warn),
		FalseRejects: rate(same, ekyc.Fail), WarnedRejects: rate(same, ekyc.Warn),
		NotCompared: NewRate(same.count[ekyc.NotExecuted]+different.count[ekyc.NotExecuted], same.n+different.n),
		Categories:  map[string]NameCategory{},
	}
	for name, a := range byCategory {
		result.Categories[name] = NameCategory{a.same, rate(a, ekyc.Pass), rate(a, ekyc.Warn), rate(a, ekyc.Fail), rate(a, ekyc.NotExecuted)}
	}
	return result, wrong, nil
}

// names measures a folder's own list of names.
func (b *Bench) names(ctx context.Context, checker *profile.Checker, path string) (*NameResult, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	pairs, err := ReadNamePairs(f)
	if err != nil {
		return nil, err
	}
	result, wrong, err := MeasureNames(ctx, checker, pairs, b.split)
	if err != nil {
		return nil, err
	}
	for _, p := range wrong {
		what := "names of different people pass"
		if p.Same {
			what = "names of one person fail"
		}
		b.fault(fmt.Sprintf("lists/names.tsv:%d", slices.Index(pairs, p)+1), what)
	}
	return result, nil
}

func (n *NameResult) print(w io.Writer) {
	fmt.Fprintf(w, "names: different people passed\t%s\nnames: different people warned\t%s\n", n.FalseAccepts, n.WarnedAccepts)
	fmt.Fprintf(w, "names: one person failed\t%s\nnames: one person warned\t%s\nnames: not compared\t%s\n", n.FalseRejects, n.WarnedRejects, n.NotCompared)
	for _, name := range slices.Sorted(maps.Keys(n.Categories)) {
		c := n.Categories[name]
		if c.Same {
			fmt.Fprintf(w, "  one person, %s: failed\t%s\n", name, c.Failed)
		} else {
			fmt.Fprintf(w, "  different people, %s: passed\t%s\n", name, c.Passed)
		}
	}
}
