package admission_test

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"ekyc/internal/admission"
	"ekyc/internal/tenant"
)

// BenchmarkAdmit admits requests of 256 callers in one process, with the database on the same machine.
func BenchmarkAdmit(b *testing.B) {
	for _, keys := range []int{1, 1000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			s := setup(b, admission.Options{})
			clients := make([]*client, keys)
			for i := range clients {
				clients[i] = s.client(b, tenant.KeyInput{RatePerMinute: 1_000_000_000, RatePerDay: 1_000_000_000})
			}
			var times []time.Duration
			var mutex sync.Mutex
			b.SetParallelism(128)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				var own []time.Duration
				for pb.Next() {
					start := time.Now()
					if _, err := s.admits[0].Admit(context.Background(), clients[mathrand.IntN(keys)].request()); err != nil {
						b.Error(err)
						return
					}
					own = append(own, time.Since(start))
				}
				mutex.Lock()
				times = append(times, own...)
				mutex.Unlock()
			})
			b.StopTimer()
			slices.Sort(times)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "admitted/s")
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
