package api

import (
	"context"
	"io/fs"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	swagger "github.com/swaggo/files/v2"

	"ekyc"
	"ekyc/internal/card"
	"ekyc/internal/document"
	"ekyc/internal/engine"
)

// openRoutes are those that need no signature.
func (s *Server) openRoutes(f *surface) {
	handle(f, route{method: http.MethodGet, path: "/health", id: "health", tag: "service", access: open, summary: "Is the process alive?"}, s.health)
	handle(f, route{method: http.MethodGet, path: "/ready", id: "ready", tag: "service", access: open, summary: "Can requests be answered?",
		description: "503 while a part is away without which nothing can be served: the database, the vision engine, the root keys, an antivirus that is required, pictures in a directory. Others are told as away: pictures or the erasure ledger in a bucket, the key service, an antivirus that is preferred. Each part is asked every few seconds at most, however many ask here.", errors: []ekyc.ErrorCode{ekyc.ErrUnavailable}}, s.ready)
	handle(f, route{method: http.MethodGet, path: "/models", id: "models", tag: "service", access: open, summary: "Which models are loaded",
		description: "Every model with its hash, licence and origin; those whose makers do not say what they were trained on are named. With the accuracy card of faces and liveness: what was measured on which pictures, with the number of trials and exact 95 % bounds, and what that does not prove. The card is of the networks that it names: applies is false where another one is loaded in place of one of them."}, s.models)
	handle(f, route{method: http.MethodGet, path: "/coverage", id: "coverage", tag: "service", access: open, summary: "Which documents are read",
		description: "Type of document × country: what is read there, from which source, and how that was tested. `real_specimens`: on pictures of the issuer's own specimens; `synthetic_only`: on generated print only; `standard_only`: on documents of other issuers that follow the same standard. The list is computed from what the reader has, not written by hand."}, s.coverage)
}

// HealthAnswer says that the process is alive.
type HealthAnswer struct {
	Status  string    `json:"status" enum:"ok"`
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
}

func (s *Server) health(context.Context, *Call, *none, *none) (*HealthAnswer, error) {
	return &HealthAnswer{Status: "ok", Version: s.options.Version, Time: time.Now().UTC()}, nil
}

// ReadyAnswer names the parts that answer.
type ReadyAnswer struct {
	Status string            `json:"status" enum:"ready"`
	Parts  map[string]string `json:"parts" doc:"ready, away or off, each. A part that is away here is one without which others still work: what needs it is answered with 503 meanwhile."`
}

func (s *Server) ready(ctx context.Context, _ *Call, _ *none, _ *none) (*ReadyAnswer, error) {
	report := s.Health.Report(ctx)
	if len(report.Down) > 0 {
		return nil, ekyc.Errorf(ekyc.ErrUnavailable, "the %s does not answer", inWords(report.Down[0])).With("part", report.Down[0]).With("parts", report.Parts)
	}
	return &ReadyAnswer{Status: "ready", Parts: report.Parts}, nil
}

// inWords is the name of a part as messages have it.
func inWords(part string) string { return strings.ReplaceAll(part, "_", " ") }

// keysReady says whether the root keys may be used.
func (s *Server) keysReady(context.Context) error {
	if s.Keys == nil {
		return nil
	}
	return s.Keys.Ready()
}

// ModelsAnswer lists the loaded models.
type ModelsAnswer struct {
	Profile      string             `json:"profile"`
	Undocumented []string           `json:"undocumented" doc:"Models whose makers do not say what they were trained on."`
	Models       []engine.ModelInfo `json:"models"`
	Accuracy     AccuracyAnswer     `json:"accuracy"`
}

// AccuracyAnswer is the accuracy card of this build.
type AccuracyAnswer struct {
	Applies bool `json:"applies" doc:"The loaded networks of faces and liveness are those that were measured."`
	card.Card
}

// measuredJobs begin the names of the models that the card is about.
var measuredJobs = []string{"face_", "presentation_attack", "iris", "eye_state"}

// accuracyOf says whether the card was measured with the models that are loaded.
func accuracyOf(c *card.Card, loaded map[string]string) AccuracyAnswer {
	about := func(models map[string]string) map[string]string {
		kept := map[string]string{}
		for name, digest := range models {
			if slices.ContainsFunc(measuredJobs, func(job string) bool { return strings.HasPrefix(name, job) }) {
				kept[name] = digest
			}
		}
		return kept
	}
	return AccuracyAnswer{Applies: maps.Equal(about(c.Models), about(loaded)), Card: *c}
}

func (s *Server) models(ctx context.Context, _ *Call, _ *none, _ *none) (*ModelsAnswer, error) {
	v, err := s.Vision.Models(ctx)
	if err != nil {
		return nil, err
	}
	measured, err := card.Shipped()
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the accuracy card cannot be read").Because(err)
	}
	return &ModelsAnswer{
		Profile: string(v.Profile), Undocumented: orEmpty(v.Undocumented), Models: orEmpty(v.Models), Accuracy: accuracyOf(measured, v.Hashes),
	}, nil
}

// CoverageAnswer says what is read.
type CoverageAnswer struct {
	Coverage      []document.Coverage `json:"coverage" doc:"By country and type; entries of the country * hold for every issuer that follows the standard."`
	Standards     []Standard          `json:"standards"`
	DocumentTypes []ekyc.DocumentType `json:"document_types"`
	Countries     []ekyc.Country      `json:"countries" doc:"Codes of issuers and nationalities that are known."`
	Fields        []document.Key      `json:"fields" doc:"Names of fields that an answer can hold."`
}

