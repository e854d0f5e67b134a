package check

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"ekyc"
	"ekyc/internal/document/mrz"
)

// subject is the input as the rules look at it.
type subject struct {
	in    Input
	today time.Time // the UTC day of the verification
	needs needs
	zone  *zone // nil when there is no parsed machine readable zone
}

func newSubject(in Input) *subject {
	types := []ekyc.DocumentType{ekyc.Passport, ekyc.IDCard, ekyc.DriverLicense, ekyc.ResidencePermit, ekyc.OtherDocument}
	if !slices.Contains(types, in.Type) {
		in.Type = ""
	}
	s := &subject{in: in, today: day(in.At)}
	if in.MRZ != nil && len(in.MRZ.Lines) > 0 {
		// Parsed here and not by the caller, so that nothing but the lines themselves can prove a zone.
		if z, err := mrz.Parse(in.MRZ.Lines); err == nil {
			s.zone = newZone(z, in.At, printsPermanent(in.Fields))
		}
	}
	s.complete()
	s.needs = needsOf(s.in, s.zone.leavesExpiryOpen())
	return s
}

// complete takes type and issuer from the zone where nothing else tells them, as when bare lines are validated.
func (s *subject) complete() {
	if s.zone == nil {
		return
	}
	if s.in.Country == "" {
		s.in.Country = s.zone.Issuer
	}
	if types := typesOf(s.zone.DocumentCode); s.in.Type == "" && len(types) > 0 {
		s.in.Type = types[0]
		if s.visa() {
			s.in.Subtype = "visa"
		}
	}
}

// visa says that the zone is a visa's.
func (s *subject) visa() bool { return s.zone.Format == mrz.MRVA || s.zone.Format == mrz.MRVB }

// inDoubt says that a reading may be a reading fault: print read with little confidence, or a zone that its reader does not vouch for.
func (s *subject) inDoubt(f Field) bool {
	if f.Source == SourceMRZ && s.zone != nil {
		return s.zoneDoubted()
	}
	return f.Confidence < readingDoubted
}

// garbled says that a reading proves nothing: print in doubt, or a zone with a character that is sooner wrong than right and whose check digits do not
// hold either, as other print is that was taken for one.
func (s *subject) garbled(f Field) bool {
	const even = 0.5
	return s.inDoubt(f) && (f.Source != SourceMRZ || s.zone == nil || s.in.MRZ.Confidence < even && len(s.zone.refuted()) > 0)
}

// certain says that a reading is taken at its word.
func (s *subject) certain(f Field) bool {
	if f.Source == SourceMRZ {
		return s.zoneProven()
	}
	return f.Confidence >= readingTrusted
}

// vouched says that something beside the reader's confidence vouches for a reading: check digits with two readers, or error correction.
func (s *subject) vouched(f Field) bool {
	switch f.Source {
	case SourceMRZ:
		return s.zoneProven() && s.in.MRZ.Agreement == Agrees
	case SourceBarcode:
		return s.barcodeRead()
	}
	return false
}

// all gives the readings of a field, the one to be trusted most first: a proven zone, then the bar code, then print and
// what else there is by confidence. The zone's own lines replace fields that are only said to come from it.
func (s *subject) all(key Key) []Field {
	var list []Field
	if f, ok := s.zoneField(key); ok {
		list = append(list, f)
	}
	for _, f := range s.in.Fields[key] {
		if f.Value != "" && (f.Source != SourceMRZ || s.zone == nil) {
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b Field) int {
		if c := cmp.Compare(s.rank(a), s.rank(b)); c != 0 {
			return c
		}
		return cmp.Compare(b.Confidence, a.Confidence)
	})
	return list
}

func (s *subject) rank(f Field) int {
	switch {
	case f.Source == SourceMRZ && s.zoneProven():
		return 0
	case f.Source == SourceBarcode && s.barcodeRead():
		return 1
	case s.inDoubt(f):
		return 3
	default:
		return 2
	}
}

// reading gives the best reading of a field from one source.
func (s *subject) reading(key Key, source Source) (Field, bool) {
	for _, f := range s.all(key) {
		if f.Source == source {
			return f, true
		}
	}
	return Field{}, false
}

// has says whether any field was read from a source.
func (s *subject) has(source Source) bool {
	return slices.ContainsFunc(Keys(), func(key Key) bool {
		_, ok := s.reading(key, source)
		return ok
	})
}

// name gives the holder's name as one source has it.
func (s *subject) name(source Source) personName {
	value := func(key Key) string {
		f, _ := s.reading(key, source)
		return f.Value
	}
	return personName{Surname: value(Surname), Given: value(GivenNames), Full: value(FullName)}
}

// nameFields gives the readings that name is made of.
func (s *subject) nameFields(source Source) []Field {
	var list []Field
	for _, key := range []Key{Surname, GivenNames, FullName} {
		if f, ok := s.reading(key, source); ok {
			list = append(list, f)
		}
	}
	return list
}

// onSide gives the best reading of a field on one side of the document.
func (s *subject) onSide(key Key, side int) *Field {
	for _, f := range s.all(key) {
		if f.Side == side && !s.inDoubt(f) {
			return &f
		}
	}
	return nil
}

// sameOnSides compares two readings as leniently as their kind demands.
func (s *subject) sameOnSides(key Key, front, back Field) bool {
	switch key {
	case Surname:
		if front.Source != SourceVIZ {
			front, back = back, front
		}
		cut := back.Source == SourceMRZ && s.zone.NameTruncated
		r := compareNames(personName{Surname: front.Value}, personName{Surname: back.Value}, cut)
		return !r.Comparable || r.agrees() || r.close() || r.Partial || r.Unmarked || strange(front.Value) >= r.Distance || back.Source != SourceVIZ && printedIn(s.in.Text, s.name(back.Source), cut) ||
			s.unsure([]Field{front, back})
	case DocumentNumber:
		a, b := compact(front.Value), compact(back.Value)
		return lookAlike(a) == lookAlike(b) || s.embedded(a, back.Source) || s.embedded(b, front.Source)
	case Sex:
		return comparableValue(key, front.Value) == comparableValue(key, back.Value) || s.unsure([]Field{front, back})
	case DateOfBirth, DateOfIssue, DateOfExpiry:
		a, okA := parseDate(front.Value)
		b, okB := parseDate(back.Value)
		return !okA || !okB || a.agrees(b)
	}
	return comparableValue(key, front.Value) == comparableValue(key, back.Value)
}

// leastEmbedded is the shortest number that is taken for the same when it is found inside other data; shorter ones occur by chance.
const leastEmbedded = 6

// embedded says that a number is part of what a source holds as optional data or personal number.
func (s *subject) embedded(number string, source Source) bool {
	for _, key := range []Key{OptionalData, PersonalNumber} {
		f, ok := s.reading(key, source)
		if ok && len(number) >= leastEmbedded && strings.Contains(compact(f.Value), number) {
			return true
		}
	}
	return false
}

// isPersonal says that a number is the whole of what a source gives as personal number, or one of the words of its optional data, without doubt.
func (s *subject) isPersonal(number string, source Source) bool {
	for _, key := range []Key{OptionalData, PersonalNumber} {
		f, ok := s.reading(key, source)
		if !ok || s.inDoubt(f) || len(number) < leastEmbedded {
			continue
		}
		words := strings.FieldsFunc(f.Value, func(r rune) bool { return r == ' ' || r == mrz.Filler })
		if compact(f.Value) == number || slices.ContainsFunc(words, func(word string) bool { return compact(word) == number }) {
			return true
		}
	}
	return false
}
