package pipeline

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// source is a text in lines, each of which is taken apart once: minified JSON is one long line with many conditions in it.
type source struct {
	text  []byte
	lines []line
}

// line is one line in characters; blank from end on.
type line struct {
	runes []rune
	end   int
}

// line gives one from 0; what is beyond the last is empty.
func (s *source) line(i int) line {
	if s.lines == nil {
		for text := range strings.SplitSeq(string(s.text), "\n") {
			l := line{runes: []rune(text)}
			for l.end = len(l.runes); l.end > 0 && strings.ContainsRune(" \t\r", l.runes[l.end-1]); l.end-- {
			}
			s.lines = append(s.lines, l)
		}
	}
	if i >= len(s.lines) {
		return line{}
	}
	return s.lines[i]
}

// within finds the place in the text that a place of a scalar's value came from, whatever the scalar's style: quotes, escapes, folded or literal blocks.
// Where the two cannot be laid side by side it is the scalar's own place.
func (s *source) within(n *yaml.Node, at place) (line, column int) {
	c := &scalar{source: s, line: n.Line - 1, column: n.Column - 1, style: n.Style}
	if c.beyond() {
		return n.Line, n.Column
	}
	c.enter()
	here := place{1, 1}
	for _, r := range n.Value {
		if here == at {
			break
		}
		if !c.pass(r) {
			return n.Line, n.Column
		}
		here.column++
		if r == '\n' {
			here = place{here.line + 1, 1}
		}
	}
	c.settle()
	return c.line + 1, c.column + 1
}

// scalar goes through the source of a scalar.
type scalar struct {
	source       *source
	line, column int // the next character, from 0; column in characters
	style        yaml.Style
}

// beyond says that the text is over.
func (s *scalar) beyond() bool {
	s.source.line(s.line)
	return s.line >= len(s.source.lines)
}

// rest is what is left of the line.
func (s *scalar) rest() []rune {
	runes := s.source.line(s.line).runes
	return runes[min(s.column, len(runes)):]
}

// blank says that nothing but blanks is left of the line.
func (s *scalar) blank() bool { return s.column >= s.source.line(s.line).end }

// enter goes to the first character of the value.
func (s *scalar) enter() {
	switch {
	case s.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		s.nextLine()
	case s.style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		s.column++
	}
}

// nextLine goes to the first character of the next line that has one.
func (s *scalar) nextLine() {
	s.line++
	s.column = 0
	for !s.beyond() && s.blank() {
		s.line++
	}
	s.skipBlanks()
}

func (s *scalar) skipBlanks() {
	for _, r := range s.rest() {
		if r != ' ' && r != '\t' {
			return
		}
		s.column++
	}
}

// settle goes over what is between lines to the next character of the value.
func (s *scalar) settle() {
	if s.blank() {
		if s.line+1 < len(s.source.lines) {
			s.nextLine()
		}
		return
	}
	if s.style&yaml.DoubleQuotedStyle != 0 && s.rest()[0] == '\\' && s.column+1 >= s.source.line(s.line).end {
		s.nextLine()
	}
}

// pass goes over the source of one character of the value; false where it does not fit.
func (s *scalar) pass(r rune) bool {
	if r == ' ' || r == '\n' {
		if rest := s.rest(); len(rest) > 0 && rest[0] == ' ' && !s.blank() {
			s.column++
			return true
		}
		if rest := s.rest(); len(rest) > 1 && rest[0] == '\\' && rest[1] == 'n' {
			s.column += 2
			return true
		}
		if s.blank() {
			s.nextLine() // a fold, or a line of a literal block; empty lines give further characters for which nothing is left
		}
		return true
	}
	s.settle()
	rest := s.rest()
	switch {
	case len(rest) == 0:
		return false
	case s.style&yaml.SingleQuotedStyle != 0 && r == '\'' && len(rest) > 1 && rest[0] == '\'':
		s.column += 2
		return true
	case s.style&yaml.DoubleQuotedStyle != 0 && rest[0] == '\\':
		s.column += escapeLength(rest)
		return true
	case rest[0] != r:
		return false
	}
	s.column++
	return true
}

// escapeLength is that of an escape sequence of YAML or JSON, a surrogate pair taken as one.
func escapeLength(rest []rune) int {
	if len(rest) < 2 {
		return 1
	}
	switch rest[1] {
	case 'x':
		return 4
	case 'U':
		return 10
	case 'u':
		if len(rest) >= 12 && rest[6] == '\\' && rest[7] == 'u' {
			if code, err := strconv.ParseUint(string(rest[2:6]), 16, 32); err == nil && code >= 0xd800 && code < 0xdc00 {
				return 12
			}
		}
		return 6
	}
	return 2
}
