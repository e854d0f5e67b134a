package api

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// GivenField is a field as a bare string, or as /document/ocr answered it.
type GivenField struct{ GivenReading }

// UnmarshalJSONFrom takes both forms.
func (g *GivenField) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == '"' {
		return json.UnmarshalDecode(d, &g.Value)
	}
	return json.UnmarshalDecode(d, &g.GivenReading)
}

// Schema documents both forms.
func (GivenField) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeString}, huma.SchemaFromType(r, readingType)}}
}

var readingType = reflect.TypeFor[GivenReading]()
