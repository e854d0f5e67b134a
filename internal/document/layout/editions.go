package layout

import (
	"slices"

	"ekyc"
)

const expiry = "date_of_expiry"

// LeavesZoneOpen says that a document of a country (ISO 3166-1 alpha-3) and type has no machine readable zone, or is not known to have one.
func (t *Table) LeavesZoneOpen(country string, kind ekyc.DocumentType) bool {
	return slices.ContainsFunc(t.Of(country, kind), func(l *Layout) bool { return l.MRZ == "" || l.MRZ == "none" })
}

// ShowsExpiry says that lines of print are of an edition that prints a date of expiry: they hold its caption, or two captions that no edition without one
// prints. A layout of the country and type that leaves the date out is such an edition.
func (t *Table) ShowsExpiry(country string, kind ekyc.DocumentType, lines []string) bool {
	var with, without []*Layout
	for _, l := range t.Of(country, kind) {
		if l.Has(expiry) {
			with = append(with, l)
		} else {
			without = append(without, l)
		}
	}
	return slices.ContainsFunc(with, func(l *Layout) bool {
		const leastOwn = 2
		own := map[string]bool{}
		for _, line := range lines {
			for _, s := range l.Segments(line) {
				own[s.Key] = own[s.Key] || s.Key == expiry || l.Has(s.Key) && !slices.ContainsFunc(without, func(other *Layout) bool { return other.prints(l.Fields[s.Key]) })
			}
		}
		delete(own, otherWord)
		n := 0
		for _, holds := range own {
			if holds {
				n++
			}
		}
		return own[expiry] || n >= leastOwn
	})
}

// prints says whether a layout has one of the captions of another's field, for whichever field.
func (l *Layout) prints(f *Field) bool {
	return slices.ContainsFunc(f.Captions, func(word string) bool {
		return slices.ContainsFunc(l.captions, func(c caption) bool { return string(c.text) == Fold(word) })
	})
}
