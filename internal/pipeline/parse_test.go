package pipeline_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"ekyc"
	"ekyc/internal/pipeline"
)

// badText is a workflow that is refused, and where.
type badText struct {
	text   string
	want   string // "line:column path: message", the message's beginning, of one of the problems
	schema bool   // the schema refuses it too
}

// badTexts are what people write by mistake.
var badTexts = map[string]badText{
	"no name":                  {"description: x\n", `1:1 name: name is needed`, true},
	"name":                     {"name: Big Bank\n", `1:7 name: a name has small letters`, true},
	"name that is a number":    {"name: 17\n", `1:7 name: a text is needed: put the value in quotes`, true},
	"empty member":             {"name: a\nrules:\n", `2:7 rules: there is no value`, true},
	"empty text":               {"name: a\ndescription: \"\"\n", `2:14 description: the text is empty`, true},
	"unknown member":           {"name: a\nthresholdz: {}\n", `2:1 thresholdz: there is no member "thresholdz"; did you mean "thresholds"?`, true},
	"unknown member in a step": {"name: a\nsteps:\n  - step: liveness\n    onDemand: true\n", `4:5 steps[0].onDemand: there is no member "onDemand"`, true},
	"twice":                    {"name: a\nkya: {enabled: true}\nname: b\n", `3:1 name: "name" stands here twice; the first is in line 1`, false},
	"other letters in JSON":    {"{\"name\": \"a\", \"description\": \"日é😀\", \"b\": 1}", `1:37 b: there is no member "b"`, true},
	"twice in JSON":            {"{\"name\": \"a\",\n \"name\": \"b\"}", `2:2 name: "name" stands here twice`, false},
	"list for a mapping":       {"- name: a\n", `1:1 : a mapping with members is needed`, true},
	"mapping for a list":       {"name: a\nsteps: {step: ocr}\n", `2:8 steps: a list is needed`, true},
	"text for a number":        {"name: a\ndocument: {min_age: \"18\"}\n", `2:21 document.min_age: a number is needed`, true},
	"fraction of a year":       {"name: a\ndocument: {min_age: 17.5}\n", `2:21 document.min_age: a whole number is needed`, true},
	"hexadecimal":              {"name: a\ndocument: {min_age: 0x12}\n", `2:21 document.min_age: a number is needed`, false},
	"not a number":             {"name: a\nliveness: {min_live_score: .nan}\n", `2:28 liveness.min_live_score: a number is needed`, false},
	"huge number":              {"{\"name\": \"a\", \"liveness\": {\"min_live_score\": 1e999}}", `1:46 liveness.min_live_score: the number is too large`, true},
	"yes":                      {"name: a\nkya: {enabled: yes}\n", `2:16 kya.enabled: true or false is needed`, true},
	"three digits":             {"name: a\nthresholds: {accept: 80.001, review: 60}\n", `2:22 thresholds.accept: a number with at most two digits`, true},

	"unknown step":              {"name: a\nsteps:\n  - step: livenes\n  - step: ocr\n  - step: validate\n", `3:11 steps[0].step: there is no step "livenes"; did you mean "liveness"?`, true},
	"step twice":                {"name: a\nsteps:\n  - step: liveness\n  - step: liveness\n", `4:11 steps[1].step: liveness is listed twice`, true},
	"cycle":                     {"name: a\nsteps:\n  - {step: liveness, after: [validate]}\n  - {step: ocr, after: [liveness]}\n  - step: validate\n", `3:29 steps[0].after: steps wait for one another: liveness, which waits for validate, which waits for ocr, which waits for liveness`, false},
	"itself":                    {"name: a\nsteps:\n  - {step: liveness, after: [liveness]}\n", `3:29 steps[0].after: steps wait for one another`, false},
	"cycle by nature":           {"name: a\nsteps:\n  - {step: ocr, after: [kya]}\n  - step: validate\n  - step: kya\n", `3:24 steps[0].after: steps wait for one another: ocr, which waits for kya, which waits for ocr`, false},
	"after a step that is none": {"name: a\nsteps:\n  - {step: liveness, after: [occr]}\n", `3:30 steps[0].after[0]: there is no step "occr"; did you mean "ocr"?`, true},
	"after the decision":        {"name: a\nsteps:\n  - {step: liveness, after: [decision]}\n", `3:30 steps[0].after[0]: decision comes last`, true},
	"after what is not there":   {"name: a\nsteps:\n  - {step: liveness, after: [ocr]}\n", `3:30 steps[0].after[0]: ocr is not among the steps`, false},
	"needs":                     {"name: a\nsteps:\n  - step: validate\n", `3:11 steps[0].step: validate needs ocr`, true},
	"needs what is on demand":   {"name: a\nsteps:\n  - step: liveness\n  - {step: ocr, on_demand: true}\n  - step: validate\n", `5:11 steps[2].step: validate needs ocr, which is on demand`, true},
	"no factor":                 {"name: a\nsteps:\n  - step: ocr\n  - step: kya\n", `3:3 steps: one of liveness, validate and face_match is needed`, true},
	"all on demand":             {"name: a\nsteps:\n  - {step: liveness, on_demand: true}\n", `1:1 weights: the steps other than kya and those on demand have no weight`, false},
	"decision with members":     {"name: a\nsteps:\n  - step: liveness\n  - {step: decision, on_demand: true}\n", `4:5 steps[1]: decision comes last and has no members`, true},
	"provider":                  {"name: a\nsteps:\n  - {step: liveness, provider: cloud}\n", `3:32 steps[0].provider: there is no provider "cloud" of liveness; there is default`, false},

	"both thresholds":       {"name: a\nface_match: {threshold: 0.8, target_fmr: 0.001}\n", `2:13 face_match: threshold and target_fmr exclude each other`, true},
	"threshold":             {"name: a\nface_match: {threshold: 1.2}\n", `2:25 face_match.threshold: above 0 to 1`, true},
	"threshold zero":        {"name: a\nface_match: {threshold: 0}\n", `2:25 face_match.threshold: above 0 to 1`, true},
	"rate":                  {"name: a\nface_match: {target_fmr: 1}\n", `2:26 face_match.target_fmr: above 0 and below 1`, true},
	"face_match without it": {"name: a\nsteps: [{step: liveness}]\nface_match: {threshold: 0.8}\n", `3:13 face_match: face_match is not among the steps`, true},
	"liveness without it":   {"name: a\nsteps: [{step: ocr}, {step: validate}]\nliveness: {min_method: active}\n", `3:11 liveness: liveness is not among the steps`, true},
	"document without it":   {"name: a\nsteps: [{step: liveness}]\ndocument: {min_age: 18}\n", `3:11 document: validate is not among the steps`, true},
	"profile without it":    {"name: a\nsteps: [{step: liveness}]\nkya: {enabled: true}\n", `3:16 kya.enabled: kya is not among the steps`, true},
	"profile never":         {"name: a\nsteps: [{step: liveness}, {step: kya, on_demand: true}]\nkya: {enabled: false}\n", `3:16 kya.enabled: the step kya is on demand`, true},
	"method":                {"name: a\nliveness: {min_method: video}\n", `2:24 liveness.min_method: there is no method "video"; it can have active, challenge`, true},
	"score":                 {"name: a\nliveness: {min_live_score: -0.1}\n", `2:28 liveness.min_live_score: 0 to 1`, true},

	"country":             {"name: a\ndocument: {accepted_countries: [FRA, XYZ]}\n", `2:38 document.accepted_countries[1]: there is no country "XYZ"`, true},
	"country by alpha-2":  {"name: a\ndocument: {accepted_countries: [FR]}\n", `2:33 document.accepted_countries[0]: there is no country "FR"; write "FRA"`, true},
	"country by name":     {"name: a\ndocument: {refused_countries: [Norway]}\n", `2:32 document.refused_countries[0]: there is no country "Norway"; write "NOR"`, true},
	"accepted, refused":   {"name: a\ndocument: {accepted_countries: [FRA], refused_countries: [DEU]}\n", `2:58 document.refused_countries: accepted_countries and refused_countries exclude`, true},
	"type":                {"name: a\ndocument: {accepted_types: [pasport]}\n", `2:29 document.accepted_types[0]: there is no type "pasport"; did you mean "passport"?`, true},
	"field":               {"name: a\ndocument: {mandatory_fields: [birth_date]}\n", `2:31 document.mandatory_fields[0]: there is no field "birth_date"`, true},
	"nobody's age":        {"name: a\ndocument:\n  min_age: 40\n  max_age: 20\n", `4:12 document.max_age: nobody is at least 40 and at most 20`, false},
	"age":                 {"name: a\ndocument: {min_age: 500}\n", `2:21 document.min_age: 0 to 120`, true},
	"specimens in live":   {"name: a\ndocument: {specimens_allowed: true}\n", `2:31 document.specimens_allowed: specimens can pass in the test environment only`, false},
	"thresholds reversed": {"name: a\nthresholds: {accept: 60, review: 80}\n", `2:13 thresholds: 0 <= review < accept <= 100 is needed, got review 80 and accept 60`, false},
	"half of thresholds":  {"name: a\nthresholds: {accept: 90}\n", `2:13 thresholds.review: review is needed`, true},
	"weight":              {"name: a\nweights: {liveness: 130, face_match: 0, document: 0, kya: 0}\n", `2:21 weights.liveness: liveness is 130`, true},
	"no weight":           {"name: a\nweights: {liveness: 0, face_match: 0, document: 0, kya: 5}\n", `2:10 weights: the steps other than kya and those on demand have no weight together`, false},

	"hard rule":          {"name: a\nhard_rules:\n  - {code: presentation_atack, effect: rejected}\n", `3:5 hard_rules[0]: "presentation_atack" is unknown`, true},
	"hard rule missing":  {"name: a\nhard_rules:\n  - {code: not_live, effect: rejected}\n  - {code: step_not_run, effect: review}\n", `3:3 hard_rules: similarity_below_threshold is missing; only the platform's operator`, true},
	"hard rule lifts":    {"name: a\nhard_rules:\n  - {code: not_live, effect: review}\n  - {code: step_not_run, effect: review}\n  - {code: similarity_below_threshold, effect: rejected}\n", `3:5 hard_rules[0]: not_live can only cap or refuse`, true},
	"hard rule twice":    {"name: a\nhard_rules:\n  - {code: not_live, effect: rejected}\n  - {code: step_not_run, effect: review}\n  - {code: similarity_below_threshold, effect: rejected}\n  - {code: not_live, effect: rejected}\n", `6:5 hard_rules[3]: not_live is listed twice`, true},
	"waived by a tenant": {"name: a\nwaived: [not_live]\n", `2:9 waived: only the platform's operator can waive rules`, false},
	"waived needlessly":  {"name: a\nwaived: [document_expired]\n", `2:10 waived[0]: "document_expired" is not a rule of every workflow`, true},

	"rule without a name":  {"name: a\nrules:\n  - {when: document.valid, then: review}\n", `3:5 rules[0].name: name is needed`, true},
	"rule names":           {"name: a\nrules:\n  - {name: x, when: document.valid, then: review}\n  - {name: x, when: document.valid, then: review}\n", `4:12 rules[1].name: "x" is the name of another rule`, false},
	"effect":               {"name: a\nrules:\n  - {name: x, when: document.valid, then: reject}\n", `3:43 rules[0].then: there is no effect "reject"; did you mean "rejected"?`, true},
	"effect of nothing":    {"name: a\nrules:\n  - {name: x, when: document.valid, then: accepted}\n", `3:43 rules[0].then: there is no effect "accepted"`, true},
	"tell":                 {"name: a\nrules:\n  - {name: x, when: document.valid, then: review, tell: you are a fraud}\n", `3:57 rules[0].tell: there is no text "you are a fraud"`, true},
	"step of no demand":    {"name: a\nrules:\n  - {name: x, when: document.valid, then: review, step: kya}\n", `3:57 rules[0].step: only a rule that says require_step`, true},
	"require nothing":      {"name: a\nrules:\n  - {name: x, when: document.valid, then: require_step}\n", `3:5 rules[0].step: the step that the rule asks for is needed`, true},
	"require what runs":    {"name: a\nrules:\n  - {name: x, when: document.valid, then: require_step, step: kya}\n", `3:63 rules[0].step: kya runs in any case`, false},
	"require and tell":     {"name: a\nsteps: [{step: liveness}, {step: kya, on_demand: true}]\nrules:\n  - {name: x, when: liveness.is_live, then: require_step, step: kya, tell: age}\n", `4:76 rules[0].tell: a rule that asks for a step tells the person nothing`, true},
	"require by itself":    {"name: a\nsteps: [{step: liveness}, {step: kya, on_demand: true}]\nrules:\n  - {name: x, when: kya.score < 1, then: require_step, step: kya}\n", `4:21 rules[0].when: kya.score is not known before kya has run`, false},
	"blank condition":      {"name: a\nrules:\n  - {name: x, when: \"  \", then: review}\n", `3:21 rules[0].when: a condition is needed`, true},
	"unknown variable":     {"name: a\nrules:\n  - {name: x, when: document.valid && documnt.age > 3, then: review}\n", `3:39 rules[0].when: "documnt" is not known; did you mean "document"?`, false},
	"unknown member of it": {"name: a\nrules:\n  - {name: x, when: document.valid && document.agee > 3, then: review}\n", `3:47 rules[0].when: there is no member "agee"; did you mean "age"?`, false},
	"variable of no step":  {"name: a\nsteps: [{step: liveness}]\nrules:\n  - {name: x, when: liveness.is_live && kya.score > 0.5, then: review}\n", `4:41 rules[0].when: kya.score is never known: kya is not among the steps`, false},
	"no truth":             {"name: a\nrules:\n  - {name: x, when: document.age + 1, then: review}\n", `3:21 rules[0].when: a condition is true or false; this is int`, false},
	"group":                {"name: a\nrules:\n  - {name: x, when: document == document, then: review}\n", `3:21 rules[0].when: "document" is a group of values`, false},
	"types":                {"name: a\nrules:\n  - {name: x, when: document.age < \"18\", then: review}\n", `3:34 rules[0].when: < cannot be applied to (int, string)`, false},
	"never equal":          {"name: a\nrules:\n  - {name: x, when: \"liveness.zone == 'atack'\", then: review}\n", `3:39 rules[0].when: liveness.zone never has "atack"; did you mean "attack"?`, false},
	"never in":             {"name: a\nrules:\n  - {name: x, when: 'document.country in [\"FRA\", \"ENG\"]', then: review}\n", `3:50 rules[0].when: document.country never has "ENG"`, false},
	"alpha-2 in a rule":    {"name: a\nrules:\n  - {name: x, when: 'document.country == \"DE\"', then: review}\n", `3:42 rules[0].when: document.country never has "DE"; write "DEU"`, false},
	"unknown check":        {"name: a\nrules:\n  - {name: x, when: 'kya.checks[\"email_mxx\"] == \"fail\"', then: review}\n", `3:33 rules[0].when: kya.checks never has "email_mxx"; did you mean "email_mx"?`, false},
	"unknown status":       {"name: a\nrules:\n  - {name: x, when: 'kya.checks.email_mx == \"failed\"', then: review}\n", `3:45 rules[0].when: kya.checks never has "failed"; did you mean "fail"?`, false},
	"half a condition":     {"name: a\nrules:\n  - {name: x, when: document.valid &&, then: review}\n", `3:38 rules[0].when: the condition ends where something is missing`, false},
	"pattern":              {"name: a\nrules:\n  - {name: x, when: document.country.matches('('), then: review}\n", `3:46 rules[0].when: the pattern is not a regular expression`, false},
	"objects":              {"name: a\nrules:\n  - {name: x, when: 'google.protobuf.BoolValue{value: true}', then: review}\n", `3:47 rules[0].when: a condition cannot make objects`, false},
	"endless work":         {"name: a\nrules:\n  - {name: x, when: 'document.checks.all(a, document.checks.all(b, a != b))', then: review}\n", `3:22 rules[0].when: the condition could take`, false},
	"loops in loops":       {"name: a\nrules:\n  - {name: x, when: '[1].all(a, [1].all(b, [1].all(c, a == c)))', then: review}\n", `3:51 rules[0].when: all, exists, exists_one, map and filter can stand 2 deep`, false},

	"stop accepts":           {"name: a\nsteps:\n  - step: liveness\n    stop: [{name: x, when: liveness.is_live, decision: accepted}]\n", `4:56 steps[0].stop[0].decision: an early stop decides review or rejected`, true},
	"stop on the future":     {"name: a\nsteps:\n  - step: liveness\n    stop: [{name: x, when: document.age < 18, decision: rejected}]\n  - step: ocr\n", `4:28 steps[0].stop[0].when: document.age is known only after ocr, which liveness does not wait for; put ocr into its after`, false},
	"stop of a rule's name":  {"name: a\nsteps:\n  - step: liveness\n    stop: [{name: x, when: liveness.is_live, decision: review}]\nrules: [{name: x, when: liveness.is_live, then: review}]\n", `5:16 rules[0].name: "x" is the name of another rule or early stop`, false},
	"stop without condition": {"name: a\nsteps:\n  - step: liveness\n    stop: [{name: x, decision: review}]\n", `4:12 steps[0].stop[0].when: when is needed`, true},

	"alias":          {"name: &n a\ndescription: *n\n", `1:7 : anchors are not permitted`, false},
	"merge":          {"name: a\n<<: {description: x}\n", `2:1 <<: the name of a member is needed`, false},
	"tag":            {"name: !!binary YQ==\n", `1:7 : types of values are not permitted`, false},
	"own tag":        {"name: !secret a\n", `1:7 : types of values are not permitted`, false},
	"two documents":  {"name: a\n---\nname: b\n", `1:1 : the text has more than one document`, false},
	"nothing":        {"", `1:1 : the text is empty`, true},
	"only comments":  {"# nothing\n", `1:1 : the text is empty`, true},
	"broken YAML":    {"name: a\nsteps: [\n", `2:1 : did not find expected node content`, false},
	"broken JSON":    {"{\"name\": \"a\",\n \"rules\": [}", `2:12 : invalid character '}'`, false},
	"not UTF-8":      {"name: a\ndescription: \xff\n", `2:14 : the text is not UTF-8`, false},
	"a number alone": {"17", `1:1 : a mapping with members is needed`, true},
	"null":           {"null", `1:1 : there is no value`, true},
}

