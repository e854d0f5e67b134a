package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"ekyc"
)

// traceParent is the trace of a context as W3C writes it.
func traceParent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, carrier)
	return carrier.Get("traceparent")
}

// resumeTrace gives a context that goes on with a trace.
func resumeTrace(ctx context.Context, parent string) context.Context {
	return otel.GetTextMapPropagator().Extract(ctx, propagation.MapCarrier{"traceparent": parent})
}

// jobSpan opens a span for a job under the trace of its submission, or for a step under the running span.
func jobSpan(ctx context.Context, parent, name string) (context.Context, func(error)) {
	if parent != "" {
		ctx = resumeTrace(ctx, parent)
	}
	ctx, span := otel.Tracer("ekyc/workflow").Start(ctx, name)
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, string(ekyc.CodeOf(err)))
		}
		span.End()
	}
}

// otelTransport gives each delivery a span and its receiver the trace. The address stays out: its path and query are the tenant's,
// and can tell of a person.
func otelTransport(next http.RoundTripper) http.RoundTripper { return deliverySpans{next} }

type deliverySpans struct{ next http.RoundTripper }

func (d deliverySpans) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := otel.Tracer("ekyc/webhook").Start(r.Context(), "webhook delivery", trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	r = r.Clone(ctx)
	otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(r.Header))
	response, err := d.next.RoundTrip(r)
	if err != nil {
		span.SetStatus(codes.Error, "no answer")
		return nil, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", response.StatusCode))
	return response, nil
}

// observe registers what is read when somebody scrapes. What concerns the whole queue is told by every process alike: take the maximum.
func (p *platform) observe() error {
	return errors.Join(p.observeQueue(), p.observeEngine(), p.observeDatabase())
}

func (p *platform) observeQueue() error {
	meter := otel.Meter("ekyc")
	jobs, err := meter.Float64ObservableGauge("ekyc.queue.jobs", metric.WithDescription("Jobs of all processes by state."))
	oldest, err2 := meter.Float64ObservableGauge("ekyc.queue.oldest", metric.WithDescription("Seconds since the job that has been due longest was."))
	due, err3 := meter.Float64ObservableGauge("ekyc.webhooks.due", metric.WithDescription("Webhook deliveries that are due."))
	late, err4 := meter.Float64ObservableGauge("ekyc.webhooks.oldest", metric.WithDescription("Seconds since the delivery that has been due longest was."))
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		if d, err := p.jobs.QueueDepth(ctx); err == nil {
			for state, n := range map[string]int{"queued": d.Queued, "waiting": d.Waiting, "running": d.Running, "dead": d.Dead} {
				o.ObserveFloat64(jobs, float64(n), label("state", state))
			}
			o.ObserveFloat64(oldest, d.Oldest.Seconds())
		}
		if n, age, err := p.webhooks.Backlog(ctx); err == nil {
			o.ObserveFloat64(due, float64(n))
			o.ObserveFloat64(late, age.Seconds())
		}
		return nil
	}, jobs, oldest, due, late)
	return err
}

func (p *platform) observeEngine() error {
	meter := otel.Meter("ekyc")
	processes, err := meter.Int64ObservableGauge("ekyc.engine.processes", metric.WithDescription("Engine processes by state."))
	waiting, err2 := meter.Int64ObservableGauge("ekyc.engine.waiting", metric.WithDescription("Requests that wait for an engine process, by class."))
	requests, err3 := meter.Int64ObservableCounter("ekyc.engine.requests", metric.WithDescription("Requests to the engine, by outcome."))
	deaths, err4 := meter.Int64ObservableCounter("ekyc.engine.deaths", metric.WithDescription("Engine processes that ended, by cause."))
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := p.engine.Stats()
		for state, n := range map[string]int{"ready": s.Ready, "busy": s.Busy, "all": s.Children} {
			o.ObserveInt64(processes, int64(n), label("state", state))
		}
		o.ObserveInt64(waiting, int64(s.WaitingInteractive), label("class", "interactive"))
		o.ObserveInt64(waiting, int64(s.WaitingBackground), label("class", "background"))
		for outcome, n := range map[string]int64{"answered": s.Answered, "retried": s.Retried, "failed": s.Failed, "overloaded": s.Overloaded} {
			o.ObserveInt64(requests, n, label("outcome", outcome))
		}
		for cause, n := range map[string]int64{"crash": s.Crashed, "timeout": s.TimedOut, "memory": s.OverMemory, "strayed": s.Strayed, "protocol": s.Faulty} {
			o.ObserveInt64(deaths, n, label("cause", cause))
		}
		return nil
	}, processes, waiting, requests, deaths)
	return err
}

func (p *platform) observeDatabase() error {
	meter := otel.Meter("ekyc")
	conns, err := meter.Int64ObservableGauge("ekyc.database.connections", metric.WithDescription("Connections by role and state."))
	dropped, err2 := meter.Int64ObservableCounter("ekyc.requestlog.dropped", metric.WithDescription("Entries of the request log that were lost for want of room."))
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(dropped, p.requests.Dropped())
		for role, pool := range map[string]*pgxpool.Pool{"service": p.db.ServicePool(), "system": p.db.SystemPool()} {
			stat := pool.Stat()
			o.ObserveInt64(conns, int64(stat.AcquiredConns()), metric.WithAttributes(attribute.String("role", role), attribute.String("state", "used")))
			o.ObserveInt64(conns, int64(stat.IdleConns()), metric.WithAttributes(attribute.String("role", role), attribute.String("state", "idle")))
		}
		return nil
	}, conns, dropped)
	return err
}

func label(name, value string) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String(name, value))
}
