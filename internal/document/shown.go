package document

import (
	"slices"

	"ekyc"
	"ekyc/internal/document/layout"
	"ekyc/internal/document/mrz"
)

// Shown is what one side alone shows of its kind and issuer, so that two sides can be compared. It says less than Detected, which takes the likeliest:
// Types are all kinds that the side can be of, none where it does not tell; Country is as ICAO prints it, empty where it does not tell.
type Shown struct {
	Types   []ekyc.DocumentType
	Country string
}

// show fills in what each of two sides shows by itself. Only what hardly goes wrong counts: a sound zone, a licence's bar code, a known document whose
// words decide, and the title at the head of a front. A country's name alone may be a place of birth or a nationality, and a title on a back the
// name of another document.
func (out *Reading) show(sides []*side) {
	if len(sides) < 2 {
		return
	}
	for i, s := range sides {
		var e signs
		e.zone(s, out.MRZ)
		for _, b := range s.codes {
			e.barcode(b)
		}
		e.layouts(recognise(sides[i:i+1]), s.headed())
		e.title(s)
		out.Sides[i].Shown = e.shown()
	}
}

// signs collects what one side shows.
type signs struct {
	types     [][]ekyc.DocumentType // by piece of evidence, those that it permits
	countries []string
}

// zone adds the machine readable zone. judged is the reading's zone, whose characters two readers have seen.
func (e *signs) zone(s *side, judged *MRZ) {
	if s.zone == nil || s.zone.reading.Zone == nil || s.zone.reading.Weak || !s.zone.reading.Zone.Valid() {
		return
	}
	z := s.zone.reading.Zone
	if s.zone.tells(mrz.FieldDocumentCode, s.index, judged) {
		e.types = append(e.types, typesOfCode(z.DocumentCode, isoCode(z.Issuer)))
	}
	if knownCode(z.Issuer) && s.zone.tells(mrz.FieldIssuer, s.index, judged) {
		e.countries = append(e.countries, z.Issuer)
	}
}

// tells says whether a field of the zone that no check digit covers is read surely, and not otherwise by the second reader.
func (z *zone) tells(name mrz.Field, side int, judged *MRZ) bool {
	const sure = 0.9
	spans := spansOf(z.reading.Zone, name)
	for _, span := range spans {
		for _, c := range z.reading.Characters[span.Line][span.From:span.To] {
			if c.Confidence < sure {
				return false
			}
		}
		if judged.Found && judged.Region.Side == side && slices.ContainsFunc(judged.Differing, func(d mrz.Span) bool {
			return d.Line == span.Line && d.From < span.To && span.From < d.To
		}) {
			return false
		}
	}
	return len(spans) > 0
}

// typesOfCode are the kinds that a zone's document code permits. One that starts with A, C or I leaves open which card it is (ICAO Doc 9303-5, 4.2.2.1):
// residence permits have such codes too, passport cards have IP, and North America's enhanced licences, with which one crosses borders, those of cards.
func typesOfCode(code, issuer string) []ekyc.DocumentType {
	kind, _, ok := kindOfCode(code)
	switch {
	case !ok:
		return nil
	case code == "IP":
		return []ekyc.DocumentType{ekyc.IDCard, ekyc.Passport}
	case kind != ekyc.IDCard && kind != ekyc.ResidencePermit:
		return []ekyc.DocumentType{kind}
	}
	cards := []ekyc.DocumentType{ekyc.IDCard, ekyc.ResidencePermit, ekyc.OtherDocument}
	if issuer == "USA" || issuer == "CAN" {
		cards = append(cards, ekyc.DriverLicense)
	}
	return cards
}

// barcode adds a licence's bar code, which some issuers give to identification cards unchanged.
func (e *signs) barcode(b BarcodeReading) {
	if _, ok := b.kind(); !ok {
		return
	}
	e.types = append(e.types, []ekyc.DocumentType{ekyc.DriverLicense, ekyc.IDCard})
	if b.Licence.Country != "" {
		e.countries = append(e.countries, b.Licence.Country)
	}
}

// layouts adds the known documents that the print of the side decides for and that name themselves: captions and issuer are the same on other documents of
// a country. They tell their issuer where its name stands at the head, given by headed: below it is a nationality or a place of birth.
func (e *signs) layouts(matches, headed []layout.Match) {
	var types []ekyc.DocumentType
	for _, m := range matches {
		if !m.Decides || !m.Titled {
			continue
		}
		types = append(types, m.Layout.Type)
		if slices.Contains(m.Layout.Barcodes, "AAMVA") { // states and provinces issue them, whose names are places': New Brunswick, New Jersey
			continue
		}
		if slices.ContainsFunc(headed, func(h layout.Match) bool { return h.Layout == m.Layout && h.Named }) {
			e.countries = append(e.countries, printedCode(m.Layout.Country))
		}
	}
	if len(types) > 0 {
		e.types = append(e.types, types)
	}
}

// headed gives the layouts of which something stands at the head of the side.
func (s *side) headed() []layout.Match {
	head := *s
	head.lines = slices.DeleteFunc(slices.Clone(s.lines), func(l TextLine) bool { return !s.heads(l) })
	return recognise([]*side{&head})
}

// heads says whether a line stands in the upper part of the document, where issuers and titles are.
func (s *side) heads(l TextLine) bool {
	return l.Box.Center().Y < upperPart*float64(s.image.Height)
}

// title adds the titles that stand on lines of their own at the head of a front.
func (e *signs) title(s *side) {
	if s.index != 0 || s.geometry.Method != ByEdges {
		return
	}
	var types []ekyc.DocumentType
	for _, l := range s.lines {
		kind, _, word, ok := titleOf(l.Text)
		if ok && s.heads(l) && l.Confidence >= leastLine && len(word) >= wholeWordLength && foldText(l.Text) == word {
			types = append(types, kind)
		}
	}
	if len(types) > 0 {
		e.types = append(e.types, types)
	}
}

// shown is what all pieces permit together. A side whose pieces contradict each other tells nothing.
func (e *signs) shown() Shown {
	var out Shown
	for i, types := range e.types {
		if i == 0 {
			out.Types = slices.Clone(types)
			continue
		}
		out.Types = slices.DeleteFunc(out.Types, func(t ekyc.DocumentType) bool { return !slices.Contains(types, t) })
	}
	another := func(code string) bool { return code != e.countries[0] && isoCode(code) != isoCode(e.countries[0]) }
	if len(e.countries) > 0 && !slices.ContainsFunc(e.countries, another) {
		out.Country = e.countries[0]
	}
	return out
}
