package retention_test

import (
	"testing"
	"time"
)

// BenchmarkRemoval removes photographs of one subject each, with the webhook, the audit entry and the file of each.
func BenchmarkRemoval(b *testing.B) {
	p := newPlace(b)
	r := p.start(b)
	scope := newScope()
	r.endpoint(b, scope)
	for range b.N {
		r.keep(b, scope, r.subject(b, scope), -time.Minute)
	}
	b.ResetTimer()
	if err := r.retention.Pass(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "removed/s")
	if n := p.fileCount(b); n != 0 {
		b.Errorf("%d files are left", n)
	}
}
