package check

import (
	"slices"
	"strings"
	"unicode/utf8"

	"ekyc"
	"ekyc/internal/document/mrz"
)

// zoneRules examine the machine readable zone by itself (ICAO Doc 9303-3 to -7).
func zoneRules() []rule {
	return []rule{
		{"mrz_present", ekyc.SeverityMajor, mrzPresent},
		{"mrz_format", ekyc.SeverityMajor, mrzFormat},
		{"mrz_line_length", ekyc.SeverityCritical, mrzLineLength},
		{"mrz_alphabet", ekyc.SeverityCritical, mrzAlphabet},
		{"mrz_checksum", ekyc.SeverityCritical, mrzChecksum},
		{"mrz_check_document_number", ekyc.SeverityCritical, mrzCheckDigit(mrz.FieldDocumentNumber)},
		{"mrz_check_birth_date", ekyc.SeverityCritical, mrzCheckDigit(mrz.FieldBirthDate)},
		{"mrz_check_expiry_date", ekyc.SeverityCritical, mrzCheckDigit(mrz.FieldExpiryDate)},
		{"mrz_check_optional", ekyc.SeverityCritical, mrzCheckDigit(mrz.FieldOptional1)},
		{"mrz_check_composite", ekyc.SeverityCritical, mrzCheckDigit(mrz.FieldComposite)},
		{"mrz_document_code", ekyc.SeverityMajor, mrzDocumentCode},
		{"mrz_issuer_known", ekyc.SeverityMajor, mrzIssuerKnown},
		{"mrz_nationality_known", ekyc.SeverityMajor, mrzNationalityKnown},
		{"mrz_sex_valid", ekyc.SeverityMinor, mrzSexValid},
		{"mrz_names_present", ekyc.SeverityMajor, mrzNamesPresent},
		{"mrz_name_truncated", ekyc.SeverityInfo, mrzNameTruncated},
		{"mrz_reader_agreement", ekyc.SeverityMajor, mrzReaderAgreement},
	}
}

// ofZone runs a rule on the zone where there is one.
func ofZone(s *subject, run func(*zone) outcome) outcome {
	if s.zone == nil {
		return notApplicable("no machine readable zone was read")
	}
	return run(s.zone)
}

func mrzPresent(s *subject) outcome {
	m := s.in.MRZ
	switch {
	case s.zone != nil && len(s.zone.Lost) > 0:
		return missing("%d of %d lines of the machine readable zone could not be read", len(s.zone.Lost), len(s.zone.Lines)).
			with("format", string(s.zone.Format)).with("lost_lines", s.zone.lostLines())
	case s.zone != nil:
		return passed("a machine readable zone of %d lines was read", len(s.zone.Lines)).with("format", string(s.zone.Format))
	case m != nil && m.Given && len(m.Lines) > 0:
		return passed("%d lines of a machine readable zone were given", len(m.Lines))
	case m != nil && (m.Seen || len(m.Lines) > 0):
		return missing("a machine readable zone is on the document and could not be read")
	case s.needs.zone == needRequired && m == nil:
		return missing("this class of documents carries a machine readable zone, and none was looked for")
	case s.needs.zone == needRequired && s.in.Images && (s.in.Front == nil || s.in.Back == nil):
		return missing("this class of documents carries a machine readable zone, and none was found on the side that was given")
	case s.needs.zone == needRequired:
		return missing("this class of documents carries a machine readable zone, and none was found")
	}
	return notApplicable("this document need not carry a machine readable zone")
}

// rawLines gives lines that fit no format, nil when there are none or a zone was parsed.
func (s *subject) rawLines() []string {
	if s.zone != nil || s.in.MRZ == nil {
		return nil
	}
	return s.in.MRZ.Lines
}

