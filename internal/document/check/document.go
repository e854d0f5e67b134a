package check

import (
	"slices"
	"strings"

	"ekyc"
)

// documentRules examine what the document is and whether the asking party takes it.
func documentRules() []rule {
	return []rule{
		{"document_type_known", ekyc.SeverityMajor, documentTypeKnown},
		{"country_known", ekyc.SeverityMajor, countryKnown},
		{"country_agrees", ekyc.SeverityMajor, countryAgrees},
		{"type_accepted", ekyc.SeverityMajor, typeAccepted},
		{"country_accepted", ekyc.SeverityMajor, countryAccepted},
		{"specimen_issuer", ekyc.SeverityMajor, specimenIssuer},
		{"specimen_words", ekyc.SeverityMajor, specimenWords},
		{"sides_belong_together", ekyc.SeverityMajor, sidesBelongTogether},
	}
}

func documentTypeKnown(s *subject) outcome {
	if s.in.Type == "" {
		return missing("the type of document was not determined")
	}
	return passed("the document is of type %s", s.in.Type).with("type", string(s.in.Type)).with("subtype", s.in.Subtype)
}

func countryKnown(s *subject) outcome {
	if s.in.Country == "" {
		return missing("the issuing country was not determined")
	}
	switch {
	case knownCode(s.in.Country):
	case s.in.Images && !(s.zoneProven() && s.in.MRZ.Agreement == Agrees):
		return missing("the issuer's code is neither in ISO 3166-1 nor in ICAO Doc 9303-3, and nothing vouches for its reading").
			with("country", s.in.Country)
	default:
		return failed("the issuer's code is neither in ISO 3166-1 nor in ICAO Doc 9303-3").with("country", s.in.Country)
	}
	return passed("the issuer is known").with("country", s.in.Country).with("iso", isoCountry(s.in.Country))
}

// countryAgrees compares the issuers that the zone, the bar code, print and the two sides name.
func countryAgrees(s *subject) outcome {
	named := map[string][]string{}
	add := func(where, code string) {
		if iso := isoCountry(code); iso != "" && !slices.Contains(named[iso], where) {
			named[iso] = append(named[iso], where)
		}
	}
	add("document", s.in.Country)
	for _, source := range []Source{SourceMRZ, SourceBarcode, SourceVIZ} {
		if f, ok := s.reading(IssuingCountry, source); ok && !s.inDoubt(f) { // one letter makes another country's code
			add(string(source), f.Value)
		}
	}
	if s.in.Front != nil {
		add("front", s.in.Front.Country)
	}
	if s.in.Back != nil {
		add("back", s.in.Back.Country)
	}
	places := 0
	for _, where := range named {
		places += len(where)
	}
	switch {
	case places < 2:
		return notExecuted("the issuing country was read in %s, and comparing needs 2", counted(places, "place"))
	case len(named) > 1:
		return failed("%d places on the document name %d different issuers", places, len(named)).with("named", named)
	}
	return passed("%d places on the document name the same issuer", places)
}

func typeAccepted(s *subject) outcome {
	switch accepted := s.in.Policy.AcceptedTypes; {
	case len(accepted) == 0:
		return notApplicable("every type of document is accepted")
	case s.in.Type == "":
		return missing("the type of document was not determined, and only %d types are accepted", len(accepted))
	case !slices.Contains(accepted, s.in.Type):
		return failed("a document of type %s is not among the %d accepted types", s.in.Type, len(accepted))
	}
	return passed("a document of type %s is accepted", s.in.Type)
}

func countryAccepted(s *subject) outcome {
	accepted := s.in.Policy.AcceptedCountries
	switch {
	case len(accepted) == 0:
		return notApplicable("documents of every country are accepted")
	case s.in.Country == "":
		return missing("the issuing country was not determined, and only %d countries are accepted", len(accepted))
	}
	iso := isoCountry(s.in.Country)
	same := func(code string) bool { return code == s.in.Country || iso != "" && isoCountry(code) == iso } // two unknown codes are not the same
	if !slices.ContainsFunc(accepted, same) {
		return failed("the issuing country is not among the %d accepted ones", len(accepted)).with("country", s.in.Country)
	}
	return passed("documents of the issuing country are accepted").with("country", s.in.Country)
}

// utopia is ICAO's code for the country of its specimens (Doc 9303-3 section 5).
const utopia = "UTO"

func specimenIssuer(s *subject) outcome {
	issuers := []string{s.in.Country}
	if f, ok := s.reading(IssuingCountry, SourceMRZ); ok {
		issuers = append(issuers, f.Value)
	}
	switch {
	case s.in.Country == "" && s.zone == nil:
		return notExecuted("the issuing country was not determined")
	case !slices.Contains(issuers, utopia):
		return passed("the issuer is not the country of specimens")
	case s.in.Policy.SpecimensAllowed:
		return warned("the issuer is ICAO's country of specimens, which the policy allows").with("country", utopia)
	}
	return failed("the issuer is ICAO's country of specimens: no state issues this document").with("country", utopia)
}

// specimenWords looks at words that are printed over specimens. A word that is in one of the holder's names does not count: Mustermann.
func specimenWords(s *subject) outcome {
	if !s.in.Images {
		return notExecuted("no image was given to look for specimen words")
	}
	names := strings.Fields(strings.ToUpper(s.name(SourceMRZ).whole() + " " + s.name(SourceVIZ).whole()))
	words := slices.DeleteFunc(slices.Clone(s.in.SpecimenWords), func(word string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, strings.ToUpper(word)) })
	})
	switch {
	case len(words) == 0:
		return passed("no specimen word is printed on the document")
	case s.in.Policy.SpecimensAllowed:
		return warned("%s on the document marks it as a specimen, which the policy allows", counted(len(words), "word")).with("words", words)
	}
	return failed("%s on the document marks it as a specimen", counted(len(words), "word")).with("words", words)
}

// sidesBelongTogether compares what front and back both tell.
func sidesBelongTogether(s *subject) outcome {
	if s.in.Front == nil || s.in.Back == nil {
		return notApplicable("one side of the document was given")
	}
	if a, b := s.in.Front.Types, s.in.Back.Types; len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(t ekyc.DocumentType) bool { return slices.Contains(b, t) }) {
		return failed("the front is a %s and the back is a %s", a[0], b[0])
	}
	if a, b := isoCountry(s.in.Front.Country), isoCountry(s.in.Back.Country); a != "" && b != "" && a != b {
		return failed("the two sides name different issuers").with("front", a).with("back", b)
	}
	var compared, differing []string
	for _, key := range []Key{DocumentNumber, DateOfBirth, DateOfExpiry, Sex, Surname} {
		front, back := s.onSide(key, SideFront), s.onSide(key, SideBack)
		if front == nil || back == nil {
			continue
		}
		compared = append(compared, string(key))
		if !s.sameOnSides(key, *front, *back) {
			differing = append(differing, string(key))
		}
	}
	switch {
	case len(compared) == 0:
		return notExecuted("the two sides share no field to compare")
	case len(differing) == 0:
		return passed("the two sides agree in %s", counted(len(compared), "field")).with("fields", compared)
	case len(differing) == 1 && len(compared) > 1:
		return warned("the two sides differ in 1 of %d fields", len(compared)).with("fields", differing)
	}
	return failed("the two sides differ in %d of %s", len(differing), counted(len(compared), "field")).with("fields", differing)
}
