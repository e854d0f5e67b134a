package drafting_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ekyc"
	"ekyc/internal/drafting"
	"ekyc/internal/pipeline"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
)

var server *storetest.Server

func TestMain(m *testing.M) { os.Exit(storetest.Main(m, &server, drafting.Migrations)) }

// bundle is two processes of the service over one database.
type bundle struct {
	*drafting.Service
	t     *testing.T
	other *drafting.Service
	db    *store.DB
	url   string
	scope ekyc.Scope
}

const author = "ek_live_eu1_first"

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t, url: server.URL(t), scope: ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}}
	open := func() *store.DB {
		db, err := store.Open(context.Background(), b.url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		return db
	}
	b.db = open()
	b.Service, b.other = drafting.New(b.db, drafting.Options{}), drafting.New(open(), drafting.Options{})
	return b
}

// text is a workflow that differs by its least age.
func text(name string, minAge int) drafting.Text {
	return drafting.Text{Format: drafting.YAML, Source: fmt.Sprintf("# as written\nname: %s\ndocument:\n  min_age: %d\n", name, minAge)}
}

func (b *bundle) draft(name string, minAge int) drafting.Workflow {
	b.t.Helper()
	w, err := b.Create(context.Background(), b.scope, author, text(name, minAge))
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

func (b *bundle) version(name string, minAge int) drafting.Workflow {
	b.t.Helper()
	d := b.draft(name, minAge)
	w, err := b.Publish(context.Background(), b.scope, d.ID, "ek_live_eu1_second", d.Hash)
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// resolve gives the least age that the workflow of a name demands, and its version.
func (b *bundle) resolve(scope ekyc.Scope, name string) (minAge, version int, err error) {
	err = b.db.InTenant(context.Background(), scope, func(ctx context.Context, tx pgx.Tx) error {
		d, v, err := b.Resolve(ctx, tx, scope, name)
		if err == nil {
			minAge, version = d.Document.MinAge, v
		}
		return err
	})
	return minAge, version, err
}

func (b *bundle) wantResolved(name string, minAge, version int) {
	b.t.Helper()
	if age, v, err := b.resolve(b.scope, name); err != nil || age != minAge || v != version {
		b.t.Errorf("%q leads to version %d with the least age %d and %v, not to version %d with %d", name, v, age, err, version, minAge)
	}
}

func wantCode(t *testing.T, what string, err error, want ekyc.ErrorCode) {
	t.Helper()
	if ekyc.CodeOf(err) != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

func wantConflict(t *testing.T, what string, err error, reason string) {
	t.Helper()
	if e, ok := errors.AsType[*ekyc.Error](err); !ok || e.Code != ekyc.ErrConflict || e.Details["reason"] != reason {
		t.Errorf("%s: %v, want a conflict for the reason %s", what, err, reason)
	}
}

// must gives what an act made of a workflow.
func must(t *testing.T) func(drafting.Workflow, error) drafting.Workflow {
	return func(w drafting.Workflow, err error) drafting.Workflow {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
}

func TestADraftIsChangedAndPublished(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	d := b.draft("onboarding", 18)
	if !d.ID.Is(ekyc.KindWorkflow) || d.Status != drafting.Draft || d.Version != 0 || len(d.Hash) != 64 || d.CreatedBy != author || d.Text != text("onboarding", 18) || d.Default {
		t.Errorf("made: %+v", d)
	}
	if _, _, err := b.resolve(b.scope, "onboarding"); ekyc.CodeOf(err) != ekyc.ErrNotFound {
		t.Errorf("a draft judges: %v", err)
	}
	other := drafting.Text{Format: drafting.JSON, Source: `{"name": "onboarding", "document": {"min_age": 21}}`}
	changed := must(t)(b.Change(ctx, b.scope, d.ID, "ek_live_eu1_second", other, d.Hash))
	if changed.ID != d.ID || changed.Hash == d.Hash || changed.Text != other || changed.CreatedBy != author || changed.ChangedBy != "ek_live_eu1_second" {
		t.Errorf("changed: %+v", changed)
	}
	_, err := b.Change(ctx, b.scope, d.ID, author, text("onboarding", 18), d.Hash)
	wantConflict(t, "a change of what was seen before", err, "changed")
	_, err = b.Publish(ctx, b.scope, d.ID, author, d.Hash)
	wantConflict(t, "publishing what was seen before", err, "changed")
	v := must(t)(b.other.Publish(ctx, b.scope, d.ID, "ek_live_eu1_third", changed.Hash))
	if v.ID != d.ID || v.Status != drafting.Published || v.Version != 1 || v.Hash != changed.Hash || v.Text != other || v.PublishedBy != "ek_live_eu1_third" || v.PublishedAt == nil ||
		!v.CreatedAt.Equal(d.CreatedAt) || v.ChangedBy != "ek_live_eu1_second" {
		t.Errorf("published: %+v", v)
	}
	b.wantResolved("onboarding", 21, 1)
	_, err = b.Publish(ctx, b.scope, d.ID, author, changed.Hash)
	wantConflict(t, "publishing twice", err, "published")
	_, err = b.Change(ctx, b.scope, d.ID, author, text("onboarding", 18), "")
	wantConflict(t, "changing a version", err, "published")
	wantConflict(t, "deleting a version", b.Delete(ctx, b.scope, d.ID), "published")
	if again := b.version("onboarding", 18); again.Version != 2 {
		t.Errorf("the next version is %d", again.Version)
	}
	b.wantResolved("onboarding", 18, 2)

	gone := b.draft("onboarding", 30)
	if err := b.Delete(ctx, b.scope, gone.ID); err != nil {
		t.Fatal(err)
	}
	_, err = b.Get(ctx, b.scope, gone.ID)
	wantCode(t, "a deleted draft", err, ekyc.ErrNotFound)
	wantCode(t, "deleting it again", b.Delete(ctx, b.scope, gone.ID), ekyc.ErrNotFound)
}

func TestWhatIsStoredIsCanonicalAndMeansTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	v := b.version("onboarding", 18)
	var d pipeline.Definition
	if err := json.Unmarshal(v.Definition, &d); err != nil {
		t.Fatal(err)
	}
	if d.Hash() != v.Hash || d.Document.MinAge != 18 || len(d.Steps) == 0 {
		t.Errorf("stored as %s, whose hash is %s and not %s", v.Definition, d.Hash(), v.Hash)
	}
	same := must(t)(b.Create(context.Background(), b.scope, author, drafting.Text{Format: drafting.JSON, Source: string(v.Definition)}))
	if same.Hash != v.Hash || string(same.Definition) != string(v.Definition) {
		t.Errorf("what is stored reads as %s, whose hash is %s and not %s", same.Definition, same.Hash, v.Hash)
	}
}

func TestWhatIsWrongIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	d := b.draft("onboarding", 18)
	for what, source := range map[string]string{
		"an unknown step":     "name: onboarding\nsteps:\n  - step: liveness\n  - step: palmistry\n",
		"an unknown member":   "name: onboarding\npalm: left\n",
		"a cycle":             "name: onboarding\nsteps:\n  - {step: liveness, after: [ocr]}\n  - {step: ocr, after: [liveness]}\n",
		"an unknown variable": "name: onboarding\nrules:\n  - {name: odd, when: palm.lines > 3, then: review}\n",
	} {
		for act, try := range map[string]func() (drafting.Workflow, error){
			"made": func() (drafting.Workflow, error) {
				return b.Create(ctx, b.scope, author, drafting.Text{Format: drafting.YAML, Source: source})
			},
			"changed": func() (drafting.Workflow, error) {
				return b.Change(ctx, b.scope, d.ID, author, drafting.Text{Format: drafting.YAML, Source: source}, "")
			},
		} {
			_, err := try()
			e, ok := errors.AsType[*ekyc.Error](err)
			if !ok || e.Code != ekyc.ErrInvalidArgument {
				t.Errorf("%s, %s: %v", what, act, err)
				continue
			}
			problems, _ := e.Details["problems"].([]pipeline.Problem)
			if len(problems) == 0 || problems[0].Line < 2 || problems[0].Column < 1 {
				t.Errorf("%s, %s: the problems are %+v", what, act, problems)
			}
		}
	}
	_, err := b.Create(ctx, b.scope, author, text("default", 18))
	wantCode(t, "the name of the built-in one", err, ekyc.ErrInvalidArgument)
	_, err = b.Create(ctx, b.scope, author, drafting.Text{Format: drafting.YAML, Source: "name: \"a\x00b\"\n"})
	wantCode(t, "a NUL", err, ekyc.ErrInvalidArgument)
	_, err = b.Create(ctx, b.scope, author, drafting.Text{Format: drafting.YAML, Source: "# \x00\nname: onboarding\n"})
	wantCode(t, "a NUL in a comment", err, ekyc.ErrInvalidArgument)
	_, err = b.Change(ctx, b.scope, ekyc.NewID(ekyc.KindWorkflow), author, drafting.Text{Format: drafting.YAML, Source: "name: A"}, "")
	wantCode(t, "a wrong text for what there is not", err, ekyc.ErrNotFound)
	if got := must(t)(b.Get(ctx, b.scope, d.ID)); got.Hash != d.Hash {
		t.Error("a refused text has changed the draft")
	}
}

// TestVersionsHaveNoGaps publishes twenty drafts of one name, and one draft twenty times, from two processes at once.
func TestVersionsHaveNoGaps(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	const many = 20
	drafts := make([]drafting.Workflow, many)
	for i := range drafts {
		drafts[i] = b.draft("onboarding", 18+i)
	}
	contested := b.draft("contested", 18)
	services := []*drafting.Service{b.Service, b.other}
	var mu sync.Mutex
	versions, won := map[int]bool{}, 0
	var group sync.WaitGroup
	for i := range many {
		group.Go(func() {
			v, err := services[i%2].Publish(ctx, b.scope, drafts[i].ID, author, drafts[i].Hash)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || versions[v.Version] {
				t.Errorf("version %d: %v", v.Version, err)
			}
			versions[v.Version] = true
		})
		group.Go(func() {
			v, err := services[i%2].Publish(ctx, b.scope, contested.ID, author, contested.Hash)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && v.Version == 1 {
				won++
			} else {
				wantConflict(t, "one of many that publish one draft", err, "published")
			}
		})
	}
	group.Wait()
	for n := range many {
		if !versions[n+1] {
			t.Errorf("there is no version %d", n+1)
		}
	}
	if won != 1 || len(versions) != many {
		t.Errorf("%d published one draft; versions %v", won, versions)
	}
	list, next, err := b.List(ctx, b.scope, drafting.Filter{Status: drafting.Draft}, 0, "")
	if err != nil || len(list) != 0 || next != "" {
		t.Errorf("drafts are left: %v, %v", list, err)
	}
}

// TestPublishingAndChangingAtOnce: what is published is what its publisher has seen, whoever changes it at the same moment.
func TestPublishingAndChangingAtOnce(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	for i := range 10 {
		d := b.draft("onboarding", 18)
		var group sync.WaitGroup
		var published drafting.Workflow
		var publishing, changing error
		group.Go(func() { published, publishing = b.Publish(ctx, b.scope, d.ID, author, d.Hash) })
		group.Go(func() { _, changing = b.other.Change(ctx, b.scope, d.ID, author, text("onboarding", 40+i), "") })
		group.Wait()
		switch {
		case publishing == nil:
			wantConflict(t, "a change that came late", changing, "published")
			if published.Hash != d.Hash || string(published.Definition) != string(d.Definition) {
				t.Errorf("published %s and not %s", published.Definition, d.Definition)
			}
		default:
			wantConflict(t, "publishing what has changed", publishing, "changed")
			if changing != nil {
				t.Errorf("neither came first: %v", changing)
			}
		}
	}
}

// TestNobodyChangesAVersion tries as each role of the program, in SQL.
func TestNobodyChangesAVersion(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	v := b.version("onboarding", 18)
	inService := func(f func(context.Context, pgx.Tx) error) error { return b.db.InTenant(ctx, b.scope, f) }
	asSystem := func(f func(context.Context, pgx.Tx) error) error { return b.db.AsSystem(ctx, f) }
	for _, statement := range []string{
		"update workflow_version set definition = '{}' where id = $1", "update workflow_version set hash = repeat('0', 64) where id = $1",
		"update workflow_version set source = '' where id = $1", "update workflow_version set version = 7 where id = $1",
		"update workflow_version set name = 'other' where id = $1", "update workflow_version set published_at = now() where id = $1",
		"update workflow_version set published_by = '' where id = $1", "delete from workflow_version where id = $1",
	} {
		for role, run := range map[string]func(func(context.Context, pgx.Tx) error) error{"service": inService, "system": asSystem} {
			err := run(func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, statement, v.ID)
				return err
			})
			if p, ok := errors.AsType[*pgconn.PgError](err); !ok || p.Code != "42501" {
				t.Errorf("as %s, %s: %v", role, statement, err)
			}
		}
	}
	err := inService(func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "truncate workflow_version")
		return err
	})
	if p, ok := errors.AsType[*pgconn.PgError](err); !ok || p.Code != "42501" {
		t.Errorf("truncate: %v", err)
	}
	if got := must(t)(b.Get(ctx, b.scope, v.ID)); got.Hash != v.Hash || string(got.Definition) != string(v.Definition) {
		t.Errorf("changed to %+v", got)
	}
}

func TestScopesDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	d, v := b.draft("onboarding", 18), b.version("onboarding", 18)
	must(t)(b.MakeDefault(ctx, b.scope, v.ID))
	must(t)(b.StartShadow(ctx, b.scope, v.ID, author, ""))
	for _, other := range []ekyc.Scope{{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}, {Tenant: b.scope.Tenant, Environment: ekyc.Test}} {
		for _, id := range []ekyc.ID{d.ID, v.ID} {
			_, err := b.Get(ctx, other, id)
			wantCode(t, "get", err, ekyc.ErrNotFound)
			_, err = b.Change(ctx, other, id, author, text("onboarding", 20), "")
			wantCode(t, "change", err, ekyc.ErrNotFound)
			wantCode(t, "delete", b.Delete(ctx, other, id), ekyc.ErrNotFound)
			_, err = b.Publish(ctx, other, id, author, d.Hash)
			wantCode(t, "publish", err, ekyc.ErrNotFound)
			_, err = b.Retire(ctx, other, id, author)
			wantCode(t, "retire", err, ekyc.ErrNotFound)
			_, err = b.MakeDefault(ctx, other, id)
			wantCode(t, "default", err, ekyc.ErrNotFound)
			_, err = b.EndDefault(ctx, other, id)
			wantCode(t, "end default", err, ekyc.ErrNotFound)
			_, err = b.StartShadow(ctx, other, id, author, "")
			wantCode(t, "shadow", err, ekyc.ErrNotFound)
			_, err = b.EndShadow(ctx, other, id)
			wantCode(t, "end shadow", err, ekyc.ErrNotFound)
		}
		if _, _, err := b.resolve(other, "onboarding"); ekyc.CodeOf(err) != ekyc.ErrNotFound {
			t.Errorf("a foreign name leads to %v", err)
		}
		if current, err := b.Current(ctx, other); err != nil || current.ID != "" {
			t.Errorf("a foreign default: %+v, %v", current, err)
		}
		if list, _, err := b.List(ctx, other, drafting.Filter{}, 0, ""); err != nil || len(list) != 0 {
			t.Errorf("a foreign list: %v, %v", list, err)
		}
		if n := len(b.shadows(other, "onboarding")); n != 0 {
			t.Errorf("%d foreign shadows", n)
		}
	}
	// The same names are free elsewhere, and begin at 1.
	b.scope.Environment = ekyc.Test
	if again := b.version("onboarding", 18); again.Version != 1 {
		t.Errorf("the other environment begins at %d", again.Version)
	}
}