// faulty is a departure of the zone from its rules: a failure, or needed evidence that is missing while the reading is in doubt. Lines
// that were read from an image and fit no format are always in doubt.
func (s *subject) faulty(format string, args ...any) outcome {
	if s.zoneDoubted() || s.zone == nil && !s.in.MRZ.Given {
		return missing(format+"; the reading is in doubt", args...)
	}
	return failed(format, args...)
}

// faultyUncovered is a departure in characters that no check digit covers: only a second reader, or lines that were given, vouch for them.
func (s *subject) faultyUncovered(format string, args ...any) outcome {
	if s.in.MRZ.Given || s.in.MRZ.Agreement == Agrees {
		return s.faulty(format, args...)
	}
	return missing(format+"; no second reader vouches for the reading", args...)
}

// unread is the outcome of a rule about a field whose line was lost.
func (z *zone) unread() outcome {
	return missing("the line of the zone that has it could not be read").with("lost_lines", z.lostLines())
}

// lostLines numbers the lost lines from 1.
func (z *zone) lostLines() []int {
	numbers := make([]int, len(z.Lost))
	for i, line := range z.Lost {
		numbers[i] = line + 1
	}
	return numbers
}

func mrzFormat(s *subject) outcome {
	if lines := s.rawLines(); len(lines) > 0 {
		return s.faulty("%d lines fit no format of machine readable zone", len(lines))
	}
	return ofZone(s, func(z *zone) outcome {
		if len(s.needs.formats) > 0 && !slices.Contains(s.needs.formats, z.Format) {
			return s.faulty("a zone of format %s is none of those of this class of documents: %s", z.Format, formatNames(s.needs.formats)).
				with("format", string(z.Format))
		}
		return passed("the zone has format %s", z.Format).with("format", string(z.Format))
	})
}

func mrzLineLength(s *subject) outcome {
	lines := s.rawLines()
	if s.zone != nil {
		lines = s.zone.Lines
	}
	if len(lines) == 0 {
		return notApplicable("no machine readable zone was read")
	}
	lengths := make([]int, len(lines))
	for i, line := range lines {
		lengths[i] = utf8.RuneCountInString(line)
	}
	switch {
	case s.zone != nil && len(s.zone.Lost) > 0:
		return s.zone.unread().with("lengths", lengths)
	case !soundLengths(lengths):
		return s.faulty("%d lines of %d to %d characters; a zone has 2 of 44, 2 of 36 or 3 of 30, a licence's 1 of 30",
			len(lines), slices.Min(lengths), slices.Max(lengths)).with("lengths", lengths)
	}
	return passed("%s of %d characters", counted(len(lines), "line"), slices.Max(lengths)).with("lengths", lengths)
}

// soundLengths says that lines of these lengths make a zone of some format.
func soundLengths(lengths []int) bool {
	return slices.ContainsFunc(mrz.Formats(), func(format mrz.Format) bool {
		layout := mrz.LayoutOf(format)
		return len(lengths) == layout.Lines && slices.Max(lengths) == layout.Width && lengths[0] == layout.LineWidth(0) && slices.Min(lengths[max(0, len(lengths)-2):]) == layout.Width
	})
}

func mrzAlphabet(s *subject) outcome {
	lines := s.rawLines()
	if s.zone != nil {
		lines = s.zone.Lines
	}
	if len(lines) == 0 {
		return notApplicable("no machine readable zone was read")
	}
	if n := foreignCharacters(lines); n > 0 {
		return s.faulty("%d characters are outside of A to Z, 0 to 9 and <", n).with("characters", n)
	}
	if s.zone != nil {
		if fields := s.zone.misplaced(); len(fields) > 0 {
			return s.faulty("%d fields hold characters that their places do not permit: %s", len(fields), strings.Join(fields, ", ")).
				with("fields", fields)
		}
	}
	return passed("every character is one that its place permits")
}

