package specimen

import (
	"slices"

	"ekyc"
	"ekyc/internal/document/mrz"
	"ekyc/internal/vision"
)

// Form is how a document is shown.
type Form string

// The forms.
const (
	Clean  Form = "clean"  // the exact render
	Photo  Form = "photo"  // a photograph of it
	Forged Form = "attack" // a photograph of something forged or re-captured
)

// Truth is everything known about one picture. Places are in pixels of the picture.
type Truth struct {
	File      string            `json:"file"`
	Specimen  bool              `json:"specimen"` // always true
	Kind      Kind              `json:"kind"`
	Form      Form              `json:"form"`
	Seed      uint64            `json:"seed"`
	Side      string            `json:"side"`
	Type      ekyc.DocumentType `json:"type"`
	Subtype   string            `json:"subtype,omitempty"` // "visa"
	Country   string            `json:"country"`           // as ICAO prints it
	Holder    Person            `json:"holder"`
	Portrait  string            `json:"portrait_of,omitempty"` // name in the gallery; empty for a drawn figure
	Fields    map[string]string `json:"fields"`                // as printed, by field key; dates ISO 8601
	MRZFormat string            `json:"mrz_format,omitempty"`
	MRZ       []string          `json:"mrz,omitempty"` // as printed on this side
	MRZValid  bool              `json:"mrz_valid"`     // every check digit holds as printed
	Barcode   *BarcodeTruth     `json:"barcode,omitempty"`
	Width     int               `json:"width"`
	Height    int               `json:"height"`
	Quad      vision.Quad       `json:"quad"` // corners of the document, from its own top left clockwise
	Regions   []Region          `json:"regions"`
	Capture   *Capture          `json:"capture,omitempty"` // nil for a clean render
	Forgery   *Forgery          `json:"attack,omitempty"`
	Scene     Scene             `json:"scene,omitempty"`     // empty for a clean render
	Neighbour *Neighbour        `json:"neighbour,omitempty"` // what else lies in the picture
}

// BarcodeTruth is what a bar code of the side says.
type BarcodeTruth struct {
	Symbology string `json:"symbology"`
	Payload   []byte `json:"payload"` // base64 in JSON: AAMVA writes ISO 8859-1
}

// Picture is an encoded image with its truth.
type Picture struct {
	Data  []byte // JPEG
	Truth Truth
}

// documentTypes in the program's terms; visas are OtherDocument with a subtype.
func (k Kind) documentType() (ekyc.DocumentType, string) {
	switch k {
	case Passport:
		return ekyc.Passport, ""
	case IDCardTD1, IDCardTD2, IDCardNational:
		return ekyc.IDCard, ""
	case ResidencePermit:
		return ekyc.ResidencePermit, ""
	case LicenceEU, LicenceAAMVA, LicenceNational:
		return ekyc.DriverLicense, ""
	}
	return ekyc.OtherDocument, "visa"
}

// truth states what a rendering of the document shows, in its own pixels.
func (d *Document) truth(r *Rendering, form Form) Truth {
	t := Truth{
		Specimen: true, Kind: d.Kind, Form: form, Seed: d.spec.Seed, Side: r.Side, Country: d.Issuer, Holder: d.Holder, Fields: map[string]string{},
		Width: r.Image.Width, Height: r.Image.Height, Quad: r.Image.Bounds().Quad(), Regions: slices.Clone(r.Regions),
	}
	t.Type, t.Subtype = d.Kind.documentType()
	for _, g := range r.Regions {
		switch g.Name {
		case regionPortrait:
			if d.spec.Portrait != nil {
				t.Portrait = d.spec.Portrait.Name
			}
		case regionMRZ:
			t.MRZ, t.MRZFormat = slices.Clone(d.MRZ), d.MRZFormat
			for key, value := range d.zoneFields() {
				t.Fields[key] = value
			}
		case regionBarcode:
			t.Barcode = &BarcodeTruth{"pdf417", d.Payload}
		}
	}
	for _, g := range r.Regions {
		if value := d.Fields[g.Name]; value != "" {
			t.Fields[g.Name] = value
		}
	}
	t.MRZValid = holds(t.MRZ)
	return t
}

// zoneFields are the fields that the machine readable zone states.
func (d *Document) zoneFields() map[string]string {
	out := map[string]string{}
	for _, key := range []string{"document_number", "surname", "given_names", "date_of_birth", "date_of_expiry", "sex", "nationality", "issuing_country", "optional_data"} {
		if value := d.Fields[key]; value != "" && d.zoneStates(key) {
			out[key] = value
		}
	}
	return out
}

// holds says whether lines are a machine readable zone with right check digits.
func holds(lines []string) bool {
	if len(lines) == 0 {
		return false
	}
	zone, err := mrz.Parse(lines)
	return err == nil && zone.Valid()
}

// Clean encodes one side as an exact render.
func (d *Document) Clean(sideIndex int, dpi float64) (*Picture, error) {
	r, err := d.Render(sideIndex, dpi)
	if err != nil {
		return nil, err
	}
	data, err := vision.EncodeJPEG(r.Image, cleanQuality)
	if err != nil {
		return nil, err
	}
	return &Picture{data, d.truth(r, Clean)}, nil
}

// cleanQuality is the JPEG quality of clean renders: no visible loss.
const cleanQuality = 95
