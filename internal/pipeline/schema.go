package pipeline

import (
	"encoding/json"
	"slices"
	"sync"

	"ekyc"
	"ekyc/internal/decision"
	"ekyc/internal/document/check"
)

// Schema is the JSON Schema (2020-12) of a workflow's text. It accepts what Parse accepts as far as a schema can say it: conditions are texts to it, and
// it knows no order, no sum and no difference of numbers.
func Schema() []byte { return slices.Clone(theSchema()) }

var theSchema = sync.OnceValue(func() []byte {
	text, err := json.MarshalIndent(schema(), "", "  ")
	if err != nil {
		panic(err) // texts, numbers, lists and maps of them have a JSON form
	}
	return append(text, '\n')
})

// node is a part of a schema.
type node map[string]any

func schema() node {
	s := object("A workflow of identity verification.", node{
		"name":        node{"type": "string", "pattern": nameShape.String(), "description": "By which requests choose the workflow."},
		"description": text(longestDescription, "For people."),
		"steps":       stepsSchema(),
		"face_match":  faceMatchSchema(),
		"liveness": object("What must be shown of the living person.", node{
			"min_method":     enum([]Method{MethodActive, MethodChallenge}, "What a submission must bring: several frames, or frames that answer a challenge."),
			"min_live_score": node{"type": "number", "minimum": 0, "maximum": 1, "description": "Below it a verification is reviewed at best."},
		}),
		"document":   documentSchema(),
		"kya":        object("The profile checks.", node{"enabled": node{"type": "boolean", "description": "Left out: where the request has a profile."}}),
		"weights":    weightsSchema(),
		"thresholds": object("The scores from which a verification is accepted, and from which it is reviewed; review below accept.", node{"accept": points(), "review": points()}, "accept", "review"),
		"hard_rules": hardRulesSchema(),
		"waived":     node{"type": "array", "maxItems": mostListed, "items": enum(mandatory(), ""), "description": "Rules of every workflow that the platform's operator has removed."},
		"rules":      node{"type": "array", "maxItems": mostRules, "items": ruleSchema(), "description": "Rules of the workflow's own."},
	}, "name")
	s["$schema"], s["$id"], s["title"] = "https://json-schema.org/draft/2020-12/schema", "urn:ekyc:workflow", "Workflow"
	s["allOf"] = append(membersNeedSteps(), hardRulesAreComplete()...)
	return s
}

