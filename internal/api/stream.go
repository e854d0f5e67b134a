package api

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ekyc"
)

// Format chooses the form of a streamed list.
type Format struct {
	Format string `query:"format" enum:"json,csv,ndjson" default:"json" doc:"One JSON object, comma-separated values (RFC 4180), or a JSON object a line."`
	Accept string `header:"Accept" doc:"text/csv or application/x-ndjson, where format is not given."`
}

func (f *Format) chosen() string {
	if f.Format != "" && f.Format != "json" {
		return f.Format
	}
	switch {
	case strings.Contains(f.Accept, "text/csv"):
		return "csv"
	case strings.Contains(f.Accept, "application/x-ndjson"):
		return "ndjson"
	}
	return "json"
}

// rowsOf is a list on its way out. The status goes out with the first row, so that an error before it still has its own.
type rowsOf[R any] struct {
	w       http.ResponseWriter
	format  string
	name    string // of the list in the JSON form
	csv     *csv.Writer
	started bool
	count   int
}

// formatted is a row that knows its comma-separated form.
type formatted interface {
	header() []string
	record() []string
}

func (r *rowsOf[R]) start() error {
	r.started = true
	kinds := map[string]string{"json": "application/json", "csv": "text/csv; charset=utf-8; header=present", "ndjson": "application/x-ndjson"}
	r.w.Header().Set("Content-Type", kinds[r.format])
	r.w.WriteHeader(http.StatusOK)
	switch r.format {
	case "csv":
		r.csv = csv.NewWriter(r.w)
		var row R
		return r.csv.Write(any(row).(formatted).header())
	case "json":
		_, err := r.w.Write([]byte(`{"` + r.name + `":[`))
		return err
	}
	return nil
}

func (r *rowsOf[R]) add(row R) error {
	if !r.started {
		if err := r.start(); err != nil {
			return err
		}
	}
	r.count++
	if r.format == "csv" {
		return r.csv.Write(escapeFormulas(any(row).(formatted).record()))
	}
	body, err := json.Marshal(row)
	if err != nil {
		return err
	}
	switch {
	case r.format == "ndjson":
		body = append(body, '\n')
	case r.count > 1:
		body = append([]byte{','}, body...)
	}
	_, err = r.w.Write(body)
	return err
}

// escapeFormulas keeps spreadsheets from running what a cell says (OWASP, CSV injection).
func escapeFormulas(record []string) []string {
	for i, cell := range record {
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			if _, err := strconv.ParseFloat(cell, 64); err != nil {
				record[i] = "'" + cell
			}
		}
	}
	return record
}

func (r *rowsOf[R]) end() error {
	if !r.started {
		if err := r.start(); err != nil {
			return err
		}
	}
	switch r.format {
	case "csv":
		r.csv.Flush()
		return r.csv.Error()
	case "json":
		_, err := r.w.Write([]byte("]}"))
		return err
	}
	return nil
}

// stream registers a route whose answer is a list of any length, written as it is read.
func stream[P, R any](f *surface, rt route, name string, format func(*P) string, work func(ctx context.Context, call *Call, params *P, yield func(R) error) error) {
	rt.path, rt.status = f.prefix+rt.path, http.StatusOK
	f.routes = append(f.routes, rt)
	op := rt.operation(f.huma, reflect.TypeFor[none]())
	row := f.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[R](), true, name)
	op.Responses["200"].Content = map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{Type: huma.TypeObject, Required: []string{name}, AdditionalProperties: false,
			Properties: map[string]*huma.Schema{name: {Type: huma.TypeArray, Items: row}}}},
		"application/x-ndjson": {Schema: row},
		"text/csv":             {Schema: &huma.Schema{Type: huma.TypeString}},
	}
	op.Middlewares = huma.Middlewares{f.server.guard(rt)}
	huma.Register(f.huma, op, func(ctx context.Context, params *P) (*answer, error) {
		return &answer{Status: http.StatusOK, Body: func(hc huma.Context) {
			call := callOf(ctx)
			_, w := humago.Unwrap(hc)
			rows := &rowsOf[R]{w: w, format: format(params), name: name}
			err := work(ctx, call, params, rows.add)
			if err == nil {
				err = rows.end()
			}
			switch {
			case err == nil:
			case !rows.started:
				f.server.refuse(ctx, w, call, err)
			default:
				f.server.note(ctx, call, ekyc.Errorf(ekyc.ErrInternal, "a list broke off").Because(err))
				panic(http.ErrAbortHandler) // the client must see that the list is not whole
			}
		}}, nil
	})
}
