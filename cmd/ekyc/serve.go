package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"ekyc/internal/api"
)

// edgeFlags are those of a process that answers requests.
type edgeFlags struct {
	gateFlags
	tlsFlags
	Listen          string         `help:"Address of the client API." default:"127.0.0.1:8080" env:"EKYC_LISTEN"`
	AdminListen     string         `help:"Address of the platform API, which belongs on a network of its own; empty for none." default:"127.0.0.1:8081" env:"EKYC_ADMIN_LISTEN"`
	RequireTOTP     bool           `help:"Demand one-time codes of operators: who has none can enrol them and do nothing else." name:"require-totp" env:"EKYC_REQUIRE_TOTP"`
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
	begun, err := s.begin("serve")
	if err != nil {
		return err
	}
	servers, err := s.listen(ctx, begun, &s.serviceFlags)
	if err != nil {
		return err
	}
	p, err := s.open(ctx, begun, role{name: "serve", global: s.GlobalPerMinute})
	if err != nil {
		return errors.Join(begun.stopped(ctx, err), servers.stop())
	}
	if err = s.serve(p, begun, servers, &s.serviceFlags); err == nil {
		err = p.awaitEngine(ctx)
	}
	if err == nil {
		p.logger.Info("serving", "client", servers.client, "platform", servers.admin)
		<-ctx.Done()
		p.logger.Info("stopping")
	}
	return errors.Join(err, servers.stop(), p.Close())
}

// collectAt is Go's GOGC for a process that answers requests. Bodies of megabytes come and go, and little else lives: with the usual 100 the
// collector runs many times a second, on a quarter of the cores that requests wait for.
const collectAt = 400

// listen opens the addresses of the client and the platform API and of metrics. They answer at once: that the process is alive, and that it does not serve yet.
func (f *edgeFlags) listen(ctx context.Context, begun *start, s *serviceFlags) (*servers, error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	pair, err := f.openPair(ctx, begun.logger)
	if err != nil {
		return nil, err
	}
	out := &servers{logger: begun.logger, pair: pair}
	starting := api.Starting(api.Options{Version: programVersion(), HSTS: f.hsts()}, begun.waits)
	for _, part := range []struct {
		address string
		port    **port
		url     *string
	}{{f.Listen, &out.clientPort, &out.client}, {f.AdminListen, &out.adminPort, &out.admin}} {
		if part.address == "" {
			continue
		}
		if *part.port, err = out.open(ctx, part.address, starting); err != nil {
			return nil, errors.Join(err, out.stop())
		}
		*part.url = "http://" + (*part.port).lent.Addr().String()
		if pair != nil {
			*part.url = "https" + strings.TrimPrefix(*part.url, "http")
		}
	}
	if err := out.watch(ctx, s.MetricsListen, begun); err != nil {
		return nil, errors.Join(err, out.stop())
	}
	return out, nil
}

// serve has the routes answer from now on.
func (f *edgeFlags) serve(p *platform, begun *start, ports *servers, s *serviceFlags) error {
	uploads, err := f.openGate(p.logger)
	if err != nil {
		return err
	}
	p.onClose(uploads.Close)
	if err := s.ready(p, begun, f.antivirusPart(uploads)); err != nil {
		return err
	}
	server, err := api.New(api.Services{
		DB: p.db, Tenants: p.tenants, Operators: p.operators, Admission: p.admission, Metering: p.metering, Vault: p.vault, Keys: p.keyring, Webhooks: p.webhooks,
		Idempotency: p.repeats, Challenges: p.challenges, Captures: p.captures, Consents: p.consents, Access: p.exporter(), References: p.references, Retention: p.retention, Erasure: p.erasure, Jobs: p.jobs, Drafts: p.drafts, Comparisons: p.shadows, Reviews: p.reviews, Receipts: p.receipts, Requests: p.requests, Audit: p.audit, Profiles: p.profiles, Vision: p.engine, Gate: uploads, Health: begun.board.Load(),
	}, api.Options{Version: programVersion(), PublicURL: f.publicURL(s), FrameAncestors: f.CaptureFrames, TrustedProxies: f.TrustedProxies, BodyTimeout: f.BodyTimeout, BodyMemory: f.BodyMemory << 20, HSTS: f.hsts(), SecondFactor: f.RequireTOTP, Logger: p.logger})
	if err != nil {
		return err
	}
	wrap := server.Listener
	if ports.pair != nil {
		wrap = func(l net.Listener) net.Listener { return server.TLSListener(l, ports.pair.Config()) }
	}
	return errors.Join(ports.handOver(ports.clientPort, server.Client(), wrap), ports.handOver(ports.adminPort, server.Admin(), wrap))
}
