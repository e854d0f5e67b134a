package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ekyc"
)

// ErrorBody is the answer outside of 2xx, on every route.
type ErrorBody struct {
	Error ErrorObject `json:"error"`
}

// ErrorObject says what went wrong.
type ErrorObject struct {
	Code    ekyc.ErrorCode `json:"code" doc:"One of the closed registry of codes, see docs/errors.md."`
	Message string         `json:"message" doc:"For the integrating engineer. Never carries personal data, secrets or internals."`
	Details map[string]any `json:"details" doc:"What the code needs for machines; often empty."`
	TraceID string         `json:"trace_id" doc:"The trace of this request, also in X-Trace-Id."`
}

// problem is an error on its way to the client. huma asks it for its status and headers.
type problem struct {
	ErrorBody
	status  int
	headers http.Header
}

func (p *problem) Error() string           { return string(p.ErrorBody.Error.Code) }
func (p *problem) GetStatus() int          { return p.status }
func (p *problem) GetHeaders() http.Header { return p.headers }

// problemOf gives an error the form that clients see. What is not an ekyc.Error is internal: its text stays in the log.
func problemOf(err error, traceID string) *problem {
	known, ok := errors.AsType[*ekyc.Error](err)
	if !ok {
		if p, ok := errors.AsType[*problem](err); ok {
			p.ErrorBody.Error.TraceID = traceID
			return p
		}
		known = ekyc.Errorf(ekyc.ErrInternal, "an unexpected fault; the trace id tells us which").Because(err)
	}
	info, registered := known.Code.Info()
	if !registered {
		info = ekyc.CodeInfo{Code: ekyc.ErrInternal, Status: http.StatusInternalServerError}
	}
	details := known.Details
	if details == nil {
		details = map[string]any{}
	}
	p := &problem{status: info.Status, headers: http.Header{}}
	p.ErrorBody.Error = ErrorObject{Code: info.Code, Message: known.Message, Details: details, TraceID: traceID}
	if seconds, ok := retryAfter(details, info); ok {
		p.headers.Set("Retry-After", strconv.Itoa(seconds))
	}
	return p
}

// retryAfter is when to try again: what the details say, and a second where a fault of ours passes by itself.
func retryAfter(details map[string]any, info ekyc.CodeInfo) (int, bool) {
	switch seconds := details["retry_after_seconds"].(type) {
	case int:
		return max(1, seconds), true
	case int64:
		return max(1, int(seconds)), true
	case float64:
		return max(1, int(seconds+0.999)), true
	}
	if at, ok := details["resets_at"].(time.Time); ok {
		return max(1, int(time.Until(at).Seconds()+1)), true
	}
	return 1, info.Retryable && info.Status == http.StatusServiceUnavailable
}

// write sends the problem.
func (p *problem) write(w http.ResponseWriter) {
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	body, err := render(p.ErrorBody)
	if err != nil { // details hold strings, numbers and lists only
		body = []byte(`{"error":{"code":"internal","message":"an unexpected fault","details":{},"trace_id":""}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.status)
	w.Write(body)
}

// render is the one way in which answers become JSON.
func render(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("render an answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// FieldProblem is one thing that is wrong with a request, without the value that was sent.
type FieldProblem struct {
	Field   string `json:"field"` // JSON pointer (RFC 6901), or the parameter's name
	Problem string `json:"problem"`
}

// huma makes its errors by these variables; they are set once, before any request.
func init() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return problemOf(fromHuma(status, message, errs), "")
	}
	huma.NewErrorWithContext = func(hc huma.Context, status int, message string, errs ...error) huma.StatusError {
		call := callOf(hc.Context())
		p := problemOf(fromHuma(status, message, errs), call.traceID)
		call.code, call.unread = p.ErrorBody.Error.Code, true
		return p
	}
}

// fromHuma puts what huma refuses into the words of the registry. It never repeats values.
func fromHuma(status int, message string, errs []error) *ekyc.Error {
	if len(errs) == 1 {
		if known, ok := errors.AsType[*ekyc.Error](errs[0]); ok {
			return known
		}
	}
	switch status {
	case http.StatusNotFound:
		return ekyc.Errorf(ekyc.ErrNotFound, "there is no such route")
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		return invalidFields(errs)
	}
	return ekyc.Errorf(ekyc.ErrInternal, "an unexpected fault; the trace id tells us which").Because(errors.Join(append(errs, errors.New(message))...))
}

// invalidFields lists which parameters or members are wrong.
func invalidFields(errs []error) *ekyc.Error { return refuseFields(problemsOf(errs)) }

func problemsOf(errs []error) []FieldProblem {
	fields := []FieldProblem{}
	for _, err := range errs {
		if detailed, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			fields = append(fields, FieldProblem{Field: pointerOf(detailed.Location), Problem: detailed.Message})
		}
	}
	return fields
}

// refuseFields is the error for members that were read and are not acceptable.
func refuseFields(fields []FieldProblem) *ekyc.Error {
	message := "the request is not valid"
	if len(fields) > 0 {
		message = fields[0].Field + ": " + fields[0].Problem
	}
	return ekyc.Errorf(ekyc.ErrInvalidArgument, "%s", message).With("fields", fields)
}