func told(problems []pipeline.Problem) string {
	var lines []string
	for _, p := range problems {
		lines = append(lines, fmt.Sprintf("%d:%d %s: %s", p.Line, p.Column, p.Path, p.Message))
	}
	return strings.Join(lines, "\n")
}

func TestBadTextsAreRefusedWithTheirPlace(t *testing.T) {
	t.Parallel()
	for name, bad := range badTexts {
		_, err := pipeline.Parse([]byte(bad.text), pipeline.Options{Environment: ekyc.Live})
		problems := problemsOf(err)
		if ekyc.CodeOf(err) != ekyc.ErrInvalidArgument || len(problems) == 0 || !strings.Contains("\n"+told(problems), "\n"+bad.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, told(problems), bad.want)
		}
	}
}

func TestAllProblemsAreTold(t *testing.T) {
	t.Parallel()
	_, err := pipeline.Parse([]byte("name: A\nthresholds: {accept: 1, review: 2}\nextra: 1\nrules:\n  - {name: x, when: a && b, then: never}\n"), pipeline.Options{})
	var places []string
	for _, p := range problemsOf(err) {
		places = append(places, fmt.Sprintf("%d:%d", p.Line, p.Column))
	}
	if want := []string{"1:7", "2:13", "3:1", "5:21", "5:26", "5:35"}; !slices.Equal(places, want) {
		t.Errorf("got %s", told(problemsOf(err)))
	}
	many := "name: a\nrules:\n" + strings.Repeat("  - {name: 1, when: 1, then: 1}\n", 200)
	_, err = pipeline.Parse([]byte(many), pipeline.Options{})
	if got := problemsOf(err); len(got) != 50 {
		t.Errorf("%d problems are told of very many", len(got))
	}
}

