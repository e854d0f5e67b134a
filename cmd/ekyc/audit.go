package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/operator"
	"ekyc/internal/store"
	"ekyc/internal/workflow"
)

// AuditCmd is `ekyc audit`: the audit log outside of the service.
type AuditCmd struct {
	Keys   AuditKeysCmd   `cmd:"" help:"Print the keys that sign the audit log, the former ones too, and how each was introduced by the one before."`
	Export AuditExportCmd `cmd:"" help:"Write what is new in the audit log to a folder or a bucket that locks, as signed segments."`
	Verify AuditVerifyCmd `cmd:"" help:"Examine an export, without database, and without network where it is a folder: every signature, every entry, the whole tree."`
}

// AuditExportCmd is `ekyc audit export`.
type AuditExportCmd struct {
	databaseFlags
	To         string `help:"Folder of the segments, made where it does not exist, or s3://bucket/prefix?… of a bucket with Object Lock; gone on with where there are some." required:"" placeholder:"PLACE"`
	RetainDays int    `help:"Days for which nobody is to be able to remove a segment from the bucket, this command's user included; 0 for as the bucket is set up." env:"EKYC_AUDIT_RETAIN_DAYS"`
	JSON       bool   `help:"Print JSON."`
}

// Run gives everything its place in the tree, and writes what the place does not hold yet. That it was begun is entered itself, and first.
func (a *AuditExportCmd) Run(ctx context.Context, c *console) error {
	stop, err := a.reachDatabase(ctx)
	if err != nil {
		return err
	}
	defer stop()
	ring, err := a.openRing(ctx, nil)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, a.DatabaseURL, store.Options{ServiceConns: 2, SystemConns: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := fitRing(ctx, ring, db); err != nil {
		return err
	}
	log := audit.New(db, ring, audit.Options{})
	sink, err := openSink(ctx, a.To)
	if err != nil {
		return err
	}
	err = log.Enter(ctx, ekyc.Scope{}, func(context.Context) (audit.Entry, error) {
		return audit.Entry{Action: audit.LogExport, Actor: commandActor("audit export")}, nil
	})
	if err != nil {
		return err
	}
	if err := sequenceAll(ctx, log); err != nil {
		return err
	}
	out, err := log.Export(ctx, sink, audit.ExportOptions{Retain: days(a.RetainDays)})
	if err != nil {
		return err
	}
	if a.JSON {
		return writeJSON(c.out, map[string]any{"segments": out.Segments, "first": out.First, "size": out.Size, "key": out.Verifier})
	}
	fmt.Fprintf(c.out, "%d entries in %d new segments; the export ends with entry %d\nkey %s\n", out.Size-out.First, out.Segments, out.Size-1, out.Verifier)
	return nil
}

// AuditKeysCmd is `ekyc audit keys`.
type AuditKeysCmd struct{ databaseFlags }

// Run prints the keys, the first one first.
func (a *AuditKeysCmd) Run(ctx context.Context, c *console) error {
	return a.work(ctx, c, func(w *keysWork) error {
		keys, err := w.log.Keys(ctx)
		if err != nil {
			return err
		}
		return writeJSON(c.out, map[string]any{"keys": keys})
	})
}

// sequenceAll waits until every committed entry has its place, whoever gives it.
func sequenceAll(ctx context.Context, log *audit.Log) error {
	for {
		if _, err := log.Sequence(ctx); err != nil {
			return err
		}
		if left, _, err := log.Lag(ctx); err != nil || left == 0 {
			return err
		}
	}
}

// AuditVerifyCmd is `ekyc audit verify`.
type AuditVerifyCmd struct {
	From       string   `arg:"" help:"Folder of the segments, or s3://bucket/prefix?… of the bucket where they are." name:"dir"`
	Checkpoint []string `help:"File with a signed checkpoint from elsewhere, as receipts and GET /v1/audit/checkpoint have it; may be given again. Without one nobody can tell whether the end is missing." type:"path" placeholder:"FILE"`
	Key        string   `help:"The log's verifier key, or a file of it: the one of now, or a former one. Without it the export's own is believed." placeholder:"KEY"`
	JSON       bool     `help:"Print JSON."`
}

// Run examines and tells; what is wrong makes it fail.
func (a *AuditVerifyCmd) Run(ctx context.Context, c *console) error {
	o := audit.VerifyOptions{Key: a.Key, Checkpoints: map[string][]byte{}}
	if a.Key != "" && !strings.Contains(a.Key, "+") { // every verifier key has one
		text, err := readFile(ctx, a.Key, maxCheckpointFile)
		if err != nil {
			return err
		}
		o.Key = strings.TrimSpace(string(text))
	}
	for _, path := range a.Checkpoint {
		text, err := readFile(ctx, path, maxCheckpointFile)
		if err != nil {
			return err
		}
		o.Checkpoints[path] = text
	}
	files, err := openExport(ctx, a.From)
	if err != nil {
		return err
	}
	report, err := audit.Verify(files, o)
	if err != nil {
		return err
	}
	if n := len(report.Problems); n > 0 {
		err = ekyc.Errorf(ekyc.ErrAuditAltered, "the export is not what was signed; %d problems", n).With("report", report)
	}
	if a.JSON {
		if err != nil {
			return err // which is printed with the report
		}
		return writeJSON(c.out, report)
	}
	for _, p := range report.Problems {
		at := p.File + ": "
		switch {
		case p.File == "":
			at = ""
		case p.Line > 0:
			at = fmt.Sprintf("%s:%d: ", p.File, p.Line)
		}
		fmt.Fprintln(c.out, at+p.What)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d entries in %d segments are as they were signed\nlog  %s\nroot %s\nkey  %s\n", report.Entries, report.Segments, report.Origin, report.Root, report.Key)
	for _, k := range report.Keys[:max(0, len(report.Keys)-1)] {
		fmt.Fprintf(c.out, "key  %s has signed up to %d entries, and introduced the next\n", k.Key, k.Until)
	}
	if !report.KeyTrusted {
		fmt.Fprintln(c.out, "The key is the one that the export names itself; give --key to be sure whose it is.")
	}
	if len(a.Checkpoint) == 0 {
		fmt.Fprintln(c.out, "Whether entries are missing at the end can be told with --checkpoint only.")
	}
	return nil
}

// maxCheckpointFile bounds files of checkpoints and keys, in bytes.
const maxCheckpointFile = 1 << 20

// openAudit makes the log of a process, which sequences whenever no other does, and tells how far that is.
func (p *platform) openAudit() error {
	if err := fitRing(context.Background(), p.keyring, p.db); err != nil {
		return err
	}
	p.audit = audit.New(p.db, p.keyring, audit.Options{Logger: p.logger})
	if err := p.audit.EnterRoot(context.Background(), p.keyring, commandActor("keys")); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.audit.Run(ctx)
	}()
	p.onClose(func() error {
		stop()
		<-ended
		return nil
	})
	return p.observeAudit()
}

func (p *platform) observeAudit() error {
	meter := otel.Meter("ekyc")
	waiting, err := meter.Int64ObservableGauge("ekyc.audit.unsequenced", metric.WithDescription("Entries of the audit log without a place in the tree."))
	oldest, err2 := meter.Float64ObservableGauge("ekyc.audit.unsequenced.oldest", metric.WithDescription("Seconds since the oldest of them was written."))
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		if n, age, err := p.audit.Lag(ctx); err == nil {
			o.ObserveInt64(waiting, n)
			o.ObserveFloat64(oldest, age.Seconds())
		}
		return nil
	}, waiting, oldest)
	return err
}

