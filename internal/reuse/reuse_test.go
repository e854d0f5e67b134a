package reuse_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/drafting"
	"ekyc/internal/metering"
	"ekyc/internal/queue"
	"ekyc/internal/retention"
	"ekyc/internal/reuse"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/vault/vaulttest"
	"ekyc/internal/vision"
	"ekyc/internal/webhook"
	"ekyc/internal/workflow"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	os.Exit(storetest.Main(m, &server, queue.Migrations, metering.Migrations, vault.Migrations, retention.Migrations, webhook.Migrations, drafting.Migrations, workflow.Migrations, reuse.Migrations))
}

type bundle struct {
	*reuse.Service
	t     testing.TB
	db    *store.DB
	owner *pgx.Conn
	vault *vault.Vault
	scope ekyc.Scope
}

func setup(t testing.TB) *bundle {
	t.Helper()
	site := vaulttest.New(t, server)
	db, v := site.Process(t)
	return &bundle{reuse.New(v), t, db, storetest.Owner(t, site.URL), v, site.Scope}
}

func (b *bundle) person(scope ekyc.Scope) (subject ekyc.ID) {
	b.t.Helper()
	err := b.db.InTenant(context.Background(), scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		subject, err = b.vault.CreateSubject(ctx, tx, scope, "")
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return subject
}

// bring looks for what was brought, and notes it, as the end of a job does.
func (b *bundle) bring(scope ekyc.Scope, subject ekyc.ID, in reuse.Brought) (found reuse.Found) {
	b.t.Helper()
	found, err := b.tryToBring(scope, subject, ekyc.NewID(ekyc.KindJob), in)
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

func (b *bundle) tryToBring(scope ekyc.Scope, subject, job ekyc.ID, in reuse.Brought) (found reuse.Found, err error) {
	err = b.db.InTenant(context.Background(), scope, func(ctx context.Context, tx pgx.Tx) error {
		hashes, err := b.Hash(ctx, tx, scope, in)
		if err != nil {
			return err
		}
		if found, err = b.Look(ctx, tx, scope, subject, hashes); err != nil {
			return err
		}
		return b.Keep(ctx, tx, scope, subject, job, hashes)
	})
	return found, err
}

func (b *bundle) count(query string, args ...any) (n int) {
	b.t.Helper()
	if err := b.owner.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// hashes are those of what is brought.
func (b *bundle) hashes(in reuse.Brought) (h *reuse.Hashes) {
	b.t.Helper()
	err := b.db.InTenant(context.Background(), b.scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		h, err = b.Hash(ctx, tx, b.scope, in)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return h
}

// crowd lets so many subjects have brought a picture. The newest are whole; of the others there are the rows alone.
func (b *bundle) crowd(n int, image reuse.Image) {
	b.t.Helper()
	if n == 0 {
		return
	}
	whole := min(n, 2*reuse.MostSubjects)
	for i := range whole {
		b.bring(b.scope, b.person(b.scope), reuse.Brought{Images: []reuse.Image{image}})
		if i > 0 {
			continue
		}
		for _, statement := range []string{
			`insert into ekyc.subject (tenant_id, environment, id) select $1, $2, 'sub_' || n from generate_series(1, $3::int) n`,
			`insert into ekyc.reuse_trace (tenant_id, environment, job_id, kind, position, subject_id, hash, fingerprint)
				select tenant_id, environment, 'job_' || n, kind, position, 'sub_' || n, hash, fingerprint from ekyc.reuse_trace, generate_series(1, $3::int) n where tenant_id = $1 and environment = $2`,
			`insert into ekyc.reuse_band (tenant_id, environment, job_id, kind, position, band, subject_id, hash)
				select tenant_id, environment, 'job_' || n, kind, position, band, 'sub_' || n, hash from ekyc.reuse_band, generate_series(1, $3::int) n where tenant_id = $1 and environment = $2`,
		} {
			if _, err := b.owner.Exec(context.Background(), statement, b.scope.Tenant, b.scope.Environment, n-whole); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

func passport(number string) *reuse.Document {
	return &reuse.Document{Type: ekyc.Passport, Country: "UTO", Number: number}
}

func file(kind vault.MediaKind, content string) reuse.Image {
	return reuse.Image{Kind: kind, Sum: sha256.Sum256([]byte(content))}
}

func randomly(r *rand.Rand) (f vision.Fingerprint) {
	for i := range f {
		f[i] = byte(r.Uint32())
	}
	return f
}

// flipped is the fingerprint with n bits changed.
func flipped(r *rand.Rand, f vision.Fingerprint, n int) vision.Fingerprint {
	for _, bit := range r.Perm(vision.FingerprintBits)[:n] {
		f[bit/8] ^= 1 << (bit % 8)
	}
	return f
}

func selfie(content string, f vision.Fingerprint) reuse.Image {
	image := file(vault.MediaSelfie, content)
	image.Fingerprint = &f
	return image
}

func TestTheSameIsFoundUnderAnotherSubject(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, other := b.person(b.scope), b.person(b.scope)
	brought := reuse.Brought{Document: passport("L898902C3"), Images: []reuse.Image{file(vault.MediaDocumentFront, "front"), file(vault.MediaSelfie, "face")}}
	for range 2 { // the second time the subject itself has brought it before
		if found := b.bring(b.scope, one, brought); found.Documents != 0 || found.Images != 0 || len(found.Kinds) != 0 {
			t.Errorf("of nobody else: %+v", found)
		}
	}
	found := b.bring(b.scope, other, brought)
	if found.Documents != 1 || found.Images != 1 || !slices.Equal(found.Kinds, []string{"document_front", "selfie"}) {
		t.Errorf("all of it again: %+v", found)
	}
	for printed, want := range map[string]int{"l898-902 c3": 2, "L898902C3<": 2, "L898902C4": 0, "L898902C": 0} {
		if found := b.bring(b.scope, b.person(b.scope), reuse.Brought{Document: passport(printed)}); min(found.Documents, 2) != want || found.Images != 0 {
			t.Errorf("number %q: %+v", printed, found)
		}
	}
	third := b.person(b.scope)
	for name, in := range map[string]reuse.Brought{
		"kind":    {Document: &reuse.Document{Type: ekyc.IDCard, Country: "UTO", Number: "L898902C3"}},
		"issuer":  {Document: &reuse.Document{Type: ekyc.Passport, Country: "D", Number: "L898902C3"}},
		"picture": {Images: []reuse.Image{file(vault.MediaDocumentFront, "front2")}},
		"nothing": {},
	} {
		if found := b.bring(b.scope, third, in); found.Documents+found.Images != 0 {
			t.Errorf("another %s: %+v", name, found)
		}
	}
	// A picture is the same whatever it was sent as.
	if found := b.bring(b.scope, third, reuse.Brought{Images: []reuse.Image{file(vault.MediaDocumentBack, "face")}}); found.Images != 2 || !slices.Equal(found.Kinds, []string{"document_back"}) {
		t.Errorf("the face as a document: %+v", found)
	}
	for _, foreign := range []ekyc.Scope{{Tenant: b.scope.Tenant, Environment: ekyc.Test}, {Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}} {
		if found := b.bring(foreign, b.person(foreign), brought); found.Documents+found.Images != 0 {
			t.Errorf("found across %v: %+v", foreign, found)
		}
	}
	if n := b.count(`select count(*) from (select hash from ekyc.reuse_trace group by hash having count(distinct tenant_id || environment) > 1) x`); n != 0 {
		t.Errorf("%d hashes are the same for two tenants", n)
	}
}

func TestNumbersThatAreNone(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]bool{
		"L898902C3": true, "12345": true, "AB-12-34": true, "": false, "1234": false, "PASSPORT": false, "AB12": false, "000000000": false, "ABCDE12": false, "<<<<<<<<<": false, "0100010": false,
	} {
		if got := passport(number).Usable(); got != want {
			t.Errorf("%q: %v", number, got)
		}
	}
	for _, d := range []*reuse.Document{nil, {Country: "UTO", Number: "L898902C3"}, {Type: ekyc.Passport, Number: "L898902C3"}} {
		if d.Usable() {
			t.Errorf("%+v is usable", d)
		}
	}
}

// TestNearPicturesAreFound: every picture that differs in as many bits as are permitted is found, wherever they are, and none beyond.
func TestNearPicturesAreFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := rand.New(rand.NewPCG(7, 7))
	first := randomly(r)
	b.bring(b.scope, b.person(b.scope), reuse.Brought{Images: []reuse.Image{selfie("first", first)}})
	looking := b.person(b.scope)
	look := func(f vision.Fingerprint) (found reuse.Found) {
		t.Helper()
		err := b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
			hashes, err := b.Hash(ctx, tx, b.scope, reuse.Brought{Images: []reuse.Image{selfie("another file", f)}})
			if err != nil {
				return err
			}
			found, err = b.Look(ctx, tx, b.scope, looking, hashes)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for i := range 100 {
		if found := look(flipped(r, first, i%(reuse.Nearest+1))); found.Images != 1 || !slices.Equal(found.Kinds, []string{"selfie"}) {
			t.Fatalf("%d bits off: %+v", i%(reuse.Nearest+1), found)
		}
		if found := look(flipped(r, first, reuse.Nearest+1+i%20)); found.Images != 0 {
			t.Fatalf("%d bits off: %+v", reuse.Nearest+1+i%20, found)
		}
	}
	if found := look(randomly(r)); found.Images != 0 {
		t.Errorf("another picture: %+v", found)
	}
}

// TestOfTwoAtOnceTheLaterSees: however two that bring the same fall together, one of them is told.
func TestOfTwoAtOnceTheLaterSees(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := rand.New(rand.NewPCG(3, 3))
	for i := range 12 {
		f := randomly(r)
		subjects := []ekyc.ID{b.person(b.scope), b.person(b.scope), b.person(b.scope)}
		var group sync.WaitGroup
		told := make([]reuse.Found, len(subjects))
		for j, subject := range subjects {
			in := reuse.Brought{Document: passport("L00000" + string(rune('A'+i)) + "12"), Images: []reuse.Image{selfie(string(subject), flipped(r, f, 5))}}
			group.Go(func() {
				var err error
				if told[j], err = b.tryToBring(b.scope, subject, ekyc.NewID(ekyc.KindJob), in); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		var documents, images []int
		for _, found := range told {
			documents, images = append(documents, found.Documents), append(images, found.Images)
		}
		slices.Sort(documents)
		slices.Sort(images)
		if !slices.Equal(documents, []int{0, 1, 2}) || !slices.Equal(images, []int{0, 1, 2}) {
			t.Fatalf("of three at once, they saw %v and %v", documents, images)
		}
	}
}

func TestWhatIsNotedGoes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := rand.New(rand.NewPCG(5, 5))
	f := randomly(r)
	in := reuse.Brought{Document: passport("L898902C3"), Images: []reuse.Image{selfie("face", f)}}
	subject, job := b.person(b.scope), ekyc.NewID(ekyc.KindJob)
	for range 2 { // an attempt that is made again
		if _, err := b.tryToBring(b.scope, subject, job, in); err != nil {
			t.Fatal(err)
		}
	}
	var kept []reuse.Kept
	within := func(work func(ctx context.Context, tx pgx.Tx) error) {
		t.Helper()
		if err := b.db.InTenant(t.Context(), b.scope, work); err != nil {
			t.Fatal(err)
		}
	}
	within(func(ctx context.Context, tx pgx.Tx) error {
		of, err := b.OfJobs(ctx, tx, b.scope, []ekyc.ID{job})
		kept = of[job]
		return err
	})
	if len(kept) != 2 || kept[0].Kind != "document" || kept[0].Near || kept[1].Kind != "selfie" || !kept[1].Near || kept[1].Job != job {
		t.Errorf("kept: %+v", kept)
	}
	var everything []byte
	err := b.owner.QueryRow(t.Context(), `select convert_to((select string_agg(c::text, ' ') from ekyc.reuse_trace c) || (select string_agg(t::text, ' ') from ekyc.reuse_band t), 'UTF8')`).Scan(&everything)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("face"))
	for _, secret := range []string{"L898902C3", hex.EncodeToString(sum[:]), hex.EncodeToString(f[:])} {
		if bytes.Contains(everything, []byte(secret)) {
			t.Errorf("%s stands in the open", secret)
		}
	}
	second := ekyc.NewID(ekyc.KindJob)
	if _, err := b.tryToBring(b.scope, subject, second, in); err != nil {
		t.Fatal(err)
	}
	within(func(ctx context.Context, tx pgx.Tx) error {
		n, err := b.ForgetJob(ctx, tx, b.scope, job)
		if n != 2 {
			t.Errorf("%d were forgotten of the job", n)
		}
		return err
	})
	if n := b.count("select count(*) from ekyc.reuse_trace where tenant_id = $1", b.scope.Tenant); n != 2 {
		t.Errorf("%d are left of the other job", n)
	}
	within(func(ctx context.Context, tx pgx.Tx) error {
		n, err := b.Erase(ctx, tx, b.scope, subject)
		if n != 2 {
			t.Errorf("%d were erased", n)
		}
		return err
	})
	if n := b.count("select count(*) from ekyc.reuse_band"); n != 0 {
		t.Errorf("%d bands are left", n)
	}
	if found := b.bring(b.scope, b.person(b.scope), in); found.Documents+found.Images != 0 {
		t.Errorf("after the erasure: %+v", found)
	}
	// Whoever erases a subject otherwise takes them along too.
	last := b.person(b.scope)
	b.bring(b.scope, last, in)
	within(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.vault.EraseSubject(ctx, tx, b.scope, last)
		return err
	})
	if n := b.count("select count(*) from ekyc.reuse_trace where subject_id = $1", last); n != 0 {
		t.Errorf("%d are left of an erased subject", n)
	}
	if _, err := b.tryToBring(b.scope, last, ekyc.NewID(ekyc.KindJob), in); ekyc.CodeOf(err) != ekyc.ErrGone {
		t.Errorf("brought for an erased subject: %v", err)
	}
}

// TestALookIsBounded: what is looked at does not grow with how often a picture was brought, neither by many subjects nor by the one that asks, and with
// statistics as without.
func TestALookIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := randomly(rand.New(rand.NewPCG(11, 11)))
	b.crowd(5000, selfie("face", f))
	asking, again := b.person(b.scope), b.person(b.scope)
	b.bring(b.scope, again, reuse.Brought{Images: []reuse.Image{selfie("own", f)}})
	for _, statement := range []string{
		`insert into ekyc.reuse_trace (tenant_id, environment, job_id, kind, position, subject_id, hash, fingerprint)
			select tenant_id, environment, 'job_again' || n, kind, position, subject_id, hash, fingerprint from ekyc.reuse_trace, generate_series(1, 5000) n where subject_id = $1`,
		`insert into ekyc.reuse_band (tenant_id, environment, job_id, kind, position, band, subject_id, hash)
			select tenant_id, environment, 'job_again' || n, kind, position, band, subject_id, hash from ekyc.reuse_band, generate_series(1, 5000) n where subject_id = $1`,
	} {
		if _, err := b.owner.Exec(t.Context(), statement, again); err != nil {
			t.Fatal(err)
		}
	}
	// Of one look: entries of indexes and rows of tables.
	const read = `select sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid)) from pg_class where relname ~ '^(reuse|subject)(_|$)' and relnamespace in ('ekyc'::regnamespace, 'ekyc_keys'::regnamespace)`
	const most = 8_000
	for _, statistics := range []string{"none", "analyze ekyc.reuse_trace, ekyc.reuse_band"} {
		if statistics != "none" {
			if _, err := b.owner.Exec(t.Context(), statistics); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			subject ekyc.ID
			image   reuse.Image
			least   int
		}{
			"the same":                  {asking, selfie("face", f), reuse.MostSubjects},
			"one like it":               {asking, selfie("another", f), reuse.MostSubjects},
			"the own again":             {again, selfie("own", f), 1},
			"as a document":             {asking, file("document_front", "face"), reuse.MostSubjects},
			"one that nobody has":       {asking, file("document_front", "nobody's"), 0},
			"own among those of others": {again, selfie("face", f), reuse.MostSubjects},
		} {
			hashes := b.hashes(reuse.Brought{Images: []reuse.Image{c.image}})
			err := b.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
				var before, after int
				if err := tx.QueryRow(ctx, read).Scan(&before); err != nil {
					return err
				}
				found, err := b.Look(ctx, tx, b.scope, c.subject, hashes)
				if err != nil {
					return err
				}
				if err := tx.QueryRow(ctx, read).Scan(&after); err != nil {
					return err
				}
				t.Logf("%s, statistics: %s: %d read, %+v", name, statistics, after-before, found)
				if after-before > most || c.least > 0 && after == before {
					t.Errorf("%s, statistics: %s: %d rows and entries were read", name, statistics, after-before)
				}
				if found.Images < c.least || found.Images > reuse.MostSubjects {
					t.Errorf("%s: %+v", name, found)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
