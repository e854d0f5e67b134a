package api

import (
	"reflect"
	"strings"
	"sync"

	"ekyc"
	"ekyc/internal/document/check"
)

// hidden stands in a pointer for a name that the route does not have: a client that mixes up names and values would otherwise find the
// value in its own logs.
const hidden = "…"

// known gives a JSON pointer of which only indices and names of members that the body's type has are told.
func known(pointer string, body any) string {
	names := namesOf(reflect.TypeOf(body))
	parts := strings.Split(pointer, "/")
	for i, part := range parts {
		if part != "" && !isIndex(part) && !names[part] {
			parts[i] = hidden
		}
	}
	return strings.Join(parts, "/")
}

// unknown is known with a last part that is not known. It is told all the same where it has the form of a name, so that a slip of
// the pen can be found.
func unknown(pointer string, body any) string {
	at := strings.LastIndexByte(pointer, '/')
	if at < 0 || !isName(pointer[at+1:]) {
		return known(pointer, body)
	}
	return known(pointer[:at], body) + pointer[at:]
}

func isIndex(part string) bool {
	return len(part) <= 4 && strings.Trim(part, "0123456789") == ""
}

// longestName is that of the names of this API, with some room.
const longestName = 32

func isName(part string) bool {
	return part != "" && len(part) <= longestName && strings.Trim(part, "abcdefghijklmnopqrstuvwxyz_") == ""
}

var nameSets sync.Map // reflect.Type → map[string]bool

// namesOf are the names of the members of a type and of everything in it, and those of fields of documents and of modules, by which
// maps go.
func namesOf(t reflect.Type) map[string]bool {
	if set, ok := nameSets.Load(t); ok {
		return set.(map[string]bool)
	}
	set := map[string]bool{}
	for _, key := range check.Keys() {
		set[string(key)] = true
	}
	for _, module := range ekyc.Modules {
		set[string(module)] = true
	}
	collectNames(t, set, map[reflect.Type]bool{})
	nameSets.Store(t, set)
	return set
}

func collectNames(t reflect.Type, into map[string]bool, seen map[reflect.Type]bool) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		collectNames(t.Elem(), into, seen)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
				into[name] = true
			}
			collectNames(f.Type, into, seen)
		}
	}
}
