package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/gate"
	"ekyc/internal/gate/clamdtest"
)

func TestTheRuleForUploadsFollowsFromTheFlags(t *testing.T) {
	t.Parallel()
	const address = "127.0.0.1:3310"
	for _, c := range []struct {
		given, address string
		want           gate.Antivirus
		code           ekyc.ErrorCode
	}{
		{"auto", "", gate.Off, ""},
		{"auto", address, gate.Require, ""},
		{"require", address, gate.Require, ""},
		{"prefer", address, gate.Prefer, ""},
		{"off", address, gate.Off, ""},
		{"off", "", gate.Off, ""},
		{"require", "", gate.Require, ekyc.ErrInvalidArgument},
		{"prefer", "", gate.Prefer, ekyc.ErrInvalidArgument},
		{"auto", "clamav", gate.Require, ekyc.ErrInvalidArgument},
	} {
		var said bytes.Buffer
		f := gateFlags{clamdFlags: clamdFlags{Clamd: c.address}, Antivirus: c.given}
		g, err := f.openGate(slog.New(slog.NewTextHandler(&said, nil)))
		if f.antivirus() != c.want || ekyc.CodeOf(err) != c.code {
			t.Errorf("%s with %q: %s, %v", c.given, c.address, f.antivirus(), err)
		}
		if off := c.want == gate.Off; off != strings.Contains(said.String(), "not scanned") || off != strings.Contains(f.describe(), "OFF") {
			t.Errorf("%s with %q: %q is said at the start, and %q", c.given, c.address, f.describe(), said.String())
		}
		if err == nil {
			g.Close()
		}
	}
}

func TestTheDoctorExaminesTheAntivirus(t *testing.T) {
	t.Parallel()
	d := clamdtest.Start(t)
	if found := (&clamdFlags{}).diagnose(t.Context()); len(found) != 0 {
		t.Errorf("without an address: %+v", found)
	}
	found := (&clamdFlags{Clamd: d.Address}).diagnose(t.Context())
	if len(found) != 1 || !found[0].Healthy || !strings.Contains(found[0].Model, "ClamAV 1.") {
		t.Errorf("a clamd that answers: %+v", found)
	}
	d.Kill()
	for _, address := range []string{d.Address, "clamav"} {
		if found := (&clamdFlags{Clamd: address}).diagnose(t.Context()); len(found) != 1 || found[0].Healthy || found[0].Problem == "" {
			t.Errorf("nobody at %s: %+v", address, found)
		}
	}
}
