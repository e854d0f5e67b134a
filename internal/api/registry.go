package api

import (
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ekyc/internal/decision"
)

// newRegistry collects the schemas of one document. Types of the rooms have their room's name before their own, since several rooms have
// a Result and a Check.
func newRegistry() huma.Registry {
	r := huma.NewMapRegistry("#/components/schemas/", schemaName)
	decimal := reflect.TypeFor[float64]()
	r.RegisterTypeAlias(reflect.TypeFor[decision.Points](), decimal) // they write themselves as decimal numbers
	r.RegisterTypeAlias(reflect.TypeFor[decision.Share](), decimal)
	return r
}

func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	room := path.Base(t.PkgPath())
	if t.PkgPath() == "" || room == "api" || room == "ekyc" {
		return name
	}
	return strings.ToUpper(room[:1]) + room[1:] + name
}

// allowNull lets members that are pointers to objects be null, where they are not left out instead: huma knows that of scalars only.
func allowNull(r huma.Registry) {
	for name, schema := range r.Map() {
		t := r.TypeFromRef("#/components/schemas/" + name)
		if t == nil || schema.Type != huma.TypeObject || t.Kind() != reflect.Struct {
			continue
		}
		for _, field := range reflect.VisibleFields(t) {
			member, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			property := schema.Properties[member]
			if property == nil || property.Ref == "" || field.Type.Kind() != reflect.Pointer || strings.Contains(options, "omitempty") {
				continue
			}
			schema.Properties[member] = &huma.Schema{OneOf: []*huma.Schema{{Ref: property.Ref}, {Type: "null"}}, Description: property.Description}
		}
	}
}
