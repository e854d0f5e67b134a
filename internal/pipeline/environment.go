package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/types"
)

// Limits of a condition. What a rule needs is far below all of them; they bound what a hostile one can take.
const (
	longestCondition   = 4096   // bytes
	mostNodes          = 2000   // of the syntax tree, macros expanded
	deepestCondition   = 50     // brackets, calls and operators in one another
	deepestLoops       = 2      // comprehensions in one another
	largestPattern     = 1000   // instructions of a regular expression
	mostCost           = 20_000 // units of CEL's cost for one condition, at worst; one is about a step of the evaluation
	mostCostTogether   = 50_000 // of all conditions of a workflow
	mostCostReckoned   = 500    // of all that reckon with the value of a factor, which are evaluated again for every value that the counterfactual tries
	interruptedAfter   = 20     // iterations of a loop between two looks at the clock
	longestList        = 16     // entries of a list variable: the fields of a document are the longest
	longestStatuses    = 128    // entries of a map variable
	longestVariable    = 40     // characters of a text variable
	mostTypingErrors   = 10     // of one condition that are reported
	mostParserRecovery = 3      // attempts to go on after an error of syntax
)

// language is the language of conditions: CEL's standard library over the variables.
type language struct {
	env       *cel.Env
	variables map[string]*variable // by their paths
	groups    []string             // of the variables, in their order
	constants map[string][]string
	lately    lately
}

// mostLately is how many conditions are kept: those of a few workflows.
const mostLately = 512

// lately holds the conditions that were compiled last. They never change.
type lately struct {
	mutex      sync.Mutex
	conditions map[string]*condition
	order      []string // the oldest first
}

func (l *lately) get(text string) *condition {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.conditions[text]
}

func (l *lately) put(text string, c *condition) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.conditions == nil {
		l.conditions = map[string]*condition{}
	}
	if _, known := l.conditions[text]; !known {
		l.order = append(l.order, text)
	}
	l.conditions[text] = c
	if len(l.order) > mostLately {
		delete(l.conditions, l.order[0])
		l.order = l.order[1:]
	}
}

// theLanguage is built once: it never changes.
var theLanguage = sync.OnceValue(newLanguage)

func newLanguage() *language {
	l := &language{variables: map[string]*variable{}, constants: constants()}
	registry, err := types.NewRegistry()
	if err != nil {
		panic(err) // nothing of ours is in it yet
	}
	provider := &factsProvider{Provider: registry, groups: map[string]map[string]*types.FieldType{}}
	all := variables()
	for i := range all {
		l.add(&all[i], provider)
	}
	options := []cel.EnvOption{
		cel.CustomTypeAdapter(registry), cel.CustomTypeProvider(provider),
		cel.CrossTypeNumericComparisons(true), // age < 18.5 and live_score < 1 are meant
		cel.ParserExpressionSizeLimit(longestCondition), cel.ParserRecursionLimit(deepestCondition), cel.ExpressionNestingDepthLimit(deepestCondition),
		cel.ExpressionNodeLimit(mostNodes), cel.ParserErrorRecoveryLimit(mostParserRecovery), cel.RegexProgramSizeLimit(largestPattern),
		cel.ASTValidators(
			cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(),
			cel.ValidateHomogeneousAggregateLiterals(), cel.ValidateComprehensionNestingLimit(deepestLoops),
		),
	}
	for _, group := range l.groups {
		options = append(options, cel.Variable(group, types.NewObjectType(objectName(group))))
	}
	for _, name := range slices.Sorted(maps.Keys(l.constants)) {
		options = append(options, cel.Constant(name, texts, types.NewStringList(registry, l.constants[name])))
	}
	if l.env, err = cel.NewEnv(options...); err != nil {
		panic(err) // the options do not depend on any input
	}
	return l
}

func (l *language) add(v *variable, provider *factsProvider) {
	l.variables[v.path()] = v
	if !slices.Contains(l.groups, v.group) {
		l.groups = append(l.groups, v.group)
		provider.groups[objectName(v.group)] = map[string]*types.FieldType{}
	}
	provider.groups[objectName(v.group)][v.name] = &types.FieldType{
		Type: v.kind,
		IsSet: func(target any) bool {
			_, known := v.read(target.(*view))
			return known
		},
		GetFrom: func(target any) (any, error) {
			value, known := v.read(target.(*view))
			if !known {
				return nil, fmt.Errorf("%s is not known", v.path())
			}
			return value, nil
		},
	}
}

// members lists the names of a group's variables.
func (l *language) members(group string) []string {
	var names []string
	for _, v := range l.variables {
		if v.group == group {
			names = append(names, v.name)
		}
	}
	slices.Sort(names)
	return names
}

// factsProvider describes the groups of variables as types whose members are read from a view, and whose unknown members are absent.
type factsProvider struct {
	types.Provider
	groups map[string]map[string]*types.FieldType
}

// objectName is the name of a group's type. It differs from that of the variable, and no identifier is spelled so.
func objectName(group string) string { return "facts." + group }

// FindStructType implements types.Provider.
func (p *factsProvider) FindStructType(name string) (*types.Type, bool) {
	if p.groups[name] != nil {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (p *factsProvider) FindStructFieldNames(name string) ([]string, bool) {
	if fields := p.groups[name]; fields != nil {
		return slices.Sorted(maps.Keys(fields)), true
	}
	return p.Provider.FindStructFieldNames(name)
}

// FindStructFieldType implements types.Provider.
func (p *factsProvider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if fields := p.groups[name]; fields != nil {
		f, found := fields[field]
		return f, found
	}
	return p.Provider.FindStructFieldType(name, field)
}

// sizes tells CEL how large variables can be, so that it can say what a condition costs at worst.
type sizes struct{}

// EstimateSize implements checker.CostEstimator.
func (sizes) EstimateSize(element checker.AstNode) *checker.SizeEstimate {
	switch element.Type().Kind() {
	case types.MapKind:
		return &checker.SizeEstimate{Max: longestStatuses}
	case types.ListKind:
		return &checker.SizeEstimate{Max: longestList}
	case types.StringKind:
		return &checker.SizeEstimate{Max: longestVariable}
	}
	return nil
}

// EstimateCallCost implements checker.CostEstimator: the functions cost what CEL says.
func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}
