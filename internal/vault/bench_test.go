package vault_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/blob/s3"
	"ekyc/internal/blob/s3test"
	"ekyc/internal/gate"
	"ekyc/internal/gate/clamd"
	"ekyc/internal/gate/clamdtest"
	"ekyc/internal/keyring"
	"ekyc/internal/vault"
	"ekyc/internal/vision"
)

// photographOf gives a JPEG of about a number of bytes.
func photographOf(b *testing.B, size int) []byte {
	b.Helper()
	side := 1200
	m := vision.NewRGB(side, side)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		m.Pix[i] = byte(r.Uint32())
	}
	for quality := 30; quality <= 100; quality += 2 {
		data, err := vision.EncodeJPEG(m, quality)
		if err != nil {
			b.Fatal(err)
		}
		if len(data) >= size {
			return data
		}
	}
	b.Fatal("no photograph is as large")
	return nil
}

// BenchmarkIngest is the way of a photograph of 2 MB from its bytes to its commit: the gate, with and without a scanner, encryption, file, row.
func BenchmarkIngest(b *testing.B) {
	photograph := photographOf(b, 2<<20)
	server := s3test.Start(b)
	daemon := clamdtest.Start(b)
	for _, scanned := range []bool{false, true} {
		o := gate.Options{Antivirus: gate.Off, Logger: slog.New(slog.DiscardHandler)}
		if scanned {
			scanner, err := clamd.New(clamd.Options{Address: daemon.Address})
			if err != nil {
				b.Fatal(err)
			}
			o.Antivirus, o.Scanner = gate.Require, scanner
		}
		g, err := gate.New(o)
		if err != nil {
			b.Fatal(err)
		}
		files, err := blob.OpenFiles(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		config, err := s3.Parse(s3test.Place(server.Bucket(b, false), server.Address))
		if err != nil {
			b.Fatal(err)
		}
		bucket, err := s3.Open(b.Context(), config)
		if err != nil {
			b.Fatal(err)
		}
		for name, store := range map[string]blob.Store{"files": files, "s3": bucket} {
			b.Run(fmt.Sprintf("%s/scanned=%t", name, scanned), func(b *testing.B) { ingest(b, g, store, photograph) })
		}
		g.Close()
	}
}

func ingest(b *testing.B, g *gate.Gate, files blob.Store, photograph []byte) {
	ring, err := keyring.Create(filepath.Join(b.TempDir(), "keyring.json"))
	if err != nil {
		b.Fatal(err)
	}
	db := server.Open(b)
	v, scope := vault.New(db, ring, files, quiet), newScope()
	var subject ekyc.ID
	err = db.InTenant(context.Background(), scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		subject, err = v.CreateSubject(ctx, tx, scope, "")
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(photograph)))
	var times []time.Duration
	for b.Loop() {
		began := time.Now()
		upload := &gate.Upload{Name: "image", Limits: vision.SceneLimits, Data: slices.Clone(photograph)}
		if err := g.Admit(context.Background(), []*gate.Upload{upload}); err != nil {
			b.Fatal(err)
		}
		err := db.InTenant(context.Background(), scope, func(ctx context.Context, tx pgx.Tx) error {
			_, err := v.PutMedia(ctx, tx, scope, vault.MediaInput{Subject: subject, Kind: vault.MediaSelfie, Data: upload.Data})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
}

// BenchmarkSeal is encryption under a subject's key, on one core.
func BenchmarkSeal(b *testing.B) {
	ring, err := keyring.Create(filepath.Join(b.TempDir(), "keyring.json"))
	if err != nil {
		b.Fatal(err)
	}
	files, err := blob.OpenFiles(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	db := server.Open(b)
	v, scope, plaintext := vault.New(db, ring, files, quiet), newScope(), make([]byte, 16<<20)
	err = db.InTenant(context.Background(), scope, func(ctx context.Context, tx pgx.Tx) error {
		subject, err := v.CreateSubject(ctx, tx, scope, "")
		if err != nil {
			return err
		}
		b.SetBytes(int64(len(plaintext)))
		for b.Loop() {
			if _, err := v.Seal(ctx, tx, scope, subject, "object", plaintext); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
