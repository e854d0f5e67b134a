package workflow

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/blob"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/drafting"
	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
	"ekyc/internal/keyring"
	"ekyc/internal/killtest"
	"ekyc/internal/metering"
	"ekyc/internal/profile"
	"ekyc/internal/queue"
	"ekyc/internal/receipt"
	"ekyc/internal/retention"
	"ekyc/internal/reuse"
	"ekyc/internal/review"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/vision"
	"ekyc/internal/webhook"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	if job := os.Getenv(workerVariable); job != "" {
		os.Exit(workUntilKilled(job))
	}
	killtest.Main(killtest.Programs{"ingest": killtest.Program(ingest), "ends": killtest.Program(endResults)})
	os.Exit(storetest.Main(m, &server, audit.Migrations, queue.Migrations, metering.Migrations, vault.Migrations, retention.Migrations, webhook.Migrations, drafting.Migrations, review.Migrations, receipt.Migrations, Migrations, reuse.Migrations))
}

// world is what processes share: a database, the root keys and a place for files.
type world struct {
	URL, Keys, Files string
}

func newWorld(t testing.TB) world {
	t.Helper()
	directory := t.TempDir()
	w := world{URL: server.URL(t), Keys: filepath.Join(directory, "keys"), Files: filepath.Join(directory, "files")}
	if _, err := keyring.Create(w.Keys); err != nil {
		t.Fatal(err)
	}
	return w
}

// process is everything that one process of the service has, working on jobs where it was given workers.
type process struct {
	*Service
	client *queue.Client
	db     *store.DB
	vault  *vault.Vault
	meter  *metering.Service
	hooks  *webhook.Service
	rooms  rooms
}

// rooms are those that have a part in a job's submission and end.
type rooms struct {
	drafts   *drafting.Service
	reviews  *review.Service
	receipts *receipt.Service
}

// open puts a process together. Close its db when it is no longer needed.
func (w world) open(ctx context.Context, e Engine, o Options, workers int) (*process, error) {
	files, err := blob.OpenFiles(w.Files)
	if err != nil {
		return nil, err
	}
	return w.openOn(ctx, files, store.Options{}, e, o, workers)
}

// openOn is open with what a test puts between the process and its files and database.
func (w world) openOn(ctx context.Context, files blob.Store, so store.Options, e Engine, o Options, workers int) (*process, error) {
	quiet := slog.New(slog.DiscardHandler)
	if os.Getenv("EKYC_TEST_LOG") != "" {
		quiet = slog.Default()
	}
	db, err := store.Open(ctx, w.URL, so)
	if err != nil {
		return nil, err
	}
	keys, err := keyring.Open(w.Keys)
	if err != nil {
		return nil, err
	}
	o.Logger = quiet
	p := &process{db: db, vault: vault.New(db, keys, files, vault.Options{Logger: quiet}), meter: metering.New(db)}
	p.hooks = webhook.New(db, p.vault, keys, webhook.Options{Logger: quiet, AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	p.Service = New(db, p.vault, p.meter, p.hooks, e, profile.New(profile.Options{}), o)
	p.rooms = rooms{drafting.New(db, drafting.Options{}), review.New(db, p.vault, review.Options{}), receipt.New(db, p.vault, keys, receipt.Options{})}
	options := queue.Options{Logger: quiet}
	if workers > 0 {
		options.Workers, options.Queues = river.NewWorkers(), map[string]int{queue.Turns: workers, queue.Prompt: 1}
		p.Register(options.Workers)
		p.hooks.Register(options.Workers) // River takes no job of a kind that it does not know; none is delivered here
	}
	if p.client, err = queue.New(db, options); err != nil {
		return nil, err
	}
	p.SetQueue(p.client)
	p.hooks.SetQueue(p.client)
	return p, nil
}

// start puts a process together for a test and, with workers, lets it work until the test ends.
func (w world) start(t testing.TB, e Engine, o Options, workers int) *process {
	t.Helper()
	p, err := w.open(t.Context(), e, o, workers)
	if err != nil {
		t.Fatal(err)
	}
	if workers == 0 {
		t.Cleanup(p.db.Close)
		return p
	}
	if err := p.client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var sweeping sync.WaitGroup
	sweeping.Go(func() { p.Run(ctx) })
	t.Cleanup(func() {
		stop()
		sweeping.Wait()
		late, done := context.WithTimeout(context.Background(), 10*time.Second)
		defer done()
		p.client.StopAndCancel(late)
		p.db.Close()
	})
	return p
}

// swift options let a test see in tenths of seconds what takes seconds in earnest. Their leases are those of earnest: no worker that lives loses one,
// however busy the machine is. See expire.
func swift() Options {
	return Options{
		Heartbeat: 100 * time.Millisecond, SweepEvery: 100 * time.Millisecond,
		Backoff: func(failures int) time.Duration { return time.Duration(failures) * 20 * time.Millisecond },
	}
}

// expire ends the lease of a job whose worker was killed or does not go on.
func expire(t testing.TB, p *process, id ekyc.ID) {
	t.Helper()
	tag, err := p.db.SystemPool().Exec(t.Context(), `update job set lease_until = clock_timestamp() - interval '1 s' where id = $1 and status = 'running'`, id)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("end the lease of %s: %v, %v", id, tag, err)
	}
}

// synthetic is an engine of controlled durations and failures.
type synthetic struct {
	duration time.Duration
	live     float64                                                       // of the selfie, 0 for 0.97
	country  string                                                        // of the document
	model    string                                                        // "" for one that all have
	crop     []byte                                                        // the face that it cuts out where one is wanted
	before   func(ctx context.Context, step part, photograph []byte) error // nil: nothing happens

	mu        sync.Mutex
	calls     map[part]int
	selfies   []engine.SelfieRequest // without the photographs
	documents []engine.DocumentUpload
}

func (e *synthetic) step(ctx context.Context, name part, photograph []byte) error {
	e.mu.Lock()
	if e.calls == nil {
		e.calls = map[part]int{}
	}
	e.calls[name]++
	e.mu.Unlock()
	if e.before != nil {
		if err := e.before(ctx, name, photograph); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		return ekyc.Errorf(ekyc.ErrCancelled, "stopped").Because(ctx.Err())
	case <-time.After(e.duration):
		return nil
	}
}

func (e *synthetic) count(name part) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls[name]
}