func mrzChecksum(s *subject) outcome {
	return ofZone(s, func(z *zone) outcome {
		held, refuted := len(z.held()), len(z.refuted())
		var o outcome
		switch {
		case z.Format == mrz.CHEDL:
			return notApplicable("format %s has no check digits", z.Format)
		case len(z.Lost) > 0:
			o = missing("%d of %d check digits that could be read hold; a line of the zone was lost", held, held+refuted).with("lost_lines", z.lostLines())
		case refuted > 0 && s.zoneDoubted():
			o = missing("%d of %d check digits do not hold, and the reading is in doubt", refuted, held+refuted)
		case refuted > 0:
			o = failed("%d of %d check digits do not hold", refuted, held+refuted)
		case held == 0:
			o = missing("the zone shows no check digit")
		case s.zoneDoubted():
			o = missing("all %d check digits hold, but the reading of what they cover is in doubt", held)
		case !s.zoneProven():
			o = failed("all %d check digits hold, but the structure of the zone is wrong", held).with("faults", z.Faults)
		default:
			o = passed("all %d check digits hold", held)
		}
		return o.with("held", z.held()).with("refuted", z.refuted())
	})
}

// mrzCheckDigit makes the check of one digit. A digit that does not hold proves a forgery only when two readers read the same.
func mrzCheckDigit(name mrz.Field) func(*subject) outcome {
	return func(s *subject) outcome {
		return ofZone(s, func(z *zone) outcome {
			c, ok := z.Check(name)
			switch {
			case !ok && mrz.LayoutOf(z.Format).HasCheck(name):
				return z.unread()
			case !ok:
				return notApplicable("format %s has no such check digit", z.Format)
			case c.Holds && c.Read == string(mrz.Filler):
				return notApplicable("the field is empty and needs no check digit")
			case c.Holds:
				return passed("check digit %s holds", c.Read).with("expected", c.Expected).with("read", c.Read).
					with("blind_spots", z.blindSpots(c.Covers)).with("exchanges", z.exchanges(name))
			}
			var o outcome
			switch {
			case s.zoneDoubted():
				o = warned("check digit %s is read where %s is expected; the reading is in doubt", c.Read, c.Expected).retakable()
			case s.in.MRZ.Given:
				o = failed("check digit %s stands where %s is expected", c.Read, c.Expected)
			case s.in.MRZ.Agreement == Agrees:
				o = failed("check digit %s is read by two readers where %s is expected", c.Read, c.Expected)
				o.proven = true
			default:
				o = failed("check digit %s is read where %s is expected, by one reader", c.Read, c.Expected).at(ekyc.SeverityMajor)
			}
			return o.with("expected", c.Expected).with("read", c.Read)
		})
	}
}

// typesOf gives the types of document that a zone's document code stands for, the likeliest first (Doc 9303-4 to -7: P passports, V
// visas, A, C and I other official documents; the French and Swiss driving licences of ISO 18013 have D1 and FA).
func typesOf(code string) []ekyc.DocumentType {
	switch {
	case strings.HasPrefix(code, "P"):
		return []ekyc.DocumentType{ekyc.Passport}
	case strings.HasPrefix(code, "V"):
		return []ekyc.DocumentType{ekyc.OtherDocument}
	case strings.HasPrefix(code, "D"), code == "FA":
		return []ekyc.DocumentType{ekyc.DriverLicense}
	case code != "" && strings.Contains("ACI", code[:1]):
		return []ekyc.DocumentType{ekyc.IDCard, ekyc.ResidencePermit, ekyc.OtherDocument}
	}
	return nil
}

func mrzDocumentCode(s *subject) outcome {
	return ofZone(s, func(z *zone) outcome {
		types := typesOf(z.DocumentCode)
		switch {
		case z.Misses(mrz.FieldDocumentCode):
			return z.unread()
		case len(types) == 0:
			return s.faultyUncovered("the document code is none that ICAO Doc 9303 knows").with("code", z.DocumentCode)
		case s.visa() != strings.HasPrefix(z.DocumentCode, "V"):
			return s.faultyUncovered("the document code and format %s do not go together", z.Format).with("code", z.DocumentCode)
		case s.in.Type != "" && !slices.Contains(types, s.in.Type):
			return s.faultyUncovered("the document code is not one of a document of type %s", s.in.Type).with("code", z.DocumentCode)
		}
		return passed("the document code goes with the type of document").with("code", z.DocumentCode)
	})
}

