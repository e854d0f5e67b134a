package pipeline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/pipeline"
)

const examples = "../../examples"

// exampleCases are sample people with what an example is to decide on them.
type exampleCases struct {
	Facts map[string]any `yaml:"facts"` // of somebody in order
	Cases []struct {
		Name     string           `yaml:"name"`
		Change   map[string]any   `yaml:"change"` // of the facts; null takes a member away
		Decision ekyc.Decision    `yaml:"decision"`
		Score    string           `yaml:"score"`
		Reasons  *[]decision.Code `yaml:"reasons"` // all, in their order
		Rules    *[]string        `yaml:"rules"`   // the workflow's own that held, in their order
		Told     *[]decision.Tell `yaml:"told"`    // the person, in this order; neutral for the text without a name
	} `yaml:"cases"`
}

// changed lays a change over facts.
func changed(facts, change map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range facts {
		out[key] = value
	}
	for key, value := range change {
		inner, nested := value.(map[string]any)
		old, _ := facts[key].(map[string]any)
		switch {
		case value == nil:
			delete(out, key)
		case nested:
			out[key] = changed(old, inner)
		default:
			out[key] = value
		}
	}
	return out
}

// strictly reads a value out of another's JSON, with no member that it does not have.
func strictly(t *testing.T, from, into any) {
	t.Helper()
	text, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func exampleNames(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(examples, "*.cases.yaml"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d examples have cases (%v)", len(files), err)
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(filepath.Base(file), ".cases.yaml")
	}
	return names
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse(t testing.TB, text []byte) *pipeline.Definition {
	t.Helper()
	d, err := pipeline.Parse(text, pipeline.Options{Environment: ekyc.Live})
	if err != nil {
		t.Fatalf("%v\n%+v", err, problemsOf(err))
	}
	return d
}

func compile(t testing.TB, d *pipeline.Definition) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.Compile(d)
	if err != nil {
		t.Fatalf("%v\n%+v", err, problemsOf(err))
	}
	return p
}

func problemsOf(err error) []pipeline.Problem {
	problem, ok := errors.AsType[*ekyc.Error](err)
	if !ok {
		return nil
	}
	list, _ := problem.Details["problems"].([]pipeline.Problem)
	return list
}

// tells maps the texts for the person to the names of rules' texts.
func tells(t *testing.T) map[decision.Text]decision.Tell {
	t.Helper()
	names := map[decision.Text]decision.Tell{}
	for _, e := range decision.Catalogue() {
		names[e.User] = "other"
	}
	for _, tell := range []decision.Tell{decision.TellRetake, decision.TellSelfie, decision.TellOtherDocument, decision.TellAge, decision.TellProfile} {
		names[decision.TextOf(tell)] = tell
	}
	names[decision.TextOf(decision.TellNeutral)] = "neutral"
	return names
}

func TestExamplesDecideAsTheySay(t *testing.T) {
	t.Parallel()
	names := tells(t)
	for _, name := range exampleNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := compile(t, parse(t, readFile(t, filepath.Join(examples, name+".yaml"))))
			var cases exampleCases
			decoder := yaml.NewDecoder(bytes.NewReader(readFile(t, filepath.Join(examples, name+".cases.yaml"))))
			decoder.KnownFields(true)
			if err := decoder.Decode(&cases); err != nil {
				t.Fatal(err)
			}
			seen := map[ekyc.Decision]bool{}
			for _, c := range cases.Cases {
				var f pipeline.Facts
				strictly(t, changed(cases.Facts, c.Change), &f)
				r := examine(t, p, &f)
				seen[r.Decision] = true
				if r.Decision != c.Decision || c.Score != "" && r.Score.String() != c.Score {
					t.Errorf("%s: %s with %s points, want %s %s\n%+v", c.Name, r.Decision, r.Score, c.Decision, c.Score, r.Reasons)
				}
				var codes []decision.Code
				for _, reason := range r.Reasons {
					codes = append(codes, reason.Code)
				}
				if c.Reasons != nil && !slices.Equal(codes, *c.Reasons) {
					t.Errorf("%s: reasons %s", c.Name, cmp.Diff(*c.Reasons, codes))
				}
				var rules []string
				for _, rule := range r.WorkflowRules {
					if rule.Name != "" {
						rules = append(rules, rule.Name)
					}
				}
				if c.Rules != nil && !slices.Equal(rules, *c.Rules) {
					t.Errorf("%s: rules %s", c.Name, cmp.Diff(*c.Rules, rules))
				}
				var told []decision.Tell
				for _, text := range r.ForPerson() {
					told = append(told, names[text])
				}
				if c.Told != nil && !slices.Equal(told, *c.Told) {
					t.Errorf("%s: told %v", c.Name, told)
				}
			}
			if len(cases.Cases) < 5 || !seen[ekyc.Accepted] || !seen[ekyc.Review] || !seen[ekyc.Rejected] {
				t.Errorf("%d cases show %v: too little", len(cases.Cases), seen)
			}
		})
	}
}

// TestTheDocumentationIsComplete: every member, hard rule and example is named, and what is shown can be read.
func TestTheDocumentationIsComplete(t *testing.T) {
	t.Parallel()
	page := string(readFile(t, "../../docs/workflows.md"))
	var s struct {
		Properties map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(pipeline.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	for member, inner := range s.Properties {
		if !strings.Contains(page, "`"+member) {
			t.Errorf("%s is not documented", member)
		}
		for name := range inner.Properties {
			if !strings.Contains(page, name+"`") {
				t.Errorf("%s.%s is not documented", member, name)
			}
		}
	}
	for _, r := range decision.Rules() {
		if row := "| `" + string(r.Code) + "` |"; !strings.Contains(page, row) {
			t.Errorf("%s is not documented", r.Code)
		} else if line := page[strings.Index(page, row):]; strings.Contains(line[:strings.Index(line, "\n")], "| yes |") != r.Mandatory ||
			strings.Contains(line[:strings.Index(line, "\n")], "| any |") != r.MayForce {
			t.Errorf("%s is documented as %s", r.Code, line[:strings.Index(line, "\n")])
		}
	}
	for _, block := range []string{"    name: shop\n", "    steps:\n"} {
		_, shown, _ := strings.Cut(page, "\n"+block)
		shown, _, _ = strings.Cut(block+shown, "\n\n")
		text := ""
		for line := range strings.Lines(shown) {
			text += strings.TrimPrefix(line, "    ")
		}
		if !strings.HasPrefix(text, "name:") {
			text = "name: shown\n" + text
		}
		compile(t, parse(t, []byte(text)))
	}
	index := string(readFile(t, filepath.Join(examples, "README.md")))
	for _, name := range exampleNames(t) {
		if !strings.Contains(index, "["+name+".yaml]("+name+".yaml)") {
			t.Errorf("examples/README.md does not list %s", name)
		}
	}
}
