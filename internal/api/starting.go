package api

import (
	"net/http"
	"strings"

	"ekyc"
)

// Starting answers while a process waits for what it needs: that it is alive, and to everything else that it cannot serve yet, and what for. It has the headers and the
// shape of errors that the routes have.
func Starting(o Options, awaited func() string) http.Handler {
	s := &Server{options: o}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trace := traceIDOf(r.Context())
		s.setHeaders(w.Header(), trace)
		w.Header().Set("Connection", "close") // who comes again is to come to the process as it is then
		if path := r.URL.Path; strings.HasSuffix(path, "/v1/health") && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			answer, _ := s.health(r.Context(), nil, nil, nil) // it has no errors
			if body, err := render(answer); err == nil {
				w.Header().Set("Content-Type", "application/json")
				w.Write(body)
			}
			return
		}
		err := ekyc.Errorf(ekyc.ErrUnavailable, "the service is starting")
		if part := awaited(); part != "" {
			err = ekyc.Errorf(ekyc.ErrUnavailable, "the service is starting and waits: the %s does not answer", inWords(part)).With("part", part)
		}
		problemOf(err, trace).write(w)
	})
}
