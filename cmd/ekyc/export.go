package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/audit/objectlock"
	"ekyc/internal/blob/s3"
)

// exportFlags say where the service takes the audit log out of its own reach.
type exportFlags struct {
	AuditExport      string        `help:"Where the audit log is exported to as it grows: s3://bucket/prefix?endpoint=https://host:port&region=name of a bucket with Object Lock, or a folder." env:"EKYC_AUDIT_EXPORT" placeholder:"PLACE"`
	AuditExportEvery time.Duration `help:"Time between two exports." default:"10m" env:"EKYC_AUDIT_EXPORT_EVERY"`
	AuditRetainDays  int           `help:"Days for which nobody can remove a segment from the bucket; 0 for as the bucket is set up." default:"0" env:"EKYC_AUDIT_RETAIN_DAYS"`
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// openSink opens a place for segments.
func openSink(ctx context.Context, place string) (audit.Sink, error) {
	if !s3.IsURL(place) {
		return audit.OpenFolder(place)
	}
	return openLocked(ctx, place)
}

func openLocked(ctx context.Context, place string) (*objectlock.Sink, error) {
	c, err := s3.Parse(place)
	if err != nil {
		return nil, err
	}
	return objectlock.Open(ctx, c)
}

// openExport opens an export for reading.
func openExport(ctx context.Context, place string) (fs.FS, error) {
	if !s3.IsURL(place) {
		return os.DirFS(place), nil
	}
	sink, err := openLocked(ctx, place)
	if err != nil {
		return nil, err
	}
	return sink.Files(ctx)
}

// scheduleExport makes the export a part of the upkeep. A place that cannot be reached stops nothing: it is tried again.
func (f *exportFlags) scheduleExport(p *platform) error {
	if f.AuditExport == "" {
		return nil
	}
	if f.AuditExportEvery < time.Second || f.AuditRetainDays < 0 {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "the audit log cannot be exported every %s and retained for %d days", f.AuditExportEvery, f.AuditRetainDays)
	}
	if s3.IsURL(f.AuditExport) {
		if _, err := s3.Parse(f.AuditExport); err != nil {
			return err
		}
	}
	p.exports = []upkeepPart{{"audit export", f.AuditExportEvery, func(ctx context.Context) error {
		open := func(ctx context.Context) (audit.Sink, error) { return openSink(ctx, f.AuditExport) }
		return p.audit.ExportScheduled(ctx, f.AuditExport, open, audit.ExportOptions{Retain: days(f.AuditRetainDays)})
	}}}
	return p.observeExport(f.AuditExport)
}

func (p *platform) observeExport(place string) error {
	meter := otel.Meter("ekyc")
	lag, err := meter.Float64ObservableGauge("ekyc.audit.export.lag", metric.WithUnit("s"), metric.WithDescription("Seconds since the oldest entry that the export does not hold got its place."))
	waiting, err2 := meter.Int64ObservableGauge("ekyc.audit.export.waiting", metric.WithDescription("Entries that the export does not hold yet."))
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		if n, age, err := p.audit.ExportLag(ctx, place); err == nil {
			o.ObserveInt64(waiting, n)
			o.ObserveFloat64(lag, age.Seconds())
		}
		return nil
	}, lag, waiting)
	return err
}
