package drafting_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/drafting"
	"ekyc/internal/pipeline"
)

// shadows are the versions that decide beside a workflow.
func (b *bundle) shadows(scope ekyc.Scope, name string) (list []drafting.Version) {
	b.t.Helper()
	err := b.db.InTenant(context.Background(), scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		list, err = b.Shadows(ctx, tx, scope, name)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func TestTheDefaultIsTheBuiltInOneUntilAnotherIsChosen(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	standard := pipeline.Default()
	for _, name := range []string{"", drafting.BuiltIn} {
		b.wantResolved(name, standard.Document.MinAge, drafting.BuiltInVersion)
	}
	current, err := b.Current(ctx, b.scope)
	if err != nil || current.ID != "" || current.Name != drafting.BuiltIn || current.Hash != standard.Hash() || !current.Default || current.Status != drafting.Published {
		t.Errorf("the default is %+v, %v", current, err)
	}
	first, second := b.version("onboarding", 18), b.version("onboarding", 21)
	d := b.draft("onboarding", 25)
	_, err = b.MakeDefault(ctx, b.scope, d.ID)
	wantConflict(t, "a draft as the default", err, "draft")
	if w := must(t)(b.MakeDefault(ctx, b.scope, first.ID)); !w.Default {
		t.Error("the answer does not say so")
	}
	b.wantResolved("", 18, 1)
	b.wantResolved("onboarding", 21, 2) // by its name, the newest
	b.wantResolved(drafting.BuiltIn, standard.Document.MinAge, drafting.BuiltInVersion)
	_, err = b.EndDefault(ctx, b.scope, second.ID)
	wantConflict(t, "ending what is not", err, "not_default")
	must(t)(b.MakeDefault(ctx, b.scope, second.ID))
	if was := must(t)(b.Get(ctx, b.scope, first.ID)); was.Default {
		t.Error("there are two defaults")
	}
	if now, err := b.Current(ctx, b.scope); err != nil || now.ID != second.ID {
		t.Errorf("the default is %+v, %v", now, err)
	}
	must(t)(b.EndDefault(ctx, b.scope, second.ID))
	b.wantResolved("", standard.Document.MinAge, drafting.BuiltInVersion)
}

// TestOneDefaultOfManyAtOnce: whatever order they come in, there is one default all the time, and one of those that were chosen at the end.
func TestOneDefaultOfManyAtOnce(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	versions := make([]drafting.Workflow, 8)
	for i := range versions {
		versions[i] = b.version("onboarding", 18+i)
	}
	must(t)(b.MakeDefault(ctx, b.scope, versions[0].ID))
	done := make(chan struct{})
	var looking, choosing sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			age, version, err := b.resolve(b.scope, "")
			if err != nil || age != 17+version {
				t.Errorf("between two choices: version %d, least age %d, %v", version, age, err)
				return
			}
		}
	})
	for i, v := range versions {
		choosing.Go(func() {
			if _, err := []*drafting.Service{b.Service, b.other}[i%2].MakeDefault(ctx, b.scope, v.ID); err != nil {
				t.Error(err)
			}
		})
	}
	choosing.Wait()
	close(done)
	looking.Wait()
	defaults := 0
	for _, v := range versions {
		if must(t)(b.Get(ctx, b.scope, v.ID)).Default {
			defaults++
		}
	}
	if defaults != 1 {
		t.Errorf("%d defaults", defaults)
	}
}

