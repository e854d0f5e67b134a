package check

import (
	"slices"
	"strings"

	"ekyc"
	"ekyc/internal/document/layout"
)

// comparisonRules compare what the machine readable zone says with what is printed for people.
func comparisonRules() []rule {
	return []rule{
		{"mrz_viz_document_number", ekyc.SeverityMajor, compareNumbers(SourceMRZ, SourceVIZ)},
		{"mrz_viz_names", ekyc.SeverityMajor, compareNamesOf(SourceMRZ, SourceVIZ)},
		{"mrz_viz_birth_date", ekyc.SeverityMajor, compareDates(DateOfBirth, SourceMRZ, SourceVIZ)},
		{"mrz_viz_expiry_date", ekyc.SeverityMajor, compareDates(DateOfExpiry, SourceMRZ, SourceVIZ)},
		{"mrz_viz_sex", ekyc.SeverityMajor, compareCodes(Sex, SourceMRZ, SourceVIZ)},
		{"mrz_viz_nationality", ekyc.SeverityMajor, compareCodes(Nationality, SourceMRZ, SourceVIZ)},
		{"barcode_viz_document_number", ekyc.SeverityMajor, compareNumbers(SourceBarcode, SourceVIZ)},
		{"barcode_viz_names", ekyc.SeverityMajor, compareNamesOf(SourceBarcode, SourceVIZ)},
		{"barcode_viz_birth_date", ekyc.SeverityMajor, compareDates(DateOfBirth, SourceBarcode, SourceVIZ)},
		{"barcode_viz_expiry_date", ekyc.SeverityMajor, compareDates(DateOfExpiry, SourceBarcode, SourceVIZ)},
		{"barcode_viz_sex", ekyc.SeverityMajor, compareCodes(Sex, SourceBarcode, SourceVIZ)},
		{"mrz_barcode_document_number", ekyc.SeverityMajor, compareNumbers(SourceMRZ, SourceBarcode)},
		{"mrz_barcode_birth_date", ekyc.SeverityMajor, compareDates(DateOfBirth, SourceMRZ, SourceBarcode)},
		{"readings_agree", ekyc.SeverityMinor, readingsAgree},
	}
}

// both gives the readings of key from two sources, or says why they cannot be compared.
func (s *subject) both(key Key, a, b Source) (x, y Field, why outcome, ok bool) {
	x, okX := s.reading(key, a)
	y, okY := s.reading(key, b)
	switch {
	case !s.has(a):
		return x, y, notApplicable("the document's %s was not read or it has none", sourceName(a)), false
	case b == SourceBarcode && !s.has(b) && s.needs.barcode == needNone:
		return x, y, notApplicable("this class of documents needs no bar code, and none was read"), false
	case !s.has(b):
		return x, y, notExecuted("no field was read from the %s", sourceName(b)), false
	case !okX:
		return x, y, notApplicable("the %s does not give %s", sourceName(a), key), false
	case !okY:
		return x, y, notExecuted("%s was not read from the %s", key, sourceName(b)), false
	}
	return x, y, outcome{}, true
}

func sourceName(s Source) string {
	switch s {
	case SourceMRZ:
		return "machine readable zone"
	case SourceBarcode:
		return "bar code"
	default:
		return "printed fields"
	}
}

// differs grades a contradiction of two readings of one field: none while a reading proves nothing, a warning while a zone is in
// doubt, a critical failure when both are beyond doubt and differ in more than one character, a failure else.
func (s *subject) differs(key Key, x, y Field, places int) outcome {
	var o outcome
	switch {
	case s.garbled(x) || s.garbled(y):
		o = notExecuted("%s differs between %s and %s in %d characters, and a reading is in doubt",
			key, sourceName(x.Source), sourceName(y.Source), places)
	case s.inDoubt(x) || s.inDoubt(y):
		o = warned("%s differs between %s and %s in %d characters; a reading is in doubt",
			key, sourceName(x.Source), sourceName(y.Source), places).retakable()
	case places > 1 && s.certain(x) && s.certain(y):
		o = failed("%s differs between %s and %s in %d characters, both read with certainty",
			key, sourceName(x.Source), sourceName(y.Source), places).at(ekyc.SeverityCritical)
		// Check digits vouch for one and error correction for the other: neither can have been misread.
		o.proven = s.vouched(x) && s.vouched(y)
	default:
		o = failed("%s differs between %s and %s in %d characters", key, sourceName(x.Source), sourceName(y.Source), places)
	}
	return o.with(string(x.Source), x.Value).with(string(y.Source), y.Value).with("characters", places)
}

