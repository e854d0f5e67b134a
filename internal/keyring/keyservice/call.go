package keyservice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"ekyc/internal/keyring"
)

const (
	usualTimeout = 8 * time.Second
	answerLimit  = 64 << 10 // bytes; a sealed data key takes some hundred
)

// caller makes requests that end in time.
type caller struct {
	client  *http.Client
	timeout time.Duration
	getenv  func(string) string
}

func (o Options) caller() caller {
	c := caller{client: o.Client, timeout: o.Timeout, getenv: o.Getenv}
	if c.timeout <= 0 {
		c.timeout = usualTimeout
	}
	if c.getenv == nil {
		c.getenv = os.Getenv
	}
	if c.client == nil {
		c.client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	followed := *c.client
	followed.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // credentials go nowhere else
	followed.Timeout = c.timeout
	c.client = &followed
	return c
}

// post sends JSON and reads the answer. Errors: ErrAway when there is none.
func (c caller) post(ctx context.Context, url string, body any, prepare func(r *http.Request, body []byte) error) (status int, answer []byte, err error) {
	content, err := json.Marshal(body)
	if err != nil {
		return 0, nil, fmt.Errorf("ask the key service: %w", err)
	}
	defer clear(content) // it can hold a data key
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(content))
	if err != nil {
		return 0, nil, fmt.Errorf("ask the key service: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	if err := prepare(r, content); err != nil {
		return 0, nil, err
	}
	response, err := c.client.Do(r)
	if err != nil {
		return 0, nil, keyring.Absence(err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return 0, nil, keyring.Absence(err)
	}
	return response.StatusCode, answer, nil
}

// read takes the answer of a call that succeeded apart. Errors: ErrAway for anything that is not what was asked for.
func read(answer []byte, into any) error {
	defer clear(answer)
	if err := json.Unmarshal(answer, into); err != nil {
		return garbage("not JSON")
	}
	return nil
}

// garbage is the error of an answer that is none: something else answers in the service's place, or it is broken.
func garbage(what string) error { return keyring.Absence(errors.New("its answer is none: " + what)) }

func isAway(err error) bool { return errors.Is(err, keyring.ErrAway) }

// judge gives the error of an answer by its status alone, for what has no better word.
func judge(status int, code string) error {
	cause := fmt.Errorf("status %d %s", status, code)
	switch {
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status < 400 || status >= 500:
		return keyring.Absence(cause)
	default:
		return keyring.Refusal(cause)
	}
}
