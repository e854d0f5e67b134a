package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"ekyc/internal/document/forensic"
	"ekyc/internal/specimen"
)

// report says what share of each kind of picture the committed weights suspect, by trace.
func report(dir string) error {
	all, err := measureAll(dir)
	if err != nil {
		return err
	}
	measures := make([]map[forensic.Trace]float64, len(all))
	for i, s := range all {
		measures[i] = s.evidence.Measures()
	}
	for _, trace := range forensic.Traces() {
		fmt.Printf("%s:%s\n", trace, shares(all, func(i int) float64 { return measures[i][trace] }, 0.5))
	}
	together(all, measures)
	return nil
}

// report says what share of the pictures of each kind reaches 0.5 and 0.9 by models that did not see their document, and how each input does alone among
// what was learned from.
func (m *model) report(trace forensic.Trace, all []measured, unseen []map[forensic.Trace]float64, rows []row) {
	of := func(i int) float64 { return unseen[i][trace] }
	fmt.Printf("%s:%s\n", trace, shares(all, of, 0.5))
	fmt.Printf("   found:%s\n", shares(all, of, 0.9))
	fmt.Printf("   at 5 %% of the honest:%s\n", shares(all, of, honestQuantile(all, of, 0.95)))
	fmt.Printf("   all %.3f |", area(rows, m.score))
	for i := range m.weights {
		fmt.Printf(" %d:%.2f(%.2f)", i, area(rows, func(in []float64) float64 { return in[i] }), m.weights[i])
	}
	fmt.Println()
}

// together says what share is suspected by any trace of an alteration or a copy.
func together(all []measured, unseen []map[forensic.Trace]float64) {
	for _, measures := range unseen {
		forensic.Hold(measures)
	}
	of := func(i int) (most float64) {
		for trace, v := range unseen[i] {
			if trace != forensic.Monochrome { // a scan in grey is none
				most = max(most, v)
			}
		}
		return most
	}
	fmt.Printf("any trace:%s\n", shares(all, of, 0.5))
	fmt.Printf("   at 5 %% of the honest:%s\n", shares(all, of, honestQuantile(all, of, 0.95)))
}

// shares lists of each kind of picture how many of how many reach a measure.
func shares(all []measured, of func(i int) float64, least float64) string {
	type count struct{ reached, n int }
	counts := map[string]*count{}
	for i, s := range all {
		name := cmp.Or(string(s.Attack), "honest")
		if counts[name] == nil {
			counts[name] = &count{}
		}
		counts[name].n++
		if of(i) >= least {
			counts[name].reached++
		}
	}
	var line strings.Builder
	for _, name := range append([]string{"honest"}, kinds()...) {
		if c := counts[name]; c != nil {
			fmt.Fprintf(&line, "  %s %d/%d", name, c.reached, c.n)
		}
	}
	return line.String()
}

// honestQuantile is the measure that a share of the honest pictures does not exceed.
func honestQuantile(all []measured, of func(i int) float64, q float64) float64 {
	var honest []float64
	for i, s := range all {
		if s.Attack == "" {
			honest = append(honest, of(i))
		}
	}
	slices.Sort(honest)
	return math.Nextafter(honest[min(len(honest)-1, int(q*float64(len(honest))))], math.Inf(1))
}

func kinds() (names []string) {
	for _, k := range specimen.AttackKinds() {
		names = append(names, string(k))
	}
	return names
}

// area is that under the curve of detections over false alarms.
func area(rows []row, score func([]float64) float64) float64 {
	type scored struct {
		v      float64
		forged bool
	}
	list := make([]scored, len(rows))
	for i, r := range rows {
		list[i] = scored{score(r.inputs), r.forged}
	}
	slices.SortFunc(list, func(a, b scored) int {
		switch {
		case a.v < b.v:
			return -1
		case a.v > b.v:
			return 1
		}
		return 0
	})
	honest, sum, forged := 0.0, 0.0, 0.0
	for i := 0; i < len(list); {
		j, h, f := i, 0.0, 0.0
		for ; j < len(list) && list[j].v == list[i].v; j++ {
			if list[j].forged {
				f++
			} else {
				h++
			}
		}
		sum += f * (honest + h/2)
		honest, forged = honest+h, forged+f
		i = j
	}
	return sum / max(1, honest*forged)
}
