package document

import (
	"ekyc"
	"ekyc/internal/document/barcode"
	"ekyc/internal/vision"
)

// BarcodeReading is a bar code on one side. Licence is its content where that is a North American licence or identification card.
type BarcodeReading struct {
	Region  Region           `json:"region"`
	Symbol  barcode.Symbol   `json:"symbol"`
	Licence *barcode.Licence `json:"licence,omitempty"`
}

// codeSide is the longer side at which bar codes are looked for in a photograph whose document was not found by its edges: the hull of
// the print does not hold them.
const codeSide = 1600

// findCodes reads the bar codes of a side. Documents with a good machine readable zone have none that matter.
func findCodes(s *side) ([]BarcodeReading, error) {
	if s.zone != nil && s.zone.reading.Zone.Valid() {
		return nil, nil
	}
	m, back := s.image, s.toNative.ApplyQuad
	if s.geometry.Method != ByEdges {
		fitted, k := s.pyramid.Fit(codeSide)
		m, back = fitted, func(q vision.Quad) vision.Quad { return q.Scale(1 / k) }
	}
	symbols, err := barcode.ReadGray(m.Gray())
	if err != nil {
		return nil, err
	}
	var out []BarcodeReading
	for _, symbol := range symbols {
		b := BarcodeReading{Region: Region{s.index, back(symbol.Corners)}, Symbol: symbol}
		if licence, err := barcode.Parse(symbol.Bytes); err == nil { // other content is no fault
			b.Licence = licence
		}
		out = append(out, b)
	}
	return out, nil
}

// fields are the bar code's fields in the contract's form; error correction has vouched for every character.
func (b *BarcodeReading) fields() map[Key]Field {
	out := map[Key]Field{}
	if b.Licence == nil {
		return out
	}
	l := b.Licence
	for key, value := range map[Key]string{
		KeyDocumentNumber: l.DocumentNumber, KeySurname: l.Surname, KeyGivenNames: l.GivenNames(), KeyFullName: joinName(l.GivenNames(), l.Surname),
		KeyDateOfBirth: l.BirthDate, KeyDateOfIssue: l.IssueDate, KeyDateOfExpiry: l.ExpiryDate, KeySex: l.Sex, KeyAddress: l.Address(),
		KeyIssuingCountry: l.Country, KeyIssuingAuthority: l.IssuingJurisdiction, KeyLicenceCategories: l.Class,
	} {
		if value != "" {
			out[key] = Field{Value: value, Raw: value, Source: FromBarcode, Confidence: 1, Region: &b.Region}
		}
	}
	return out
}

// kind is the kind of document that the bar code states.
func (b *BarcodeReading) kind() (ekyc.DocumentType, bool) {
	switch {
	case b.Licence == nil:
		return "", false
	case b.Licence.CardType == "ID":
		return ekyc.IDCard, true
	}
	return ekyc.DriverLicense, true
}
