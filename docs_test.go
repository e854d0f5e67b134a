package ekyc_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"ekyc"
)

//go:generate go test -run TestErrorsAreDocumented -update-docs .

var updateDocs = flag.Bool("update-docs", false, "write docs/errors.md anew")

const errorsIntro = `# Errors

Every answer outside of 2xx, on every route and from every layer, has one shape:

    {"error": {"code": "quota_exceeded", "message": "…", "details": {…}, "trace_id": "…"}}

` + "`code` is one of this closed list, `message` is for the integrating engineer and never carries personal data, `trace_id` is also in\n`X-Trace-Id`. " +
	`Retryable: the same request can succeed later without being changed; where a time is known, ` + "`Retry-After`" + ` tells it.

This page is generated from the registry in error.go (make generate).

| status | code | meaning | retryable |
|---|---|---|---|
`

func TestErrorsAreDocumented(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString(errorsIntro)
	for _, info := range ekyc.Codes {
		if http.StatusText(info.Status) == "" && info.Status != 499 {
			t.Errorf("%s has the status %d", info.Code, info.Status)
		}
		retryable := ""
		if info.Retryable {
			retryable = "yes"
		}
		fmt.Fprintf(&page, "| %d | `%s` | %s | %s |\n", info.Status, info.Code, info.Meaning, retryable)
	}
	const path = "docs/errors.md"
	if *updateDocs {
		if err := os.WriteFile(path, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	written, err := os.ReadFile(path)
	if err != nil || string(written) != page.String() {
		t.Errorf("%s is not what the registry gives; make generate writes it anew (%v)", path, err)
	}
}
