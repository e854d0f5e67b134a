package ekyc_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms says which of our packages each package may import; everything in it may import the root package. A room that is
// not listed may not exist: adding one is a decision to be made here, with its reason.
var rooms = map[string][]string{
	"": {}, // the domain's words: the standard library only

	"internal/vision":         {}, // pure: bytes in, results out
	"internal/models":         {"internal/models/convert"},
	"internal/models/convert": {},

	"internal/face":                       {"internal/vision"},
	"internal/face/liveness":              {"internal/face", "internal/vision"},
	"internal/face/liveness/livenesstest": {"internal/face", "internal/vision"},                                        // simulated recordings, for tests
	"internal/face/facetest":              {"internal/face", "internal/face/liveness/livenesstest", "internal/vision"}, // pictures with known faults, for tests

	"internal/document/mrz":            {},
	"internal/document/barcode":        {"internal/vision"},
	"internal/document/forensic":       {"internal/vision"}, // measures; the rules judge
	"internal/document/ocr":            {"internal/vision"},
	"internal/document/ocr/tesseract":  {"internal/document/ocr", "internal/vision"}, // a library of its own, and its data
	"internal/document":                {"internal/document/barcode", "internal/document/forensic", "internal/document/layout", "internal/document/mrz", "internal/document/number", "internal/document/ocr", "internal/document/ocr/tesseract", "internal/vision"},
	"internal/document/number":         {},                                                                                // shapes and check digits of numbers
	"internal/document/layout":         {"internal/document/number"},                                                      // what each national document prints
	"internal/document/layout/compile": {"internal/document/layout"},                                                      // writes the table that the program reads
	"internal/document/check":          {"internal/document/layout", "internal/document/mrz", "internal/document/number"}, // rules know no pictures

	"internal/card":             {},                                               // the accuracy card: what was measured, as data and as a page
	"internal/decision":         {},                                               // pure arithmetic
	"internal/pipeline":         {"internal/decision", "internal/document/check"}, // a workflow as data, compiled; it decides from facts alone
	"internal/profile":          {},                                               // light checks of what a person says; its one way out is a resolver
	"internal/profile/namelist": {},                                               // the labelled pairs of names, independent of what is measured on them

	"internal/engine": {
		"internal/decision", "internal/document", "internal/document/barcode", "internal/document/check", "internal/document/forensic", "internal/document/mrz",
		"internal/document/ocr", "internal/document/ocr/tesseract", "internal/face", "internal/face/liveness", "internal/models", "internal/vision",
	},
	"internal/fence":    {"internal/engine", "internal/face", "internal/face/liveness", "internal/vision"}, // the engine in child processes
	"internal/report":   {"internal/engine", "internal/decision", "internal/document", "internal/document/check", "internal/document/mrz", "internal/face", "internal/face/liveness", "internal/vision"},
	"internal/specimen": {"internal/document/barcode", "internal/document/mrz", "internal/document/number", "internal/vision"},
	// The service. Each of these owns its tables and nobody reads another's.
	"internal/store":              {},
	"internal/store/storetest":    {"internal/store"},
	"internal/queue":              {"internal/store"},
	"internal/tenant":             {"internal/keyring", "internal/store", "internal/tenant/signing"},
	"internal/tenant/signing":     {},
	"internal/operator":           {"internal/keyring", "internal/store"},
	"internal/audit":              {"internal/durable", "internal/keyring", "internal/store"},
	"internal/audit/objectlock":   {"internal/blob/s3"}, // segments of the log where nobody can write over them
	"internal/requestlog":         {"internal/store"},
	"internal/admission":          {"internal/store", "internal/tenant"},
	"internal/metering":           {"internal/store"},
	"internal/keyring":            {"internal/durable", "internal/secretfile", "internal/store"}, // root keys, and what is sealed under them anew
	"internal/keyring/keyservice": {"internal/keyring"},                                          // Vault, AWS and Google, which can seal the root keys
	"internal/blob":               {"internal/durable"},                                          // encrypted files by name
	"internal/blob/s3":            {"internal/blob", "internal/secretfile"},
	"internal/blob/s3test":        {"internal/daemontest"}, // a real S3 server, and faults between it and its client, for tests
	"internal/blob/blobtest":      {"internal/blob"},       // what every store must do, for tests
	"internal/killtest":           {"internal/blob"},       // children that kill themselves between two writes, for tests
	"internal/vault":              {"internal/blob", "internal/keyring", "internal/store"},
	"internal/vault/vaulttest":    {"internal/blob", "internal/keyring", "internal/store", "internal/store/storetest", "internal/vault"}, // what rooms above the vault need, for tests
	"internal/webhook":            {"internal/keyring", "internal/queue", "internal/store", "internal/vault"},
	"internal/idempotency":        {"internal/store", "internal/vault"},
	"internal/challenge":          {"internal/face/liveness", "internal/store", "internal/vault"},                // actions are named by the room that judges them
	"internal/capture":            {"internal/store", "internal/vault"},                                          // links to the hosted page
	"internal/receipt":            {"internal/decision", "internal/keyring", "internal/store", "internal/vault"}, // what it says is points and decisions
	"internal/review":             {"internal/decision", "internal/store", "internal/vault"},                     // whom it tells is wired
	"internal/retention":          {"internal/store", "internal/vault"},                                          // how long; the places that keep things are wired as parts
	"internal/drafting":           {"internal/pipeline", "internal/store"},                                       // workflows as texts and versions; it knows no jobs
	"internal/reference":          {"internal/store", "internal/vault"},                                          // templates of reference photographs
	"internal/consent":            {"internal/store", "internal/vault"},                                          // what subjects have agreed to
	"internal/reuse":              {"internal/store", "internal/vault", "internal/vision"},                       // the same document or picture under another subject
	"internal/capture/page":       {},                                                                            // its files and texts
	"internal/telemetry":          {},                                                                            // logs, traces and metrics of the process
	"internal/health":             {},                                                                            // how the parts of the process are
	"internal/gate":               {"internal/gate/clamd", "internal/vision"},                                    // the way in for pictures: headers only, no decoder
	"internal/gate/clamd":         {},
	"internal/durable":            {},                                                         // files that a crash does not take back
	"internal/secretfile":         {},                                                         // files that hold secrets
	"internal/tlsfiles":           {"internal/secretfile"},                                    // the certificate that the program shows
	"internal/gate/clamdtest":     {"internal/daemontest"},                                    // a real clamd, and faults between it and its client, for tests
	"internal/daemontest":         {},                                                         // servers that tests kill and start again
	"internal/logtest":            {},                                                         // output that tests read while it is written
	"internal/backup":             {"internal/durable", "internal/keyring", "internal/store"}, // dumps of the database, encrypted; which keys are in them
	"internal/erasure": { // over everything; what other rooms hold is wired as parts
		"internal/audit", "internal/blob", "internal/receipt", "internal/store", "internal/vault", "internal/webhook",
	},
	"internal/access": { // everything that is held about one subject: each room tells what it holds
		"internal/audit", "internal/capture", "internal/consent", "internal/idempotency", "internal/metering", "internal/receipt", "internal/reference", "internal/retention", "internal/reuse",
		"internal/review", "internal/store", "internal/vault", "internal/webhook", "internal/workflow",
	},
	"internal/api": {
		"internal/admission", "internal/audit", "internal/card", "internal/capture", "internal/capture/page", "internal/challenge", "internal/consent", "internal/decision", "internal/document", "internal/document/check", "internal/drafting", "internal/engine", "internal/erasure", "internal/face", "internal/face/liveness", "internal/gate", "internal/health",
		"internal/idempotency", "internal/metering", "internal/operator", "internal/pipeline", "internal/profile", "internal/receipt", "internal/reference", "internal/requestlog", "internal/retention", "internal/review", "internal/store", "internal/tenant", "internal/vault", "internal/vision", "internal/webhook", "internal/workflow",
	},
	"internal/e2e":                    {"internal/daemontest", "internal/logtest", "internal/store", "internal/tenant/signing"}, // the real program under test, and a database that can be killed
	"internal/e2e/capture":            {},                                                                                       // tests only, with a browser
	"internal/e2e/contract":           {},
	"internal/e2e/keys":               {}, // tests only
	"internal/keyring/keyservicetest": {}, // a fake of Vault, and faults, for tests
	"internal/e2e/custody":            {}, // tests only, with an object store
	"internal/e2e/fault":              {}, // tests only
	"internal/e2e/gate":               {}, // tests only, with clamd
	"internal/e2e/load":               {}, // tests only
	"internal/e2e/secrets":            {}, // tests only
	"internal/e2e/start":              {}, // tests only, with everything that a process waits for
	"internal/workflow": {
		"internal/decision", "internal/document", "internal/document/check", "internal/drafting", "internal/pipeline", "internal/engine", "internal/face", "internal/face/liveness", "internal/fence", "internal/metering",
		"internal/profile", "internal/queue", "internal/receipt", "internal/retention", "internal/reuse", "internal/review", "internal/store", "internal/vault", "internal/vision", "internal/webhook",
	},

	"internal/bench": {
		"internal/card", "internal/decision", "internal/document", "internal/document/barcode", "internal/document/check", "internal/document/forensic", "internal/document/mrz", "internal/engine", "internal/face",
		"internal/face/liveness", "internal/gate", "internal/models", "internal/profile", "internal/reuse", "internal/specimen", "internal/vision",
	},
}

