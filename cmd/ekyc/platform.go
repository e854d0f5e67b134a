package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/riverqueue/river"

	"ekyc"
	"ekyc/internal/admission"
	"ekyc/internal/audit"
	"ekyc/internal/blob"
	"ekyc/internal/capture"
	"ekyc/internal/challenge"
	"ekyc/internal/consent"
	"ekyc/internal/drafting"
	"ekyc/internal/erasure"
	"ekyc/internal/fence"
	"ekyc/internal/idempotency"
	"ekyc/internal/keyring"
	"ekyc/internal/metering"
	"ekyc/internal/operator"
	"ekyc/internal/profile"
	"ekyc/internal/queue"
	"ekyc/internal/receipt"
	"ekyc/internal/reference"
	"ekyc/internal/requestlog"
	"ekyc/internal/retention"
	"ekyc/internal/reuse"
	"ekyc/internal/review"
	"ekyc/internal/store"
	"ekyc/internal/telemetry"
	"ekyc/internal/tenant"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
	"ekyc/internal/workflow"
)

// migrations are all tables, in the order of their making.
func migrations() []store.Migrations {
	return []store.Migrations{
		queue.Migrations, tenant.Migrations, operator.Migrations, requestlog.Migrations, admission.Migrations, metering.Migrations, vault.Migrations, retention.Migrations, reference.Migrations,
		webhook.Migrations, idempotency.Migrations, drafting.Migrations, workflow.Migrations, challenge.Migrations, capture.Migrations, audit.Migrations, review.Migrations, receipt.Migrations, erasure.Migrations,
		consent.Migrations, reuse.Migrations,
	}
}

// databaseFlags say which database, and where the keys and files are.
type databaseFlags struct {
	mediaFlags
	DatabaseURL     string `help:"PostgreSQL to use; with a password by the environment or a file only." env:"EKYC_DATABASE_URL" placeholder:"URL" secret:"url"`
	DatabaseURLFile string `help:"File that holds the address of PostgreSQL and that only its owner can read." env:"EKYC_DATABASE_URL_FILE" type:"path" placeholder:"FILE"`
	OwnerURL        string `help:"Login that migrates, where the one of --database-url may not; see docs/operating.md." env:"EKYC_DATABASE_OWNER_URL" placeholder:"URL" secret:"url"`
	OwnerURLFile    string `help:"File that holds that login's address." env:"EKYC_DATABASE_OWNER_URL_FILE" type:"path" placeholder:"FILE"`
	Migrate         bool   `help:"Bring the tables up to date at the start." default:"true" negatable:"" env:"EKYC_MIGRATE"`
	DataDir         string `help:"Directory of root key, encrypted files and, where there is no --database-url, the private database." env:"EKYC_DATA_DIR" default:"${data_dir}" type:"path"`
	rootKeyFlags
	RootKeyFile string `help:"File of the root keys; root.key in the data directory unless given." env:"EKYC_ROOT_KEY_FILE" type:"path" placeholder:"FILE"`
}

func (f *databaseFlags) rootKey() string {
	if f.RootKeyFile != "" {
		return f.RootKeyFile
	}
	return filepath.Join(f.DataDir, "root.key")
}

func (f *databaseFlags) migrate(ctx context.Context) error {
	url := f.DatabaseURL
	if f.OwnerURL != "" {
		url = f.OwnerURL
	}
	return store.Migrate(ctx, url, migrations()...)
}

// telemetryFlags say what is told to whom.
type telemetryFlags struct {
	LogLevel      slog.Level `help:"Least level that is logged: debug, info, warn or error." default:"info" env:"EKYC_LOG_LEVEL"`
	TraceEndpoint string     `help:"Where traces are sent, OTLP over HTTP, such as http://localhost:4318." env:"OTEL_EXPORTER_OTLP_ENDPOINT" placeholder:"URL" secret:"url"`
	TraceShare    float64    `help:"Share of the traces that is sent, 0 to 1." default:"1" env:"EKYC_TRACE_SHARE"`
	MetricsListen string     `help:"Address of /metrics for Prometheus; empty for none." default:"${metrics_listen}" env:"EKYC_METRICS_LISTEN"`
}

