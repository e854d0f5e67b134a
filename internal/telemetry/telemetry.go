// Package telemetry sets up what an operator sees of the program: logs as ECS JSON, traces by OTLP, and metrics for Prometheus.
package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	prometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// ecsVersion is that of the Elastic Common Schema whose names the log uses.
const ecsVersion = "8.11"

// NewLogger writes ECS JSON, one object a line, with the trace of the context that a record was logged with.
func NewLogger(w io.Writer, level slog.Leveler, role string) *slog.Logger {
	handler := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: ecsNames})
	return slog.New(traced{handler}).With("ecs.version", ecsVersion, "service.name", "ekyc", "service.role", role)
}

func ecsNames(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		return slog.String("@timestamp", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
	case slog.LevelKey:
		return slog.String("log.level", a.Value.String())
	case slog.MessageKey:
		a.Key = "message"
	}
	return a
}

// traced adds the ids of the running span.
type traced struct{ slog.Handler }

func (t traced) Handle(ctx context.Context, r slog.Record) error {
	if span := oteltrace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace.id", span.TraceID().String()), slog.String("span.id", span.SpanID().String()))
	}
	return t.Handler.Handle(ctx, r)
}

func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }
func (t traced) WithGroup(name string) slog.Handler       { return traced{t.Handler.WithGroup(name)} }

// Options say where telemetry goes.
type Options struct {
	Role, Version string
	TraceEndpoint string  // OTLP over HTTP, "http://host:4318"; empty: traces have ids and go nowhere
	TraceShare    float64 // of the traces, 0 to 1, that are exported
}

// Telemetry is the running set-up.
type Telemetry struct {
	traces  *trace.TracerProvider
	metrics *metric.MeterProvider
}

// Start installs tracer, meter and propagator for the whole process.
func Start(ctx context.Context, o Options) (*Telemetry, error) {
	about := resource.NewSchemaless(semconv.ServiceName("ekyc"), semconv.ServiceVersion(o.Version), semconv.ServiceNamespace(o.Role))
	settings := []trace.TracerProviderOption{trace.WithResource(about)}
	if o.TraceEndpoint != "" {
		address, err := url.JoinPath(o.TraceEndpoint, "v1/traces") // the endpoint is the base of all signals (OTLP exporter specification)
		if err != nil {
			return nil, fmt.Errorf("read the address for traces: %w", err)
		}
		exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(address))
		if err != nil {
			return nil, fmt.Errorf("set up the export of traces: %w", err)
		}
		// By the trace's id alone: a caller's word on what to sample would let it decide what we send.
		settings = append(settings, trace.WithBatcher(exporter), trace.WithSampler(trace.TraceIDRatioBased(o.TraceShare)))
	}
	reader, err := prometheus.New(prometheus.WithoutScopeInfo())
	if err != nil {
		return nil, fmt.Errorf("set up metrics: %w", err)
	}
	t := &Telemetry{trace.NewTracerProvider(settings...), metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(about))}
	otel.SetTracerProvider(t.traces)
	otel.SetMeterProvider(t.metrics)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return t, nil
}

// MetricsHandler serves what Prometheus scrapes.
func MetricsHandler() http.Handler { return promhttp.Handler() }

// Close sends what is still held back, for a few seconds at most.
func (t *Telemetry) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := t.traces.Shutdown(ctx); err != nil {
		return err
	}
	return t.metrics.Shutdown(ctx)
}
