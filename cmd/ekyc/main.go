// Command ekyc verifies a person from a live photograph and an identity document.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"ekyc"
	"ekyc/internal/bench"
	"ekyc/internal/engine"
	"ekyc/internal/models"
)

// Exit statuses.
const (
	exitOK       = 0
	exitInternal = 1
	exitBadInput = 2
	exitRefuted  = 3 // of a receipt that does not verify
)

// version is set by the build of a release; otherwise the module's own build information tells.
var version = ""

// cli is every command and option of the program; options are also read from the environment.
type cli struct {
	Verify   VerifyCmd   `cmd:"" help:"Verify a person: a live photograph and an identity document in, an explained decision out."`
	Inspect  InspectCmd  `cmd:"" help:"Say what an image file is and whether it would be accepted."`
	Bench    BenchCmd    `cmd:"" help:"Measure accuracy and speed on a labelled folder."`
	Specimen SpecimenCmd `cmd:"" help:"Generate specimen documents, photographs of them and attacks, with their truth."`
	Coverage CoverageCmd `cmd:"" help:"List what is read of which documents, and how that was tested."`
	Models   ModelsCmd   `cmd:"" help:"Install, list and verify the model files."`
	Doctor   DoctorCmd   `cmd:"" help:"Look at everything that a process with the same options would work with: models, root keys, database, certificate, pictures, ledger, antivirus, disk, memory, clocks."`
	Up       UpCmd       `cmd:"" help:"Run the whole service in one process, on a database of its own unless there is another, with a demo tenant."`
	Serve    ServeCmd    `cmd:"" help:"Answer requests; any number of processes on one database."`
	Worker   WorkerCmd   `cmd:"" help:"Work on verifications and deliver webhooks; any number of processes on one database."`
	Migrate  MigrateCmd  `cmd:"" help:"Bring the tables up to date."`
	Admin    AdminCmd    `cmd:"" help:"Make root keys and operators."`
	Keys     KeysCmd     `cmd:"" help:"See, rotate and retire root keys and those of tenants; nothing has to be stopped for it."`
	Audit    AuditCmd    `cmd:"" help:"Export the audit log, and examine an export."`
	Receipt  ReceiptCmd  `cmd:"" help:"Verify receipts of decisions, and see to the keys that sign them."`
	Erasure  ErasureCmd  `cmd:"" help:"Verify certificates of erasures."`
	Backup   BackupCmd   `cmd:"" help:"Write encrypted backups, restore them, and destroy keys in them whose time is over."`
	Sign     SignCmd     `cmd:"" help:"Print the headers of a signed request, or a curl command."`
	Engine   EngineCmd   `cmd:"" hidden:"" help:"Run native code for the service; started by it, not by hand."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

// modelFlags say where the models are; every command that needs them embeds it.
type modelFlags struct {
	ModelsDir string         `help:"Directory of the model files." env:"EKYC_MODELS_DIR" default:"${models_dir}" type:"path"`
	Profile   models.Profile `help:"Which models: standard (the most accurate) or strict (documented origin only)." env:"EKYC_PROFILE" default:"standard" enum:"standard,strict"`
}

// open loads the models.
func (m *modelFlags) open() (*engine.Engine, error) {
	library, err := models.Open(m.ModelsDir, m.Profile)
	if err != nil {
		return nil, err
	}
	return engine.Open(library)
}

// console is what commands read and write besides files.
type console struct {
	out, err io.Writer
	terminal io.Writer // progress goes here; nil when nobody looks
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once, whatever it is stuck in
	c := &console{out: os.Stdout, err: os.Stderr}
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		c.terminal = os.Stderr
	}
	code := run(ctx, os.Args[1:], c)
	stop()
	os.Exit(code)
}

// run executes one command line and gives the exit status.
func run(ctx context.Context, args []string, c *console) (code int) {
	var commands cli
	exited := -1
	parser, err := kong.New(&commands,
		kong.Name("ekyc"),
		kong.Description("Remote identity verification from image files, with every point of the score explained."),
		kong.UsageOnError(),
		kong.Writers(c.out, c.err),
		kong.Exit(func(status int) { exited = status }),
		kong.Vars{"version": programVersion(), "models_dir": models.DefaultDir(), "data_dir": defaultDataDir(), "metrics_listen": defaultMetrics, "parts": strings.Join(bench.Parts, ", ")},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(c),
	)
	if err != nil {
		fmt.Fprintln(c.err, "ekyc:", err)
		return exitInternal
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if problem, is := errors.AsType[*ekyc.Error](err); is { // of a file that a flag names
		return c.fail(problem, false)
	}
	if err != nil {
		fmt.Fprintf(c.err, "ekyc: %v; see ekyc --help\n", err)
		return exitBadInput
	}
	if err := refuseSecrets(command); err != nil {
		return c.fail(err, asJSON(command))
	}
	if err := command.Run(); err != nil {
		return c.fail(err, asJSON(command))
	}
	return exitOK
}

// asJSON says whether the chosen command was asked for JSON.
func asJSON(command *kong.Context) bool {
	for _, flag := range command.Flags() {
		if flag.Name == "json" {
			set, _ := command.FlagValue(flag).(bool)
			return set
		}
	}
	return false
}

// fail reports an error in one line, or as the error object of the API, and gives the exit status: 2 when the caller can mend it.
func (c *console) fail(err error, asJSON bool) int {
	problem, ok := errors.AsType[*ekyc.Error](err)
	if !ok {
		problem = ekyc.Errorf(ekyc.ErrInternal, "an unexpected fault").Because(err)
	}
	if asJSON {
		object := map[string]any{"error": map[string]any{"code": problem.Code, "message": problem.Message, "details": detailsOf(problem)}}
		if err := writeJSON(c.out, object); err != nil {
			fmt.Fprintln(c.err, "ekyc:", err)
		}
	} else {
		which := ""
		if name, ok := problem.Details["image"].(string); ok {
			which = name + ": "
		}
		fmt.Fprintf(c.err, "ekyc: %s: %s%s\n", problem.Code, which, problem.Message)
	}
	// What is away is away for a reason: a wrong name or a wrong secret reads otherwise than a silent server.
	if problem.Cause != nil && (problem.Code == ekyc.ErrInternal || problem.Code == ekyc.ErrUnavailable) {
		fmt.Fprintln(c.err, "ekyc: cause:", problem.Cause)
	}
	if problem.Code == ekyc.ErrInternal {
		return exitInternal
	}
	if problem.Code == ekyc.ErrReceiptInvalid {
		return exitRefuted
	}
	return exitBadInput
}

func detailsOf(e *ekyc.Error) map[string]any {
	if e.Details == nil {
		return map[string]any{}
	}
	return e.Details
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// readFile reads a file that the command line names, up to one byte over the largest image so that larger ones are told apart.
// A named pipe may have no writer for ever, so a stop does not wait for the read.
func readFile(ctx context.Context, path string, limit int) ([]byte, error) {
	type content struct {
		data []byte
		err  error
	}
	read := make(chan content, 1)
	go func() {
		data, err := readAtMost(path, limit+1)
		read <- content{data, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ekyc.Errorf(ekyc.ErrCancelled, "stopped while %s was being read", path).Because(ctx.Err())
	case c := <-read:
		return c.data, c.err
	}
}

func readAtMost(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be opened%s", path, whyUnreadable(err)).Because(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)))
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be read%s", path, whyUnreadable(err)).Because(err)
	}
	return data, nil
}

// whyUnreadable words the commonest causes.
func whyUnreadable(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ": it does not exist"
	case errors.Is(err, fs.ErrPermission):
		return ": permission denied"
	case errors.Is(err, syscall.EISDIR):
		return ": it is a directory"
	}
	return ""
}

// defaultDataDir is ekyc in the user's directory for data (XDG Base Directory Specification).
func defaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ekyc")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "ekyc-data"
	}
	return filepath.Join(home, ".local", "share", "ekyc")
}

func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
