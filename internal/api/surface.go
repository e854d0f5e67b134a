package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// surface is one set of routes with its OpenAPI document.
type surface struct {
	server *Server
	prefix string
	mux    *http.ServeMux
	huma   huma.API
	routes []route // as registered, for tests and the documents
}

func newSurface(s *Server, title, description, prefix, version string) *surface {
	if version == "" {
		version = "devel"
	}
	config := huma.DefaultConfig(title, version)
	config.Info.Description = description
	config.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil // no $schema members in answers
	config.Formats = map[string]huma.Format{"application/json": {
		Marshal: func(w io.Writer, v any) error {
			body, err := render(v)
			if err == nil {
				_, err = w.Write(body)
			}
			return err
		},
		Unmarshal: json.Unmarshal, // never used: bodies are read by decode
	}}
	config.DefaultFormat = "application/json"
	config.Components.Schemas = newRegistry()
	config.Components.SecuritySchemes = securitySchemes(prefix)
	mux := http.NewServeMux()
	return &surface{server: s, prefix: prefix, mux: mux, huma: humago.New(mux, config)}
}

func securitySchemes(prefix string) map[string]*huma.SecurityScheme {
	if prefix == "/admin/v1" {
		return map[string]*huma.SecurityScheme{"session": {Type: "http", Scheme: "bearer"}}
	}
	schemes := map[string]*huma.SecurityScheme{}
	for name, header := range map[string]string{"key": headerKey, "timestamp": headerTimestamp, "signature": headerSignature} {
		schemes[name] = &huma.SecurityScheme{Type: "apiKey", In: "header", Name: header}
	}
	return schemes
}

// unrouted says how a request that no route takes is to be refused: the methods that its path answers, none when there is no such path.
func (f *surface) unrouted(r *http.Request) (allowed string, unrouted bool) {
	if clean := path.Clean(r.URL.Path); r.URL.Path != clean && r.URL.Path != clean+"/" {
		return "", true // the multiplexer would redirect, to a target that nobody has signed
	}
	handler, pattern := f.mux.Handler(r)
	if pattern != "" {
		return "", false
	}
	probe := httptest.NewRecorder() // the multiplexer's own refusal names the methods
	handler.ServeHTTP(probe, r)
	return probe.Header().Get("Allow"), true
}