// TestPlacesInEveryStyle looks for a wrong name in conditions that are written in every way that YAML and JSON know.
func TestPlacesInEveryStyle(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"plain":           "name: a\nrules:\n  - name: x\n    when: document.valid && wrong\n    then: review\n",
		"plain, folded":   "name: a\nrules:\n  - name: x\n    when: document.valid &&\n\n      document.expired && wrong\n    then: review\n",
		"single quotes":   "name: a\nrules:\n  - name: x\n    when: 'document.type == ''passport'' ? wrong : false'\n    then: review\n",
		"double quotes":   "name: a\nrules:\n  - name: x\n    when: \"document.type == \\\"passport\\\" && wrong\"\n    then: review\n",
		"escapes":         "name: a\nrules:\n  - name: x\n    when: \"'\\x41\\u00e9\\U0001F600' == 'é' && wrong\"\n    then: review\n",
		"quotes, folded":  "name: a\nrules:\n  - name: x\n    when: \"document.valid &&\n      document.expired &&\\\n      wrong\"\n    then: review\n",
		"literal block":   "name: a\nrules:\n  - name: x\n    when: |\n      document.valid &&\n        document.expired\n\n        && wrong\n    then: review\n",
		"folded block":    "name: a\nrules:\n  - name: x\n    when: >-\n      document.valid &&\n      document.expired\n      && wrong\n    then: review\n",
		"deeper block":    "name: a\nrules:\n  - name: x\n    when: |\n            document.valid\n            && wrong\n    then: review\n",
		"other letters":   "name: a\nrules:\n  - {name: x, when: \"'日本é' != document.type && wrong\", then: review}\n",
		"carriage return": "name: a\r\nrules:\r\n  - name: x\r\n    when: |\r\n      document.valid &&\r\n      wrong\r\n    then: review\r\n",
		"JSON":            `{"name": "a", "rules": [{"name": "x", "then": "review", "when": "document.type == \"passport\" && wrong"}]}`,
		"JSON, escapes":   "{\"name\": \"a\",\n\t\"rules\": [\n\t{\"name\": \"x\", \"then\": \"review\", \"when\": \"'\\ud83d\\ude00\\/' == document.type &&\\n wrong\"}]}",
	} {
		_, err := pipeline.Parse([]byte(text), pipeline.Options{Environment: ekyc.Live})
		problems := problemsOf(err)
		i := slices.IndexFunc(problems, func(p pipeline.Problem) bool { return strings.Contains(p.Message, `"wrong" is not known`) })
		if i < 0 {
			t.Errorf("%s: got %s", name, told(problems))
			continue
		}
		lines := strings.Split(text, "\n")
		line := []rune(lines[problems[i].Line-1])
		if rest := string(line[min(problems[i].Column-1, len(line)):]); !strings.HasPrefix(rest, "wrong") {
			t.Errorf("%s: %d:%d is at %q", name, problems[i].Line, problems[i].Column, rest)
		}
	}
}

