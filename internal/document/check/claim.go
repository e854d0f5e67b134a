package check

import (
	"ekyc"
)

// claimRules compare the document with what the person says of himself.
func claimRules() []rule {
	return []rule{
		{"claimed_names", ekyc.SeverityMajor, claimedNames},
		{"claimed_birth_date", ekyc.SeverityMajor, claimedDate(DateOfBirth)},
		{"claimed_document_number", ekyc.SeverityMajor, claimedNumber},
		{"claimed_nationality", ekyc.SeverityMajor, claimedValue(Nationality)},
		{"claimed_sex", ekyc.SeverityMinor, claimedValue(Sex)},
	}
}

func claimedNames(s *subject) outcome {
	claimed := personName{s.in.Claimed[Surname], s.in.Claimed[GivenNames], s.in.Claimed[FullName]}
	if claimed.empty() {
		return notApplicable("no name was claimed")
	}
	for _, source := range []Source{SourceMRZ, SourceBarcode, SourceVIZ} {
		own := s.name(source)
		if own.empty() {
			continue
		}
		r := compareNames(claimed, own, source == SourceMRZ && s.zone != nil && s.zone.NameTruncated)
		if !r.Comparable {
			continue
		}
		return s.gradeNames(r, s.nameFields(source), nil).with("source", string(source)).
			with("document", own.whole()).with("claimed", claimed.whole())
	}
	return missing("no name that can be compared with the claimed one was read")
}

func claimedDate(key Key) func(*subject) outcome {
	return func(s *subject) outcome {
		value := s.in.Claimed[key]
		if value == "" {
			return notApplicable("%s was not claimed", key)
		}
		claimed, ok := parseDate(value)
		if !ok {
			return failed("the claimed %s is no valid date", key).with("claimed", value)
		}
		own, f, ok := s.day(key)
		switch {
		case !ok:
			return missing("%s was claimed and not read from the document", key)
		case own.agrees(claimed):
			return passed("%s is the claimed one", key)
		}
		return s.against([]Field{f}, "%s is not the claimed one", key).with("document", f.Value).with("claimed", value)
	}
}

// claimedNumber takes the personal number for the document's too: Spaniards know their card by the number of the DNI, which its zone has as optional data.
func claimedNumber(s *subject) outcome {
	number := compact(s.in.Claimed[DocumentNumber])
	for _, source := range []Source{SourceMRZ, SourceBarcode, SourceVIZ} {
		if s.isPersonal(number, source) {
			return passed("the claimed number is the personal number on the document").with("source", string(source))
		}
	}
	return claimedValue(DocumentNumber)(s)
}

func claimedValue(key Key) func(*subject) outcome {
	return func(s *subject) outcome {
		value := s.in.Claimed[key]
		if value == "" {
			return notApplicable("%s was not claimed", key)
		}
		readings := s.all(key)
		if len(readings) == 0 {
			return missing("%s was claimed and not read from the document", key)
		}
		f := readings[0]
		if comparableValue(key, f.Value) == comparableValue(key, value) {
			return passed("%s is the claimed one", key)
		}
		return s.against(readings[:1], "%s is not the claimed one", key).with("document", f.Value).with("claimed", value)
	}
}
