package pipeline

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"ekyc/internal/decision"
)

// reader fills a definition from nodes and remembers which node each member came from. It goes by the JSON names of the Go types; a member whose tag
// has neither omitempty nor omitzero is needed.
type reader struct {
	source   *source
	nodes    map[string]*yaml.Node // by path
	problems []Problem
}

// member is one member of a Go struct.
type member struct {
	name   string
	index  int
	needed bool
}

// membersOf lists the members of a struct type.
func membersOf(t reflect.Type) []member {
	var list []member
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if t.Field(i).IsExported() {
			list = append(list, member{name, i, !strings.Contains(options, "omit")})
		}
	}
	return list
}

func (r *reader) report(n *yaml.Node, path, format string, args ...any) {
	if len(r.problems) < mostProblems {
		r.problems = append(r.problems, Problem{Line: n.Line, Column: n.Column, Path: path, Message: fmt.Sprintf(format, args...)})
	}
}

func (r *reader) definition(root *yaml.Node) *Definition {
	d := &Definition{}
	r.value(root, "", reflect.ValueOf(d).Elem())
	return d
}

// decimal is the form of numbers, that of JSON.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

var pointsType = reflect.TypeFor[decision.Points]()

// value fills one value.
func (r *reader) value(n *yaml.Node, path string, into reflect.Value) {
	r.nodes[path] = n
	if n.ShortTag() == "!!null" {
		r.report(n, path, "there is no value: give one, or leave the member out")
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		r.value(n, path, into.Elem())
	case reflect.Struct:
		r.mapping(n, path, into)
	case reflect.Slice:
		r.list(n, path, into)
	case reflect.String:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			r.report(n, path, "a text is needed%s", inQuotes(n))
			return
		}
		if n.Value == "" {
			r.report(n, path, "the text is empty: give one, or leave the member out")
			return
		}
		into.SetString(n.Value)
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			r.report(n, path, "true or false is needed")
			return
		}
		into.SetBool(strings.EqualFold(n.Value, "true"))
	default:
		r.number(n, path, into)
	}
}

// inQuotes helps with a text that YAML takes for something else.
func inQuotes(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		return ""
	}
	return ": put the value in quotes"
}

func (r *reader) number(n *yaml.Node, path string, into reflect.Value) {
	if n.Kind != yaml.ScalarNode || !decimal.MatchString(n.Value) || n.ShortTag() == "!!str" {
		r.report(n, path, "a number is needed, as 18 or 0.75")
		return
	}
	if into.Type() == pointsType {
		if err := into.Addr().Interface().(*decision.Points).UnmarshalJSON([]byte(n.Value)); err != nil {
			r.report(n, path, "a number with at most two digits after the point is needed")
		}
		return
	}
	value, err := strconv.ParseFloat(n.Value, 64)
	if err != nil {
		r.report(n, path, "the number is too large")
		return
	}
	if into.Kind() == reflect.Float64 {
		into.SetFloat(value)
		return
	}
	if value != math.Trunc(value) || math.Abs(value) > math.MaxInt32 {
		r.report(n, path, "a whole number is needed")
		return
	}
	into.SetInt(int64(value))
}

func (r *reader) list(n *yaml.Node, path string, into reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		r.report(n, path, "a list is needed")
		return
	}
	if len(n.Content) > mostListed {
		r.report(n, path, "at most %d entries are permitted", mostListed)
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content)))
	for i, entry := range n.Content {
		r.value(entry, fmt.Sprintf("%s[%d]", path, i), into.Index(i))
	}
}

func (r *reader) mapping(n *yaml.Node, path string, into reflect.Value) {
	if n.Kind != yaml.MappingNode {
		r.report(n, path, "a mapping with members is needed")
		return
	}
	members := membersOf(into.Type())
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.name
	}
	seen := map[string]int{} // lines
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := joined(path, key.Value)
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
			r.report(key, joined(path, cut(key.Value, longestName)), "the name of a member is needed")
			continue
		}
		if line, twice := seen[key.Value]; twice {
			r.report(key, joined(path, cut(key.Value, longestName)), "%q stands here twice; the first is in line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		known := false
		for _, m := range members {
			if m.name == key.Value {
				known = true
				r.value(value, at, into.Field(m.index))
			}
		}
		if !known {
			r.report(key, joined(path, cut(key.Value, longestName)), "there is no member %q%s", key.Value, (&vocabulary{words: names}).meant(key.Value))
		}
	}
	for _, m := range members {
		if _, given := seen[m.name]; m.needed && !given {
			r.report(n, joined(path, m.name), "%s is needed", m.name)
		}
	}
}

func joined(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// told says whether something is wrong already with a member, with what it is in or with what is in it: then it was not read, and the rest follows from that.
func (r *reader) told(path string) bool {
	return slices.ContainsFunc(r.problems, func(p Problem) bool {
		return p.Path == path || strings.HasPrefix(path, p.Path+".") || strings.HasPrefix(path, p.Path+"[") ||
			strings.HasPrefix(p.Path, path+".") || strings.HasPrefix(p.Path, path+"[")
	})
}

// located gives a problem of a definition its place in the text: that of the member, of the nearest one around it where the member is missing, or within
// a condition.
func (r *reader) located(p Problem) Problem {
	for path := p.Path; ; path = outer(path) {
		n := r.nodes[path]
		switch {
		case n == nil && path != "":
			continue
		case n == nil:
			p.Line, p.Column = 1, 1
		case p.Line > 0 && path == p.Path:
			p.Line, p.Column = r.source.within(n, place{p.Line, p.Column})
		default:
			p.Line, p.Column = n.Line, n.Column
		}
		return p
	}
}

// outer is the path of what a member is in.
func outer(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}
