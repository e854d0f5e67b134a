package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/blob/s3"
	"ekyc/internal/erasure"
	"ekyc/internal/receipt"
)

// erasureFlags say where erasures are remembered.
type erasureFlags struct {
	Ledger     string        `help:"Where the erasure ledger is, which no restore of the database may take back: a directory, or s3://bucket/prefix?… as for --media-store. Beside the pictures unless given. All processes share it." env:"EKYC_LEDGER" placeholder:"PLACE"`
	LedgerLost []int64       `help:"Numbers of entries of the ledger that are lost for good, so that a process starts without them; 0 for each from before entries had numbers, and each file that was counted with these and never was one. Erase their subjects again first; see docs/security/erasure.md." name:"ledger-lost" env:"EKYC_LEDGER_LOST" placeholder:"NUMBER"`
	KeyBackups time.Duration `help:"Longest time for which any copy of the schema ekyc_keys is kept: dumps, archived journals, snapshots. Certificates of erasures name the end of it." default:"24h" env:"EKYC_KEY_BACKUPS"`
}

// ledgerName is the part of a path that the ledger has where it lies beside the pictures.
const ledgerName = "erasures"

// ledgerDir is the directory of the ledger; "" where it is in a bucket.
func (f *erasureFlags) ledgerDir(d *databaseFlags) string {
	switch {
	case s3.IsURL(f.Ledger), f.Ledger == "" && d.MediaStore != "":
		return ""
	case f.Ledger != "":
		return f.Ledger
	}
	return filepath.Join(d.DataDir, ledgerName)
}

// open opens the place of the ledger.
func (f *erasureFlags) open(ctx context.Context, d *databaseFlags) (blob.Store, error) {
	if directory := f.ledgerDir(d); directory != "" {
		return blob.OpenFiles(directory)
	}
	place := f.Ledger
	if place == "" {
		place = d.MediaStore
	}
	c, err := s3.Parse(place)
	if err != nil {
		return nil, err
	}
	if f.Ledger == "" {
		c.Prefix += ledgerName + "/"
	}
	c.Current = true // what was deleted is missing, whatever is left of it
	return s3.Open(ctx, c)
}

// openErasure makes the room that forgets subjects. It stands over all others that hold something of them.
func (f *serviceFlags) openErasure(p *platform) error {
	p.erasure = erasure.New(p.db, p.vault, erasure.NewLedger(p.ledger, p.keyring), p.audit, p.webhooks, p.receipts, erasure.Options{
		Parts: p.erasureParts(), KeyBackups: f.KeyBackups, LostEntries: f.LedgerLost, Checkpoint: p.audit.Latest, Program: programVersion(), Logger: p.logger,
	})
	return p.observeErasure()
}

// erasureParts are what is held of a subject beside its media, in the order in which it goes. Jobs come first: what workers write down beside the erasure
// they write under the lock of their job.
func (p *platform) erasureParts() []erasure.Part {
	return []erasure.Part{
		{Name: "jobs", Erase: p.jobs.EraseJobs},
		{Name: "capture_links", Erase: p.eraseCaptures},
		{Name: "reviews", Erase: p.reviews.EraseSubject},
		{Name: "receipt_salts", Erase: p.receipts.EraseSubject},
		{Name: "webhooks", Erase: p.webhooks.EraseSubject},
		{Name: "remembered_answers", Erase: p.repeats.EraseSubject},
		{Name: "templates", Erase: p.references.EraseSubject},
		{Name: "consents", Erase: p.consents.Erase},
		{Name: "reuse_hashes", Erase: p.reuse.Erase},
	}
}

// eraseCaptures forgets the links of a subject with the challenges that their pages were given.
func (p *platform) eraseCaptures(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, subject ekyc.ID) (int, error) {
	jobs, err := p.jobs.JobsOf(ctx, tx, scope, subject)
	if err != nil {
		return 0, err
	}
	refHash, until, err := p.erasure.RefHash(ctx, tx, scope, subject)
	if err != nil {
		return 0, err
	}
	links, challenges, err := p.captures.EraseSubject(ctx, tx, scope, jobs, refHash, until)
	if err != nil {
		return 0, err
	}
	drawn, err := p.challenges.Erase(ctx, tx, scope, challenges)
	return links + drawn, err
}

// replayErasures repeats what a restored database has forgotten.
func (p *platform) replayErasures(ctx context.Context) error {
	_, err := p.erasure.Replay(ctx)
	return err
}

// observeErasure registers what is not done yet of erasures.
func (p *platform) observeErasure() error {
	meter := otel.Meter("ekyc")
	incomplete, err := meter.Int64ObservableGauge("ekyc.erasures.incomplete", metric.WithDescription("Erasures that are committed and not yet in the ledger, or whose files are not removed yet."))
	stuck, err2 := meter.Int64ObservableGauge("ekyc.erasures.stuck", metric.WithDescription("Erasures that were tried to be completed, or looked at a second time, again and again."))
	oldest, err3 := meter.Float64ObservableGauge("ekyc.erasures.oldest", metric.WithDescription("Seconds since the oldest incomplete erasure was committed."))
	if err := errors.Join(err, err2, err3); err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		if w, err := p.erasure.Waiting(ctx); err == nil { // else the database is away, which other metrics tell
			o.ObserveInt64(incomplete, int64(w.Incomplete))
			o.ObserveInt64(stuck, int64(w.Stuck))
			o.ObserveFloat64(oldest, w.Oldest.Seconds())
		}
		return nil
	}, incomplete, stuck, oldest)
	return err
}

// ErasureCmd is `ekyc erasure`: erasures outside of the service.
type ErasureCmd struct {
	Verify ErasureVerifyCmd `cmd:"" help:"Verify the certificate of an erasure, without database or network. Exits with 0 when it is authentic, with 3 when not, with 2 when a file cannot be read as what it should be."`
}

// ErasureVerifyCmd is `ekyc erasure verify`.
type ErasureVerifyCmd struct {
	File string `arg:"" help:"What DELETE /v1/subjects/{id} or GET /v1/subjects/{id}/certificate answered." placeholder:"FILE"`
	Key  string `help:"File of the published keys: what GET /v1/receipts/keys answered, one key of it, or public keys in PEM. Take it from where you trust it, not from who gave you the certificate." required:"" placeholder:"FILE"`
	JSON bool   `help:"Print JSON."`
}

// Run verifies and tells.
func (e *ErasureVerifyCmd) Run(ctx context.Context, c *console) error {
	text, err := readFile(ctx, e.Key, maxReceiptFile)
	if err != nil {
		return err
	}
	keys, err := receipt.ParseKeys(text)
	if err != nil {
		return err
	}
	if text, err = readFile(ctx, e.File, erasure.LongestDocument); err != nil {
		return err
	}
	found, err := erasure.Verify(text, keys)
	if err != nil {
		return err
	}
	if e.JSON {
		return writeJSON(c.out, map[string]any{"verified": true, "certificate": found})
	}
	fmt.Fprintln(c.out, "the certificate is authentic")
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("subject", "%s of %s, %s", found.Subject, found.Tenant, found.Environment)
	line("erased", "%s, on %s", found.ErasedAt.Format(time.RFC3339Nano), found.Cause)
	line("backups of its key", "end by %s", found.KeyBackupsEnd.Format(time.RFC3339))
	for _, part := range found.Parts {
		line("removed", "%d %s", part.Count, part.Part)
	}
	line("ledger", "%s since %s", found.LedgerEntry, found.LedgeredAt.Format(time.RFC3339Nano))
	line("audit entry", "%s", found.AuditEntry)
	line("key", "%s", found.KeyID)
	return w.Flush()
}
