package workflow

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/face/liveness"
	"ekyc/internal/profile"
	"ekyc/internal/store/storetest"
	"ekyc/internal/webhook"
)

const planted = "PLANTED"

// plant is a submission with a mark in everything that a client can send.
func plant(scope ekyc.Scope) Submission {
	sub := submission(scope)
	marked := append(bytes.Clone(photograph()), planted...)
	sub.Selfie, sub.Front, sub.Back = [][]byte{marked, marked}, marked, marked
	sub.Hints = liveness.Hints{Pose: true}
	sub.KYA = &profile.Input{Surname: plantedSurname, Email: "planted@" + strings.ToLower(planted) + ".example"}
	sub.SubjectRef, sub.CallbackURL = planted+"-ref", "http://127.0.0.1:9/"+planted
	sub.Metadata = map[string]string{planted: planted}
	return sub
}

// leaks looks for the mark in every table and file, as one who has the disks.
func leaks(t *testing.T, w world, when string) {
	t.Helper()
	conn := storetest.Owner(t, w.URL)
	rows, err := conn.Query(t.Context(), `select format('%I.%I', table_schema, table_name) from information_schema.tables
		where table_schema in ('ekyc', 'ekyc_keys', 'river') and table_type = 'BASE TABLE'`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 10 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	if _, err := conn.Exec(t.Context(), "set row_security = off"); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, table := range tables {
		var all, marked int
		err := conn.QueryRow(t.Context(), fmt.Sprintf(`select count(*), count(*) filter (where r::text ilike $1 or r::text like $2) from %s r`, table),
			"%"+planted+"%", "%"+hex.EncodeToString([]byte(planted))+"%").Scan(&all, &marked)
		if err != nil {
			t.Fatal(err)
		}
		total += all
		if marked > 0 {
			t.Errorf("%s: %d rows of %s hold what a client sent", when, marked, table)
		}
	}
	files := 0
	err = filepath.WalkDir(w.Files, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(planted)) {
			t.Errorf("%s: %s holds what a client sent", when, path)
		}
		return err
	})
	if err != nil || total == 0 {
		t.Errorf("%d rows and %d files were looked at, %v", total, files, err)
	}
}

func TestNothingOfThePersonIsStoredInTheClear(t *testing.T) {
	t.Parallel()
	reached, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	e := &synthetic{before: func(_ context.Context, name part, data []byte) error {
		if name == partMatch {
			once.Do(func() { close(reached); <-goOn })
		} else if !bytes.HasSuffix(data, []byte(planted)) {
			t.Error("the photograph did not come through")
		}
		return nil
	}}
	w := newWorld(t)
	p := w.start(t, e, swift(), 1)
	scope := newScope()
	endpoint(t, p, scope)
	id := submit(t, p, plant(scope)).ID
	leaks(t, w, "taken")
	<-reached
	leaks(t, w, "with two steps persisted")
	close(goOn)
	j := await(t, p, scope, id, Completed)
	leaks(t, w, "completed")
	if j.Metadata[planted] != planted || !bytes.Contains(j.Result, []byte(plantedSurname)) {
		t.Error("the mark is not where it belongs either")
	}
}

func TestAnErasedSubjectsJobEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var p *process
	scope := newScope()
	subject := make(chan ekyc.ID, 1)
	e := &synthetic{before: func(_ context.Context, name part, _ []byte) error {
		if name != partMatch {
			return nil
		}
		return p.db.InTenant(context.Background(), scope, func(ctx context.Context, tx pgx.Tx) error {
			_, err := p.vault.EraseSubject(ctx, tx, scope, <-subject)
			return err
		})
	}}
	started := w.start(t, e, swift(), 1)
	p = started
	endpoint(t, p, scope)
	j := submit(t, p, plant(scope))
	subject <- j.Subject
	j = await(t, p, scope, j.ID, Failed)
	if j.Error.Code != ekyc.ErrGone || j.DeadLetter || j.Metadata != nil || reserved(t, p, scope) != 0 {
		t.Errorf("%+v, %+v", j, j.Error)
	}
	told := events(t, p, scope)[webhook.KYCFailed]
	if len(told) != 1 || told[0]["metadata"] != nil || told[0]["job_id"] != string(j.ID) {
		t.Errorf("told %v", told)
	}
	if jobs, _, err := p.List(t.Context(), scope, Filter{}, 0, ""); err != nil || len(jobs) != 1 {
		t.Errorf("%v, %v", jobs, err)
	}
}

// age moves the end of a job into the past.
func age(t *testing.T, w world, id ekyc.ID, by time.Duration) {
	t.Helper()
	conn := storetest.Owner(t, w.URL)
	if _, err := conn.Exec(t.Context(), `set role ekyc_system; `); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `update ekyc.job set finished_at = finished_at - $2::interval where id = $1`, id, by); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNotToBeStoredIsDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, &synthetic{}, swift(), 1)
	scope := newScope()
	kept, unkept := plant(scope), plant(scope)
	unkept.Store = false
	keptID, unkeptID := submit(t, p, kept).ID, submit(t, p, unkept).ID
	await(t, p, scope, keptID, Completed)
	if j := await(t, p, scope, unkeptID, Completed); j.Result == nil || j.Store {
		t.Error("the result is not there for an hour")
	}
	age(t, w, keptID, 59*time.Minute)
	age(t, w, unkeptID, 59*time.Minute)
	eventually(t, "the result is dropped", func() bool {
		j := await(t, p, scope, unkeptID, Completed)
		return j.Result == nil && j.Metadata == nil && j.SubjectRef == ""
	})
	if j := await(t, p, scope, keptID, Completed); j.Result == nil || j.Metadata == nil {
		t.Error("what is to be kept was dropped too")
	}
	for id, want := range map[ekyc.ID]bool{keptID: true, unkeptID: false} {
		var held bool
		if err := p.db.SystemPool().QueryRow(t.Context(), `select facts is not null from job where id = $1`, id).Scan(&held); err != nil || held != want {
			t.Errorf("the facts are held: %v, %v", held, err)
		}
	}
}

func TestUploadsOfADeadLetterWaitAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, failing(partSelfie, 99, ekyc.Errorf(ekyc.ErrModelMissing, "a model file is not installed")), swift(), 1)
	scope := newScope()
	for _, store := range []bool{true, false} {
		sub := submission(scope)
		sub.Store = store
		j := await(t, p, scope, submit(t, p, sub).ID, Failed)
		if !j.DeadLetter || j.Attempt != 1 {
			t.Errorf("%+v", j)
		}
		if err := p.Sweep(t.Context()); err != nil || media(t, p, scope, j.ID) == 0 {
			t.Errorf("the photographs do not wait for the operator: %v", err)
		}
		wait := defaultKeepUploads
		if !store {
			wait = dropAfter
		}
		age(t, w, j.ID, wait+time.Minute)
		eventually(t, "the photographs are deleted", func() bool { return media(t, p, scope, j.ID) == 0 })
		eventually(t, "a requeue is refused", func() bool {
			_, err := p.Requeue(t.Context(), j.ID)
			return ekyc.CodeOf(err) == ekyc.ErrGone
		})
	}
}