// wiring may import everything.
var wiring = []string{"cmd/ekyc", "training/forensic"}

// pure packages must not reach for a file system, a process, a network or a database.
var pure = []string{
	"", "internal/vision", "internal/face", "internal/face/liveness", "internal/document", "internal/document/mrz",
	"internal/document/barcode", "internal/document/forensic", "internal/document/ocr", "internal/document/check", "internal/document/layout", "internal/document/number", "internal/decision", "internal/pipeline",
}

var impure = []string{"net", "net/http", "os/exec", "database/sql"}

type goPackage struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

func TestRoomsImportWhatTheyMay(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, "ekyc"), "/")
		if slices.Contains(wiring, name) {
			continue
		}
		allowed, known := rooms[name]
		if !known {
			t.Errorf("%s is not in the table of rooms", p.ImportPath)
			continue
		}
		for _, i := range p.Imports {
			ours, isOurs := strings.CutPrefix(i, "ekyc/")
			if isOurs && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which its room may not", p.ImportPath, i)
			}
			if name == "" && strings.Contains(strings.Split(i, "/")[0], ".") {
				t.Errorf("the root package imports %s; it may import the standard library only", i)
			}
			if slices.Contains(pure, name) && slices.Contains(impure, i) {
				t.Errorf("%s imports %s, but it is to be pure", p.ImportPath, i)
			}
		}
	}
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Standard,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 5 {
		t.Fatalf("only %d packages were found", len(packages))
	}
	return packages
}