func (e *synthetic) Selfie(ctx context.Context, r engine.SelfieRequest) (*engine.SelfieOutcome, error) {
	if err := e.step(ctx, partSelfie, r.Frames[0]); err != nil {
		return nil, err
	}
	e.mu.Lock()
	e.selfies = append(e.selfies, engine.SelfieRequest{Hints: r.Hints, Challenge: r.Challenge, SkipLiveness: r.SkipLiveness, SkipEnrol: r.SkipEnrol, FaceCropSide: r.FaceCropSide})
	e.mu.Unlock()
	out := &engine.SelfieOutcome{Step: engine.Step{Name: engine.StepLiveness, Status: engine.StepSkipped}}
	if !r.SkipLiveness {
		out.Step.Status, out.Liveness = engine.StepCompleted, e.judge(len(r.Frames))
	}
	if !r.SkipEnrol {
		out.Sample = e.sample()
	}
	if r.FaceCropSide > 0 {
		out.FaceCrop = e.crop
	}
	return out, nil
}

// judge is a verdict on liveness by the score alone.
func (e *synthetic) judge(frames int) *liveness.Result {
	score := cmp.Or(e.live, 0.97)
	r := &liveness.Result{IsLive: true, SpoofType: ekyc.SpoofNone, Confidence: score, LiveScore: score, Zone: liveness.ZoneLive, Method: "passive"}
	if frames > 1 {
		r.Method = "active"
	}
	if score < 0.5 {
		r.IsLive, r.SpoofType, r.Zone, r.Confidence = false, ekyc.SpoofScreen, liveness.ZoneAttack, 1-score
	}
	return r
}

const plantedSurname = "PLANTEDSURNAME"

func (e *synthetic) Document(ctx context.Context, r engine.DocumentUpload) (*engine.DocumentOutcome, error) {
	if err := e.step(ctx, partDocument, r.Front); err != nil {
		return nil, err
	}
	e.mu.Lock()
	e.documents = append(e.documents, engine.DocumentUpload{Checks: r.Checks, At: r.At, SkipEnrol: r.SkipEnrol, SkipValidate: r.SkipValidate, WantFaceCrop: r.WantFaceCrop, FaceCropSide: r.FaceCropSide})
	e.mu.Unlock()
	out := &engine.DocumentOutcome{
		OCR: engine.Step{Name: engine.StepOCR, Status: engine.StepCompleted}, Validate: engine.Step{Name: engine.StepValidate, Status: engine.StepSkipped},
		Reading: &document.Reading{
			Detected: document.Detected{Type: ekyc.Passport, Country: cmp.Or(e.country, "UTO")},
			Fields:   map[document.Key]document.Field{document.Key(check.Surname): {Value: plantedSurname, Confidence: 0.9, Source: document.FromMRZ}},
		},
		Validation: &check.Result{DocumentValid: true, Confidence: 0.96, Checks: []ekyc.Check{}},
	}
	if !r.SkipEnrol {
		out.Portrait = e.sample()
	}
	if r.WantFaceCrop {
		out.FaceCrop = e.crop
	}
	return out, nil
}