func agree(key Key, x, y Field) outcome {
	return passed("%s is the same in %s and %s", key, sourceName(x.Source), sourceName(y.Source)).
		with(string(x.Source), x.Value).with(string(y.Source), y.Value)
}

// compareDates compares a date; one that leaves open the day or the month does not contradict one that gives them.
func compareDates(key Key, a, b Source) func(*subject) outcome {
	return func(s *subject) outcome {
		x, y, why, ok := s.both(key, a, b)
		if !ok {
			return why
		}
		d, okX := parseDate(x.Value)
		e, okY := parseDate(y.Value)
		if !okX || !okY {
			return notExecuted("%s is not a valid date in both sources", key)
		}
		switch {
		case d == e:
			return agree(key, x, y)
		case d.agrees(e):
			return warned("%s is known to the day in one of %s and %s only", key, sourceName(a), sourceName(b))
		}
		return s.differs(key, x, y, editDistance(x.Value, y.Value))
	}
}

// compareCodes compares sex or a country.
func compareCodes(key Key, a, b Source) func(*subject) outcome {
	return func(s *subject) outcome {
		x, y, why, ok := s.both(key, a, b)
		if !ok {
			return why
		}
		switch {
		case comparableValue(key, x.Value) == comparableValue(key, y.Value):
			return agree(key, x, y)
		case key == Sex && (s.unsure([]Field{x}) || s.unsure([]Field{y})):
			return notExecuted("the sex differs between %s and %s, and a reading is in doubt", sourceName(a), sourceName(b))
		case key == Sex && (x.Value == "X" || y.Value == "X"):
			return warned("the sex is given in one source and left open in the other")
		case key == Nationality && !codeLike(y.Value):
			return notExecuted("the nationality is printed in words")
		case key == Nationality && (!knownCode(x.Value) || !knownCode(y.Value)):
			return warned("the nationality's code is unknown in one source").with(string(x.Source), x.Value).with(string(y.Source), y.Value)
		}
		return s.differs(key, x, y, editDistance(x.Value, y.Value))
	}
}

// compareNumbers compares document numbers, knowing that some cards print as their number what the zone holds as optional data
// (Spain's DNI), that the zone of a visa may hold the passport's number (ICAO Doc 9303-7), and that a letter and a digit of the same look are one of
// the commonest reading faults.
func compareNumbers(a, b Source) func(*subject) outcome {
	return func(s *subject) outcome {
		x, y, why, ok := s.both(DocumentNumber, a, b)
		if !ok {
			return why
		}
		m, n := compact(x.Value), compact(y.Value)
		if m == n {
			return agree(DocumentNumber, x, y)
		}
		if s.embedded(m, b) || s.embedded(n, a) {
			return passed("the document number of one source is part of the other's optional data")
		}
		if a == SourceMRZ && s.zone != nil && s.visa() && numberIn(s.in.Text, m) {
			return passed("the zone of a visa holds the passport's number, which stands in print beside the visa's")
		}
		if lookAlike(m) == lookAlike(n) && !s.certain(y) {
			return notExecuted("the document numbers of %s and %s differ in characters of the same look only, and print is not read with certainty",
				sourceName(a), sourceName(b))
		}
		if lookAlike(m) == lookAlike(n) {
			return warned("the document numbers of %s and %s differ in characters of the same look only", sourceName(a), sourceName(b)).
				with(string(a), x.Value).with(string(b), y.Value)
		}
		return s.differs(DocumentNumber, x, y, editDistance(m, n))
	}
}

// numberIn says that a number stands as a word of its own in a line of print.
func numberIn(lines []string, number string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		return slices.ContainsFunc(strings.Fields(line), func(word string) bool { return compact(word) == number })
	})
}

// lookAlike maps letters to the digits that they are mistaken for.
func lookAlike(s string) string {
	return strings.NewReplacer("O", "0", "Q", "0", "D", "0", "I", "1", "L", "1", "Z", "2", "S", "5", "G", "6", "B", "8").Replace(s)
}