func TestHostileTextsAreRefusedSoon(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000)
	not := strings.Repeat("!(", 1500) + "true" + strings.Repeat(")", 1500)
	wide := "1" + strings.Repeat("+1", 2000) + " > 0"
	texts := map[string]string{
		"too long":           "name: a\ndescription: " + strings.Repeat("x", 300<<10),
		"deep flow":          "name: " + strings.Repeat("[", 200_000),
		"deep flow, closed":  "name: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"deep JSON":          strings.Repeat(`{"a":`, 40_000) + "1" + strings.Repeat("}", 40_000),
		"deep blocks":        strings.Repeat("- ", 100_000) + "a",
		"keys":               strings.Repeat("? ", 100_000),
		"many members":       "name: a\n" + strings.Repeat("x: 1\n", 40_000),
		"anchors":            "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n",
		"many rules":         "name: a\nrules:\n" + strings.Repeat("  - {}\n", 30_000),
		"long condition":     "name: a\nrules: [{name: x, then: review, when: '" + strings.Repeat("true||", 2000) + "true'}]",
		"brackets":           "name: a\nrules: [{name: x, then: review, when: '" + deep + "'}]",
		"negations":          "name: a\nrules: [{name: x, then: review, when: '" + not + "'}]",
		"sums":               "name: a\nrules: [{name: x, then: review, when: '" + wide + "'}]",
		"strings":            "name: a\nrules: [{name: x, then: review, when: '[1,2,3,4,5,6,7,8,9].map(a, [1,2,3,4,5,6,7,8,9].map(b, \"" + strings.Repeat("x", 3000) + "\")).size() > 0 && " + strings.Repeat("[1,2,3].exists(x, x == 4) || ", 30) + "wrong'}]",
		"costly together":    "name: a\nrules:\n" + rules(200, `document.checks.exists(name, document.checks[name] == "fail" && name.startsWith("mrz_"))`),
		"half open":          "name: \"" + strings.Repeat("\\u00", 50_000),
		"a long word":        "name: a\nsteps: [{step: " + strings.Repeat("x", 200_000) + "}]",
		"long words":         "name: a\ndocument: {accepted_countries: [" + strings.Repeat("F, FR, FRAN, "+strings.Repeat("x", 700)+", ", 70) + "]}",
		"a long member":      "name: a\n" + strings.Repeat("x", 1000) + ": 1",
		"a long code":        "name: a\nhard_rules: [{effect: review, code: " + strings.Repeat("x", 200_000) + "}]",
		"values of one line": `{"name": [` + strings.Repeat("1,", 125_000) + `1]}`,
		"rules of one line":  `{"name": "a", "rules": [` + strings.TrimSuffix(strings.Repeat(`{"name": "x", "then": "review", "when": "'`+strings.Repeat("x", 1200)+`' == '' && wrong"},`, 195), ",") + `]}`,
		"words of one line":  `{"name": "a", "rules": [{"name": "x", "then": "review", "when": "document.type in [` + strings.Repeat("'x',", 900) + `'x']"}]}`,
		"names within names": "name: a\nrules: [{name: x, then: review, when: '" + strings.Repeat("a.", 2000) + "b'}]",
	}
	for name, text := range texts {
		start := time.Now()
		_, err := pipeline.Parse([]byte(text), pipeline.Options{Environment: ekyc.Live})
		if ekyc.CodeOf(err) != ekyc.ErrInvalidArgument || len(problemsOf(err)) == 0 || problemsOf(err)[0].Line == 0 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if took := time.Since(start); took > 20*time.Second { // below 0.1 s alone; without the limits some would take minutes
			t.Errorf("%s took %s", name, took)
		}
		if size := len(err.Error()) + len(told(problemsOf(err))); size > 30_000 {
			t.Errorf("%s: the error has %d bytes", name, size)
		}
	}
}

