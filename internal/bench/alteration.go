package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/document/forensic"
)

// AlterationResult is what the checks of traces of forgery said, of genuine documents and of each kind of forgery that the labels name.
type AlterationResult struct {
	Genuine AlterationRates            `json:"genuine"` // its rates are false alarms
	Kinds   map[string]AlterationRates `json:"kinds,omitempty"`
	// Covered are the forgeries of fields that a machine readable zone or a bar code of the same document states, CoveredRead those of them where
	// both that and print gave the field, or where the digits of the zone tell.
	Covered     AlterationRates `json:"covered"`
	CoveredRead AlterationRates `json:"covered_read"`
	// Alarms are the rates of the single checks that raise a false alarm on genuine pictures, by their names.
	Alarms map[string]Rate `json:"alarms,omitempty"`
	// Traces are the rates of single traces, by trace and then by kind of forgery ("genuine" for none), at the measure of a suspicion.
	Traces map[string]map[string]Rate `json:"traces"`
}

// AlterationRates are the rates over one kind of picture.
type AlterationRates struct {
	Suspected    Rate `json:"suspected"`    // a check of traces of forgery warns or fails
	Found        Rate `json:"found"`        // one of them fails, which bars the document
	Contradicted Rate `json:"contradicted"` // a check of the zone, the bar code or the agreement of both with print fails or warns
	Noticed      Rate `json:"noticed"`      // any of these
}

// traceChecks are the checks of traces of forgery.
func traceCheck(name string) bool {
	return strings.HasPrefix(name, "alteration_") || strings.HasPrefix(name, "recapture_")
}

// contradictionCheck says whether a check compares what the document states twice.
func contradictionCheck(name string) bool {
	return strings.Contains(name, "_viz_") || strings.HasPrefix(name, "mrz_barcode_") || strings.HasPrefix(name, "mrz_check") || name == "readings_agree" || name == "sides_belong_together"
}

// covered are the fields that machine readable zones and bar codes state, by the names of the labels.
var covered = []string{"document_number", "surname", "date_of_birth", "date_of_expiry"}

// alterations counts over all pictures.
type alterations struct {
	kinds                map[string]*alterationTally
	alarms               map[string]*tally // of genuine pictures, by check
	covered, coveredRead alterationTally
	traces               map[string]map[string]*tally
}

type alterationTally struct{ suspected, found, contradicted, noticed tally }

func (t *alterationTally) add(suspected, found, contradicted bool) {
	t.suspected.add(suspected)
	t.found.add(found)
	t.contradicted.add(contradicted)
	t.noticed.add(suspected || contradicted)
}

func (t *alterationTally) rates() AlterationRates {
	return AlterationRates{Suspected: t.suspected.rate(), Found: t.found.rate(), Contradicted: t.contradicted.rate(), Noticed: t.noticed.rate()}
}

// genuine stands for no forgery.
const genuine = "genuine"

// twiceRead says whether print and a machine readable zone or a bar code both gave a field.
func twiceRead(r *document.Reading, key document.Key) bool {
	print, coded := false, false
	for _, f := range r.Readings[key] {
		print, coded = print || f.Source == document.FromVisual, coded || f.Source != document.FromVisual
	}
	return print && coded
}

// add counts one picture; a picture that could not be read tells nothing. It gives the names of the checks that raise a false alarm, or what was
// missed of a forgery that the document itself contradicts.
func (a *alterations) add(l documentLabel, r *document.Reading, verdict check.Result) (alarms []string, missed string) {
	if len(r.Sides) == 0 {
		return nil, ""
	}
	kind := l.Attack
	if kind == "" {
		kind = genuine
	}
	var suspected, found, contradicted bool
	for _, c := range verdict.Checks {
		raised := c.Status == ekyc.Warn || c.Status == ekyc.Fail
		switch {
		case traceCheck(c.Name) && raised:
			suspected, found = true, found || c.Status == ekyc.Fail
			alarms = append(alarms, c.Name)
		case contradictionCheck(c.Name) && raised:
			contradicted = true
		}
		if kind == genuine && (traceCheck(c.Name) || contradictionCheck(c.Name)) {
			if a.alarms[c.Name] == nil {
				a.alarms[c.Name] = &tally{}
			}
			a.alarms[c.Name].add(raised)
		}
	}
	if a.kinds[kind] == nil {
		a.kinds[kind] = &alterationTally{}
	}
	a.kinds[kind].add(suspected, found, contradicted)
	if slices.Contains(covered, l.AttackField) && (len(l.MRZ) > 0 || len(r.Barcodes) > 0) {
		a.covered.add(suspected, found, contradicted)
		read := twiceRead(r, document.Key(l.AttackField))
		if read {
			a.coveredRead.add(suspected, found, contradicted)
		}
		if !contradicted {
			missed = fmt.Sprintf("%s of %s not contradicted, read twice: %v", l.Attack, l.AttackField, read)
		}
	}
	for trace, v := range r.Traces {
		name := string(trace)
		if a.traces[name] == nil {
			a.traces[name] = map[string]*tally{}
		}
		if a.traces[name][kind] == nil {
			a.traces[name][kind] = &tally{}
		}
		a.traces[name][kind].add(v >= suspicion)
	}
	if kind != genuine {
		return nil, missed
	}
	return alarms, ""
}

// suspicion is the measure from which a check warns.
const suspicion = 0.5

func newAlterations() *alterations {
	return &alterations{kinds: map[string]*alterationTally{}, alarms: map[string]*tally{}, traces: map[string]map[string]*tally{}}
}

func (a *alterations) result() *AlterationResult {
	r := &AlterationResult{Covered: a.covered.rates(), CoveredRead: a.coveredRead.rates(), Kinds: map[string]AlterationRates{}, Traces: map[string]map[string]Rate{}}
	for kind, t := range a.kinds {
		if kind == genuine {
			r.Genuine = t.rates()
			continue
		}
		r.Kinds[kind] = t.rates()
	}
	for check, t := range a.alarms {
		if rate := t.rate(); rate.Value > 0 {
			if r.Alarms == nil {
				r.Alarms = map[string]Rate{}
			}
			r.Alarms[check] = rate
		}
	}
	for trace, kinds := range a.traces {
		r.Traces[trace] = map[string]Rate{}
		for kind, t := range kinds {
			r.Traces[trace][kind] = t.rate()
		}
	}
	return r
}

// print writes the tables of traces of forgery.
func (r *AlterationResult) print(w io.Writer) {
	fmt.Fprintln(w, "\nALTERATIONS\tSUSPECTED\tFOUND\tCONTRADICTED\tNOTICED")
	row := func(name string, a AlterationRates) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, a.Suspected, a.Found, a.Contradicted, a.Noticed)
	}
	row("genuine (false alarms)", r.Genuine)
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		row(kind, r.Kinds[kind])
	}
	if r.Covered.Noticed.N > 0 {
		row("fields under a zone or bar code", r.Covered)
		row("those that both gave", r.CoveredRead)
	}
	for _, check := range slices.Sorted(maps.Keys(r.Alarms)) {
		fmt.Fprintf(w, "false alarms of %s\t%s\n", check, r.Alarms[check])
	}
	for _, trace := range forensic.Traces() {
		kinds := r.Traces[string(trace)]
		var parts []string
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			if rate := kinds[kind]; rate.Value > 0 || kind == genuine {
				parts = append(parts, fmt.Sprintf("%s %.1f %%", kind, 100*rate.Value))
			}
		}
		if len(parts) > 0 {
			fmt.Fprintf(w, "trace %s\t%s\n", trace, strings.Join(parts, ", "))
		}
	}
}