func mrzIssuerKnown(s *subject) outcome {
	return ofZone(s, func(z *zone) outcome {
		if z.Misses(mrz.FieldIssuer) {
			return z.unread()
		}
		if !knownCode(z.Issuer) {
			return s.faultyUncovered("the zone's issuer is neither in ISO 3166-1 nor in ICAO Doc 9303-3").with("issuer", z.Issuer)
		}
		return passed("the zone's issuer is known").with("issuer", z.Issuer).with("iso", isoCountry(z.Issuer))
	})
}

func mrzNationalityKnown(s *subject) outcome {
	return ofZone(s, func(z *zone) outcome {
		switch {
		case !z.has(mrz.FieldNationality):
			return notApplicable("format %s gives no nationality", z.Format)
		case z.Misses(mrz.FieldNationality):
			return z.unread()
		case z.Nationality == "":
			return warned("the zone leaves the nationality open")
		case !knownCode(z.Nationality):
			return s.faultyUncovered("the zone's nationality is neither in ISO 3166-1 nor in ICAO Doc 9303-3").with("nationality", z.Nationality)
		}
		return passed("the zone's nationality is known").with("nationality", z.Nationality)
	})
}

func mrzSexValid(s *subject) outcome {
	return ofZone(s, func(z *zone) outcome {
		switch {
		case !z.has(mrz.FieldSex):
			return notApplicable("format %s does not give the sex", z.Format)
		case z.Misses(mrz.FieldSex):
			return z.unread()
		case z.Sex == "":
			return failed("the zone's sex is none of M, F, X and <").retakable()
		}
		return passed("the zone's sex is one of M, F, X and <").with("sex", z.Sex)
	})
}

func mrzNamesPresent(s *subject) outcome {
	return ofZone(s, func(z *zone) outcome {
		name := s.name(SourceMRZ)
		whole := z.has(mrz.FieldNames) || z.has(mrz.FieldGivenNames)
		switch {
		case !whole && !z.has(mrz.FieldSurname):
			return notApplicable("format %s gives no name", z.Format)
		case z.Misses(mrz.FieldNames), z.Misses(mrz.FieldSurname):
			return z.unread()
		case squeeze(name.whole()) == "":
			return s.faulty("the zone holds no name")
		case whole && (name.Surname == "" || name.Given == ""):
			return warned("the zone holds one part of the name only")
		}
		return passed("the zone holds a name of %d letters", name.letters())
	})
}

func mrzNameTruncated(s *subject) outcome {
	return ofZone(s, func(z *zone) outcome {
		if z.Misses(mrz.FieldNames) || z.Misses(mrz.FieldSurname) {
			return notApplicable("the line of the names could not be read")
		}
		if z.NameTruncated {
			return warned("the name fills its field and may be cut off").at(ekyc.SeverityInfo)
		}
		return passed("the name does not fill its field")
	})
}

func mrzReaderAgreement(s *subject) outcome {
	return ofZone(s, func(*zone) outcome {
		switch {
		case s.in.MRZ.Given:
			return notApplicable("the lines were given as text")
		case s.in.MRZ.Agreement == Agrees:
			return passed("a second reader reads the same")
		case s.in.MRZ.Agreement == Differs:
			return missing("a second reader reads something else")
		case s.in.MRZ.Agreement == Outweighed:
			return warned("a second, weaker reader reads something else; the first is sure of what it read").at(ekyc.SeverityMinor)
		}
		return notExecuted("no second reader was asked")
	})
}

func formatNames(formats []mrz.Format) string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}