func TestListsGoPageByPage(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	var ids []ekyc.ID
	for i := range 7 {
		name := []string{"first", "second"}[i%2]
		if i < 3 {
			ids = append(ids, b.version(name, 18+i).ID)
		} else {
			ids = append(ids, b.draft(name, 18+i).ID)
		}
	}
	must(t)(b.Retire(ctx, b.scope, ids[0], author))
	var seen []ekyc.ID
	for after := ekyc.ID(""); ; {
		list, next, err := b.List(ctx, b.scope, drafting.Filter{}, 3, after)
		if err != nil || len(list) > 3 {
			t.Fatalf("%d entries, %v", len(list), err)
		}
		for _, w := range list {
			seen = append(seen, w.ID)
			if w.Hash == "" || w.Text.Source != "" || len(w.Definition) != 0 {
				t.Errorf("listed: %+v", w)
			}
		}
		if after = next; after == "" {
			break
		}
	}
	for i, id := range seen {
		if id != ids[len(ids)-1-i] {
			t.Errorf("entry %d of the list is another", i)
		}
	}
	if len(seen) != len(ids) {
		t.Errorf("listed %d", len(seen))
	}
	for f, want := range map[drafting.Filter]int{
		{Status: drafting.Draft}: 4, {Status: drafting.Published}: 2, {Status: drafting.Retired}: 1, {Name: "first"}: 4,
		{Name: "first", Status: drafting.Draft}: 2, {Name: "third"}: 0,
	} {
		if list, _, err := b.List(ctx, b.scope, f, 0, ""); err != nil || len(list) != want {
			t.Errorf("%+v: %d, not %d, %v", f, len(list), want, err)
		}
	}
}

func TestThereIsAnEndToDrafts(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	var err error
	for i := 0; err == nil && i < 200; i++ {
		_, err = b.Create(ctx, b.scope, author, text("onboarding", 18))
	}
	wantConflict(t, "drafts without end", err, "too_many")
	if !strings.Contains(err.Error(), "100") {
		t.Errorf("refused as %v", err)
	}
}