// defaultMetrics is the usual port of OpenTelemetry's exporter for Prometheus.
const defaultMetrics = "127.0.0.1:9464"

// serviceFlags are those of every process of the service.
type serviceFlags struct {
	modelFlags
	databaseFlags
	telemetryFlags
	erasureFlags
	exportFlags
	Region        string            `help:"This node's region; the identifiers of its tenants' keys carry it." default:"eu1" env:"EKYC_REGION"`
	RegionURLs    map[string]string `help:"Base URL of each region, as region=URL." name:"region-urls" env:"EKYC_REGION_URLS" mapsep:","`
	Engines       int               `help:"Engine processes, each with one request at a time; 0 for one a core." default:"0" env:"EKYC_ENGINES"`
	EngineMemory  int64             `help:"Most memory of one engine process, in MiB." default:"2048" env:"EKYC_ENGINE_MEMORY_MIB"`
	EngineTimeout time.Duration     `help:"Longest that an engine works on one request." default:"30s" env:"EKYC_ENGINE_TIMEOUT"`
	WebhookAllow  []netip.Prefix    `help:"Networks that webhooks may be sent to although they are not public." env:"EKYC_WEBHOOK_ALLOW" placeholder:"CIDR"`
	MXLookups     bool              `help:"Let profile checks ask the resolver for mail servers." default:"true" negatable:"" env:"EKYC_MX_LOOKUPS"`
	ContextWords  []string          `help:"Words of the organisation, such as its name, that count for nothing in operators' passwords." env:"EKYC_CONTEXT_WORDS" placeholder:"WORD"`
	BreachedList  string            `help:"File of Pwned Passwords, SHA-1 by SHA-1 and ordered by them, whose passwords operators may not take; beside the built-in list." env:"EKYC_BREACHED_LIST" type:"path" placeholder:"FILE"`
	StartTimeout  time.Duration     `help:"Longest that a process waits at its start for a database, media store, erasure ledger or key service that is away; 0 to end at once." default:"10m" env:"EKYC_START_TIMEOUT"`
	IPTable       string            `help:"CSV of IP ranges and their countries, in place of the built-in table." env:"EKYC_IP_TABLE" placeholder:"FILE"`
}

// platform is everything that a process of the service works with.
type platform struct {
	logger     *slog.Logger
	telemetry  *telemetry.Telemetry
	keyring    *keyring.Ring
	db         *store.DB
	tenants    *tenant.Service
	operators  *operator.Service
	admission  *admission.Admitter
	metering   *metering.Service
	vault      *vault.Vault
	media      blob.Store
	ledger     blob.Store
	webhooks   *webhook.Service
	repeats    *idempotency.Service
	challenges *challenge.Service
	captures   *capture.Service
	consents   *consent.Service
	reuse      *reuse.Service
	jobs       *workflow.Service
	retention  *retention.Service
	references *reference.Templates
	drafts     *drafting.Service
	shadows    *workflow.Comparisons
	reviews    *review.Service
	receipts   *receipt.Service
	erasure    *erasure.Service
	requests   *requestlog.Log
	audit      *audit.Log
	profiles   *profile.Checker
	engine     *fence.Pool
	queue      *queue.Client
	exports    []upkeepPart
	closers    []func() error // the last one first
}

// role says what a process does beside keeping state.
type role struct {
	name    string
	works   bool // takes jobs and delivers webhooks
	global  int  // requests a minute of all keys together; 0: any number
	workers int  // jobs at once; 0 for one for each engine
}

