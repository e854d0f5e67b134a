package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/gate"
	"ekyc/internal/receipt"
	"ekyc/internal/vision"
)

// ReceiptCmd is `ekyc receipt`: receipts of decisions outside of the service.
type ReceiptCmd struct {
	Verify ReceiptVerifyCmd `cmd:"" help:"Verify a receipt, without database or network. Exits with 0 when it is authentic and everything given fits, with 3 when not, with 2 when a file cannot be read as what it should be."`
	Keys   ReceiptKeysCmd   `cmd:"" help:"Print this installation's published keys, as GET /v1/receipts/keys answers them."`
	Rotate ReceiptRotateCmd `cmd:"" help:"End the key that signs receipts and make the next; receipts of the older one go on being verifiable."`
}

// ReceiptVerifyCmd is `ekyc receipt verify`.
type ReceiptVerifyCmd struct {
	File        string   `arg:"" help:"What GET /v1/jobs/{id}/receipt answered." placeholder:"FILE"`
	Key         string   `help:"File of the published keys: what GET /v1/receipts/keys answered, one key of it, or public keys in PEM. Take it from where you trust it, not from who gave you the receipt." required:"" placeholder:"FILE"`
	Input       []string `help:"An input and the file that it should be, such as selfie=photo.jpg or frame.2=third.jpg; may be given again. A photograph is compared as it is and without its metadata, as the service takes it in. Needs a receipt with its openings (?openings=true)." sep:"none" placeholder:"KIND[.N]=FILE"`
	Result      string   `help:"File of the job's result, or of the job as GET /v1/jobs/{id} answered it. Needs a receipt with its openings." placeholder:"FILE"`
	Previous    string   `help:"File of the receipt before this one; it is verified too." placeholder:"FILE"`
	Reformatted bool     `help:"Accept a receipt whose white space or order a tool has changed; what it says is verified all the same."`
	JSON        bool     `help:"Print JSON."`
}

// Bounds of files, in bytes.
const (
	maxReceiptFile = receipt.LongestDocument
	maxInputFile   = 64 << 20 // more than any photograph or result takes
)

// checked is one thing that was found to fit.
type checked struct {
	What string `json:"what"`
	File string `json:"file"`
}

// Run verifies everything that was given and stops at the first thing that does not fit.
func (r *ReceiptVerifyCmd) Run(ctx context.Context, c *console) error {
	text, err := readFile(ctx, r.Key, maxReceiptFile)
	if err != nil {
		return err
	}
	keys, err := receipt.ParseKeys(text)
	if err != nil {
		return err
	}
	v, err := r.verify(ctx, r.File, keys)
	if err != nil {
		return err
	}
	found, err := r.compare(ctx, v, keys)
	if err != nil {
		return err
	}
	if r.JSON {
		return writeJSON(c.out, map[string]any{"verified": true, "receipt": v.Receipt, "fits": found})
	}
	return tellReceipt(c, v, found)
}

func (r *ReceiptVerifyCmd) verify(ctx context.Context, path string, keys receipt.KeySet) (*receipt.Verified, error) {
	text, err := readFile(ctx, path, maxReceiptFile)
	if err != nil {
		return nil, err
	}
	return receipt.Verify([]byte(strings.TrimSpace(string(text))), keys, r.Reformatted)
}

// compare holds the given files against the receipt.
func (r *ReceiptVerifyCmd) compare(ctx context.Context, v *receipt.Verified, keys receipt.KeySet) ([]checked, error) {
	found := []checked{}
	for _, in := range r.Input {
		kind, position, path, err := parseInput(in)
		if err != nil {
			return nil, err
		}
		data, err := readFile(ctx, path, maxInputFile)
		if err != nil {
			return nil, err
		}
		if err := checkInput(v, kind, position, data); err != nil {
			return nil, err
		}
		found = append(found, checked{fmt.Sprintf("%s %d", kind, position), path})
	}
	if r.Result != "" {
		data, err := readFile(ctx, r.Result, maxInputFile)
		if err != nil {
			return nil, err
		}
		if err := v.CheckResult(resultIn(data)); err != nil {
			return nil, err
		}
		found = append(found, checked{"result", r.Result})
	}
	if r.Previous != "" {
		before, err := r.verify(ctx, r.Previous, keys)
		if err != nil {
			return nil, err
		}
		if err := v.CheckPrevious(before); err != nil {
			return nil, err
		}
		found = append(found, checked{"previous receipt", r.Previous})
	}
	return found, nil
}

