package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
)

var (
	celUndeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	celUndefined  = regexp.MustCompile(`^undefined field '([^']*)'`)
	celOverload   = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '([^']*)'`)
	celUnexpected = regexp.MustCompile(`^(?:mismatched input|extraneous input|no viable alternative at input) '([^']*)'`)
	celLexical    = regexp.MustCompile(`^token recognition error at: '(.*)'`)
)

// faults are CEL's messages in plain words, with a suggestion where a name is nearly right.
func (l *language) faults(issues *cel.Issues) []fault {
	var list []fault
	for i, e := range issues.Errors() {
		if i == mostTypingErrors {
			break
		}
		message, _, _ := strings.Cut(strings.TrimPrefix(e.Message, "Syntax error: "), "\n")
		list = append(list, fault{placeOf(e.Location), l.explained(message)})
	}
	return list
}

func (l *language) explained(message string) string {
	if m := celUndeclared.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("%q is not known%s", m[1], l.meantName(m[1]))
	}
	if m := celUndefined.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("there is no member %q%s", m[1], didYouMean(m[1], l.names()))
	}
	if m := celOverload.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("%s cannot be applied to %s", strings.Trim(m[1], "_@"), plain(m[2]))
	}
	if m := celUnexpected.FindStringSubmatch(message); m != nil && m[1] == "<EOF>" {
		return "the condition ends where something is missing"
	} else if m != nil {
		return fmt.Sprintf("%q is not expected here", m[1])
	}
	if m := celLexical.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("%q means nothing", m[1])
	}
	switch message {
	case "invalid matches argument":
		return "the pattern is not a regular expression (RE2)"
	case "comprehension exceeds nesting limit":
		return fmt.Sprintf("all, exists, exists_one, map and filter can stand %d deep in one another", deepestLoops)
	}
	return plain(message)
}

// plain takes out how groups are called within.
func plain(message string) string { return strings.ReplaceAll(message, objectName(""), "the group ") }

// meantName helps with an unknown name: a member without its group, or a slip of the pen.
func (l *language) meantName(name string) string {
	for _, group := range l.groups {
		if l.variables[group+"."+name] != nil {
			return fmt.Sprintf("; did you mean %q?", group+"."+name)
		}
	}
	return didYouMean(name, append(slices.Clone(l.groups), "EU", "EEA", "has", "size", "matches"))
}

// names lists the members of all groups, since CEL does not say in which one a name was looked for.
func (l *language) names() []string {
	var names []string
	for _, v := range l.variables {
		names = append(names, v.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
