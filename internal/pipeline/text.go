package pipeline

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits of a text.
const (
	longestText = 256 << 10 // bytes
	deepestText = 16        // lists and mappings in one another; a workflow has six
)

// Parse reads a workflow from JSON or YAML. Error: ErrInvalidArgument with the detail "problems", a []Problem of at most 50.
func Parse(text []byte, o Options) (*Definition, error) {
	root, problems := tree(text)
	if len(problems) > 0 {
		return nil, refused(problems)
	}
	r := &reader{source: &source{text: text}, nodes: map[string]*yaml.Node{}}
	d := r.definition(root)
	_, found := examine(d, o)
	problems = r.problems
	for _, p := range found {
		if !r.told(p.Path) {
			problems = append(problems, r.located(p))
		}
	}
	if len(problems) == 0 {
		return d, nil
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
	return nil, refused(problems)
}

// tree reads the text into nodes that know their places: JSON by its own rules, anything else as YAML.
func tree(text []byte) (*yaml.Node, []Problem) {
	one := func(line, column int, format string, args ...any) (*yaml.Node, []Problem) {
		return nil, []Problem{{Line: line, Column: column, Message: fmt.Sprintf(format, args...)}}
	}
	if len(text) > longestText {
		return one(1, 1, "the text has %d bytes; %d are permitted", len(text), longestText)
	}
	if at := invalidUTF8(text); at >= 0 {
		line, column := position(text, at)
		return one(line, column, "the text is not UTF-8")
	}
	var root *yaml.Node
	if json.Valid(text) {
		root = jsonTree(text)
	} else {
		var err error
		if root, err = yamlTree(text); err != nil {
			line, column, message := syntaxPlace(text, err)
			return one(line, column, "%s", message)
		}
	}
	if root == nil {
		return one(1, 1, "the text is empty")
	}
	if problem := deepest(root, 1); problem != nil {
		return nil, []Problem{*problem}
	}
	return root, nil
}

// errSecond is that a YAML stream has more than one document.
var errSecond = errors.New("the text has more than one document")

func yamlTree(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, errSecond
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	return document.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

// syntaxPlace finds where the text breaks the rules of its form.
func syntaxPlace(text []byte, err error) (line, column int, message string) {
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		var syntax *json.SyntaxError
		if failure := json.Unmarshal(text, new(any)); errors.As(failure, &syntax) {
			line, column = position(text, min(int(syntax.Offset), len(text))-1)
			return line, column, syntax.Error()
		}
	}
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		line, _ = strconv.Atoi(found[1])
		return max(line, 1), 1, found[2]
	}
	return 1, 1, err.Error()
}

// invalidUTF8 is the first byte that is part of no character; -1 where there is none.
func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return -1
}

// position is that of a byte, from 1, in characters.
func position(text []byte, at int) (line, column int) {
	before := text[:max(at, 0)]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(before[start:]) + 1
}

// deepest finds what is nested too deeply, and what makes a text other than it looks: anchors, aliases and types of its own.
func deepest(n *yaml.Node, depth int) *Problem {
	problem := func(format string, args ...any) *Problem {
		return &Problem{Line: n.Line, Column: n.Column, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case depth > deepestText:
		return problem("lists and mappings are nested more than %d deep", deepestText)
	case n.Kind == yaml.AliasNode:
		return problem("aliases are not permitted: write the value out")
	case n.Anchor != "":
		return problem("anchors are not permitted")
	case n.Style&yaml.TaggedStyle != 0:
		return problem("types of values are not permitted: leave %s out", n.Tag)
	}
	for _, child := range n.Content {
		if p := deepest(child, depth+1); p != nil {
			return p
		}
	}
	return nil
}

// jsonTree makes the same nodes of valid JSON as YAML gives, with the places of the text.
func jsonTree(text []byte) *yaml.Node {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	b := &jsonNodes{text: text, decoder: decoder, line: 1}
	return b.next()
}

type jsonNodes struct {
	text    []byte
	decoder *json.Decoder

	offset, line, column int // how far characters were counted: of the byte at offset, the column from 0
}

// place gives the position of a byte that is not before the last one asked for. No byte is counted twice: minified JSON is one line of many values.
func (b *jsonNodes) place(at int) (line, column int) {
	for ; b.offset < at; b.offset++ {
		switch c := b.text[b.offset]; {
		case c == '\n':
			b.line++
			b.column = 0
		case utf8.RuneStart(c):
			b.column++
		}
	}
	return b.line, b.column + 1
}

func (b *jsonNodes) next() *yaml.Node {
	start := int(b.decoder.InputOffset())
	for start < len(b.text) && strings.IndexByte(" \t\r\n:,", b.text[start]) >= 0 {
		start++
	}
	line, column := b.place(start)
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: line, Column: column}
	token, err := b.decoder.Token()
	if err != nil {
		return n // the text is valid
	}
	switch value := token.(type) {
	case json.Delim:
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
		if value == '[' {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		}
		for b.decoder.More() {
			n.Content = append(n.Content, b.next())
		}
		b.decoder.Token() // the closing bracket
	case string:
		n.Tag, n.Value, n.Style = "!!str", value, yaml.DoubleQuotedStyle
	case json.Number:
		n.Tag, n.Value = "!!float", value.String()
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(value)
	case nil:
		n.Tag = "!!null"
	}
	return n
}