// checkInput holds a file against an input, as it is and then as the service takes photographs in: without metadata.
func checkInput(v *receipt.Verified, kind string, position int, data []byte) error {
	err := v.CheckInput(kind, position, data)
	if err == nil || kind == receipt.Claim {
		return err
	}
	clean, faulty := gate.Clean(bytes.Clone(data), vision.FaceCropLimits) // the widest
	if faulty != nil || v.CheckInput(kind, position, clean) != nil {
		return err
	}
	return nil
}

// parseInput takes "frame.2=third.jpg" apart.
func parseInput(text string) (kind string, position int, path string, err error) {
	name, path, ok := strings.Cut(text, "=")
	kind, number, numbered := strings.Cut(name, ".")
	if numbered {
		position, err = strconv.Atoi(number)
	}
	if !ok || kind == "" || path == "" || err != nil || position < 0 {
		return "", 0, "", ekyc.Errorf(ekyc.ErrInvalidArgument, "%q is not an input and its file, such as selfie=photo.jpg or frame.2=third.jpg", text)
	}
	return kind, position, path, nil
}

// resultIn gives the result that a file holds, whether it is a job or the result itself.
func resultIn(text []byte) []byte {
	var job struct {
		ID     ekyc.ID         `json:"job_id"`
		Result json.RawMessage `json:"result"`
	}
	if json.Unmarshal(text, &job) == nil && job.ID != "" && job.Result != nil {
		return job.Result
	}
	return text
}

func tellReceipt(c *console, v *receipt.Verified, found []checked) error {
	fmt.Fprintln(c.out, "the receipt is authentic")
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("job", "%s of %s, %s", v.Job, v.Tenant, v.Environment)
	line("decision", "%s, score %s", v.Decision, v.Score)
	if v.Review != nil {
		line("review", "%s, %s, override %t, %d reviewers", v.Review.ID, v.Review.ReasonCode, v.Review.Override, v.Review.Reviewers)
	}
	line("decided", "%s", v.DecidedAt.Format(time.RFC3339Nano))
	line("issued", "%s by ekyc %s", v.IssuedAt.Format(time.RFC3339Nano), v.Program)
	line("workflow", "%s %d, %s", v.Workflow.Name, v.Workflow.Version, v.Workflow.Hash)
	line("inputs", "%d", len(v.Inputs))
	line("key", "%s", v.KeyID)
	for _, f := range found {
		line("fits", "%s: %s", f.What, f.File)
	}
	if v.HasOpenings() && len(found) == 0 {
		line("note", "the openings were given, and nothing to be held against them: --input, --result")
	}
	return w.Flush()
}

// ReceiptKeysCmd is `ekyc receipt keys`.
type ReceiptKeysCmd struct{ databaseFlags }

// Run prints the keys.
func (k *ReceiptKeysCmd) Run(ctx context.Context, c *console) error {
	return k.work(ctx, c, func(w *keysWork) error {
		set, err := w.receipts().Keys(ctx)
		if err != nil {
			return err
		}
		return writeJSON(c.out, set)
	})
}

// ReceiptRotateCmd is `ekyc receipt rotate`.
type ReceiptRotateCmd struct{ databaseFlags }

// Run makes the next key and prints all of them.
func (r *ReceiptRotateCmd) Run(ctx context.Context, c *console) error {
	return r.work(ctx, c, func(w *keysWork) error {
		var set receipt.KeySet
		err := w.enter(ctx, audit.ReceiptKeyRotate, ekyc.Scope{}, func(ctx context.Context) (_ int64, err error) {
			set, err = w.receipts().Rotate(ctx)
			return 0, err
		})
		if err != nil {
			return err
		}
		return writeJSON(c.out, set)
	})
}

// receipts is the service that knows the keys of receipts.
func (w *keysWork) receipts() *receipt.Service {
	return receipt.New(w.db, nil, w.ring, receipt.Options{})
}
