package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ekyc"
	"ekyc/internal/idempotency"
	"ekyc/internal/operator"
)

// access says who may call a route.
type access int

const (
	signed    access = iota // a tenant, by signature
	open                    // anybody
	operators               // the platform's operators, by session
)

// route describes one route; everything else about it follows from the types of its parameters, body and answer.
type route struct {
	method, path string // the template, with the surface's prefix
	id           string // operation id
	tag          string
	summary      string
	description  string
	access       access
	scope        string              // of the key; "" for any key
	permission   operator.Permission // of the operator
	anyFactor    bool                // also for operators without one-time codes where these are demanded
	maxBody      int64               // bytes; 0 for smallRoute
	status       int                 // of success; 0 for 200
	errors       []ekyc.ErrorCode    // beyond those that every route has
	mayBeBare    bool                // without a body it is asked as with an empty object

	hasBody bool // filled in by handle
}

// Most bytes of bodies. An image of 10 MB takes 4/3 of it in base64.
const (
	smallRoute  = 256 << 10
	oneImage    = 14<<20 + 64<<10
	twoImages   = 28<<20 + 64<<10
	threeImages = 42<<20 + 64<<10
	recording   = 96<<20 + 64<<10 // frames of a video, with a document beside them
)

// none stands for no parameters, no body or no answer.
type none struct{}

// answer is what goes out through huma.
type answer struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Body        func(huma.Context)
}

// handle registers a route. P holds path and query parameters, B the body, O the answer; none where there is none.
func handle[P, B, O any](f *surface, rt route, work func(ctx context.Context, call *Call, params *P, body *B) (*O, error)) {
	bodyType, outType := reflect.TypeFor[B](), reflect.TypeFor[O]()
	rt.path = f.prefix + rt.path
	rt.hasBody = bodyType != reflect.TypeFor[none]()
	if rt.status == 0 {
		rt.status = http.StatusOK
	}
	if rt.maxBody == 0 {
		rt.maxBody = smallRoute
	}
	rt.errors = withGateErrors(rt.errors, bodyType)
	f.routes = append(f.routes, rt)
	op := rt.operation(f.huma, outType)
	var schema *huma.Schema
	if rt.hasBody {
		schema = f.huma.OpenAPI().Components.Schemas.Schema(bodyType, true, rt.id+"-body")
	}
	skipSchema := hasImages(bodyType)
	op.Middlewares = huma.Middlewares{f.server.guard(rt)}
	registry := f.huma.OpenAPI().Components.Schemas
	huma.Register(f.huma, op, func(ctx context.Context, params *P) (*answer, error) {
		call := callOf(ctx)
		out, err := func() (*O, error) {
			var body B
			if rt.hasBody {
				if err := decode(call.body, &body); err != nil {
					return nil, err
				}
				if err := checkBody(registry, schema, call.body, &body, skipSchema); err != nil {
					return nil, err
				}
				if err := f.server.screen(ctx, &body); err != nil {
					return nil, err
				}
			}
			return work(ctx, call, params, &body)
		}()
		return f.server.reply(ctx, call, rt, out, err)
	})
	if rt.hasBody { // only now: huma would read a body that it knows of, and bodies are read by enter
		rt.documentBody(f.huma.OpenAPI().Paths[rt.path], schema)
	}
}

// documentBody adds the body to the route's operation.
func (rt route) documentBody(item *huma.PathItem, schema *huma.Schema) {
	media := &huma.MediaType{Schema: schema}
	if example, given := examples[rt.id]; given {
		media.Example = example
	}
	body := &huma.RequestBody{Required: !rt.mayBeBare, Content: map[string]*huma.MediaType{"application/json": media}}
	for _, op := range []*huma.Operation{item.Post, item.Put, item.Patch} {
		if op != nil && op.OperationID == rt.id {
			op.RequestBody = body
		}
	}
}

