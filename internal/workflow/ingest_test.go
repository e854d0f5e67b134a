package workflow

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/keyring"
	"ekyc/internal/killtest"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
)

// plantedInIngest stands in the pictures and the texts of submissions that are killed.
const plantedInIngest = "PLANTED-70c2e9d4-IN-AN-INGEST"

// ingestOrder is what a process that takes one submission needs to know.
type ingestOrder struct {
	World world
	Scope ekyc.Scope
}

// ingest takes one submission with two frames, both sides of a document and texts, and enters it in the audit log as the API does.
func ingest(ctx context.Context, k *killtest.Killer, o ingestOrder) error {
	files, err := k.Files(o.World.Files)
	if err != nil {
		return err
	}
	p, err := o.World.openOn(ctx, files, store.Options{Tracer: k.Tracer()}, &synthetic{}, Options{}, 0)
	if err != nil {
		return err
	}
	keys, err := keyring.Open(o.World.Keys)
	if err != nil {
		return err
	}
	log := audit.New(p.db, keys, audit.Options{Logger: slog.New(slog.DiscardHandler)})
	sub := plant(o.Scope)
	marked := append(bytes.Clone(photograph()), plantedInIngest...)
	sub.Selfie, sub.Front, sub.Back = [][]byte{marked, marked}, marked, marked
	sub.SubjectRef, sub.Metadata = plantedInIngest, map[string]string{"order": plantedInIngest}
	sub.Also = func(ctx context.Context, tx pgx.Tx, j Job) error {
		return log.Append(ctx, tx, audit.Entry{Action: audit.JobSubmit, Scope: o.Scope, Objects: []ekyc.ID{j.ID}})
	}
	k.Arm()
	_, err = p.Submit(ctx, sub)
	return err
}

// TestAnIngestIsKilledBetweenAnyTwoWrites kills one between any two statements and file operations, and in the middle of each file, each of a tenant of its own. What is left is a
// verification with everything that belongs to it, or nothing but files that the sweep removes.
func TestAnIngestIsKilledBetweenAnyTwoWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, &synthetic{}, Options{}, 0)
	owner := storetest.Owner(t, w.URL)
	for _, set := range []string{"set search_path to ekyc", "set row_security = off"} {
		if _, err := owner.Exec(t.Context(), set); err != nil {
			t.Fatal(err)
		}
	}
	number := func(query string) (n int) {
		t.Helper()
		if err := owner.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	halves, orphans := 0, 0
	kills := killtest.Each(t, "ingest", func() any { return ingestOrder{w, newScope()} }, func(killed bool) {
		for number(`select count(*) from pg_stat_activity where datname = current_database() and application_name like 'ekyc/%' and state <> 'idle'`) > 0 {
			time.Sleep(time.Millisecond) // the server notices that a client is gone
		}
		jobs := number(`select count(*) from job`)
		for what, n := range map[string]int{
			"entries of the audit log": number(`select count(*) from audit_entry where action = 'job.submit'`),
			"entries of these jobs":    number(`select count(*) from audit_entry e join job j on e.objects ? j.id`),
			"reservations":             number(`select count(*) from reservation r join job j on r.id = j.reservation_id and r.job_id = j.id`),
			"all reservations":         number(`select count(*) from reservation`),
			"quarters of pictures":     number(`select count(*) from media`) / 4,
		} {
			if n != jobs {
				t.Errorf("%d jobs, and %d %s", jobs, n, what)
			}
		}
		if held, of := number(heldUnits), number(`select coalesce(sum(u), 0)::int from reservation, unnest(units) u`); held != of {
			t.Errorf("%d units are held, and reservations are of %d", held, of)
		}
		half, whole := aged(t, w.Files)
		if halves += half; !killed && half > 0 {
			t.Error("one that came through left half a file")
		}
		orphans += whole - 4*jobs
		if err := p.vault.SweepFiles(t.Context()); err != nil {
			t.Fatal(err)
		}
		if half, whole := aged(t, w.Files); half != 0 || whole != 4*jobs {
			t.Errorf("after the sweep there are %d half and %d whole files of %d jobs", half, whole, jobs)
		}
	})
	if kills < 20 || halves < 4 || orphans < 10 {
		t.Errorf("%d were killed, and left %d half files and %d without a row", kills, halves, orphans)
	}
	t.Logf("%d were killed, and left %d half files and %d without a row", kills, halves, orphans)
	if n := number(`select count(*) from media m where not exists (select from job j where j.id = m.job_id)`); n != 0 {
		t.Errorf("%d media are of no job", n)
	}
	// The reservations of jobs that nobody works on give their units back in time.
	if _, err := owner.Exec(t.Context(), `update reservation set expires_at = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	if _, err := p.meter.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := number(heldUnits); n != 0 {
		t.Errorf("%d units are still held", n)
	}
	onDisk(t, owner)
}

const heldUnits = `select coalesce(sum(reserved), 0)::int from quota_usage`

// aged makes all files two hours old, and says how many there are half-written and whole. None may hold the planted text.
func aged(t *testing.T, directory string) (half, whole int) {
	t.Helper()
	old := time.Now().Add(-2 * time.Hour)
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if whole++; filepath.Base(filepath.Dir(path)) == "incoming" {
			whole, half = whole-1, half+1
		}
		if data, err := os.ReadFile(path); err != nil || bytes.Contains(data, []byte(plantedInIngest)) {
			t.Errorf("%s holds what a client sent, or cannot be read: %v", path, err)
		}
		return os.Chtimes(path, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
	return half, whole
}

// onDisk looks for the planted text in all that the database server has ever written: tables with what was rolled back, indexes, the log of changes.
func onDisk(t *testing.T, owner *pgx.Conn) {
	t.Helper()
	const control = "CONTROL-4be1c0-ON-THE-DISK"
	var directory string
	if err := owner.QueryRow(t.Context(), "show data_directory").Scan(&directory); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"create table control (text text)", "insert into control values ('" + control + "')", "checkpoint"} {
		if _, err := owner.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	seen := false
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // other tests' databases come and go
		}
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(plantedInIngest)) {
			t.Errorf("%s holds what a client sent", path)
		}
		seen = seen || bytes.Contains(data, []byte(control))
		return nil
	})
	if err != nil || !seen {
		t.Errorf("the search does not find what is in the database: %v", err)
	}
}