// open assembles a process of the service, once what it needs is there. What was opened is closed again when something fails.
func (f *serviceFlags) open(ctx context.Context, s *start, r role) (p *platform, err error) {
	p = &platform{logger: s.logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
			p = nil
		}
	}()
	if p.telemetry, err = telemetry.Start(ctx, telemetry.Options{Role: r.name, Version: programVersion(), TraceEndpoint: f.TraceEndpoint, TraceShare: f.TraceShare}); err != nil {
		return p, err
	}
	p.onClose(p.telemetry.Close)
	if err = s.observe(); err != nil {
		return p, err
	}
	err = s.await(ctx, partKeyService, func(ctx context.Context) (err error) {
		p.keyring, err = f.openRing(ctx, p.logger)
		return err
	})
	if err != nil {
		return p, err
	}
	if err = p.watchRing(); err != nil {
		return p, err
	}
	if err = s.await(ctx, partDatabase, func(ctx context.Context) error { return f.openDatabase(ctx, p) }); err != nil {
		return p, err
	}
	p.onClose(func() error { p.db.Close(); return nil })
	if err = f.openEngine(ctx, p, r); err != nil {
		return p, err
	}
	if err = f.openStores(ctx, s, p); err != nil {
		return p, err
	}
	if err = f.assemble(p, r); err != nil {
		return p, err
	}
	if err = s.await(ctx, partLedger, p.replayErasures); err != nil { // a restore may have brought back who was erased
		return p, err
	}
	return p, p.observe()
}

// openDatabase brings the tables up to date and connects.
func (f *serviceFlags) openDatabase(ctx context.Context, p *platform) (err error) {
	if f.Migrate {
		if err = f.migrate(ctx); err != nil {
			return err
		}
	}
	p.db, err = store.Open(ctx, f.DatabaseURL, store.Options{Tracer: otelpgx.NewTracer()})
	return err
}