func TestRetiredVersionsAreNotFoundByName(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	first, second := b.version("onboarding", 18), b.version("onboarding", 21)
	d := b.draft("onboarding", 25)
	_, err := b.Retire(ctx, b.scope, d.ID, author)
	wantConflict(t, "retiring a draft", err, "draft")
	must(t)(b.MakeDefault(ctx, b.scope, second.ID))
	_, err = b.Retire(ctx, b.scope, second.ID, author)
	wantConflict(t, "retiring the default", err, "default")
	must(t)(b.MakeDefault(ctx, b.scope, first.ID))
	must(t)(b.StartShadow(ctx, b.scope, second.ID, author, ""))
	_, err = b.Retire(ctx, b.scope, second.ID, author)
	wantConflict(t, "retiring a shadow", err, "shadow")
	must(t)(b.EndShadow(ctx, b.scope, second.ID))
	w := must(t)(b.Retire(ctx, b.scope, second.ID, author))
	if w.Status != drafting.Retired || w.RetiredAt == nil || w.Version != 2 {
		t.Errorf("retired: %+v", w)
	}
	if again := must(t)(b.Retire(ctx, b.scope, second.ID, author)); !again.RetiredAt.Equal(*w.RetiredAt) {
		t.Error("a second time changed when it was retired")
	}
	b.wantResolved("onboarding", 18, 1)
	_, err = b.MakeDefault(ctx, b.scope, second.ID)
	wantConflict(t, "a retired default", err, "retired")
	_, err = b.StartShadow(ctx, b.scope, second.ID, author, "")
	wantConflict(t, "a retired shadow", err, "retired")
	if third := b.version("onboarding", 30); third.Version != 3 {
		t.Errorf("after a retired one comes %d", third.Version)
	}
}

func TestAtMostTwoDecideInTheShadow(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	versions := make([]drafting.Workflow, 6)
	for i := range versions {
		versions[i] = b.version("onboarding", 18+i)
	}
	d := b.draft("onboarding", 40)
	_, err := b.StartShadow(ctx, b.scope, d.ID, author, "")
	wantConflict(t, "a draft in the shadow", err, "draft")
	_, err = b.StartShadow(ctx, b.scope, versions[0].ID, author, "nonesuch")
	wantCode(t, "beside what there is not", err, ekyc.ErrInvalidArgument)
	_, err = b.EndShadow(ctx, b.scope, versions[0].ID)
	wantConflict(t, "ending what has not begun", err, "not_shadow")
	var mu sync.Mutex
	started := map[ekyc.ID]bool{}
	var group sync.WaitGroup
	for i, v := range versions {
		group.Go(func() {
			w, err := []*drafting.Service{b.Service, b.other}[i%2].StartShadow(ctx, b.scope, v.ID, author, "")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				wantConflict(t, "one too many", err, "too_many")
			case w.Shadow == nil || w.Shadow.StartedBy != author:
				t.Errorf("started: %+v", w)
			default:
				started[w.ID] = true
			}
		})
	}
	group.Wait()
	list := b.shadows(b.scope, "anything")
	if len(started) != drafting.MostShadows || len(list) != drafting.MostShadows {
		t.Fatalf("%d were started, %d decide", len(started), len(list))
	}
	for _, s := range list {
		if !started[s.ID] || s.Pipeline == nil || s.Pipeline.Definition().Document.MinAge != 17+s.Version || s.Hash == "" {
			t.Errorf("decides: %+v", s)
		}
	}
	// One that decides already can look at other jobs.
	if w := must(t)(b.StartShadow(ctx, b.scope, list[0].ID, author, "onboarding")); w.Shadow.Beside != "onboarding" {
		t.Errorf("moved: %+v", w.Shadow)
	}
	if elsewhere := b.shadows(b.scope, "other"); len(elsewhere) != 1 || elsewhere[0].ID != list[1].ID {
		t.Errorf("beside another workflow: %+v", elsewhere)
	}
	if n := len(b.shadows(b.scope, "onboarding")); n != 2 {
		t.Errorf("%d decide beside it", n)
	}
	if w := must(t)(b.EndShadow(ctx, b.scope, list[0].ID)); w.Shadow != nil {
		t.Errorf("ended: %+v", w.Shadow)
	}
	if n := len(b.shadows(b.scope, "onboarding")); n != 1 {
		t.Errorf("%d decide after one has ended", n)
	}
}

// TestWhatResolveGivesIsTheCallersOwn: a job puts its own settings over a workflow.
func TestWhatResolveGivesIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), context.Background()
	b.version("onboarding", 18)
	for _, name := range []string{"onboarding", ""} {
		err := b.db.InTenant(ctx, b.scope, func(ctx context.Context, tx pgx.Tx) error {
			d, _, err := b.Resolve(ctx, tx, b.scope, name)
			if err != nil {
				return err
			}
			before := d.Hash()
			d.Document.MinAge = 99
			again, _, err := b.Resolve(ctx, tx, b.scope, name)
			if err == nil && again.Hash() != before {
				t.Errorf("%q is not what it was", name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
