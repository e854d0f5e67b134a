package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"mime"
	"net/http"
	"os"
	"time"

	"ekyc"
)

const (
	// readStep keeps what was just read in the cache for the hash.
	readStep = 256 << 10
	// smallBody is not counted against the memory for bodies.
	smallBody = 64 << 10
	// decodedFactor, in quarters, is what a body takes with its decoded images: three quarters of it again.
	decodedFactor = 7
	// memoryWait is for others to finish.
	memoryWait = 500 * time.Millisecond
	// A body must begin to come at once and go on coming: slowBody bytes a second after the first seconds of grace. Who does not send holds
	// neither memory nor a connection for long.
	bodyGrace = 5 * time.Second
	slowBody  = 32 << 10
	// mostTokens bounds how many values a body can be decoded into. Images are one each; the largest answer of /document/ocr that is sent
	// back has some thousand.
	mostTokens = 50_000
)

// takeBody reads the body into memory that is bounded over all requests, and hashes it.
func (s *Server) takeBody(w http.ResponseWriter, r *http.Request, call *Call, rt route) error {
	limit := rt.maxBody
	_, typed := r.Header["Content-Type"]
	bare := rt.mayBeBare && !typed
	switch kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case !rt.hasBody:
		limit = int64(len(emptyObject)) // which many clients send where nothing is needed
	case bare:
	case err != nil || kind != "application/json":
		return notJSON()
	}
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	in := &intake{server: s, call: call, limit: limit, hash: sha256.New(), control: http.NewResponseController(w), started: time.Now()}
	if in.most = limit; r.ContentLength >= 0 {
		in.most = r.ContentLength
	}
	if err := in.read(r); err != nil {
		return err
	}
	in.control.SetReadDeadline(time.Time{})
	call.taken = true
	call.received = int64(len(in.body))
	switch {
	case len(in.body) == 0 && rt.mayBeBare:
		call.body, call.hash = []byte(emptyObject), [sha256.Size]byte(in.hash.Sum(nil)) // of what was signed
		return nil
	case bare:
		return notJSON()
	}
	if !rt.hasBody && len(in.body) > 0 && string(in.body) != emptyObject {
		return tooLarge(0)
	}
	if bytes.Count(in.body, []byte{'"'})+bytes.Count(in.body, []byte{','})+bytes.Count(in.body, []byte{'{'}) > mostTokens {
		return ekyc.Errorf(ekyc.ErrBodyTooLarge, "the body has more values than any request needs")
	}
	call.body = in.body
	call.hash = [sha256.Size]byte(in.hash.Sum(nil))
	return nil
}

const emptyObject = "{}"

func notJSON() error {
	return ekyc.Errorf(ekyc.ErrUnsupportedMediaType, "the body must be application/json")
}

func tooLarge(limit int64) error {
	return ekyc.Errorf(ekyc.ErrBodyTooLarge, "the body may have %d bytes", limit).With("max_bytes", limit)
}

// intake is one body on its way in.
type intake struct {
	server  *Server
	call    *Call
	limit   int64
	most    int64 // what was announced, or the limit
	body    []byte
	held    int64 // of the memory for bodies
	hash    hash.Hash
	control *http.ResponseController
	started time.Time
}

// read takes the body as it comes.
func (in *intake) read(r *http.Request) error {
	for {
		if err := in.room(r.Context()); err != nil {
			return err
		}
		within := min(bodyGrace+time.Duration(len(in.body)/slowBody)*time.Second, in.server.options.BodyTimeout)
		in.control.SetReadDeadline(in.started.Add(within))
		n, err := r.Body.Read(in.body[len(in.body):min(cap(in.body), len(in.body)+readStep)])
		in.hash.Write(in.body[len(in.body) : len(in.body)+n])
		in.body = in.body[:len(in.body)+n]
		switch {
		case int64(len(in.body)) > in.limit:
			return tooLarge(in.limit)
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return ekyc.Errorf(ekyc.ErrRequestTimeout, "the body did not arrive in time")
		case err != nil:
			return ekyc.Errorf(ekyc.ErrBodyIncomplete, "the body ended early").Because(err)
		}
	}
}

// room makes the buffer larger when it is full, and admits the growth first. The buffer grows fourfold up to what was announced, so memory follows what
// has come.
func (in *intake) room(ctx context.Context) error {
	if len(in.body) < cap(in.body) {
		return nil
	}
	size := min(max(4*int64(cap(in.body)), smallBody), in.most+1) // one more, so that the end is seen without growing
	if need := min(size*decodedFactor/4, in.server.options.BodyMemory); size > smallBody && need > in.held {
		ctx, cancel := context.WithTimeout(ctx, memoryWait)
		defer cancel()
		if in.server.memory.Acquire(ctx, need-in.held) != nil {
			return ekyc.Errorf(ekyc.ErrOverloaded, "too many large bodies are being read").With("retry_after_seconds", 1)
		}
		in.held = need
		in.call.released = func() { in.server.memory.Release(need) }
	}
	grown := make([]byte, len(in.body), size)
	copy(grown, in.body)
	in.body = grown
	return nil
}