// rules writes n rules with a condition.
func rules(n int, condition string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  - {name: rule-%d, then: review, when: '%s'}\n", i, condition)
	}
	return b.String()
}

func TestTextFormsGiveOneHash(t *testing.T) {
	t.Parallel()
	a := parse(t, []byte("name: a\ndocument:\n  accepted_countries: [FRA, DEU]\n  accepted_types: [passport, id_card]\nsteps:\n  - step: ocr\n  - step: liveness\n  - step: validate\nthresholds: {accept: 80, review: 60}\n"))
	b := parse(t, []byte(`{"thresholds": {"review": 60.0, "accept": 80.00}, "steps": [{"step": "validate", "after": ["ocr"]}, {"step": "liveness", "provider": "default", "after": []},
		{"step": "ocr"}, {"step": "decision"}], "document": {"accepted_types": ["id_card", "passport"], "accepted_countries": ["DEU", "FRA"]}, "name": "a"}`))
	if a.Hash() != b.Hash() || len(a.Hash()) != 64 {
		t.Errorf("%s and %s", a.Hash(), b.Hash())
	}
	seen := map[string]string{a.Hash(): "the first"}
	for name, change := range map[string]string{
		"name": "name: b\n", "threshold": "name: a\nthresholds: {accept: 80.01, review: 60}\n", "provider": "name: a\ndescription: x\n",
		"rule": "name: a\nrules: [{name: x, when: document.valid, then: reason}]\n", "condition": "name: a\nrules: [{name: x, when: document.expired, then: reason}]\n",
		"order of rules": "name: a\nrules: [{name: x, when: document.valid, then: reason}, {name: y, when: document.valid, then: reason}]\n",
		"other order":    "name: a\nrules: [{name: y, when: document.valid, then: reason}, {name: x, when: document.valid, then: reason}]\n",
	} {
		hash := parse(t, []byte(change)).Hash()
		if other, twice := seen[hash]; twice {
			t.Errorf("%s has the hash of %s", name, other)
		}
		seen[hash] = name
	}
}

