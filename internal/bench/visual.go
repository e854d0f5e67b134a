package bench

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"ekyc/internal/document"
)

// VisualResult is the reading of what documents print for people, from print alone: a field counts as exact when the print gives the value
// that is printed, whatever a machine readable zone or a bar code says. Wrong is the share of the values given that are not exact; what
// was not read is no value.
type VisualResult struct {
	All     Rate            `json:"all"`
	Wrong   Rate            `json:"wrong"`
	Fields  map[string]Rate `json:"fields"`
	Kinds   map[string]Rate `json:"kinds"`   // by kind of document
	Issuers map[string]Rate `json:"issuers"` // by issuer's code
}

// visualCount collects them.
type visualCount struct {
	all, wrong             tally
	fields, kinds, issuers map[string]*tally
}

func newVisualCount() *visualCount {
	return &visualCount{fields: map[string]*tally{}, kinds: map[string]*tally{}, issuers: map[string]*tally{}}
}

// labelKeys are the names of fields in the labels that differ from those of the API.
var labelKeys = map[string]document.Key{"birth_date": document.KeyDateOfBirth, "expiry_date": document.KeyDateOfExpiry, "issue_date": document.KeyDateOfIssue}

// printed gives the fields that a label says are printed for people. A label without a list of them, of a document without a machine
// readable zone, tells nothing but print.
func (l documentLabel) printed() map[document.Key]string {
	out := map[document.Key]string{}
	if l.Attack != "" {
		return out
	}
	for name, value := range l.Fields {
		key, renamed := labelKeys[name]
		if !renamed {
			key = document.Key(name)
		}
		text, isText := value.(string)
		listed := slices.Contains(l.Printed, string(key)) || l.Printed == nil && len(l.MRZ) == 0
		if isText && text != "" && listed && slices.Contains(document.Keys, key) {
			out[key] = text
		}
	}
	return out
}

// add compares the print of one document with its label; it gives the fields that are not exact.
func (c *visualCount) add(l documentLabel, r *document.Reading) []string {
	kind := l.Kind
	if kind == "" {
		kind = l.Type
	}
	var faults []string
	for key, want := range l.printed() {
		got, read := fromPrint(r.Readings[key])
		exact := read && samePrint(key, got, want)
		for _, t := range []*tally{&c.all, at(c.fields, string(key)), at(c.kinds, kind), at(c.issuers, l.Country)} {
			t.add(exact)
		}
		if read {
			c.wrong.add(!exact)
		}
		if !exact {
			faults = append(faults, string(key))
		}
	}
	slices.Sort(faults)
	return faults
}

// fromPrint is the surest value that print gives.
func fromPrint(readings []document.Field) (string, bool) {
	best, found := document.Field{}, false
	for _, f := range readings {
		if f.Source == document.FromVisual && (!found || f.Confidence > best.Confidence) {
			best, found = f, true
		}
	}
	return best.Value, found
}

// samePrint says whether a value is what is printed: letters with their marks, whatever their case; countries by code. Numbers,
// addresses and categories are compared without blanks and punctuation, names with their blanks.
func samePrint(key document.Key, got, want string) bool {
	switch key {
	case document.KeyNationality, document.KeyIssuingCountry:
		return sameCountry(want, got) || plainPrint(got) == plainPrint(want)
	case document.KeyDocumentNumber, document.KeyPersonalNumber, document.KeyAddress, document.KeyLicenceCategories:
		return strings.ReplaceAll(plainPrint(got), " ", "") == strings.ReplaceAll(plainPrint(want), " ", "")
	}
	return plainPrint(got) == plainPrint(want)
}

// plainPrint is a text in capitals, its words separated by single blanks, without punctuation.
func plainPrint(s string) string {
	words := strings.FieldsFunc(strings.ToUpper(norm.NFC.String(s)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return strings.Join(words, " ")
}

func at(tallies map[string]*tally, name string) *tally {
	if tallies[name] == nil {
		tallies[name] = &tally{}
	}
	return tallies[name]
}

func rates(tallies map[string]*tally) map[string]Rate {
	out := map[string]Rate{}
	for name, t := range tallies {
		out[name] = t.rate()
	}
	return out
}

func (c *visualCount) result() *VisualResult {
	if c.all.trials == 0 {
		return nil
	}
	return &VisualResult{All: c.all.rate(), Wrong: c.wrong.rate(), Fields: rates(c.fields), Kinds: rates(c.kinds), Issuers: rates(c.issuers)}
}

// rows are the lines of the table, in order.
func (v *VisualResult) rows() [][2]string {
	out := [][2]string{{"print exact", v.All.String()}, {"print given though wrong", v.Wrong.String()}}
	for _, group := range []struct {
		name  string
		rates map[string]Rate
	}{{"print field", v.Fields}, {"print kind", v.Kinds}, {"print issuer", v.Issuers}} {
		for _, name := range slices.Sorted(maps.Keys(group.rates)) {
			out = append(out, [2]string{group.name + " " + name, group.rates[name].String()})
		}
	}
	return out
}
