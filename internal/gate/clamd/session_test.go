package clamd

import (
	"strings"
	"testing"
	"time"
)

func TestVersionsWithSignatures(t *testing.T) {
	t.Parallel()
	want := Version{Engine: "1.4.3", Signatures: "27650", Made: time.Date(2025, 5, 26, 8, 31, 12, 0, time.UTC)}
	if got, err := parseVersion("ClamAV 1.4.3/27650/Mon May 26 08:31:12 2025"); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := parseVersion("ClamAV 1.4.3/27650/Sun Jun  1 08:31:12 2025"); err != nil || got.Made.Day() != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := parseVersion("UNKNOWN COMMAND"); err == nil {
		t.Error("no version was taken for one")
	}
}

// FuzzVerdict: only one answer means that a file is harmless.
func FuzzVerdict(f *testing.F) {
	for _, answer := range []string{
		"7: stream: OK", "7: stream: Eicar-Test-Signature FOUND", "8: stream: OK", "stream: OK", "7: stream: OK ERROR", "7: stream:  FOUND",
		"7: INSTREAM size limit exceeded. ERROR", "COMMAND READ TIMED OUT", "", "7: ", "07: stream: OK", "7: stream: Can't allocate memory ERROR",
	} {
		f.Add(answer)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		signature, err := (&session{count: 7}).verdict(answer)
		if err == nil && signature == "" && answer != "7: stream: OK" {
			t.Errorf("%q was taken for harmless", answer)
		}
		if err == nil && signature != "" && !strings.HasSuffix(answer, " FOUND") {
			t.Errorf("%q was taken for a finding", answer)
		}
	})
}