// TestDefinitionsSurviveTheirText: what is stored and shown is a text that gives the same workflow again.
func TestDefinitionsSurviveTheirText(t *testing.T) {
	t.Parallel()
	definitions := map[string]*pipeline.Definition{"default": pipeline.Default()}
	for _, name := range exampleNames(t) {
		definitions[name] = parse(t, readFile(t, filepath.Join(examples, name+".yaml")))
	}
	for name, d := range definitions {
		for form, written := range map[string]*pipeline.Definition{"as written": d, "with its defaults": compile(t, d).Definition()} {
			text, err := json.Marshal(written)
			if err != nil {
				t.Fatal(err)
			}
			back := parse(t, text)
			if !cmp.Equal(back, written) || back.Hash() != d.Hash() {
				t.Errorf("%s, %s: %s", name, form, cmp.Diff(written, back))
			}
			var tree any
			if err := json.Unmarshal(text, &tree); err != nil {
				t.Fatal(err)
			}
			asYAML, err := yaml.Marshal(tree)
			if err != nil {
				t.Fatal(err)
			}
			if other := parse(t, asYAML); other.Hash() != d.Hash() {
				t.Errorf("%s, %s: its YAML has another hash", name, form)
			}
		}
	}
}

func TestCheckAndCompileRefuseWhatParseRefuses(t *testing.T) {
	t.Parallel()
	d := &pipeline.Definition{Name: "a", Rules: []pipeline.Rule{{Name: "x", When: "document.valid &&\n wrong", Then: pipeline.EffectReview}}}
	for name, err := range map[string]error{"Check": pipeline.Check(d, pipeline.Options{}), "Compile": func() error { _, err := pipeline.Compile(d); return err }()} {
		got := problemsOf(err)
		if len(got) != 1 || got[0].Path != "rules[0].when" || got[0].Line != 2 || got[0].Column != 2 {
			t.Errorf("%s: %v %+v", name, err, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range exampleNames(f) {
		f.Add(readFile(f, filepath.Join(examples, name+".yaml")))
	}
	for _, bad := range badTexts {
		f.Add([]byte(bad.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := pipeline.Parse(text, pipeline.Options{Environment: ekyc.Test, ByOperator: true})
		if err != nil {
			problems := problemsOf(err)
			if ekyc.CodeOf(err) != ekyc.ErrInvalidArgument || len(problems) == 0 || len(problems) > 50 {
				t.Fatalf("%v with %d problems", err, len(problems))
			}
			for _, p := range problems {
				if p.Line < 1 || p.Column < 1 || p.Message == "" {
					t.Fatalf("%+v", p)
				}
			}
			return
		}
		p := compile(t, d)
		if _, err := p.Decide(inOrder()); err != nil {
			t.Fatal(err)
		}
		for _, written := range []*pipeline.Definition{d, p.Definition()} {
			again, err := json.Marshal(written)
			if err != nil {
				t.Fatal(err)
			}
			back, err := pipeline.Parse(again, pipeline.Options{Environment: ekyc.Test, ByOperator: true})
			if err != nil || back.Hash() != d.Hash() {
				t.Fatalf("%v: %s", err, again)
			}
		}
	})
}
