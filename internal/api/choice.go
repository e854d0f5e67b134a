package api

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ekyc/internal/workflow"
)

// WorkflowChoice is a workflow by its name alone, or with what is to differ from it.
type WorkflowChoice struct{ workflow.Settings }

// UnmarshalJSONFrom takes both forms.
func (w *WorkflowChoice) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == '"' {
		return json.UnmarshalDecode(d, &w.Name)
	}
	return json.UnmarshalDecode(d, &w.Settings)
}

// Schema documents both forms. Whatever is left out has the workflow's own value.
func (WorkflowChoice) Schema(r huma.Registry) *huma.Schema {
	settings := huma.SchemaFromType(r, reflect.TypeFor[workflow.Settings]())
	settings.Required = nil
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeString, Description: "The name of a workflow, such as default."}, settings}}
}