// Models stands for the comparison, which needs no engine but what it says of its models.
func (e *synthetic) Models(ctx context.Context) (*engine.Inventory, error) {
	if err := e.step(ctx, partMatch, nil); err != nil {
		return nil, err
	}
	return &engine.Inventory{Matcher: engine.Matcher{ModelID: e.modelID(), Calibration: &face.Calibration{Points: []face.Point{
		{Cosine: -1, FMR: 1}, {Cosine: 0.4, FMR: 1e-4, FNMR: 0.01, Similarity: 0.75}, {Cosine: 1, FMR: 1e-6, FNMR: 1, Similarity: 1},
	}}}}, nil
}

// modelID names the model of its embeddings.
func (e *synthetic) modelID() string { return cmp.Or(e.model, "synthetic") }

func (e *synthetic) sample() *engine.FaceSample {
	return &engine.FaceSample{Face: &face.Face{}, Quality: face.Quality{Score: 0.9}, Embedding: face.Embedding{Model: e.modelID(), Vector: []float32{0.6, 0.8}}}
}

// photograph is an image that is accepted.
var photograph = sync.OnceValue(func() []byte {
	data, err := vision.EncodeJPEG(vision.NewRGB(200, 200), 80)
	if err != nil {
		panic(err)
	}
	return data
})

func newScope() ekyc.Scope {
	return ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Test}
}

func submission(scope ekyc.Scope) Submission {
	return Submission{
		Scope: scope, KeyID: "ek_test_eu1_x", PlanName: "free", PlanVersion: 1, Weight: 1, Entitlement: metering.Entitlement{Plan: "free", PlanVersion: 1},
		Selfie: [][]byte{photograph()}, Front: photograph(), Store: true,
	}
}

func submit(t testing.TB, p *process, sub Submission) Job {
	t.Helper()
	j, err := p.Submit(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// await waits for a job to reach a state.
func await(t testing.TB, p *process, scope ekyc.Scope, id ekyc.ID, want Status) Job {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		j, err := p.Get(t.Context(), scope, id)
		if err != nil {
			t.Fatal(err)
		}
		if j.Status == want {
			tellsWhatIsBilled(t, p, scope, j)
			return j
		}
		if j.Status.Final() || time.Now().After(deadline) {
			t.Fatalf("the job is %s with %+v after %d attempts, and not %s", j.Status, j.Error, j.Attempt, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// usage sums what was billed.
func usage(t testing.TB, p *process, scope ekyc.Scope, job ekyc.ID) map[ekyc.Module]int64 {
	t.Helper()
	sums := map[ekyc.Module]int64{}
	err := p.meter.Events(t.Context(), scope, metering.Filter{Job: job}, func(e metering.Event) error {
		sums[e.Module] += e.Units
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// reserved is what is held of the quotas.
func reserved(t testing.TB, p *process, scope ekyc.Scope) (n int64) {
	t.Helper()
	quotas, err := p.meter.Quotas(t.Context(), scope, metering.Entitlement{})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range quotas {
		n += q.Reserved
	}
	return n
}

// endpoint lets events be kept for a scope; nobody delivers them.
func endpoint(t testing.TB, p *process, scope ekyc.Scope) {
	t.Helper()
	if _, _, err := p.hooks.CreateEndpoint(t.Context(), scope, webhook.EndpointInput{URL: "http://127.0.0.1:9/"}); err != nil {
		t.Fatal(err)
	}
}

// events gives the bodies of a scope's events, by type.
func events(t testing.TB, p *process, scope ekyc.Scope) map[string][]map[string]any {
	t.Helper()
	found := map[string][]map[string]any{}
	for after := ekyc.ID(""); ; {
		list, next, err := p.hooks.ListDeliveries(t.Context(), scope, webhook.Filter{}, 100, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			detail, err := p.hooks.GetDelivery(t.Context(), scope, d.ID)
			if err != nil {
				t.Fatal(err)
			}
			var body struct{ Data map[string]any }
			if err := json.Unmarshal(detail.Body, &body); err != nil {
				t.Fatal(err)
			}
			found[d.Type] = append(found[d.Type], body.Data)
		}
		if after = next; after == "" {
			return found
		}
	}
}

func media(t testing.TB, p *process, scope ekyc.Scope, job ekyc.ID) (n int) {
	t.Helper()
	err := p.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
		list, err := p.vault.MediaOfJob(ctx, tx, scope, job)
		n = len(list)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