// enterSignIn enters an operator's log-in.
func (p *platform) enterSignIn(ctx context.Context, tx pgx.Tx, id ekyc.ID, opened bool) error {
	e := audit.Entry{Action: audit.SignIn, Outcome: audit.Refused}
	if id != "" {
		e.Objects = []ekyc.ID{id}
	}
	if opened {
		e.Outcome, e.Actor = audit.Success, audit.Actor{Kind: audit.ActorOperator, ID: string(id)}
	}
	return p.audit.Append(ctx, tx, e)
}

// enterJob enters what was done to a job.
func (p *platform) enterJob(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, act workflow.Act, job ekyc.ID) error {
	actions := map[workflow.Act]audit.Action{workflow.ActCancel: audit.JobCancel, workflow.ActRequeue: audit.JobRequeue, workflow.ActDecide: audit.JobDecide}
	return p.audit.Append(ctx, tx, audit.Entry{Action: actions[act], Scope: scope, Objects: []ekyc.ID{job}})
}

// commandActor is a command that somebody runs on the service's machine.
func commandActor(name string) audit.Actor {
	return audit.Actor{Kind: audit.ActorSystem, ID: "ekyc " + name}
}

// setOperator makes the account, or opens the one that is there again with the password, and enters which. A first password is to be changed soon.
func setOperator(ctx context.Context, log *audit.Log, operators *operator.Service, command, email, password string, first bool) error {
	expire := func(ctx context.Context, id ekyc.ID) error {
		if !first {
			return nil
		}
		return operators.ExpirePassword(ctx, id)
	}
	err := log.Enter(ctx, ekyc.Scope{}, func(ctx context.Context) (audit.Entry, error) {
		o, err := operators.Create(ctx, email, password, operator.Owner)
		if err == nil {
			err = expire(ctx, o.ID)
		}
		return audit.Entry{Action: audit.OperatorCreate, Actor: commandActor(command), Objects: []ekyc.ID{o.ID}, Details: audit.Details{audit.Role: string(operator.Owner)}}, err
	})
	if ekyc.CodeOf(err) != ekyc.ErrConflict {
		return err
	}
	list, err := operators.List(ctx)
	if err != nil {
		return err
	}
	for _, o := range list {
		if o.Email != email {
			continue
		}
		// Who stands at the machine may do everything: a lost device, a closed account and a lost role are mended as well.
		return log.Enter(ctx, ekyc.Scope{}, func(ctx context.Context) (audit.Entry, error) {
			_, err := operators.SetRole(ctx, o.ID, operator.Owner)
			for _, mend := range []func() error{
				func() error { return operators.SetPassword(ctx, o.ID, password) }, func() error { return operators.ResetTOTP(ctx, o.ID) }, func() error { return operators.Enable(ctx, o.ID) },
				func() error { return expire(ctx, o.ID) },
			} {
				if err == nil {
					err = mend()
				}
			}
			return audit.Entry{Action: audit.OperatorUpdate, Actor: commandActor(command), Objects: []ekyc.ID{o.ID},
				Details: audit.Details{audit.Changed: "disabled,password,role,totp", audit.Role: string(operator.Owner)}}, err
		})
	}
	return ekyc.Errorf(ekyc.ErrConflict, "the operator's account is taken and cannot be found")
}