// openStores opens the places for pictures and for the erasure ledger.
func (f *serviceFlags) openStores(ctx context.Context, s *start, p *platform) error {
	err := s.await(ctx, partMedia, func(ctx context.Context) (err error) {
		p.media, err = f.openMedia(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if p.media, err = watchStore(p.media); err != nil {
		return err
	}
	return s.await(ctx, partLedger, func(ctx context.Context) (err error) {
		p.ledger, err = f.erasureFlags.open(ctx, &f.databaseFlags)
		return err
	})
}

func (p *platform) onClose(f func() error) { p.closers = append(p.closers, f) }

// Close ends everything, the last opened first.
func (p *platform) Close() error {
	var faults []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		faults = append(faults, p.closers[i]())
	}
	p.closers = nil
	return errors.Join(faults...)
}

// spareEngines is how many engines a process that works on jobs has beyond one a core: a backlog leaves them free, so that a job that comes alone, and a
// client that waits, need not wait for a call in the middle that cannot be interrupted.
const spareEngines = 1

// openEngine starts the engine's processes; they load their models while the rest is set up.
func (f *serviceFlags) openEngine(ctx context.Context, p *platform, r role) error {
	spare := 0
	if r.works {
		spare = spareEngines
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	// A stop lets requests and jobs end first, so the engines do not see the context that ends with the first signal.
	p.engine, err = fence.Start(context.WithoutCancel(ctx), fence.Options{
		Command:  []string{self, "engine", "--models-dir", f.ModelsDir, "--profile", string(f.Profile)},
		Children: f.engines() + spare, Spare: spare, Timeout: f.EngineTimeout, MemoryLimit: f.EngineMemory << 20, Logger: p.logger, TraceParent: traceParent,
	})
	if err != nil {
		return err
	}
	p.onClose(func() error { p.engine.Close(); return nil })
	return nil
}

// awaitEngine returns when an engine can work, and tells the operator of models whose makers do not say what they were trained on.
func (p *platform) awaitEngine(ctx context.Context) error {
	if err := p.engine.Ready(ctx); err != nil {
		return err
	}
	inventory, err := p.engine.Models(ctx)
	if err == nil && len(inventory.Undocumented) > 0 {
		p.logger.Warn("these models do not say what they were trained on; --profile strict avoids them", "models", inventory.Undocumented)
	}
	return err
}

func (f *serviceFlags) engines() int {
	if f.Engines > 0 {
		return f.Engines
	}
	return runtime.NumCPU()
}

// assemble makes the rooms over one database.
func (f *serviceFlags) assemble(p *platform, r role) error {
	ranges, err := readIPTable(f.IPTable)
	if err != nil {
		return err
	}
	p.tenants = tenant.New(p.db, p.keyring, tenant.Options{Region: f.Region, Regions: f.RegionURLs, Logger: p.logger})
	p.onClose(func() error { p.tenants.Close(); return nil })
	if err := p.openAudit(); err != nil {
		return err
	}
	if err := f.scheduleExport(p); err != nil {
		return err
	}
	accounts := operator.Options{SignIn: p.enterSignIn, Words: f.ContextWords}
	if f.BreachedList != "" {
		if accounts.Breached, err = operator.OpenBreached(f.BreachedList); err != nil {
			return err
		}
	}
	p.operators = operator.New(p.db, p.keyring, accounts)
	p.admission = admission.New(p.db, p.tenants, admission.Options{GlobalPerMinute: r.global})
	p.onClose(func() error { p.admission.Close(); return nil })
	p.metering = metering.New(p.db)
	p.vault = vault.New(p.db, p.keyring, p.media, vault.Options{Logger: p.logger, Expired: p.mediaExpired})
	p.retention = retention.New(p.db, p.vault, retention.Options{Logger: p.logger})
	p.references = reference.New(p.db, p.vault)
	p.webhooks = webhook.New(p.db, p.vault, p.keyring, webhook.Options{AllowedNetworks: f.WebhookAllow, Logger: p.logger, Transport: otelTransport, TraceParent: traceParent, Resume: resumeTrace, Checkpoint: p.audit.Latest})
	p.repeats = idempotency.New(p.db, p.vault, idempotency.Options{Logger: p.logger})
	p.challenges = challenge.New(p.db, p.vault)
	p.captures = capture.New(p.db, p.vault)
	p.consents, p.reuse = consent.New(p.vault), reuse.New(p.vault)
	p.profiles = profile.New(profile.Options{MXEnabled: f.MXLookups, IPTable: ranges})
	p.jobs = workflow.New(p.db, p.vault, p.metering, p.webhooks, p.engine.Background(), p.profiles, workflow.Options{
		Logger: p.logger, Program: programVersion(), Span: jobSpan, Entered: p.enterJob, Expired: p.jobsExpired, Ready: func() bool { return p.engine.Stats().Ready > 0 && p.keyring.Ready() == nil },
	})
	p.drafts = drafting.New(p.db, drafting.Options{})
	p.shadows = workflow.NewComparisons(p.db, p.drafts, p.engine.Background(), p.logger)
	if err := p.openReviews(); err != nil {
		return err
	}
	if err := f.openErasure(p); err != nil {
		return err
	}
	p.jobs.SetHooks(workflow.Hooks{Library: p.drafts, Reviews: p.reviews, Receipts: p.receipts, Shadows: p.shadows, Retention: p.retention, Reuse: p.reuse, Erasure: p.erasure})
	p.requests = requestlog.New(p.db, requestlog.Options{Keep: p.logsKept, Logger: p.logger})
	p.onClose(func() error { p.requests.Close(); return nil })
	if err := p.openRetention(); err != nil {
		return err
	}
	return f.openQueue(p, r)
}

// webhookWorkers is how many deliveries a process makes at once; they wait for others' servers and cost little.
const webhookWorkers = 64

func (f *serviceFlags) openQueue(p *platform, r role) (err error) {
	o := queue.Options{Logger: p.logger}
	if r.works {
		if r.workers == 0 {
			r.workers = f.engines()
		}
		o.Workers = river.NewWorkers()
		p.jobs.Register(o.Workers)
		p.webhooks.Register(o.Workers)
		o.Queues = map[string]int{queue.Turns: r.workers, queue.Prompt: r.workers, queue.Webhooks: webhookWorkers}
	}
	if p.queue, err = queue.New(p.db, o); err != nil {
		return err
	}
	p.jobs.SetQueue(p.queue)
	p.webhooks.SetQueue(p.queue)
	return nil
}

// requireDatabase gives the error for a process that needs a database and was told of none.
func (f *databaseFlags) requireDatabase() error {
	if f.DatabaseURL == "" {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "EKYC_DATABASE_URL, EKYC_DATABASE_URL_FILE or --database-url is needed; `ekyc up` brings a database of its own")
	}
	if _, err := os.Stat(f.rootKey()); errors.Is(err, fs.ErrNotExist) {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "there is no root key at %s; `ekyc admin root-key` makes one", f.rootKey())
	}
	return nil
}
