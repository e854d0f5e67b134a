package api

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
)

// ValidateBody asks whether a document is in order. It takes images, or the members of an answer of /document/ocr, or bare fields
// and lines.
type ValidateBody struct {
	DocumentImages
	Detected  *GivenDetected               `json:"detected,omitempty" doc:"As /document/ocr answered."`
	Fields    map[check.Key]GivenField     `json:"fields,omitempty" doc:"Fields by name, as /document/ocr answered or as typed: a string, or an object with value and more."`
	Readings  map[check.Key][]GivenReading `json:"readings,omitempty" doc:"As /document/ocr answered; where given, in place of fields."`
	MRZ       *GivenMRZ                    `json:"mrz,omitempty"`
	Barcode   []document.BarcodeReading    `json:"barcode,omitempty" doc:"As /document/ocr answered."`
	Policy    *ValidationPolicy            `json:"policy,omitempty"`
	Claimed   map[check.Key]string         `json:"claimed,omitempty" doc:"What the person says of himself, to be compared."`
	Conflicts []document.Key               `json:"conflicts,omitempty" doc:"Of /document/ocr; not looked at."`
	Images    *OCRImages                   `json:"images,omitempty" gate:"-" doc:"Of /document/ocr; not looked at."`
	Quality   *document.Quality            `json:"quality,omitempty" doc:"Of /document/ocr; not looked at."`
	Usage     *Usage                       `json:"usage,omitempty" doc:"Of /document/ocr; not looked at."`
	Took      float64                      `json:"processing_ms,omitempty" doc:"Of /document/ocr; not looked at."`
}

// GivenDetected is the kind of document as text.
type GivenDetected struct {
	Type       ekyc.DocumentType `json:"type,omitempty"`
	Subtype    string            `json:"subtype,omitempty"`
	Country    string            `json:"country,omitempty"`
	CountryISO string            `json:"country_iso,omitempty"`
	Confidence float64           `json:"confidence,omitempty"`
	Evidence   []string          `json:"evidence,omitempty"`
}

// GivenReading is one reading of a field as text.
type GivenReading struct {
	Value      string           `json:"value"`
	Raw        string           `json:"raw,omitempty"`
	Source     check.Source     `json:"source,omitempty" enum:"mrz,barcode,viz"`
	Confidence *float64         `json:"confidence,omitempty" minimum:"0" maximum:"1"`
	Region     *document.Region `json:"region,omitempty"`

	// As /document/ocr answered; not looked at.
	National       string `json:"national,omitempty"`
	Script         string `json:"script,omitempty"`
	Transliterated string `json:"transliterated,omitempty"`
	ISO            string `json:"iso,omitempty"`
}

// GivenMRZ is a machine readable zone as text. Everything but the lines is as /document/ocr answered.
type GivenMRZ struct {
	document.MRZ
}

// Schema documents the lines, which are all that is needed, and beside them what /document/ocr answers.
func (GivenMRZ) Schema(r huma.Registry) *huma.Schema {
	zone := huma.SchemaFromType(r, reflect.TypeFor[document.MRZ]())
	zone.Required = []string{"lines"}
	return zone
}

const (
	mostGiven     = 2000 // characters of one value
	mostLines     = 4
	longestMRZRow = 100
)

func (b *ValidateBody) problems() []FieldProblem {
	found := append(b.hintProblems(), b.Policy.problems()...)
	text := len(b.Fields) + len(b.Readings)
	if b.MRZ != nil {
		text += len(b.MRZ.Lines)
		found = append(found, b.MRZ.problems()...)
	}
	switch {
	case b.ImageFront == nil && b.ImageBack != nil, b.ImageFront == nil && text == 0:
		found = append(found, FieldProblem{"/image_front_base64", requiredProblem})
	case b.ImageFront != nil && text > 0:
		found = append(found, FieldProblem{"/image_front_base64", "excludes fields, readings and mrz"})
	}
	for key, field := range b.Fields {
		found = append(found, fieldProblems("/fields/", key, field.GivenReading)...)
	}
	for key, readings := range b.Readings {
		for _, r := range readings {
			found = append(found, fieldProblems("/readings/", key, r)...)
		}
	}
	for key, value := range b.Claimed {
		found = append(found, fieldProblems("/claimed/", key, GivenReading{Value: value})...)
	}
	slices.SortFunc(found, func(a, b FieldProblem) int { return strings.Compare(a.Field, b.Field) })
	return found
}

