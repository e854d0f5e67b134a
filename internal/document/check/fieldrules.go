package check

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ekyc"
	"ekyc/internal/document/number"
)

// fieldRules examine single fields: presence, length, alphabet, format.
func fieldRules() []rule {
	return []rule{
		{"mandatory_fields", ekyc.SeverityMajor, mandatoryFields},
		{"field_lengths", ekyc.SeverityMajor, fieldLengths},
		{"field_alphabets", ekyc.SeverityMajor, fieldAlphabets},
		{"document_number_format", ekyc.SeverityMajor, documentNumberFormat},
		{"document_number_series", ekyc.SeverityMinor, documentNumberSeries},
		{"personal_number_check", ekyc.SeverityMajor, personalNumberCheck},
		{"sex_valid", ekyc.SeverityMinor, sexValid},
		{"nationality_known", ekyc.SeverityMinor, nationalityKnown},
		{"fields_match_mrz", ekyc.SeverityMajor, fieldsMatchMRZ},
	}
}

// mandatoryFields asks for the fields of the class and of the policy. A reading in doubt does not count as read.
func mandatoryFields(s *subject) outcome {
	wanted := slices.Clone(s.needs.fields)
	for _, key := range s.in.Policy.MandatoryFields {
		wanted = append(wanted, []Key{key})
	}
	var absent []string
	for _, alternatives := range wanted {
		if !slices.ContainsFunc(alternatives, s.known) {
			absent = append(absent, string(alternatives[0]))
		}
	}
	slices.Sort(absent)
	absent = slices.Compact(absent)
	if len(absent) > 0 {
		return missing("%d of %d mandatory fields were not read, or not surely: %s", len(absent), len(wanted), strings.Join(absent, ", ")).
			with("absent", absent)
	}
	return passed("all %d mandatory fields were read", len(wanted))
}

// known says that key was read without doubt.
func (s *subject) known(key Key) bool {
	return slices.ContainsFunc(s.all(key), func(f Field) bool { return !s.inDoubt(f) })
}

// longest is the greatest number of characters that a field can have: ICAO Doc 9303-5 for numbers (a TD1 number runs on into the
// optional data, 22 in all), AAMVA DL/ID 2020 table D.3 for names (40) and number (25), twice the line of print elsewhere.
func longest(key Key) int {
	switch key {
	case DocumentNumber:
		return 25
	case DateOfBirth, DateOfIssue, DateOfExpiry:
		return 10
	case Sex:
		return 1
	case Address:
		return 250
	case Surname, GivenNames:
		return 80
	default:
		return 160
	}
}

func fieldLengths(s *subject) outcome {
	return s.eachField("a length out of range", "all lengths are in range", func(key Key, f Field) bool {
		length := utf8.RuneCountInString(f.Value)
		return length > 0 && length <= longest(key)
	})
}

// fieldAlphabets looks for characters that a field cannot hold: control characters anywhere, digits in a name. The alphabet of the
// machine readable zone is mrz_alphabet's.
func fieldAlphabets(s *subject) outcome {
	return s.eachField("characters that cannot be there", "all characters are permitted", func(key Key, f Field) bool {
		return f.Source == SourceMRZ || alphabetHolds(key, f.Value)
	})
}

// eachField applies one demand to all readings. What print seems to break is a reading fault, so it makes a warning.
func (s *subject) eachField(fault, order string, holds func(Key, Field) bool) outcome {
	var wrong []string
	n, doubted := 0, true
	for _, key := range Keys() {
		for _, f := range s.all(key) {
			n++
			if holds(key, f) {
				continue
			}
			wrong = append(wrong, string(key))
			doubted = doubted && (s.inDoubt(f) || f.Source == SourceVIZ && s.in.Images)
		}
	}
	wrong = slices.Compact(wrong)
	switch {
	case n == 0:
		return notExecuted("no field was read")
	case len(wrong) == 0:
		return passed("%s, in %s", order, counted(n, "reading"))
	case doubted:
		return warned("%s with %s, which a reading fault explains: %s", counted(len(wrong), "field"), fault, strings.Join(wrong, ", ")).
			with("fields", wrong).retakable()
	}
	return failed("%s with %s: %s", counted(len(wrong), "field"), fault, strings.Join(wrong, ", ")).with("fields", wrong)
}

func alphabetHolds(key Key, value string) bool {
	name := key == Surname || key == GivenNames || key == FullName
	for _, r := range value {
		switch {
		case unicode.IsControl(r) && r != '\n', r == utf8.RuneError:
			return false
		case name && (unicode.IsDigit(r) || strings.ContainsRune("<>{}[]|\\_=+*#@$%&!?;:\"", r)):
			return false
		}
	}
	return true
}

// shortestNumber is the least number of letters and digits of a document number. Real series have five and more; three lets old
// visas and test series pass.
const shortestNumber = 3

func documentNumberFormat(s *subject) outcome {
	readings := s.all(DocumentNumber)
	if len(readings) == 0 {
		return notExecuted("no document number was read")
	}
	f := readings[0]
	printed := compact(f.Value)
	foreign := strings.IndexFunc(f.Value, func(r rune) bool {
		return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(" -./<", r))
	}) >= 0
	switch {
	case foreign:
		return s.against(readings[:1], "the document number holds characters other than letters and digits").with(string(DocumentNumber), f.Value)
	case len(printed) < shortestNumber || len(printed) > longest(DocumentNumber):
		return s.against(readings[:1], "the document number has %d characters, not %d to %d", len(printed), shortestNumber, longest(DocumentNumber)).
			with(string(DocumentNumber), f.Value)
	}
	return passed("the document number has %d letters and digits", len(printed))
}

