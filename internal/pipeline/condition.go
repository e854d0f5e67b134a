package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"ekyc/internal/decision"
)

// condition is the compiled condition of a rule or an early stop.
type condition struct {
	program cel.Program
	loops   bool                                     // it has comprehensions, so that it is evaluated under a limit of time and cost
	cost    uint64                                   // at worst
	uses    []use                                    // of variables
	turns   map[decision.FactorName][]decision.Share // of every factor that it follows: values of a variable at which it can change
	steady  bool                                     // it changes nowhere else: values are compared with numbers only
	matches bool                                     // it looks at whether the faces match, which changes at the threshold
}

// use is one use of a variable.
type use struct {
	variable *variable
	tested   bool // whether it is known, by has()
	at       place
}

// place is one within a condition's text, from 1, in characters.
type place struct{ line, column int }

// fault is what is wrong with a condition.
type fault struct {
	at      place
	message string
}

// compile reads a condition. There is none where there are faults. One that was compiled lately is not compiled again: a workflow is examined when it is read,
// and again when it is made ready.
func (l *language) compile(text string) (*condition, []fault) {
	if c := l.lately.get(text); c != nil {
		return c, nil
	}
	c, faults := l.compileAnew(text)
	if c != nil {
		l.lately.put(text, c)
	}
	return c, faults
}

func (l *language) compileAnew(text string) (*condition, []fault) {
	if len(text) > longestCondition {
		return nil, []fault{{place{1, 1}, fmt.Sprintf("the condition has %d bytes; %d are permitted", len(text), longestCondition)}}
	}
	ast, issues := l.env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, l.faults(issues)
	}
	if kind := ast.OutputType(); !kind.IsExactType(cel.BoolType) {
		return nil, []fault{{place{1, 1}, "a condition is true or false; this is " + plain(cel.FormatCELType(kind))}}
	}
	c := &condition{turns: map[decision.FactorName][]decision.Share{}, steady: true}
	native := ast.NativeRep()
	walk := &walker{language: l, condition: c, info: native.SourceInfo()}
	walk.expr(native.Expr())
	if len(walk.faults) > 0 {
		return nil, walk.faults
	}
	walk.guessTurns()
	if estimate, err := l.env.EstimateCost(ast, sizes{}); err != nil || estimate.Max > mostCost {
		return nil, []fault{{place{1, 1}, fmt.Sprintf("the condition could take %d units of work; %d are permitted", estimate.Max, mostCost)}}
	} else {
		c.cost = estimate.Max
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if c.loops {
		options = append(options, cel.CostLimit(mostCost), cel.InterruptCheckFrequency(interruptedAfter))
	}
	program, err := l.env.Program(ast, options...)
	if err != nil {
		return nil, []fault{{place{1, 1}, err.Error()}}
	}
	c.program = program
	return c, nil
}

func placeOf(l common.Location) place { return place{max(l.Line(), 1), max(l.Column(), 0) + 1} }

// errOpen is that a condition could not be evaluated.
var errOpen = errors.New("the condition could not be evaluated")

// holds evaluates the condition. Error: errOpen where something that it needs is not known, or it took too long.
func (c *condition) holds(ctx context.Context, v *view) (bool, error) {
	var out any
	if c.loops {
		value, _, err := c.program.ContextEval(ctx, v)
		if err != nil {
			return false, errOpen
		}
		out = value
	} else {
		value, _, err := c.program.Eval(v)
		if err != nil {
			return false, errOpen
		}
		out = value
	}
	yes, ok := out.(types.Bool)
	if !ok {
		return false, errOpen
	}
	return bool(yes), nil
}

// follows says whether the condition can change with the value of a factor.
func (c *condition) follows(factor decision.FactorName) bool {
	_, ok := c.turns[factor]
	return ok
}

// walker looks for what CEL cannot know: variables and what they are compared with.
type walker struct {
	language  *language
	condition *condition
	info      *celast.SourceInfo
	faults    []fault
	numbers   []float64   // literals
	reckoned  []*variable // whose values are used other than in a comparison with a number
}

func (w *walker) report(e celast.Expr, format string, args ...any) {
	if len(w.faults) >= mostProblems {
		return
	}
	w.faults = append(w.faults, fault{w.at(e), fmt.Sprintf(format, args...)})
}

func (w *walker) at(e celast.Expr) place { return placeOf(w.info.GetStartLocation(e.ID())) }

// variable gives the variable that an expression reads; nil where it is none.
func (w *walker) variable(e celast.Expr) *variable {
	if e.Kind() != celast.SelectKind || e.AsSelect().Operand().Kind() != celast.IdentKind {
		return nil
	}
	s := e.AsSelect()
	return w.language.variables[s.Operand().AsIdent()+"."+s.FieldName()]
}

func (w *walker) expr(e celast.Expr) {
	switch e.Kind() {
	case celast.IdentKind:
		if slices.Contains(w.language.groups, e.AsIdent()) {
			w.report(e, "%q is a group of values; name one of them, as %s.%s", e.AsIdent(), e.AsIdent(), w.language.members(e.AsIdent())[0])
		}
	case celast.LiteralKind:
		if n, ok := numeral(e); ok {
			w.numbers = append(w.numbers, n)
		}
	case celast.SelectKind:
		w.selected(e)
	case celast.CallKind:
		w.call(e)
	case celast.ListKind:
		for _, element := range e.AsList().Elements() {
			w.expr(element)
		}
	case celast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			w.expr(entry.AsMapEntry().Key())
			w.expr(entry.AsMapEntry().Value())
		}
	case celast.StructKind:
		w.report(e, "a condition cannot make objects")
	case celast.ComprehensionKind:
		w.condition.loops = true
		c := e.AsComprehension()
		for _, part := range []celast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
			w.expr(part)
		}
	}
}

