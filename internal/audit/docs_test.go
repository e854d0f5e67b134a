package audit

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestActionsAreDocumented: the page lists the catalogue as it is.
func TestActionsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/security/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for _, i := range Actions {
		fmt.Fprintf(&rows, "| `%s` | %s |\n", i.Action, i.Meaning)
	}
	if !strings.Contains(string(page), "|---|---|\n"+rows.String()+"\n") {
		t.Errorf("docs/security/audit.md does not list the actions as they are:\n%s", &rows)
	}
	for _, d := range details {
		if !strings.Contains(string(page), "`"+string(d)+"`") {
			t.Errorf("docs/security/audit.md does not name the detail %s", d)
		}
	}
}
