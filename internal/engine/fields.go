package engine

import (
	"strings"
	"time"

	"ekyc"
	"ekyc/internal/document/check"
)

// GivenField is one field of a document as text, as the reading of a document answers it or as a person typed it.
type GivenField struct {
	Value      string       `json:"value"`
	Raw        string       `json:"raw,omitempty"`
	Source     check.Source `json:"source,omitempty"`     // "" counts as print
	Confidence *float64     `json:"confidence,omitempty"` // nil: typed and not read, so there is no reading to doubt
}

// GivenMRZ is a machine readable zone as text. With a confidence it is a reading, with the doubts of one.
type GivenMRZ struct {
	Lines      []string        `json:"lines"`
	Confidence *float64        `json:"confidence,omitempty"`
	Weak       bool            `json:"weak,omitempty"`
	Agreement  check.Agreement `json:"agreement,omitempty"`
}

// FieldsRequest is a document without its images. Type and Country may be empty: a zone tells them.
type FieldsRequest struct {
	Type    ekyc.DocumentType          `json:"type,omitempty"`
	Subtype string                     `json:"subtype,omitempty"`
	Country string                     `json:"country,omitempty"`
	Fields  map[check.Key][]GivenField `json:"fields,omitempty"` // all readings of each field; conflicts are found among them
	MRZ     *GivenMRZ                  `json:"mrz,omitempty"`
	Barcode *check.Barcode             `json:"barcode,omitempty"`
	Claimed map[check.Key]string       `json:"claimed,omitempty"`
	Checks  check.Policy               `json:"checks"`
	At      time.Time                  `json:"at"`
}

// ValidateFields judges a document of which only text is at hand. It is a pure function and runs no native code. Checks that need
// images are reported as not executed or not applicable.
func ValidateFields(r FieldsRequest) check.Result { return check.Validate(r.input()) }

func (r FieldsRequest) input() check.Input {
	in := check.Input{
		Type: r.Type, Subtype: r.Subtype, Country: r.Country, Fields: map[check.Key][]check.Field{},
		Barcode: r.Barcode, Claimed: r.Claimed, At: r.At, Policy: r.Checks,
	}
	for key, given := range r.Fields {
		for _, f := range given {
			in.Fields[key] = append(in.Fields[key], f.reading())
		}
	}
	if r.MRZ != nil && len(r.MRZ.Lines) > 0 {
		in.MRZ = r.MRZ.zone()
	}
	return in
}

func (f GivenField) reading() check.Field {
	out := check.Field{Value: f.Value, Raw: f.Raw, Source: f.Source, Confidence: 1}
	if out.Source == "" {
		out.Source = check.SourceVIZ
	}
	if f.Confidence != nil {
		out.Confidence = *f.Confidence
	}
	return out
}

func (m *GivenMRZ) zone() *check.MRZ {
	out := &check.MRZ{Seen: true, Given: m.Confidence == nil, Weak: m.Weak, Agreement: m.Agreement}
	for _, line := range m.Lines {
		out.Lines = append(out.Lines, strings.TrimSpace(line))
	}
	if m.Confidence != nil {
		out.Confidence = *m.Confidence
	}
	return out
}
