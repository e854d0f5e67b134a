package check

import (
	"strings"
	"testing"
	"time"
)

func BenchmarkValidate(b *testing.B) {
	in := passport(b)
	for b.Loop() {
		Validate(in)
	}
}

// TestLongValuesAreCheap: values come from outside, and a hostile one must not cost more than its length.
func TestLongValuesAreCheap(t *testing.T) {
	t.Parallel()
	in := passport(t)
	long := strings.Repeat("Ä B", 200_000)
	for key := range in.Fields {
		in.Fields[key] = []Field{{Value: long, Source: SourceVIZ, Confidence: 1}}
	}
	in.Claimed = map[Key]string{FullName: long, DocumentNumber: long, DateOfBirth: long}
	in.MRZ.Lines = []string{long, long}
	start := time.Now()
	if Validate(in).DocumentValid {
		t.Error("valid")
	}
	if spent := time.Since(start); spent > time.Minute { // what grows with the square of the length takes hours
		t.Errorf("it took %s", spent)
	}
}