// compareNamesOf compares the holder's names, with transliteration and truncation.
func compareNamesOf(a, b Source) func(*subject) outcome {
	return func(s *subject) outcome {
		coded, printed := s.name(a), s.name(b)
		switch {
		case !s.has(a):
			return notApplicable("the document's %s was not read or it has none", sourceName(a))
		case coded.empty():
			return notApplicable("the %s gives no name", sourceName(a))
		case printed.empty():
			return notExecuted("no name was read from the %s", sourceName(b))
		}
		truncated := a == SourceMRZ && s.zone != nil && s.zone.NameTruncated
		r := compareNames(printed, coded, truncated)
		o := s.gradeNames(r, s.nameFields(a), s.nameFields(b))
		switch raised := o.status == ekyc.Fail || o.status == ekyc.Warn; {
		case !raised:
		case strings.ContainsAny(coded.whole(), digits):
			o = notExecuted("the %s writes names in a code of its issuer's own", sourceName(a))
		case b == SourceVIZ && printedIn(s.in.Text, coded, truncated):
			o = passed("other words were taken for the printed names, but the names of the %s stand in print letter by letter", sourceName(a))
		case r.Less:
			o = passed("the words of the name that were read from the %s agree", sourceName(b))
		case r.Unmarked:
			o = passed("the names agree but for marks of letters")
		case s.unsure(s.nameFields(a)) || s.unsure(s.nameFields(b)) || strange(printed.whole()) >= r.Distance:
			o = notExecuted("the names differ in %d of %d letters, and a reading is in doubt", r.Distance, r.Letters)
		}
		return o.with(string(a), coded.whole()).with(string(b), printed.whole())
	}
}

// digits are in no name that follows ICAO Doc 9303; Russia's internal passport has them in place of letters that Latin lacks.
const digits = "0123456789"

// unsure says whether one of the readings of a name or of the sex is not sure enough to contradict another source: a name can be any letters, and
// the sex is one.
func (s *subject) unsure(readings []Field) bool {
	return slices.ContainsFunc(readings, func(f Field) bool {
		return s.inDoubt(f) || f.Source == SourceVIZ && f.Confidence < lettersSure
	})
}

// gradeNames turns a relation of names into an outcome.
func (s *subject) gradeNames(r nameRelation, coded, printed []Field) outcome {
	doubted := slices.ContainsFunc(slices.Concat(coded, printed), s.inDoubt)
	var o outcome
	switch {
	case !r.Comparable:
		return notExecuted("the printed names are in a script that is not compared")
	case r.agrees() && r.Truncated:
		o = passed("the names agree as far as the coded ones reach; they may be cut off")
	case r.agrees():
		o = passed("the names agree in all %d letters", r.Letters)
	case r.Partial:
		o = warned("the names agree in the words that both sources give; one leaves out words")
	case r.close():
		o = warned("the names differ in %d of %d letters, no more than a reading fault", r.Distance, r.Letters).retakable()
	case doubted:
		o = warned("the names differ in %d of %d letters; a reading is in doubt", r.Distance, r.Letters).retakable()
	default:
		o = failed("the names differ in %d of %d letters", r.Distance, r.Letters)
	}
	return o.with("letters", r.Letters).with("distance", r.Distance)
}

// readingsAgree tells of conflicts within one source: two places that print one field differently.
func readingsAgree(s *subject) outcome {
	var conflicts []string
	pairs := 0
	for _, key := range Keys() {
		values := map[Source][]string{}
		for _, f := range s.all(key) {
			if key == Surname || key == GivenNames || key == FullName || key == Address || s.inDoubt(f) {
				continue
			}
			values[f.Source] = append(values[f.Source], comparableValue(key, f.Value))
		}
		for _, list := range values {
			slices.Sort(list)
			pairs += len(list) / 2
			if len(slices.Compact(list)) > 1 && !slices.Contains(conflicts, string(key)) {
				conflicts = append(conflicts, string(key))
			}
		}
	}
	switch {
	case len(conflicts) > 0:
		return warned("%d fields are given twice by one source, with different values: %s", len(conflicts), strings.Join(conflicts, ", ")).
			with("fields", conflicts)
	case pairs == 0:
		return notApplicable("no source gives a field twice")
	}
	return passed("fields that a source gives twice agree")
}

// longestValue is the number of bytes to which values are compared for their distance; longer ones fail field_lengths.
const longestValue = 64

// editDistance is that over bytes; the values compared are codes, dates and numbers in ASCII.
func editDistance(a, b string) int {
	return layout.Distance([]byte(a[:min(len(a), longestValue)]), []byte(b[:min(len(b), longestValue)]), longestValue)
}
