package api

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

// BenchmarkBody is what the edge does with a body that holds one image, beside reading it: the hash that was signed, strict JSON, base64,
// and the schema of everything but the image.
func BenchmarkBody(b *testing.B) {
	registry := newRegistry()
	schema := registry.Schema(reflect.TypeFor[LivenessBody](), true, "body")
	for _, size := range []int{1_500_000, 10_000_000} {
		b.Run(fmt.Sprintf("%.1f MB", float64(size)/1e6), func(b *testing.B) {
			image := make([]byte, size)
			source := rand.NewChaCha8([32]byte{})
			source.Read(image)
			raw := []byte(`{"image_live_base64":"` + base64.StdEncoding.EncodeToString(image) + `","hints":{"pose":true}}`)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				sha256.Sum256(raw)
				var body LivenessBody
				if err := decode(raw, &body); err != nil {
					b.Fatal(err)
				}
				if err := checkBody(registry, schema, raw, &body, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