func (w *walker) selected(e celast.Expr) {
	s := e.AsSelect()
	if v := w.variable(e); v != nil {
		w.use(e, v)
		if v.factor != "" && !s.IsTestOnly() {
			w.follow(v)
		}
		return
	}
	if v := w.variable(s.Operand()); v != nil && v.kind.Kind() == types.MapKind {
		w.word(v, s.FieldName(), e)
	}
	w.expr(s.Operand())
}

func (w *walker) call(e celast.Expr) {
	c := e.AsCall()
	args := c.Args()
	if w.bounded(c) {
		return
	}
	switch c.FunctionName() {
	case operators.Equals, operators.NotEquals:
		w.compared(args[0], args[1])
		w.compared(args[1], args[0])
	case operators.In:
		w.member(args[0], args[1])
	case operators.Index:
		if v := w.variable(args[0]); v != nil && v.kind.Kind() == types.MapKind {
			w.literal(v, args[1])
		}
	}
	if c.IsMemberFunction() {
		w.expr(c.Target())
	}
	for _, arg := range args {
		w.expr(arg)
	}
}

// compared looks at what a variable is compared with: a text must be one that it can have.
func (w *walker) compared(e, with celast.Expr) {
	if v := w.variable(e); v != nil && v.kind.Kind() == types.StringKind {
		w.literal(v, with)
	}
	// document.checks["x"] == "pass"
	status := func(operand celast.Expr) {
		if v := w.variable(operand); v != nil && v.kind.Kind() == types.MapKind {
			w.vocabularyWord(checkStatuses, v.path(), with)
		}
	}
	switch e.Kind() {
	case celast.CallKind:
		if c := e.AsCall(); c.FunctionName() == operators.Index {
			status(c.Args()[0])
		}
	case celast.SelectKind:
		status(e.AsSelect().Operand())
	}
}

// member looks at "x in list".
func (w *walker) member(e, in celast.Expr) {
	if v := w.variable(in); v != nil {
		w.literal(v, e) // an entry of a list, or a key of a map
	}
	v := w.variable(e)
	if v == nil || in.Kind() != celast.ListKind {
		return
	}
	for _, element := range in.AsList().Elements() {
		w.literal(v, element)
	}
}

func (w *walker) literal(v *variable, e celast.Expr) {
	if v.values != nil {
		w.vocabularyWord(v.values, v.path(), e)
	}
}

func (w *walker) word(v *variable, word string, e celast.Expr) {
	if v.values != nil && !v.values.has(word) {
		w.report(e, "%s never has %q%s", v.path(), word, v.values.meant(word))
	}
}

func (w *walker) vocabularyWord(values *vocabulary, path string, e celast.Expr) {
	if e.Kind() != celast.LiteralKind {
		return
	}
	word, ok := e.AsLiteral().(types.String)
	if ok && !values.has(string(word)) {
		w.report(e, "%s never has %q%s", path, string(word), values.meant(string(word)))
	}
}

func (w *walker) use(e celast.Expr, v *variable) {
	s := e.AsSelect()
	w.condition.uses = append(w.condition.uses, use{v, s.IsTestOnly(), w.at(s.Operand())})
}

// follow notes that the condition looks at a factor's value in a way that is not a comparison with a number.
func (w *walker) follow(v *variable) {
	if v.kind == cel.BoolType {
		w.condition.matches = true
		w.turn(v)
		return
	}
	w.condition.steady = false
	w.reckoned = append(w.reckoned, v)
}

// turn notes that the condition follows a value, and at which numbers it can change; numbers that the value never has are none.
func (w *walker) turn(v *variable, numbers ...float64) {
	turns := w.condition.turns[v.factor]
	if turns == nil {
		turns = []decision.Share{}
	}
	for _, n := range numbers {
		if n >= 0 && n <= 1 {
			turns = append(turns, decision.ShareOf(n))
		}
	}
	w.condition.turns[v.factor] = turns
}

var comparisons = []string{operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals, operators.Equals, operators.NotEquals}

// bounded takes a comparison of a factor's value with a number, and says whether this is one.
func (w *walker) bounded(c celast.CallExpr) bool {
	if !slices.Contains(comparisons, c.FunctionName()) {
		return false
	}
	args := c.Args()
	for i, arg := range args {
		v := w.variable(arg)
		n, isNumber := numeral(args[1-i])
		if v == nil || v.factor == "" || !isNumber || arg.AsSelect().IsTestOnly() {
			continue
		}
		w.use(arg, v)
		w.turn(v, n)
		return true
	}
	return false
}

// numeral is the number that a literal is.
func numeral(e celast.Expr) (float64, bool) {
	if e.Kind() != celast.LiteralKind {
		return 0, false
	}
	switch n := e.AsLiteral().(type) {
	case types.Double:
		return float64(n), true
	case types.Int:
		return float64(n), true
	}
	return 0, false
}

// guessTurns notes where a condition that reckons with values may change: wherever a literal stands, since it cannot be told what is compared with it.
func (w *walker) guessTurns() {
	for _, v := range w.reckoned {
		w.turn(v, w.numbers...)
	}
}
