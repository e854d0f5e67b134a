package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"ekyc"
	"ekyc/internal/api"
	"ekyc/internal/reference"
)

// edgeFlags are those of a process that answers requests.
type edgeFlags struct {
	gateFlags
	Listen          string         `help:"Address of the client API." default:"127.0.0.1:8080" env:"EKYC_LISTEN"`
	AdminListen     string         `help:"Address of the platform API, which belongs on a network of its own; empty for none." default:"127.0.0.1:8081" env:"EKYC_ADMIN_LISTEN"`
	TrustedProxies  []netip.Prefix `help:"Proxies whose X-Forwarded-For is believed." env:"EKYC_TRUSTED_PROXIES" placeholder:"CIDR"`
	GlobalPerMinute int            `help:"Requests a minute that all keys together may make; 0 for any number." default:"0" env:"EKYC_GLOBAL_PER_MINUTE"`
	BodyTimeout     time.Duration  `help:"Longest that the body of a request may take to arrive." default:"60s" env:"EKYC_BODY_TIMEOUT"`
	PublicURL       string         `help:"How clients reach this service, for links that it gives out; the region's of --region-urls, or as each request came, unless given." env:"EKYC_PUBLIC_URL" placeholder:"URL"`
	CaptureFrames   []string       `help:"Origins that may show the capture page in a frame, such as https://app.example.com; none unless given." env:"EKYC_CAPTURE_FRAMES" placeholder:"ORIGIN"`
	BodyMemory      int64          `help:"Most memory for bodies under way, in MiB." default:"512" env:"EKYC_BODY_MEMORY_MIB"`
}

// publicURL is how clients reach this service; "" where it was not said.
func (f *edgeFlags) publicURL(s *serviceFlags) string {
	if f.PublicURL != "" {
		return f.PublicURL
	}
	return s.RegionURLs[s.Region]
}

// ServeCmd is `ekyc serve`.
type ServeCmd struct {
	serviceFlags
	edgeFlags
}

// Run answers requests until it is stopped.
func (s *ServeCmd) Run(ctx context.Context) error {
	if err := s.requireDatabase(); err != nil {
		return err
	}
	p, err := s.open(ctx, role{name: "serve", global: s.GlobalPerMinute})
	if err != nil {
		return err
	}
	servers, err := s.listen(ctx, p, &s.serviceFlags)
	if err != nil {
		return errors.Join(err, p.Close())
	}
	if err = p.awaitEngine(ctx); err == nil {
		p.logger.Info("serving", "client", servers.client, "platform", servers.admin)
		<-ctx.Done()
		p.logger.Info("stopping")
	}
	return errors.Join(err, servers.stop(), p.Close())
}

// servers are the listening parts of a process.
type servers struct {
	client, admin, metrics string // base URLs
	list                   []*http.Server
}

// Bounds of connections. A slow client holds a connection and no more: bodies have a time of their own.
const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
	drainTimeout  = 30 * time.Second
)

// collectAt is Go's GOGC for a process that answers requests. Bodies of megabytes come and go, and little else lives: with the usual 100 the
// collector runs many times a second, on a quarter of the cores that requests wait for.
const collectAt = 400

// listen starts the servers of the client, platform and metrics addresses.
func (f *edgeFlags) listen(ctx context.Context, p *platform, s *serviceFlags) (*servers, error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	uploads, err := f.openGate(p.logger)
	if err != nil {
		return nil, err
	}
	p.onClose(uploads.Close)
	server, err := api.New(api.Services{
		DB: p.db, Tenants: p.tenants, Operators: p.operators, Admission: p.admission, Metering: p.metering, Vault: p.vault, Webhooks: p.webhooks,
		Idempotency: p.repeats, Challenges: p.challenges, Captures: p.captures, References: reference.New(p.vault), Jobs: p.jobs, Drafts: p.drafts, Comparisons: p.shadows, Reviews: p.reviews, Receipts: p.receipts, Requests: p.requests, Audit: p.audit, Profiles: p.profiles, Vision: p.engine, Gate: uploads,
	}, api.Options{Version: programVersion(), PublicURL: f.publicURL(s), FrameAncestors: f.CaptureFrames, TrustedProxies: f.TrustedProxies, BodyTimeout: f.BodyTimeout, BodyMemory: f.BodyMemory << 20, Logger: p.logger})
	if err != nil {
		return nil, err
	}
	out := &servers{}
	for _, part := range []struct {
		address string
		handler http.Handler
		wrap    func(net.Listener) net.Listener
		url     *string
		path    string
	}{
		{f.Listen, server.Client(), server.Listener, &out.client, ""}, {f.AdminListen, server.Admin(), server.Listener, &out.admin, ""},
		{s.MetricsListen, p.watch(), nil, &out.metrics, "/metrics"},
	} {
		if part.address == "" {
			continue
		}
		base, err := out.serve(ctx, part.address, part.handler, part.wrap, p.logger)
		if err != nil {
			return nil, errors.Join(err, out.stop())
		}
		*part.url = base + part.path
	}
	return out, nil
}

// serve starts one server, over connections as wrap gives them where it is not nil, and gives its base URL.
func (s *servers) serve(ctx context.Context, address string, handler http.Handler, wrap func(net.Listener) net.Listener, logger *slog.Logger) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if address == defaultMetrics && errors.Is(err, syscall.EADDRINUSE) { // another process of this machine, and nobody chose the port
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err == nil {
			logger.Warn("the usual address of metrics is in use", "address", listener.Addr().String())
		}
	}
	if err != nil {
		return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "cannot listen on %s; is it in use, or not of this machine?", address).Because(err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, DisableGeneralOptionsHandler: true,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	base := "http://" + listener.Addr().String()
	if wrap != nil {
		listener = wrap(listener)
	}
	s.list = append(s.list, server)
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("a server ended", "error.message", err.Error())
		}
	}()
	return base, nil
}

// stop lets requests under way end, and then breaks off the rest.
func (s *servers) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	var faults []error
	for _, server := range s.list {
		if err := server.Shutdown(ctx); err != nil {
			faults = append(faults, err, server.Close())
		}
	}
	return errors.Join(faults...)
}
