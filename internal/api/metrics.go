package api

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"ekyc"
)

// metrics are what an operator watches of the edge. No label can hold what a client sent.
type metrics struct {
	duration metric.Float64Histogram
	refused  metric.Int64Counter
}

// latencyBounds, in seconds, are fine around the promises of the service: 25 and 120 ms at the edge, 1.2, 1.8 and 3.5 s with models.
var latencyBounds = []float64{.001, .0025, .005, .01, .025, .05, .1, .12, .25, .5, .8, 1.2, 1.8, 2.5, 3.5, 5, 10, 30}

func newMetrics() (*metrics, error) {
	meter := otel.Meter("ekyc/api")
	duration, err := meter.Float64Histogram("http.server.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from the first byte of a request to the last of its answer."), metric.WithExplicitBucketBoundaries(latencyBounds...))
	if err != nil {
		return nil, err
	}
	refused, err := meter.Int64Counter("ekyc.requests.refused", metric.WithDescription("Requests answered with an error, by its code."))
	return &metrics{duration, refused}, err
}

// knownMethod keeps what a client made up out of labels (OpenTelemetry semantic conventions for HTTP).
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "_OTHER"
}

func (m *metrics) observe(ctx context.Context, method, route string, status int, code ekyc.ErrorCode, took time.Duration) {
	m.duration.Record(ctx, took.Seconds(), metric.WithAttributes(
		attribute.String("http.request.method", method), attribute.String("http.route", route), attribute.Int("http.response.status_code", status)))
	if code != "" {
		m.refused.Add(ctx, 1, metric.WithAttributes(attribute.String("code", string(code)), attribute.String("http.route", route)))
	}
}
