package fence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/face"
)

// method names one function of Engine that runs behind the fence.
type method string

const (
	methodSelfie   method = "selfie"
	methodDocument method = "document"
	methodMatch    method = "match_photos"
	methodEnrol    method = "enrol"
	methodSanitise method = "sanitise"
)

// wireError is an ekyc.Error on its way from the child. Causes stay behind, in the child's log.
type wireError struct {
	Code    ekyc.ErrorCode  `json:"code"`
	Message string          `json:"message"`
	Details json.RawMessage `json:"details,omitempty"`
}

// onWire gives the public part of an error. Anything but an ekyc.Error becomes ErrInternal.
func onWire(err error) *wireError {
	problem, ok := errors.AsType[*ekyc.Error](err)
	if !ok {
		return &wireError{Code: ekyc.ErrInternal, Message: "an unexpected fault in the vision engine"}
	}
	w := &wireError{Code: problem.Code, Message: problem.Message}
	if len(problem.Details) > 0 {
		if details, err := json.Marshal(problem.Details); err == nil {
			w.Details = details
		}
	}
	return w
}

const (
	mostDetails = 8 << 10 // bytes of JSON; the longest of ours are a few hundred
	mostText    = 300     // characters of a message or a detail
)

// fromWire gives the error again. What is in it reaches clients and logs, so nothing longer than what an engine says gets through.
func (w *wireError) fromWire() *ekyc.Error {
	if _, known := w.Code.Info(); !known {
		return ekyc.Errorf(ekyc.ErrInternal, "an unexpected fault in the vision engine").Because(fmt.Errorf("unknown code %q", printable(string(w.Code), mostText)))
	}
	e := &ekyc.Error{Code: w.Code, Message: printable(w.Message, mostText)}
	if len(w.Details) == 0 {
		return e
	}
	if len(w.Details) > mostDetails {
		return ekyc.Errorf(ekyc.ErrInternal, "an unexpected fault in the vision engine").Because(fmt.Errorf("%d bytes of details", len(w.Details)))
	}
	decoder := json.NewDecoder(bytes.NewReader(w.Details))
	decoder.UseNumber()
	if err := decoder.Decode(&e.Details); err != nil {
		return ekyc.Errorf(ekyc.ErrInternal, "an unexpected fault in the vision engine").Because(err)
	}
	plain(e.Details)
	return e
}

// plain gives numbers the types that they had: whole ones int, others float64. Texts are made printable.
func plain(value any) any {
	switch value := value.(type) {
	case string:
		return printable(value, mostText)
	case []any:
		for i := range value {
			value[i] = plain(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = plain(value[name])
		}
	case json.Number:
		return number(value)
	}
	return value
}

func number(n json.Number) any {
	if whole, err := n.Int64(); err == nil && whole >= math.MinInt && whole <= math.MaxInt {
		return int(whole)
	}
	if f, err := n.Float64(); err == nil {
		return f
	}
	return n.String()
}

// dispatch runs a request on the child's engine and gives the answer's body and blobs.
func dispatch(ctx context.Context, e Engine, f *frame) (any, [][]byte, error) {
	switch f.Method {
	case methodSelfie:
		r, err := body[engine.SelfieRequest](f)
		if err != nil {
			return nil, nil, err
		}
		r.Frames = f.blobs
		o, err := e.Selfie(ctx, r)
		if err != nil {
			return nil, nil, err
		}
		bare := *o
		bare.FaceCrop = nil
		return &bare, [][]byte{o.FaceCrop}, nil
	case methodDocument:
		return dispatchDocument(ctx, e, f)
	case methodMatch:
		o, err := body[face.Options](f)
		if err = errors.Join(err, f.needs(2)); err != nil {
			return nil, nil, err
		}
		c, err := e.MatchPhotos(ctx, f.blobs[0], f.blobs[1], o)
		return c, nil, err
	case methodEnrol:
		if err := f.needs(1); err != nil {
			return nil, nil, err
		}
		s, err := e.Enrol(ctx, f.blobs[0])
		return s, nil, err
	case methodSanitise:
		return dispatchSanitise(ctx, e, f)
	}
	return nil, nil, fmt.Errorf("%w: method %q", errFrame, f.Method)
}

func dispatchDocument(ctx context.Context, e Engine, f *frame) (any, [][]byte, error) {
	r, err := body[engine.DocumentUpload](f)
	if err = errors.Join(err, f.needs(2)); err != nil {
		return nil, nil, err
	}
	r.Front, r.Back = f.blobs[0], f.blobs[1]
	o, err := e.Document(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	bare := *o
	bare.FaceCrop, bare.DocumentImage = nil, nil
	return &bare, [][]byte{o.FaceCrop, o.DocumentImage}, nil
}

func dispatchSanitise(ctx context.Context, e Engine, f *frame) (any, [][]byte, error) {
	r, err := body[engine.SanitiseRequest](f)
	if err = errors.Join(err, f.needs(1)); err != nil {
		return nil, nil, err
	}
	r.Image = f.blobs[0]
	o, err := e.Sanitise(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	bare := *o
	bare.Image = nil
	return &bare, [][]byte{o.Image}, nil
}

// needs says whether a frame has as many blobs as its method takes.
func (f *frame) needs(n int) error {
	if len(f.blobs) != n {
		return fmt.Errorf("%w: %d blobs instead of %d", errFrame, len(f.blobs), n)
	}
	return nil
}
