package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"ekyc/internal/bench"
	"ekyc/internal/models"
)

// grammar is the whole command line.
func grammar(t *testing.T) *kong.Kong {
	t.Helper()
	parser, err := kong.New(&cli{}, kong.Vars{"version": "", "models_dir": models.DefaultDir(), "data_dir": defaultDataDir(), "metrics_listen": defaultMetrics, "parts": strings.Join(bench.Parts, ", ")})
	if err != nil {
		t.Fatal(err)
	}
	return parser
}

// soundsSecret are names of flags that would hold a secret, and locates those that would hold an address with one.
var (
	soundsSecret = regexp.MustCompile(`(?i)secret|password|passwd|token|credential|seed|private|(^|-)key$`)
	locates      = regexp.MustCompile(`(?i)(^|-)(url|dsn|endpoint)(-|$)`)
)

// openNames sound so and hold none.
var openNames = []string{
	"key-id",     // public, as the receipt's or the request's sender
	"public-url", // how clients come
	"seed",       // of generated specimens
	"key",        // of an audit export or receipt: a verifier's public key, or its file
}

// TestNoSecretIsGivenOnTheCommandLine goes over every flag of every command: one that sounds as if it held a secret names a file, or refuses its value.
func TestNoSecretIsGivenOnTheCommandLine(t *testing.T) {
	t.Parallel()
	seen := 0
	var visit func(n *kong.Node)
	visit = func(n *kong.Node) {
		for _, flag := range n.Flags {
			seen++
			kind := flag.Tag.Get("secret")
			if kind != "" && len(flag.Envs) == 0 {
				t.Errorf("%s --%s cannot be given otherwise", n.FullPath(), flag.Name)
			}
			file := strings.HasSuffix(flag.Name, "-file") || flag.PlaceHolder == "FILE"
			if kind == "" && !file && !slices.Contains(openNames, flag.Name) && (soundsSecret.MatchString(flag.Name) || locates.MatchString(flag.Name)) {
				t.Errorf("%s --%s sounds as if it held a secret: tag it secret, make it a file, or say here why it holds none", n.FullPath(), flag.Name)
			}
		}
		for _, child := range n.Children {
			visit(child)
		}
	}
	visit(grammar(t).Model.Node)
	if seen < 100 {
		t.Fatalf("only %d flags were seen", seen)
	}
}

// TestSecretsOnTheCommandLineAreRefused gives what holds a password in every form that the database's library reads.
func TestSecretsOnTheCommandLineAreRefused(t *testing.T) {
	const planted = "zq7planted"
	for _, args := range [][]string{
		{"migrate", "--database-url", "postgres://ekyc:" + planted + "@db.example/ekyc"},
		{"migrate", "--database-url=postgres://db.example/ekyc?password=" + planted},
		{"migrate", "--database-url", "host=db.example user=ekyc password=" + planted},
		{"migrate", "--database-url", "host=db.example sslpassword = '" + planted + "'"},
		{"migrate", "--owner-url", "postgres://owner:" + planted + "@db.example/ekyc"},
		{"serve", "--trace-endpoint", "https://user:" + planted + "@traces.example", "--database-url", "host=/nowhere"},
		{"sign", "--key-id", signKeyID, "--target", "/v1/jobs", "--secret", planted},
		{"sign", "--key-id", signKeyID, "--target", "/v1/jobs", "--secret=" + planted},
	} {
		code, out, problems := command(t, args...)
		if code != exitBadInput || out != "" || strings.Contains(problems, planted) || !strings.Contains(problems, "every user of this machine") {
			t.Errorf("%q: %d %q %q", args, code, out, problems)
		}
	}
	// By the environment they are taken: what fails is the host.
	t.Setenv("EKYC_DATABASE_URL", "host=/nowhere user=ekyc password="+planted)
	if code, out, problems := command(t, "migrate"); code == exitOK || strings.Contains(problems+out, planted) || strings.Contains(problems, "every user of this machine") {
		t.Errorf("by the environment: %d %q %q", code, out, problems)
	}
}

// TestFilesWithSecretsAreTheOwnersAlone names files to every flag that takes one with a secret, and to the database's library.
func TestFilesWithSecretsAreTheOwnersAlone(t *testing.T) {
	const planted = "zq7planted"
	directory := t.TempDir()
	put := func(name string, mode os.FileMode, content string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	address := "host=/nowhere user=ekyc password=" + planted + "\n"
	closed := put("closed", 0o600, address)
	for mode, opened := range map[os.FileMode]string{0o644: put("world", 0o644, address), 0o640: put("group", 0o640, address)} {
		for _, args := range [][]string{
			{"migrate", "--database-url-file", opened},
			{"migrate", "--owner-url-file", opened},
			{"serve", "--database-url-file", opened},
			{"worker", "--database-url-file", opened},
			{"up", "--database-url-file", opened},
			{"serve", "--database-url-file", closed, "--root-key-file", opened},
			{"sign", "--key-id", signKeyID, "--target", "/v1/jobs", "--secret-file", opened},
		} {
			code, out, problems := command(t, append(args, "--data-dir", directory)[:len(args)+map[bool]int{true: 0, false: 2}[args[0] == "sign"]]...)
			if code != exitBadInput || out != "" || strings.Contains(problems, planted) || !strings.Contains(problems, "only its owner can read") {
				t.Errorf("mode %04o, %q: %d %q %q", mode, args, code, out, problems)
			}
		}
	}
	if code, _, problems := command(t, "migrate", "--database-url-file", closed); code == exitOK || strings.Contains(problems, planted) || strings.Contains(problems, "only its owner can read") {
		t.Errorf("a closed file: %d %q", code, problems)
	}
	t.Setenv("PGPASSFILE", put("pgpass", 0o644, "*:*:*:*:"+planted))
	if code, _, problems := command(t, "migrate", "--database-url", "host=/nowhere"); code != exitBadInput || !strings.Contains(problems, "only its owner can read") {
		t.Errorf("PGPASSFILE: %d %q", code, problems)
	}
}
