package api

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// TestEveryRouteSaysWhoMayAsk: scope or roles stand in the description of each operation that is not open to all.
func TestEveryRouteSaysWhoMayAsk(t *testing.T) {
	t.Parallel()
	server, err := New(Services{}, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]int{}
	for _, f := range []*surface{server.client, server.admin} {
		for path, item := range f.huma.OpenAPI().Paths {
			for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
				if op == nil {
					continue
				}
				kind := ""
				for _, words := range []string{"The key needs the scope `", "Any key may ask this.", "For the roles `owner`"} {
					if strings.Contains(op.Description, words) {
						kind += words
					}
				}
				said[kind]++
				if open := len(op.Security) == 0; open != (kind == "") {
					t.Errorf("%s %s: %q", op.Method, path, op.Description)
				}
			}
		}
	}
	if said["The key needs the scope `"] < 20 || said["For the roles `owner`"] < 20 {
		t.Errorf("%v", said)
	}
}
