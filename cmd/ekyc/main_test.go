package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/report"
	"ekyc/internal/vision"
)

// command runs one command line and gives status, standard output and standard error.
func command(t *testing.T, args ...string) (int, string, string) {
	t.Helper()
	var out, problems bytes.Buffer
	code := run(t.Context(), args, &console{out: &out, err: &problems})
	return code, out.String(), problems.String()
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// plainJPEG is a valid photograph of nothing.
func plainJPEG(t *testing.T, width, height int) []byte {
	t.Helper()
	m := vision.NewRGB(width, height)
	for i := range m.Pix {
		m.Pix[i] = byte(120 + i%7)
	}
	data, err := vision.EncodeJPEG(m, 80)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func claimedPNG(width, height uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	b = binary.BigEndian.AppendUint32(b, width)
	b = binary.BigEndian.AppendUint32(b, height)
	b = append(b, 8, 2, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
}

func TestEachBadInputHasItsCodeInOneLineAndAsJSON(t *testing.T) {
	t.Parallel()
	good := write(t, "good.jpg", plainJPEG(t, 400, 300))
	whole := plainJPEG(t, 400, 300)
	for _, c := range []struct {
		name string
		path string
		want ekyc.ErrorCode
	}{
		{"missing", filepath.Join(t.TempDir(), "none.jpg"), ekyc.ErrFileUnreadable},
		{"empty", write(t, "a.jpg", nil), ekyc.ErrImageEmpty},
		{"too large", write(t, "a.jpg", make([]byte, vision.SceneLimits.MaxBytes+1)), ekyc.ErrImageTooLarge},
		{"a page", write(t, "a.jpg", []byte("<html></html>")), ekyc.ErrImageTypeUnsupported},
		{"a bomb", write(t, "a.png", claimedPNG(50000, 50000)), ekyc.ErrImageDimensions},
		{"tiny", write(t, "a.jpg", plainJPEG(t, 60, 60)), ekyc.ErrImageDimensions},
		{"cut off", write(t, "a.jpg", whole[:20]), ekyc.ErrImageCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for side, args := range map[string][]string{
				"selfie": {"verify", "--selfie", c.path, "--front", good},
				"front":  {"verify", "--selfie", good, "--front", c.path},
				"back":   {"verify", "--selfie", good, "--front", good, "--back", c.path},
			} {
				code, out, problems := command(t, args...)
				if code != exitBadInput || out != "" || strings.Count(problems, "\n") != 1 || !strings.HasPrefix(problems, "ekyc: "+string(c.want)+": ") {
					t.Errorf("%s: status %d, output %q, error %q", side, code, out, problems)
				}
				if c.want != ekyc.ErrFileUnreadable && !strings.Contains(problems, ": "+side+": ") {
					t.Errorf("the line does not say that it is about the %s: %q", side, problems)
				}
				code, out, _ = command(t, append(args, "--json")...)
				var answer struct {
					Error struct {
						Code    ekyc.ErrorCode `json:"code"`
						Message string         `json:"message"`
						Details map[string]any `json:"details"`
					} `json:"error"`
				}
				if err := json.Unmarshal([]byte(out), &answer); err != nil || code != exitBadInput || answer.Error.Code != c.want || answer.Error.Message == "" || answer.Error.Details == nil {
					t.Errorf("%s: status %d, JSON %q", side, code, out)
				}
				if c.want != ekyc.ErrFileUnreadable && answer.Error.Details["image"] != side {
					t.Errorf("the error does not say that it is about the %s: %v", side, answer.Error.Details)
				}
			}
		})
	}
}

func TestWrongUsageIsBadInput(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"verify"}, {"no-such-command"}, {"verify", "--selfie"}, {"models", "list", "--profile", "other"},
		{"verify", "--selfie", "a", "--front", "b", "--threshold", "0.8", "--target-fmr", "0.001"},
		{"specimen", "--figures", "--difficulty", "NaN", "--out", t.TempDir()}, {"specimen", "--figures", "--difficulty", "2", "--out", t.TempDir()}} {
		if code, _, problems := command(t, args...); code != exitBadInput || problems == "" {
			t.Errorf("%v: status %d, %q", args, code, problems)
		}
	}
}

func TestAStopDoesNotWaitForAPipeWithoutWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := readFile(ctx, path, 100); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("reading gave %v", err)
	}
	// Let the reader go.
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		f.Close()
	}
}

func TestAReportCannotReplaceADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	place := filepath.Join(dir, "place")
	if err := os.Mkdir(place, 0o700); err != nil {
		t.Fatal(err)
	}
	err := writeReport(place, &engine.Verification{}, report.Models{})
	if ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
		t.Errorf("writing gave %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d entries are left in the directory", len(left))
	}
}

func TestMissingModelsNameTheCommandThatMends(t *testing.T) {
	t.Parallel()
	good := write(t, "good.jpg", plainJPEG(t, 400, 300))
	code, _, problems := command(t, "verify", "--selfie", good, "--front", good, "--models-dir", t.TempDir())
	if code != exitBadInput || !strings.Contains(problems, "ekyc models pull") {
		t.Errorf("status %d, %q", code, problems)
	}
}

func TestHelpIsNoError(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"--help"}, {"verify", "--help"}, {"--version"}} {
		if code, out, _ := command(t, args...); code != exitOK || out == "" {
			t.Errorf("%v: status %d, %q", args, code, out)
		}
	}
}
