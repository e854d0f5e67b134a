package gate

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"ekyc"
	"ekyc/internal/gate/clamd"
)

// metrics are what an operator watches of the gate. No label can hold what a client sent.
type metrics struct {
	images   metric.Int64Counter
	duration metric.Float64Histogram
	scans    metric.Float64Histogram
	watch    metric.Registration // nil without antivirus
}

// bounds, in seconds, are fine around what a picture of 2 MB may take: 80 ms without a scan and 150 ms with one.
var bounds = metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .08, .15, .3, .5, 1, 2, 5, 10)

func newMetrics(scanner *clamd.Client) (*metrics, error) {
	meter := otel.Meter("ekyc/gate")
	m := &metrics{}
	var err, err2, err3 error
	m.images, err = meter.Int64Counter("ekyc.gate.images", metric.WithDescription("Pictures that came, by what became of them: scanned and unscanned ones were taken, the others refused with that code."))
	m.duration, err2 = meter.Float64Histogram("ekyc.gate.duration", metric.WithUnit("s"), bounds, metric.WithDescription("Time that the gate took for all pictures of a request."))
	m.scans, err3 = meter.Float64Histogram("ekyc.antivirus.scan.duration", metric.WithUnit("s"), bounds, metric.WithDescription("Time of one scan with the wait for it, by whether it was answered."))
	up, err4 := meter.Int64ObservableGauge("ekyc.antivirus.up", metric.WithDescription("1 while clamd answers, 0 while it does not; absent where nothing is scanned."))
	if err := errors.Join(err, err2, err3, err4); err != nil || scanner == nil {
		return m, err
	}
	m.watch, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		answers := int64(1)
		if scanner.Alive(ctx) != nil {
			answers = 0
		}
		o.ObserveInt64(up, answers)
		return nil
	}, up)
	return m, err
}

func (m *metrics) close() error {
	if m.watch == nil {
		return nil
	}
	return m.watch.Unregister()
}

func (m *metrics) observe(ctx context.Context, outcome string, images int, took time.Duration) {
	with := metric.WithAttributes(attribute.String("outcome", outcome))
	m.images.Add(ctx, int64(images), with)
	m.duration.Record(ctx, took.Seconds(), with)
}

func (m *metrics) scanned(ctx context.Context, err error, took time.Duration) {
	outcome := "answered"
	if err != nil {
		outcome = string(ekyc.CodeOf(err))
	}
	m.scans.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("outcome", outcome)))
}