// Standard is one part of what is read.
type Standard struct {
	Name      string   `json:"name"`
	Documents []string `json:"documents"`
	Gives     string   `json:"gives"`
}

var standards = []Standard{
	{"ICAO 9303 TD3", []string{"passport"}, "all fields of the machine readable zone, with check digits"},
	{"ICAO 9303 TD1, TD2", []string{"id_card", "residence_permit", "passport"}, "all fields of the machine readable zone, with check digits"},
	{"ICAO 9303 MRV-A, MRV-B", []string{"other"}, "all fields of a visa's machine readable zone, with check digits"},
	{"AAMVA DL/ID", []string{"driver_license", "id_card"}, "all fields of the PDF417 bar code of North American licences"},
	{"EU 2006/126/EC, ISO/IEC 18013-1", []string{"driver_license"}, "the numbered fields as printed"},
	{"printed captions", []string{"passport", "id_card", "driver_license", "residence_permit"}, "fields whose captions are known, in Latin print"},
	{"national layouts", []string{"passport", "id_card", "driver_license", "residence_permit"}, "the fields of each national document that the coverage lists"},
}

var documentTypes = []ekyc.DocumentType{ekyc.Passport, ekyc.IDCard, ekyc.DriverLicense, ekyc.ResidencePermit, ekyc.OtherDocument}

func (s *Server) coverage(context.Context, *Call, *none, *none) (*CoverageAnswer, error) {
	return &CoverageAnswer{
		Coverage:      document.Covered(),
		Standards:     standards,
		DocumentTypes: documentTypes,
		Countries:     ekyc.Countries(), Fields: document.Keys,
	}, nil
}

// documentRoutes serve the OpenAPI document and a page to read it with; nothing is fetched from elsewhere.
func (f *surface) documentRoutes() error {
	f.describe("openapi", "/openapi.json", "This document", openAPIType, &huma.Schema{Type: huma.TypeObject})
	f.describe("docs", "/docs/", "A page to read this document with", "text/html", &huma.Schema{Type: huma.TypeString})
	document, err := f.document()
	if err != nil {
		return err
	}
	f.mux.HandleFunc("GET "+f.prefix+"/openapi.json", func(w http.ResponseWriter, r *http.Request) {
		callOf(r.Context()).route = f.prefix + "/openapi.json"
		w.Header().Set("Content-Type", openAPIType)
		w.Write(document)
	})
	assets, err := fs.Sub(swagger.FS, ".")
	if err != nil {
		return err
	}
	files := http.StripPrefix(f.prefix+"/docs/", http.FileServerFS(assets))
	f.mux.HandleFunc("GET "+f.prefix+"/docs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, f.prefix+"/docs/", http.StatusMovedPermanently)
	})
	f.mux.HandleFunc("GET "+f.prefix+"/docs/", func(w http.ResponseWriter, r *http.Request) {
		callOf(r.Context()).route = f.prefix + "/docs"
		// The page carries its styles in the markup; scripts come from files of this server only.
		w.Header().Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		if strings.HasSuffix(r.URL.Path, "/swagger-initializer.js") {
			w.Header().Set("Content-Type", "text/javascript")
			w.Write([]byte(swaggerSettings))
			return
		}
		if name := strings.TrimPrefix(r.URL.Path, f.prefix+"/docs/"); name != "" {
			if about, err := fs.Stat(assets, name); err != nil || about.IsDir() || name == "index.html" {
				f.server.refuse(r.Context(), w, callOf(r.Context()), ekyc.Errorf(ekyc.ErrNotFound, "there is no such file"))
				return
			}
		}
		r.Header.Del("Range") // whole files only: the file server's refusals have a form of their own
		files.ServeHTTP(w, r)
	})
	return nil
}

// openAPIType is the media type of the document (draft-ietf-httpapi-rest-api-mediatypes).
const openAPIType = "application/vnd.oai.openapi+json;version=3.1"

// describe puts an open route into the document that is not made of types.
func (f *surface) describe(id, path, summary, mediaType string, schema *huma.Schema) {
	rt := route{method: http.MethodGet, path: f.prefix + path, id: id, tag: "service", summary: summary, access: open, status: http.StatusOK}
	op := rt.operation(f.huma, reflect.TypeFor[none]())
	op.Responses["200"].Content = map[string]*huma.MediaType{mediaType: {Schema: schema}}
	f.routes = append(f.routes, rt)
	f.huma.OpenAPI().AddOperation(&op)
}

const swaggerSettings = `window.onload = function () {
  window.ui = SwaggerUIBundle({ url: "../openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset], plugins: [SwaggerUIBundle.plugins.DownloadUrl], layout: "StandaloneLayout" });
};
`

// document is the OpenAPI 3.1 document as JSON.
func (f *surface) document() ([]byte, error) {
	paths := f.huma.OpenAPI().Paths
	for _, item := range paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				delete(op.Responses, "422") // huma adds it; the shape of every error stands under default
			}
		}
	}
	if hints := f.huma.OpenAPI().Components.Schemas.Map()["LivenessHints"]; hints != nil {
		hints.Required = nil // each of them may be left out
	}
	allowNull(f.huma.OpenAPI().Components.Schemas)
	return render(f.huma.OpenAPI())
}