// reply renders the answer or the error, and ends the claim on the idempotency key.
func (s *Server) reply(ctx context.Context, call *Call, rt route, out any, err error) (*answer, error) {
	call.letGo() // a slow reader of the answer must not hold what others wait for
	if err != nil {
		p := s.note(ctx, call, err)
		body, renderErr := render(p.ErrorBody)
		if renderErr == nil {
			renderErr = s.settle(ctx, call, p.status, body)
		}
		if renderErr != nil {
			s.options.Logger.WarnContext(ctx, "an idempotency key was not settled", "error.message", renderErr.Error())
		}
		return nil, p
	}
	body := call.rendered
	if body == nil && reflect.TypeOf(out) != reflect.TypeFor[*none]() {
		if body, err = render(out); err != nil {
			return nil, s.note(ctx, call, err)
		}
	}
	if call.rendered == nil {
		if err := s.settle(ctx, call, rt.status, body); err != nil {
			return nil, s.note(ctx, call, err)
		}
	}
	return &answer{Status: rt.status, ContentType: "application/json", Body: func(hc huma.Context) {
		hc.SetHeader("Content-Length", strconv.Itoa(len(body)))
		hc.SetStatus(rt.status)
		hc.BodyWriter().Write(body)
	}}, nil
}

// finish remembers an answer in a transaction of its own.
func (s *Server) finish(ctx context.Context, call *Call, status int, body []byte) error {
	return call.claim.Finish(ctx, idempotency.Answer{Status: status, Body: body, Keep: true})
}

// operation is the route's part of the OpenAPI document.
func (rt route) operation(api huma.API, out reflect.Type) huma.Operation {
	registry := api.OpenAPI().Components.Schemas
	op := huma.Operation{
		OperationID: rt.id, Method: rt.method, Path: rt.path, Summary: rt.summary, Description: strings.TrimSpace(rt.description + " " + rt.needs()), Tags: []string{rt.tag},
		DefaultStatus: rt.status, Responses: map[string]*huma.Response{}, MaxBodyBytes: -1,
	}
	success := &huma.Response{Description: http.StatusText(rt.status), Headers: headersOf(rt)}
	if out != reflect.TypeFor[none]() {
		success.Content = map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(out, true, rt.id+"-answer")}}
	}
	op.Responses[strconv.Itoa(rt.status)] = success
	op.Responses["default"] = &huma.Response{
		Description: "An error. " + rt.errorCodes(), Headers: headersOf(rt),
		Content: map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(reflect.TypeFor[ErrorBody](), true, "error")}},
	}
	switch rt.access {
	case signed:
		op.Security = []map[string][]string{{"key": {}, "timestamp": {}, "signature": {}}}
		if rt.method == http.MethodPost {
			op.Parameters = append(op.Parameters, idempotencyParameter)
		}
	case operators:
		op.Security = []map[string][]string{{"session": {}}}
	case open:
		op.Security = []map[string][]string{}
	}
	return op
}

// needs says who may ask, in words.
func (rt route) needs() string {
	switch rt.access {
	case signed:
		if rt.scope == "" {
			return "Any key may ask this."
		}
		return "The key needs the scope `" + rt.scope + "`."
	case operators:
		var roles []string
		for _, role := range []operator.Role{operator.Owner, operator.Staff, operator.Viewer} {
			if role.Allows(rt.permission) {
				roles = append(roles, "`"+string(role)+"`")
			}
		}
		return "For the roles " + strings.Join(roles, ", ") + "."
	}
	return ""
}

var idempotencyParameter = &huma.Param{
	Name: headerIdempotency, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(255)},
	Description: "Names this request for 24 hours: a repetition with the same body gets the first answer again and is neither executed nor billed.",
}

func headersOf(rt route) map[string]*huma.Param {
	text := func(description string) *huma.Param {
		return &huma.Param{Description: description, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	headers := map[string]*huma.Param{"X-Trace-Id": text("The trace of this request.")}
	if rt.access == signed {
		headers["RateLimit-Policy"] = text("The windows that count this request.")
		headers["RateLimit"] = text("What is left of them.")
		headers["Retry-After"] = text("Seconds after which to try again; with 429 and 503.")
	}
	return headers
}

// errorCodes lists the codes that are particular to the route.
func (rt route) errorCodes() string {
	text := "Codes: see docs/errors.md"
	for i, code := range rt.errors {
		if i == 0 {
			text += "; of this route: "
		} else {
			text += ", "
		}
		text += fmt.Sprintf("`%s`", code)
	}
	return text + "."
}
