package document

import (
	"maps"
	"slices"

	"ekyc"
	"ekyc/internal/document/layout"
	"ekyc/internal/document/number"
)

// layoutWeight is how much it tells that title and issuer of one known document, or words that it alone prints, were seen. It outweighs a
// title by itself, and gives way to a machine readable zone.
const layoutWeight = 0.88

// recognise looks for the national documents that the print of all sides speaks for, best first.
func recognise(sides []*side) []layout.Match {
	var texts []string
	for _, s := range sides {
		for _, l := range s.lines {
			if l.Confidence >= leastLine {
				texts = append(texts, l.Text)
			}
		}
	}
	return layout.Default().Recognise(texts)
}

// layoutVote is what the best of the layouts whose words decide says of kind and issuer; ok is false when none decides.
func layoutVote(matches []layout.Match) (v vote, country string, ok bool) {
	for _, m := range matches {
		if m.Decides {
			return vote{m.Layout.Type, "", layoutWeight, "layout:" + m.Layout.ID}, printedCode(m.Layout.Country), true
		}
	}
	return vote{}, "", false
}

// against says whether a machine readable zone names another issuer or another kind of document than a layout, which print does not
// outweigh. Document codes that start with A, C or I leave open which card it is (ICAO Doc 9303-5, 4.2.2.1).
func (m *MRZ) against(v vote, country string) bool {
	if !m.Found || m.Zone == nil {
		return false
	}
	if stated, known := ekyc.CountryByCode(m.Zone.Issuer); known && stated.Alpha3 != isoCode(country) {
		return true
	}
	kind, subtype, known := kindOfCode(m.Zone.DocumentCode)
	card := v.kind == ekyc.IDCard || v.kind == ekyc.ResidencePermit || v.kind == ekyc.DriverLicense
	open := kind == ekyc.IDCard && card
	return known && (kind != v.kind || subtype != v.subtype) && !open
}

// printedCode is the code that documents print for a country of ISO 3166-1: "D" for Germany.
func printedCode(alpha3 string) string {
	if alpha3 == "DEU" {
		return "D"
	}
	return alpha3
}

// layoutOf is the layout of the document that was detected, nil when there is none that its print speaks for.
func layoutOf(matches []layout.Match, out *Reading) *layout.Layout {
	if out.Detected.Subtype != "" {
		return nil
	}
	format := ""
	if out.MRZ.Found {
		format = string(out.MRZ.Zone.Format)
	}
	m, ok := layout.Default().Choose(matches, out.Detected.CountryISO, out.Detected.Type, format)
	if !ok {
		return nil
	}
	return m.Layout
}

// laidOut gives the fields of one side: what the general rules found in its print, and in their place what the layout finds, which knows
// the captions, the places and the forms of its document. A layout is chosen by title and issuer, which editions of a document share: where captions
// and values stand otherwise than it says, the general rules go first. v has extracted; fields are its.
func laidOut(l *layout.Layout, s *side, v *visual, fields map[Key]Field) map[Key]Field {
	p := &layoutReader{layout: l, visual: v, lines: s.lines, width: float64(s.image.Width), height: float64(s.image.Height), found: map[Key]Field{}, from: map[Key]int{}}
	p.extract()
	out := map[Key]Field{}
	if p.fits() || told(p.found) > told(fields) {
		for key, f := range fields {
			if _, known := p.found[key]; !known && !claimed(f, p.found) && !p.misplaced(key, f) {
				out[key] = p.confirm(key, f)
			}
		}
		maps.Copy(out, p.found)
	} else {
		for key, own := range p.found {
			if _, known := fields[key]; !known && !claimed(own, fields) || known && p.written(key, fields[key], own) {
				out[key] = own
			}
		}
		for key, f := range fields {
			if _, known := out[key]; !known && !p.misplaced(key, f) {
				out[key] = p.confirm(key, f)
			}
		}
	}
	for _, key := range l.Absent {
		delete(out, Key(key))
	}
	if number, has := out[KeyDocumentNumber]; has && numbersHolder(l) {
		if _, known := out[KeyPersonalNumber]; !known {
			out[KeyPersonalNumber] = number
		}
	}
	return out
}

// numbersHolder says whether the document's own number is the one by which the state knows the holder, as on cards of East Asia.
func numbersHolder(l *layout.Layout) bool {
	own := l.Fields[string(KeyDocumentNumber)]
	rule, known := number.Of(l.Country)
	return known && own != nil && own.Rule == rule && !l.Has(string(KeyPersonalNumber))
}

// fits says whether captions and values stand on the document as the layout says, as far as it shows.
func (p *layoutReader) fits() bool {
	const leastTold = 2 // telling values, below which the arrangement is not known
	if p.visual.related < leastTold {
		return true
	}
	fit, all := 0, 0
	for _, field := range p.layout.Fields {
		if field.Value == layout.Anywhere || len(field.Captions) == 0 {
			continue
		}
		all++
		if slices.Contains(relationsOf[field.Value], p.visual.relation) {
			fit++
		}
	}
	return 2*fit >= all
}

// told counts the fields whose values tell by their form that they are right.
func told(fields map[Key]Field) (n int) {
	for key := range fields {
		if telling(key) == 1 {
			n++
		}
	}
	return n
}

// relationsOf is where values stand by the layout's word for it.
var relationsOf = map[layout.Place][]relation{
	layout.Near: {valueBelow, valueBeside}, layout.Below: {valueBelow}, layout.Right: {valueBeside}, layout.Above: {valueAbove},
}

// written says whether the layout knows a value by its form and the general rules have something of another form.
func (p *layoutReader) written(key Key, general, own Field) bool {
	field := p.layout.Fields[string(key)]
	if field == nil || len(field.Patterns) == 0 || own.Confidence <= refutedShare {
		return false
	}
	_, share, ok := numberIn(field, general.Raw, false)
	return !ok || share <= refutedShare
}

// misplaced says whether a date was taken for a number whose form the layout knows.
func (p *layoutReader) misplaced(key Key, f Field) bool {
	field := p.layout.Fields[string(key)]
	return field != nil && len(field.Patterns) > 0 && dateLike(f.Raw)
}

// confirm makes a field that the general rules found surer where it has the form that the layout demands.
func (p *layoutReader) confirm(key Key, f Field) Field {
	field := p.layout.Fields[string(key)]
	if field == nil || len(field.Patterns) == 0 {
		return f
	}
	if value, share, ok := numberIn(field, f.Raw, false); ok {
		f.Value, f.Confidence = value, min(f.Confidence/captionShare*layoutShare*share, 1)
	}
	return f
}

// claimed says whether the line of a field is another one's among those given.
func claimed(f Field, others map[Key]Field) bool {
	for _, other := range others {
		if f.Region != nil && other.Region != nil && f.Region.Quad == other.Region.Quad {
			return true
		}
	}
	return false
}
