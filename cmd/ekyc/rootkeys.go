package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"ekyc/internal/audit"
	"ekyc/internal/fence"
	"ekyc/internal/keyring"
	"ekyc/internal/keyring/keyservice"
	"ekyc/internal/receipt"
	"ekyc/internal/store"
	"ekyc/internal/telemetry"
	"ekyc/internal/vault"
)

// rootKeyFlags say who has sealed the root keys.
type rootKeyFlags struct {
	RootKeyService  string        `help:"Key service that has sealed the file of the root keys: hcvault://HOST:PORT/MOUNT/keys/NAME, aws-kms://ARN or gcp-kms://projects/…; without one the file is clear." env:"EKYC_ROOT_KEY_SERVICE" placeholder:"ADDRESS"`
	RootKeyRecheck  time.Duration `help:"How often the key service is asked whether the root keys may still be used." default:"5m" env:"EKYC_ROOT_KEY_RECHECK"`
	RootKeyTolerate time.Duration `help:"How long the key service may be away before nothing is served any more." default:"24h" env:"EKYC_ROOT_KEY_TOLERATE"`
}

func (f *rootKeyFlags) ringOptions(logger *slog.Logger) (keyring.Options, error) {
	o := keyring.Options{Logger: logger, Recheck: f.RootKeyRecheck, Tolerate: f.RootKeyTolerate}
	if f.RootKeyService == "" {
		return o, nil
	}
	var err error
	o.Service, err = keyservice.Open(f.RootKeyService, keyservice.Options{})
	return o, err
}

// openRing opens the root keys, in a process that nobody else can look into from then on.
func (f *databaseFlags) openRing(ctx context.Context, logger *slog.Logger) (*keyring.Ring, error) {
	if err := fence.GuardSecrets(); err != nil { // before the root keys are in memory
		return nil, err
	}
	if logger == nil { // of a command, whose output tells what it does
		logger = telemetry.NewLogger(os.Stderr, slog.LevelWarn, "keys")
	}
	o, err := f.ringOptions(logger)
	if err != nil {
		return nil, err
	}
	return keyring.OpenWith(ctx, f.rootKey(), o)
}

// fitRing makes sure that the root keys are those of the database. A look into three small tables tells; what is sealed later is by the same keys.
func fitRing(ctx context.Context, ring *keyring.Ring, db *store.DB) error {
	return ring.Opens(ctx, db, slices.Concat(audit.Sealed(), receipt.Sealed(), vault.Sealed()))
}

// createRing makes root keys where there are none. Errors: ErrConflict where there are.
func (f *databaseFlags) createRing(ctx context.Context) error {
	if err := fence.GuardSecrets(); err != nil {
		return err
	}
	o, err := f.ringOptions(nil)
	if err != nil {
		return err
	}
	_, err = keyring.CreateWith(ctx, f.rootKey(), o)
	return err
}

// watchRing follows what the key service says, at once at SIGHUP, and tells how old the key is that seals.
func (p *platform) watchRing() error {
	ctx, stop := context.WithCancel(context.Background())
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	var group sync.WaitGroup
	group.Go(func() { p.keyring.Watch(ctx) })
	group.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				p.keyring.Recheck(ctx)
			}
		}
	})
	p.onClose(func() error {
		signal.Stop(hangups)
		stop()
		group.Wait()
		return nil
	})
	meter := otel.Meter("ekyc")
	age, err := meter.Float64ObservableGauge("ekyc.rootkey.age", metric.WithDescription("Seconds since the root key that seals was made; absent where that is not known."))
	ready, err2 := meter.Int64ObservableGauge("ekyc.rootkey.ready", metric.WithDescription("1 while the root keys may be used, 0 while the key service refuses them."))
	checks, err3 := meter.Int64ObservableCounter("ekyc.rootkey.checks", metric.WithDescription("Questions to the key service whether the root keys may be used, by outcome."))
	if err := errors.Join(err, err2, err3); err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, key := range p.keyring.Keys() {
			if key.State == keyring.Current && !key.Made.IsZero() {
				o.ObserveFloat64(age, time.Since(key.Made).Seconds())
			}
		}
		up := int64(1)
		if p.keyring.Ready() != nil {
			up = 0
		}
		o.ObserveInt64(ready, up)
		c := p.keyring.Checks()
		for outcome, n := range map[string]int64{"opened": c.Opened, "refused": c.Refused, "away": c.Away} {
			o.ObserveInt64(checks, n, label("outcome", outcome))
		}
		return nil
	}, age, ready, checks)
	return err
}