func object(description string, properties node, required ...string) node {
	o := node{"type": "object", "additionalProperties": false, "properties": properties}
	if description != "" {
		o["description"] = description
	}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func text(longest int, description string) node {
	return node{"type": "string", "minLength": 1, "maxLength": longest, "description": description}
}

func enum[T ~string](values []T, description string) node {
	n := node{"enum": texted(values)}
	if description != "" {
		n["description"] = description
	}
	return n
}

func points() node {
	return node{"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.01}
}

func whole(most int, description string) node {
	return node{"type": "integer", "minimum": 0, "maximum": most, "description": description}
}

func conditionSchema() node {
	return node{"type": "string", "pattern": `\S`, "maxLength": longestCondition, "description": "A condition in CEL."}
}

func ruleName() node { return node{"type": "string", "pattern": ruleShape.String()} }

// moduleSteps are the steps that do something.
func moduleSteps() []StepName { return stepNames[:len(stepNames)-1] }

// step is a schema of a step with the name and what else is said of it.
func step(name StepName, more node) node {
	properties := node{"step": node{"const": string(name)}}
	n := node{"properties": properties, "required": []string{"step"}}
	for key, value := range more {
		properties[key] = value
		n["required"] = append(n["required"].([]string), key)
	}
	return n
}

func stepsSchema() node {
	stop := object("An early stop: when the condition holds after the step, what has not begun is skipped.", node{
		"name": ruleName(), "when": conditionSchema(), "decision": enum(decisionsOfStops.words, "What is decided then."),
	}, "name", "when", "decision")
	module := object("", node{
		"step":      enum(moduleSteps(), ""),
		"provider":  node{"type": "string", "minLength": 1, "description": "Left out: default."},
		"after":     node{"type": "array", "items": enum(moduleSteps(), ""), "uniqueItems": true, "description": "What the step waits for beside what it needs."},
		"on_demand": node{"type": "boolean", "description": "The step runs only where a rule asks for it."},
		"stop":      node{"type": "array", "maxItems": mostStops, "items": stop},
	}, "step")
	all := []node{{"if": node{"minItems": 1}, "then": node{"contains": node{"properties": node{"step": enum([]StepName{StepLiveness, StepValidate, StepFaceMatch}, "")}}}}}
	for _, name := range stepNames {
		all = append(all, node{"contains": step(name, nil), "minContains": 0, "maxContains": 1})
		for _, needed := range needs(name) {
			always := step(name, nil)
			always["not"] = step(name, node{"on_demand": node{"const": true}})
			all = append(all,
				node{"if": node{"contains": step(name, nil)}, "then": node{"contains": step(needed, nil)}},
				node{"if": node{"contains": step(needed, node{"on_demand": node{"const": true}})}, "then": node{"not": node{"contains": always}}})
		}
	}
	return node{
		"type": "array", "allOf": all, "description": "Left out or empty: liveness, ocr, validate, face_match, kya and decision.",
		"items": node{"oneOf": []node{module, object("The decision comes last, and may be left out.", node{"step": node{"const": string(StepDecision)}}, "step")}},
	}
}

func faceMatchSchema() node {
	n := object("The threshold of the comparison; left out: similarity 0.75.", node{
		"threshold":  node{"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": "Similarity."},
		"target_fmr": node{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "description": "False match rate."},
	})
	n["not"] = node{"required": []string{"threshold", "target_fmr"}}
	return n
}

func documentSchema() node {
	var codes []string
	for _, c := range ekyc.Countries() {
		codes = append(codes, c.Code)
	}
	list := func(values []string, description string) node {
		return node{"type": "array", "maxItems": mostListed, "items": enum(values, ""), "description": description}
	}
	n := object("What a document must satisfy beyond being in order.", node{
		"mandatory_fields":   list(texted(check.Keys()), "Fields that must have been read."),
		"accepted_types":     list(texted(documentTypes), "Left out: all."),
		"accepted_countries": list(codes, "Issuers: ISO 3166-1 alpha-3 or ICAO codes. Left out: all."),
		"refused_countries":  list(codes, "Issuers that are not accepted; excludes accepted_countries."),
		"min_age":            whole(mostAge, "Years."),
		"max_age":            whole(mostAge, "Years; 0: none."),
		"expiry_grace_days":  whole(mostGrace, "Days for which an expired document is taken."),
		"specimens_allowed":  node{"type": "boolean", "description": "In the test environment only."},
	})
	some := node{"minItems": 1}
	n["not"] = node{"required": []string{"accepted_countries", "refused_countries"}, "properties": node{"accepted_countries": some, "refused_countries": some}}
	return n
}

func weightsSchema() node {
	properties, names := node{}, []string{}
	for _, name := range []decision.FactorName{decision.Liveness, decision.FaceMatch, decision.Document, decision.KYA} {
		properties[string(name)] = points()
		names = append(names, string(name))
	}
	return object("The points that each factor can earn; left out: 30, 40, 25 and 5.", properties, names...)
}

func mandatory() (codes []decision.RuleCode) {
	for _, r := range decision.Rules() {
		if r.Mandatory {
			codes = append(codes, r.Code)
		}
	}
	return codes
}

func hardRulesSchema() node {
	var codes, forcing []decision.RuleCode
	var once []node
	for _, r := range decision.Rules() {
		codes = append(codes, r.Code)
		if r.MayForce {
			forcing = append(forcing, r.Code)
		}
		once = append(once, node{"contains": node{"properties": node{"code": node{"const": string(r.Code)}}}, "minContains": 0, "maxContains": 1})
	}
	rule := object("", node{"code": enum(codes, ""), "effect": enum([]Effect{EffectReviewAtBest, EffectReview, EffectRejected}, "")}, "code", "effect")
	rule["if"] = node{"properties": node{"effect": node{"const": string(EffectReview)}}, "required": []string{"effect"}}
	rule["then"] = node{"properties": node{"code": enum(forcing, "")}}
	return node{"type": "array", "maxItems": mostListed, "items": rule, "allOf": once, "description": "Left out: those of the default workflow."}
}

// hardRulesAreComplete demands the rules of every workflow, each in hard_rules or waived and not in both.
func hardRulesAreComplete() (all []node) {
	for _, code := range mandatory() {
		in := func(member string, entry node) node {
			return node{"required": []string{member}, "properties": node{member: node{"contains": entry}}}
		}
		kept := in("hard_rules", node{"properties": node{"code": node{"const": string(code)}}})
		waived := in("waived", node{"const": string(code)})
		all = append(all, node{"if": node{"required": []string{"hard_rules"}}, "then": node{"oneOf": []node{kept, waived}}})
	}
	return all
}

func ruleSchema() node {
	rule := object("", node{
		"name":    ruleName(),
		"when":    conditionSchema(),
		"then":    enum(effects.words, "What happens when the condition holds."),
		"step":    enum(moduleSteps(), "The step that require_step asks for."),
		"message": text(longestMessage, "For operators."),
		"tell":    enum(tells.words, "What the person is told; left out: the text of any verification that could not be completed."),
	}, "name", "when", "then")
	rule["if"] = node{"properties": node{"then": node{"const": string(EffectRequire)}}, "required": []string{"then"}}
	rule["then"] = node{"required": []string{"step"}, "properties": node{"tell": false}}
	rule["else"] = node{"properties": node{"step": false}}
	return rule
}

// membersNeedSteps refuses what is said of a step that the workflow does not have.
func membersNeedSteps() []node {
	nothing := node{"maxItems": 0}
	none := node{"const": 0}
	without := func(name StepName, member string, said node) node {
		return node{
			"if":   node{"required": []string{"steps"}, "properties": node{"steps": node{"minItems": 1, "not": node{"contains": step(name, nil)}}}},
			"then": node{"properties": node{member: said}},
		}
	}
	onDemand := node{"contains": step(StepKYA, node{"on_demand": node{"const": true}})}
	return []node{
		without(StepFaceMatch, "face_match", node{"maxProperties": 0}),
		without(StepLiveness, "liveness", node{"maxProperties": 0}),
		without(StepValidate, "document", node{"properties": node{
			"mandatory_fields": nothing, "accepted_types": nothing, "accepted_countries": nothing, "refused_countries": nothing,
			"min_age": none, "max_age": none, "expiry_grace_days": none, "specimens_allowed": node{"const": false},
		}}),
		without(StepKYA, "kya", node{"properties": node{"enabled": node{"const": false}}}),
		{
			"if":   node{"required": []string{"steps"}, "properties": node{"steps": onDemand}},
			"then": node{"properties": node{"kya": node{"properties": node{"enabled": node{"const": true}}}}},
		},
	}
}
