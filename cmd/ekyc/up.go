package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"ekyc"
	"ekyc/internal/store"
	"ekyc/internal/telemetry"
	"ekyc/internal/tenant/signing"
)

// UpCmd is `ekyc up`.
type UpCmd struct {
	serviceFlags
	edgeFlags
	BootstrapFile string `help:"Write addresses and credentials to this file, as JSON, when everything answers." type:"path" placeholder:"FILE"`
	RPM           int    `help:"Requests a minute of the demo key; 0 for the plan's." default:"0" name:"rpm"`
	Jobs          int    `help:"Verifications at once; 0 for one for each engine process. As many more are for tenants that have nothing else under way." default:"0" env:"EKYC_WORKER_JOBS"`
}

// Run is the whole service in one process, on a private database unless there is another.
func (u *UpCmd) Run(ctx context.Context, c *console) error {
	begun, err := u.begin("up")
	if err != nil {
		return err
	}
	servers, err := u.listen(ctx, begun, &u.serviceFlags)
	if err != nil {
		return err
	}
	err = u.begun(ctx, c, begun, servers)
	return errors.Join(err, servers.stop())
}

// begun goes on where the addresses answer.
func (u *UpCmd) begun(ctx context.Context, c *console, begun *start, ports *servers) error {
	if err := begun.await(ctx, partKeyService, u.prepare); err != nil {
		return begun.stopped(ctx, err)
	}
	stopDatabase, err := u.ownDatabase(ctx)
	if err != nil {
		return err
	}
	p, err := u.open(ctx, begun, role{name: "up", works: true, global: u.GlobalPerMinute, workers: u.Jobs})
	if err != nil {
		return errors.Join(begun.stopped(ctx, err), stopDatabase())
	}
	err = u.run(ctx, c, p, begun, ports)
	return errors.Join(err, ports.stop(), p.Close(), stopDatabase())
}

// prepare makes the data directory and, the first time, the root key.
func (u *UpCmd) prepare(ctx context.Context) error {
	if err := os.MkdirAll(u.DataDir, 0o755); err != nil { // the database's user passes through; what is inside has modes of its own
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "the data directory %s cannot be made", u.DataDir).Because(err)
	}
	if _, err := os.Stat(u.rootKey()); errors.Is(err, fs.ErrNotExist) {
		if err := u.createRing(ctx); err != nil {
			return err
		}
	}
	u.WebhookAllow = append(u.WebhookAllow, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	return nil
}

// ownDatabase starts the private server where no other was given.
func (u *UpCmd) ownDatabase(ctx context.Context) (stop func() error, err error) {
	if u.DatabaseURL != "" {
		return func() error { return nil }, nil
	}
	private, err := store.StartPrivate(ctx, filepath.Join(u.DataDir, "postgres"), telemetry.NewLogger(os.Stderr, u.LogLevel, "postgres"))
	if err != nil {
		return nil, err
	}
	private.Keep()
	u.DatabaseURL, u.OwnerURL = private.ServiceURL(), private.URL()
	return private.Close, nil
}

func (u *UpCmd) run(ctx context.Context, c *console, p *platform, begun *start, ports *servers) error {
	if err := p.requests.EnsurePartitions(ctx); err != nil {
		return err
	}
	demo, err := u.bootstrap(ctx, p)
	if err != nil {
		return err
	}
	if err := u.serve(p, begun, ports, &u.serviceFlags); err != nil {
		return err
	}
	if err := p.awaitEngine(ctx); err != nil {
		return err
	}
	stop, err := p.work(ctx)
	if err != nil {
		return err
	}
	demo.BaseURL, demo.AdminURL, demo.MetricsURL = ports.client, ports.admin, ports.metrics
	if err = u.announce(c, demo); err == nil {
		<-ctx.Done()
		p.logger.Info("stopping")
	}
	return errors.Join(err, ports.stop(), stop())
}

// demonstration is what a newcomer needs to call the service.
type demonstration struct {
	BaseURL          string `json:"base_url"`
	KeyID            string `json:"key_id"`
	Secret           string `json:"secret"`
	AdminURL         string `json:"admin_url"`
	WebhookSecret    string `json:"webhook_secret"`
	Operator         string `json:"operator"`
	OperatorPassword string `json:"operator_password"`
	MetricsURL       string `json:"metrics_url"`
}

// announce prints the addresses and a request to paste, and writes the file last: who waits for it finds everything answering.
func (u *UpCmd) announce(c *console, d *demonstration) error {
	at := strconv.FormatInt(time.Now().Unix(), 10)
	const target = "/v1/quotas"
	fmt.Fprintf(c.out, "ekyc is up\n\nclient API    %s/v1    documentation %s/v1/docs/\nplatform API  %s/admin/v1    operator %s, password %s\nmetrics       %s\nantivirus     %s\n\n"+
		"key id        %s\nsecret        %s\n\nTry within five minutes (later: ekyc sign):\n\n  curl -H 'X-API-KEY: %s' -H 'X-API-TIMESTAMP: %s' \\\n    -H 'X-API-SIGN: %s' %s%s\n\nCtrl-C stops it.\n",
		d.BaseURL, d.BaseURL, d.AdminURL, d.Operator, d.OperatorPassword, d.MetricsURL, u.describe(), d.KeyID, d.Secret,
		d.KeyID, at, signing.Sign(d.Secret, at, "GET", target, sha256.Sum256(nil)), d.BaseURL, target)
	if u.BootstrapFile == "" {
		return nil
	}
	body, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return writeSecretFile(u.BootstrapFile, body)
}

// writeSecretFile writes a file that only its owner reads, all or nothing.
func writeSecretFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".ekyc-*") // 0600
	if err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be written", path).Because(err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be written", path).Because(err)
	}
	return os.Rename(f.Name(), path)
}
