package ekyc_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	testNamed  = regexp.MustCompile(`\b((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9_]*)(…?)`)
	testMade   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9_]*)\(`)
	asvsRow    = regexp.MustCompile(`(?m)^\| (\d+\.\d+\.\d+) \|[^|]*\| (met|partly|gap|operator) \|`)
	asvsSpoken = regexp.MustCompile(`\bV?(\d+(?:\.\d+){0,2})\b`)
)

// TestSecurityPagesNameTestsThatExist holds every promise's "checked by" against the tests that there are.
func TestSecurityPagesNameTestsThatExist(t *testing.T) {
	t.Parallel()
	made := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "." {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, found := range testMade.FindAllSubmatch(source, -1) {
			made[string(found[1])] = true
		}
		return err
	})
	if err != nil || len(made) < 500 {
		t.Fatalf("%d tests are found, %v", len(made), err)
	}
	pages, err := filepath.Glob("docs/security/*.md")
	if err != nil || len(pages) < 3 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range append(pages, "SECURITY.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, named := range testNamed.FindAllSubmatch(text, -1) {
			name, exists := string(named[1]), false
			for test := range made {
				exists = exists || test == name || len(named[2]) > 0 && strings.HasPrefix(test, name)
			}
			if !exists {
				t.Errorf("%s names %s, which does not exist", page, name)
			}
		}
	}
}

// asvsRequired are the requirements of levels 1 and 2 of ASVS 5.0.0, by section; those of level 3 alone are left out.
var asvsRequired = map[string]string{
	"1.1": "1-2", "1.2": "1-9", "1.3": "1-11", "1.4": "1-3", "1.5": "1-2", "2.1": "1-3", "2.2": "1-3", "2.3": "1-4", "2.4": "1-1",
	"3.2": "1-2", "3.3": "1-4", "3.4": "1-6", "3.5": "1-5", "3.7": "1-2", "4.1": "1-3", "4.2": "1-1", "4.3": "1-2", "4.4": "1-4",
	"5.1": "1-1", "5.2": "1-3", "5.3": "1-2", "5.4": "1-3", "6.1": "1-3", "6.2": "1-12", "6.3": "1-4", "6.4": "1-4", "6.5": "1-5", "6.6": "1-3", "6.8": "1-4",
	"7.1": "1-3", "7.2": "1-4", "7.3": "1-2", "7.4": "1-5", "7.5": "1-2", "7.6": "1-2", "8.1": "1-2", "8.2": "1-3", "8.3": "1-1", "8.4": "1-1", "9.1": "1-3", "9.2": "1-4",
	"11.1": "1-2", "11.2": "1-3", "11.3": "1-3", "11.4": "1-4", "11.5": "1-1", "11.6": "1-1", "12.1": "1-3", "12.2": "1-2", "12.3": "1-4",
	"13.1": "1-1", "13.2": "1-5", "13.3": "1-2", "13.4": "1-5", "14.1": "1-2", "14.2": "1-4", "14.3": "1-3", "15.1": "1-3", "15.2": "1-3", "15.3": "1-7",
	"16.1": "1-1", "16.2": "1-5", "16.3": "1-4", "16.4": "1-3", "16.5": "1-3",
}

// TestEveryRequirementOfASVSIsAnswered: each has one row, or stands among those that do not apply.
func TestEveryRequirementOfASVSIsAnswered(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/security/asvs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "## Does not apply")
	apart, rest, _ := strings.Cut(rest, "\n## ")
	rows, needless, statuses := map[string]int{}, map[string]bool{}, map[string]int{}
	for _, row := range asvsRow.FindAllStringSubmatch(rest, -1) {
		rows[row[1]]++
		statuses[row[2]]++
	}
	summary := fmt.Sprintf("%d met, %d in part or with a setting, %d the operator's, %d gaps", statuses["met"], statuses["partly"], statuses["operator"], statuses["gap"])
	if page, err := os.ReadFile("docs/security/README.md"); err != nil || !strings.Contains(string(page), summary) {
		t.Errorf("docs/security/README.md does not say: %s (%v)", summary, err)
	}
	for line := range strings.Lines(apart) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for _, spoken := range asvsSpoken.FindAllStringSubmatch(cells[1], -1) {
				needless[spoken[1]] = true
			}
		}
	}
	total := 0
	for section, numbers := range asvsRequired {
		var from, to int
		if _, err := fmt.Sscanf(numbers, "%d-%d", &from, &to); err != nil {
			t.Fatal(err)
		}
		for n := from; n <= to; n++ {
			id := section + "." + strconv.Itoa(n)
			answers := rows[id]
			if needless[section] || needless[id] {
				answers++
			}
			if answers != 1 {
				t.Errorf("%s has %d answers", id, answers)
			}
			delete(rows, id)
			total++
		}
	}
	for id := range rows {
		t.Errorf("%s is no requirement of level 1 or 2", id)
	}
	if !needless["10"] || !needless["17"] {
		t.Error("nothing is said of OAuth or WebRTC")
	}
	t.Logf("%d requirements", total)
}