func (m *GivenMRZ) problems() []FieldProblem {
	if len(m.Lines) > mostLines {
		return []FieldProblem{{"/mrz/lines", "has more lines than any machine readable zone"}}
	}
	for _, line := range m.Lines {
		if len(line) > longestMRZRow {
			return []FieldProblem{{"/mrz/lines", "has a line longer than that of any machine readable zone"}}
		}
	}
	return nil
}

func fieldProblems(at string, key check.Key, r GivenReading) []FieldProblem {
	switch {
	case !slices.Contains(check.Keys(), key):
		return []FieldProblem{{known(at+string(key), (*ValidateBody)(nil)), "is not the name of a field"}}
	case len(r.Value) > mostGiven || len(r.Raw) > mostGiven:
		return []FieldProblem{{at + string(key), "is too long"}}
	case r.Source != "" && r.Source != check.SourceMRZ && r.Source != check.SourceBarcode && r.Source != check.SourceVIZ:
		return []FieldProblem{{at + string(key) + "/source", "is not one of mrz, barcode, viz"}}
	case r.Confidence != nil && (*r.Confidence < 0 || *r.Confidence > 1):
		return []FieldProblem{{at + string(key) + "/confidence", "is outside 0 to 1"}}
	}
	return nil
}

// ValidateAnswer is the verdict with every check.
type ValidateAnswer struct {
	check.Result
	Metered
}

func (s *Server) validateDocument(ctx context.Context, call *Call, _ *none, b *ValidateBody) (*ValidateAnswer, error) {
	return meter(ctx, s, call, ekyc.ModuleValidate, "", func(ctx context.Context) (*ValidateAnswer, error) {
		policy := b.Policy.policy(call.Scope.Environment == ekyc.Test)
		if b.ImageFront == nil {
			return &ValidateAnswer{Result: engine.ValidateFields(b.request(s, policy))}, nil
		}
		u := b.upload(s)
		u.Checks, u.Claimed = policy, b.Claimed
		o, err := s.Vision.Document(ctx, u)
		if err != nil {
			return nil, named(err, documentMembers)
		}
		if o.Validation == nil {
			return nil, stepError(o.OCR)
		}
		return &ValidateAnswer{Result: *o.Validation}, nil
	})
}

// request puts the text into the engine's terms.
func (b *ValidateBody) request(s *Server, policy check.Policy) engine.FieldsRequest {
	r := engine.FieldsRequest{Fields: map[check.Key][]engine.GivenField{}, Claimed: b.Claimed, Checks: policy, At: s.options.Now()}
	if d := b.Detected; d != nil {
		r.Type, r.Subtype, r.Country = d.Type, d.Subtype, d.Country
	}
	for key, readings := range b.Readings {
		for _, g := range readings {
			r.Fields[key] = append(r.Fields[key], engine.GivenField{Value: g.Value, Raw: g.Raw, Source: g.Source, Confidence: g.Confidence})
		}
	}
	if len(b.Readings) == 0 {
		for key, f := range b.Fields {
			r.Fields[key] = append(r.Fields[key], engine.GivenField{Value: f.Value, Raw: f.Raw, Source: f.Source, Confidence: f.Confidence})
		}
	}
	if m := b.MRZ; m != nil {
		r.MRZ = &engine.GivenMRZ{Lines: m.Lines, Weak: m.Weak, Agreement: check.Agreement(m.Agreement)}
		if m.Found { // an answer of /document/ocr, and so a reading with its doubts
			r.MRZ.Confidence = &m.Confidence
		}
	}
	r.Barcode = engine.BarcodeOf(b.Barcode)
	return r
}
