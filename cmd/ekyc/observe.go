package main

import (
	"context"
	"net/http"

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

// jobSpan opens a span for a job under the trace of its submission, or for a step under the running span.
func jobSpan(ctx context.Context, parent, name string) (context.Context, func(error)) {
	if parent != "" {
		ctx = otel.GetTextMapPropagator().Extract(ctx, propagation.MapCarrier{"traceparent": parent})
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

// observe registers the gauges that are read when somebody scrapes.
func (p *platform) observe() error {
	meter := otel.Meter("ekyc")
	gauge := func(name, description string) metric.Float64ObservableGauge {
		g, err := meter.Float64ObservableGauge(name, metric.WithDescription(description))
		if err != nil {
			panic(err) // the names are constants
		}
		return g
	}
	jobs := gauge("ekyc.queue.jobs", "Jobs by state.")
	oldest := gauge("ekyc.queue.oldest", "Seconds since the job that has been due longest was.")
	engines := gauge("ekyc.engine.processes", "Engine processes by state.")
	waiting := gauge("ekyc.engine.waiting", "Requests that wait for an engine process, by class.")
	requests := gauge("ekyc.engine.requests", "Requests to the engine since the start, by outcome.")
	deaths := gauge("ekyc.engine.deaths", "Engine processes that ended since the start, by cause.")
	dropped := gauge("ekyc.requestlog.dropped", "Entries of the request log that were lost for want of room.")
	deliveries := gauge("ekyc.webhooks.due", "Webhook deliveries that are due.")
	lateness := gauge("ekyc.webhooks.oldest", "Seconds since the delivery that has been due longest was.")
	conns := gauge("ekyc.database.connections", "Connections by role and state.")
	_, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		if d, err := p.jobs.QueueDepth(ctx); err == nil {
			for state, n := range map[string]int{"queued": d.Queued, "waiting": d.Waiting, "running": d.Running, "dead": d.Dead} {
				o.ObserveFloat64(jobs, float64(n), label("state", state))
			}
			o.ObserveFloat64(oldest, d.Oldest.Seconds())
		}
		if due, oldest, err := p.webhooks.Backlog(ctx); err == nil {
			o.ObserveFloat64(deliveries, float64(due))
			o.ObserveFloat64(lateness, oldest.Seconds())
		}
		s := p.engine.Stats()
		for state, n := range map[string]int{"ready": s.Ready, "busy": s.Busy, "all": s.Children} {
			o.ObserveFloat64(engines, float64(n), label("state", state))
		}
		o.ObserveFloat64(waiting, float64(s.WaitingInteractive), label("class", "interactive"))
		o.ObserveFloat64(waiting, float64(s.WaitingBackground), label("class", "background"))
		for outcome, n := range map[string]int64{"answered": s.Answered, "retried": s.Retried, "failed": s.Failed, "overloaded": s.Overloaded} {
			o.ObserveFloat64(requests, float64(n), label("outcome", outcome))
		}
		for cause, n := range map[string]int64{"crash": s.Crashed, "timeout": s.TimedOut, "memory": s.OverMemory, "strayed": s.Strayed, "protocol": s.Faulty} {
			o.ObserveFloat64(deaths, float64(n), label("cause", cause))
		}
		o.ObserveFloat64(dropped, float64(p.requests.Dropped()))
		for role, pool := range map[string]interface {
			AcquiredConns() int32
			IdleConns() int32
		}{"service": p.db.ServicePool().Stat(), "system": p.db.SystemPool().Stat()} {
			o.ObserveFloat64(conns, float64(pool.AcquiredConns()), metric.WithAttributes(attribute.String("role", role), attribute.String("state", "used")))
			o.ObserveFloat64(conns, float64(pool.IdleConns()), metric.WithAttributes(attribute.String("role", role), attribute.String("state", "idle")))
		}
		return nil
	}, jobs, oldest, engines, waiting, requests, deaths, dropped, deliveries, lateness, conns)
	return err
}

func label(name, value string) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String(name, value))
}
