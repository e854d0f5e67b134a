package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"ekyc"
	"ekyc/internal/tlsfiles"
)

// tlsFlags say with what certificate the program itself speaks TLS, on the addresses of the client and the platform API.
type tlsFlags struct {
	TLSCert string `help:"Certificate chain in PEM: TLS is spoken with it. Changed files are taken up by themselves within a second, and at SIGHUP." name:"tls-cert" env:"EKYC_TLS_CERT" type:"path" placeholder:"FILE"`
	TLSKey  string `help:"Its private key in PEM, which only its owner may read." name:"tls-key" env:"EKYC_TLS_KEY" type:"path" placeholder:"FILE"`
	HSTS    *bool  `help:"Tell browsers to come by TLS only, for a year and for the names below this one; on with --tls-cert. For those behind a proxy that ends TLS." name:"hsts" negatable:"" env:"EKYC_HSTS"`
}

// hsts says whether answers tell browsers to come by TLS only.
func (f *tlsFlags) hsts() bool {
	if f.HSTS != nil {
		return *f.HSTS
	}
	return f.TLSCert != ""
}

// openPair opens the certificate, and follows it until ctx ends; nil where none is configured.
func (f *tlsFlags) openPair(ctx context.Context, logger *slog.Logger) (*tlsfiles.Pair, error) {
	if f.TLSCert == "" && f.TLSKey == "" {
		return nil, nil
	}
	if f.TLSCert == "" || f.TLSKey == "" {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "--tls-cert and --tls-key are given together")
	}
	pair, err := tlsfiles.Open(f.TLSCert, f.TLSKey, logger)
	if err != nil {
		return nil, err
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		defer signal.Stop(hangups)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				pair.Reload()
			}
		}
	}()
	return pair, observeCertificate(pair)
}

// observeCertificate tells how long the certificate is still good. A scrape looks at the files too, so that a new one shows although nobody connects.
func observeCertificate(pair *tlsfiles.Pair) error {
	_, err := otel.Meter("ekyc").Float64ObservableGauge("ekyc.tls.certificate.days",
		metric.WithDescription("Days until the TLS certificate expires; below 0 it has."),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			pair.Follow()
			o.Observe(time.Until(pair.Expires()).Hours() / 24)
			return nil
		}))
	return err
}
