package pipeline_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/pb33f/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"ekyc"
	"ekyc/internal/pipeline"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(pipeline.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("urn:ekyc:workflow", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("urn:ekyc:workflow")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance is a text as a schema sees it; an error where it is none.
func instance(text []byte) (any, error) {
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		if err := yaml.Unmarshal(text, &tree); err != nil {
			return nil, err
		}
	} else {
		return jsonschema.UnmarshalJSON(bytes.NewReader(text)) // with its numbers as they stand
	}
	asJSON, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
}

// goodTexts are corners that Parse and the schema both accept.
var goodTexts = map[string]string{
	"least":                "name: a\n",
	"empty lists":          "name: a\nsteps: []\nrules: []\ndocument: {accepted_types: [], accepted_countries: [], refused_countries: [FRA]}\n",
	"whole numbers":        `{"name": "a", "document": {"min_age": 18.0}, "thresholds": {"accept": 80.0, "review": 0}}`,
	"Germany as printed":   "name: a\ndocument: {accepted_countries: [D, FRA]}\n",
	"members of no step":   "name: a\nsteps: [{step: liveness}]\ndocument: {min_age: 0}\nkya: {enabled: false}\nface_match: {}\n",
	"all hard rules waive": "name: a\nwaived: [not_live, similarity_below_threshold, step_not_run]\nhard_rules: []\n",
	"one hard rule waived": "name: a\nwaived: [not_live]\n",
	"decision named":       "name: a\nsteps: [{step: liveness}, {step: decision}]\n",
	"on demand":            "name: a\nsteps: [{step: liveness}, {step: ocr, on_demand: true}, {step: validate, on_demand: true}, {step: kya, after: [], on_demand: true}]\nkya: {enabled: true}\n",
}

func TestSchemaAndParseAgree(t *testing.T) {
	t.Parallel()
	schema := compiledSchema(t)
	agree := func(name string, text []byte, accepted bool) {
		tree, err := instance(text)
		if err != nil {
			return // no schema sees it
		}
		if err := schema.Validate(tree); (err == nil) != accepted {
			t.Errorf("%s: the schema says %v", name, err)
		}
	}
	operator := pipeline.Options{Environment: ekyc.Test, ByOperator: true}
	for name, text := range goodTexts {
		if _, err := pipeline.Parse([]byte(text), operator); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		agree(name, []byte(text), true)
	}
	for _, name := range exampleNames(t) {
		text := readFile(t, filepath.Join(examples, name+".yaml"))
		parse(t, text)
		agree(name, text, true)
	}
	text, err := json.Marshal(pipeline.Default())
	if err != nil {
		t.Fatal(err)
	}
	agree("default", text, true)
	refused := 0
	for name, bad := range badTexts {
		agree(name, []byte(bad.text), !bad.schema)
		if bad.schema {
			refused++
		}
	}
	if refused < 50 {
		t.Errorf("the schema refuses only %d texts of the table", refused)
	}
}

// TestSchemaKnowsTheMembers: what the schema lists is what Parse reads.
func TestSchemaKnowsTheMembers(t *testing.T) {
	t.Parallel()
	var s struct {
		Properties map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(pipeline.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	for member, inner := range s.Properties {
		texts := []string{member}
		for name := range inner.Properties {
			texts = append(texts, fmt.Sprintf("%s.%s", member, name))
		}
		for _, path := range texts {
			if !knownMember(t, path) {
				t.Errorf("Parse does not know %s", path)
			}
		}
	}
	for _, path := range []string{"nothing", "document.nothing"} {
		if knownMember(t, path) {
			t.Errorf("Parse knows %s", path)
		}
	}
}

// knownMember says whether Parse reads a member, "document.min_age", whatever it says of the value.
func knownMember(t *testing.T, path string) bool {
	t.Helper()
	outer, inner, nested := bytes.Cut([]byte(path), []byte("."))
	text := fmt.Sprintf("name: a\n%s: 1\n", outer)
	if path == "name" {
		text = "name: 1\n"
	}
	if nested {
		text = fmt.Sprintf("name: a\n%s: {%s: []}\n", outer, inner)
	}
	_, err := pipeline.Parse([]byte(text), pipeline.Options{})
	for _, p := range problemsOf(err) {
		if p.Path == path && p.Message[:min(len(p.Message), 18)] == "there is no member" {
			return false
		}
	}
	return true
}