func documentNumberSeries(s *subject) outcome {
	patterns := numberPatterns(isoCountry(s.in.Country), s.in.Type)
	if len(patterns) == 0 {
		return notApplicable("no number series of this issuer and type is on file")
	}
	readings := s.all(DocumentNumber)
	if len(readings) == 0 {
		return notExecuted("no document number was read")
	}
	printed := compact(readings[0].Value)
	if number.Any(patterns, printed) {
		return passed("the document number fits a series of its issuer, of %d on file", len(patterns))
	}
	return warned("the document number fits no series of its issuer, of %d on file", len(patterns)).with(string(DocumentNumber), printed)
}

// personalNumberCheck verifies the national check digit of the personal number, or of the zone's optional data where that holds one. One reading whose digit
// holds shows the number; another one that does not hold then speaks against the document only where it was proven better, or contradicts it surely: print
// is misread more often than altered. Two readings of one source are readings_agree's.
func personalNumberCheck(s *subject) outcome {
	good, bad := s.personalNumbers()
	switch {
	case good == nil && bad == nil:
		return notApplicable("no personal number with a known check digit was read")
	case good == nil, bad != nil && bad.Source != SourceVIZ && s.rank(*bad) < s.rank(*good):
		return s.against([]Field{*bad}, "the personal number's check digit does not hold").with(string(PersonalNumber), bad.Value)
	case bad != nil && s.certain(*bad):
		return s.differs(PersonalNumber, *good, *bad, editDistance(compact(good.Value), compact(bad.Value)))
	}
	return passed("the personal number's check digit holds").with("source", string(good.Source))
}

// personalNumbers gives the best readings of the personal number whose check digit holds and does not hold, nil where there is none. Optional data that does
// not hold is another number, and of a source whose digit holds in one place the other place was misread.
func (s *subject) personalNumbers() (good, bad *Field) {
	country := isoCountry(s.in.Country)
	holds := map[Source]bool{}
	var refuted []Field
	for _, key := range []Key{PersonalNumber, OptionalData} {
		for _, f := range s.all(key) { // the best first
			switch verdict := nationalNumber(country, compact(f.Value)); {
			case verdict == number.Holds:
				holds[f.Source] = true
				if good == nil || s.rank(f) < s.rank(*good) {
					good = &f
				}
			case verdict == number.Refuted && key == PersonalNumber:
				refuted = append(refuted, f)
			}
		}
	}
	if i := slices.IndexFunc(refuted, func(f Field) bool { return !holds[f.Source] }); i >= 0 {
		bad = &refuted[i]
	}
	return good, bad
}

func sexValid(s *subject) outcome {
	readings := s.all(Sex)
	if len(readings) == 0 {
		return notExecuted("the sex was not read")
	}
	for _, f := range readings {
		if !slices.Contains([]string{"M", "F", "X"}, f.Value) {
			return failed("the sex is none of M, F and X").with("sex", f.Value).with("source", string(f.Source))
		}
	}
	return passed("the sex is one of M, F and X in %s", counted(len(readings), "reading"))
}

func nationalityKnown(s *subject) outcome {
	readings := slices.DeleteFunc(s.all(Nationality), func(f Field) bool { return f.Source == SourceVIZ && !codeLike(f.Value) })
	if len(readings) == 0 {
		return notExecuted("no code of a nationality was read")
	}
	for _, f := range readings {
		if !knownCode(f.Value) {
			return failed("the nationality's code is neither in ISO 3166-1 nor in ICAO Doc 9303-3").
				with(string(Nationality), f.Value).with("source", string(f.Source))
		}
	}
	return passed("the nationality's code is known in %s", counted(len(readings), "reading"))
}

// codeLike tells a code of a country from its name or an adjective, as print also has them.
func codeLike(value string) bool {
	return len(value) <= len(utopia) && strings.ToUpper(value) == value
}

// fieldsMatchMRZ compares fields that are said to come from the zone with what its lines hold: an answer that was edited on its way
// back does not pass.
func fieldsMatchMRZ(s *subject) outcome {
	if s.zone == nil {
		return notApplicable("there are no lines of a machine readable zone to compare with")
	}
	var differing []string
	compared := 0
	for _, key := range Keys() {
		own, ok := s.zoneField(key)
		if !ok {
			continue
		}
		for _, f := range s.in.Fields[key] {
			if f.Source != SourceMRZ {
				continue
			}
			compared++
			if !sameAsLines(key, f.Value, own.Value) {
				differing = append(differing, string(key))
			}
		}
	}
	switch {
	case compared == 0:
		return notApplicable("no field was given as read from the machine readable zone")
	case len(differing) > 0:
		return failed("%d of %d fields are not what the lines of the machine readable zone hold: %s",
			len(differing), compared, strings.Join(differing, ", ")).with("fields", differing)
	}
	return passed("%s as the lines of the machine readable zone have it", counted(compared, "field"))
}

// sameAsLines compares a value with the lines' own. The lines have two digits of a year, so the century is not theirs to tell.
func sameAsLines(key Key, value, own string) bool {
	const century = 2
	switch key {
	case DateOfBirth, DateOfExpiry:
		return len(value) == len(own) && len(own) > century && value[century:] == own[century:]
	}
	return comparableValue(key, value) == comparableValue(key, own)
}

// comparableValue brings a value into the form in which readings of one field are compared.
func comparableValue(key Key, value string) string {
	switch key {
	case Nationality, IssuingCountry:
		if iso := isoCountry(value); iso != "" {
			return iso
		}
		return strings.ToUpper(strings.TrimRight(value, "<"))
	case DateOfBirth, DateOfIssue, DateOfExpiry:
		return value
	case Surname, GivenNames, FullName:
		return squeeze(value)
	default:
		return compact(value)
	}
}
