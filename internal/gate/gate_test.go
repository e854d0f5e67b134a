package gate_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/gate"
	"ekyc/internal/gate/clamd"
	"ekyc/internal/gate/clamdtest"
	"ekyc/internal/logtest"
	"ekyc/internal/vision"
)

// testBundle is a gate whose real clamd stands behind a proxy.
type testBundle struct {
	*gate.Gate
	daemon *clamdtest.Daemon
	proxy  *clamdtest.Proxy
	log    *logtest.Buffer
}

func setup(t testing.TB, antivirus gate.Antivirus) *testBundle {
	t.Helper()
	b := &testBundle{daemon: clamdtest.Start(t), log: &logtest.Buffer{}}
	b.proxy = clamdtest.NewProxy(t, b.daemon)
	scanner, err := clamd.New(clamd.Options{Address: b.proxy.Address, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if b.Gate, err = gate.New(gate.Options{Antivirus: antivirus, Scanner: scanner, Logger: slog.New(slog.NewTextHandler(b.log, nil))}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func uploads(files ...[]byte) []*gate.Upload {
	var out []*gate.Upload
	for i, file := range files {
		out = append(out, &gate.Upload{Name: fmt.Sprintf("/frames_base64/%d", i), Limits: small, Data: bytes.Clone(file)})
	}
	return out
}

// refusal takes pictures in vain: the error must have the code and name the picture, and the uploads must be as they were.
func (b *testBundle) refusal(t *testing.T, what string, code ekyc.ErrorCode, field string, files ...[]byte) {
	t.Helper()
	list := uploads(files...)
	err := b.Admit(t.Context(), list)
	known, _ := err.(*ekyc.Error)
	if ekyc.CodeOf(err) != code || known == nil || known.Details["field"] != field {
		t.Errorf("%s: %v with %v; want %s of %s", what, err, known, code, field)
	}
	for i, u := range list {
		if !bytes.Equal(u.Data, files[i]) {
			t.Errorf("%s: a picture was changed although all were refused", what)
		}
	}
}

func TestPicturesComeInClean(t *testing.T) {
	t.Parallel()
	plain := jpegOf(t, 320, 240, 85)
	for _, antivirus := range []gate.Antivirus{gate.Require, gate.Prefer} {
		b := setup(t, antivirus)
		list := uploads(laden(plain, 6), ladenPNG(pngOf(t, 200, 200), 1), plain)
		if err := b.Admit(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		for i, u := range list {
			if bytes.Contains(u.Data, []byte(planted)) {
				t.Errorf("%s: picture %d was not cleaned", antivirus, i)
			}
		}
		if !bytes.Equal(list[2].Data, plain) || strings.Contains(b.log.String(), "level=WARN") {
			t.Errorf("%s: a clean picture was changed, or something was said: %s", antivirus, b.log)
		}
	}
	off, err := gate.New(gate.Options{Antivirus: gate.Off})
	if err != nil {
		t.Fatal(err)
	}
	list := uploads(laden(plain, 6))
	if err := off.Admit(t.Context(), list); err != nil || bytes.Contains(list[0].Data, []byte(planted)) {
		t.Errorf("without antivirus: %v", err)
	}
	if err := off.Alive(t.Context()); err != nil {
		t.Errorf("without antivirus: %v", err)
	}
	if _, err := gate.New(gate.Options{Antivirus: gate.Require}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("an antivirus that is nowhere: %v", err)
	}
}

func TestMalwareGoesBeforeAllOtherFaults(t *testing.T) {
	t.Parallel()
	b := setup(t, gate.Require)
	plain, eicar := jpegOf(t, 320, 240, 85), clamdtest.EICAR()
	drawing := pngOf(t, 200, 200)
	b.refusal(t, "the test string", ekyc.ErrMalwareDetected, "/frames_base64/0", eicar)
	b.refusal(t, "behind a picture", ekyc.ErrMalwareDetected, "/frames_base64/1", plain, append(bytes.Clone(plain), eicar...))
	b.refusal(t, "in a comment", ekyc.ErrMalwareDetected, "/frames_base64/0", slices.Concat(plain[:2], segment(0xfe, string(eicar)), plain[2:]))
	b.refusal(t, "in a chunk", ekyc.ErrMalwareDetected, "/frames_base64/0", slices.Concat(drawing[:pngHeader], chunk("teST", string(eicar)), drawing[pngHeader:]))
	b.refusal(t, "in an archive behind a picture", ekyc.ErrMalwareDetected, "/frames_base64/0", slices.Concat(plain, archive(t, ""), eicar))
	b.refusal(t, "in half a picture", ekyc.ErrMalwareDetected, "/frames_base64/0", append(bytes.Clone(plain[:500]), eicar...))
	b.refusal(t, "beside a text", ekyc.ErrMalwareDetected, "/frames_base64/1", []byte("a text"), eicar)
	b.refusal(t, "no malware", ekyc.ErrImageTypeUnsupported, "/frames_base64/1", plain, []byte("a text"))
	b.refusal(t, "an archive", ekyc.ErrImageForeignContent, "/frames_base64/0", append(bytes.Clone(plain), archive(t, "")...))
	if said := b.log.String(); !strings.Contains(said, "Eicar-Test") || strings.Contains(said, planted) {
		t.Errorf("the signature is not logged: %s", said)
	}
}

func TestBombsAreNotGivenToTheScanner(t *testing.T) {
	t.Parallel()
	b := setup(t, gate.Require)
	drawing := pngOf(t, 200, 200)
	for what, c := range map[string]struct {
		data []byte
		code ekyc.ErrorCode
	}{
		"2.5 gigapixels": {slices.Concat(drawing[:8], chunk("IHDR", "\x00\x00\xc3\x50\x00\x00\xc3\x50\x01\x00\x00\x00\x00"), drawing[pngHeader:]), ekyc.ErrImageDimensions},
		"too many bytes": {make([]byte, small.MaxBytes+1), ekyc.ErrImageTooLarge},
		"nothing":        {nil, ekyc.ErrImageEmpty},
	} {
		b.refusal(t, what, c.code, "/frames_base64/0", c.data)
	}
	if all, _ := b.proxy.Connections(); all != 0 {
		t.Errorf("there were %d connections", all)
	}
	// A text that inflates to fifty megabytes is dropped without being inflated.
	bomb := slices.Concat(drawing[:pngHeader], chunk("zTXt", "Comment\x00\x00", deflated(strings.Repeat("\x00", 50<<20))), drawing[pngHeader:])
	list := uploads(bomb)
	if err := b.Admit(t.Context(), list); err != nil || !bytes.Equal(list[0].Data, drawing) {
		t.Errorf("a text that inflates: %v", err)
	}
}

func TestADistinctPictureIsScannedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, gate.Require)
	plain := jpegOf(t, 320, 240, 85)
	list := uploads(slices.Repeat([][]byte{plain}, 32)...)
	if err := b.Admit(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if all, _ := b.proxy.Connections(); all != 1 { // scans of distinct ones go side by side
		t.Errorf("32 times the same picture took %d connections", all)
	}
	var frames [][]byte
	for quality := range 32 {
		frames = append(frames, jpegOf(t, 320, 240, 60+quality))
	}
	most := 0
	for range 3 { // they need not meet on a machine that is busy
		if err := b.Admit(t.Context(), uploads(frames...)); err != nil {
			t.Fatal(err)
		}
		if _, most = b.proxy.Connections(); most >= 2 {
			break
		}
	}
	if most < 2 || most > 4 {
		t.Errorf("32 frames took %d connections at once", most)
	}
	if err := b.Admit(t.Context(), nil); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

func TestWhileTheScannerIsAway(t *testing.T) {
	t.Parallel()
	plain := jpegOf(t, 320, 240, 85)
	for _, fault := range []clamdtest.Fault{clamdtest.Silence, clamdtest.Garbage} {
		t.Run(fmt.Sprint("required ", fault), func(t *testing.T) {
			t.Parallel()
			b := setup(t, gate.Require)
			b.proxy.Set(fault)
			b.refusal(t, "a picture", ekyc.ErrUnavailable, "/frames_base64/0", plain)
			b.refusal(t, "a text", ekyc.ErrImageTypeUnsupported, "/frames_base64/0", []byte("a text")) // whatever the scanner would say
			if err := b.Alive(t.Context()); ekyc.CodeOf(err) != ekyc.ErrUnavailable {
				t.Errorf("alive: %v", err)
			}
			b.proxy.Set(clamdtest.None)
			b.recovers(t, plain)
		})
		t.Run(fmt.Sprint("preferred ", fault), func(t *testing.T) {
			t.Parallel()
			b := setup(t, gate.Prefer)
			b.proxy.Set(fault)
			for range 5 {
				list := uploads(laden(plain, 1), []byte(plain))
				if err := b.Admit(t.Context(), list); err != nil || bytes.Contains(list[0].Data, []byte(planted)) {
					t.Errorf("a picture: %v", err)
				}
			}
			if n := strings.Count(b.log.String(), "without having been scanned"); n != 1 {
				t.Errorf("it was said %d times: %s", n, b.log)
			}
			if err := b.Alive(t.Context()); ekyc.CodeOf(err) != ekyc.ErrUnavailable {
				t.Errorf("alive: %v", err)
			}
			b.proxy.Set(clamdtest.None)
			b.recovers(t, plain)
		})
	}
}

// recovers waits until malware is found again and pictures come in.
func (b *testBundle) recovers(t *testing.T, plain []byte) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := b.Admit(t.Context(), uploads(clamdtest.EICAR()))
		if ekyc.CodeOf(err) == ekyc.ErrMalwareDetected {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("malware is not found again: %v", err)
		}
	}
	if err := b.Admit(t.Context(), uploads(plain)); err != nil {
		t.Errorf("a picture afterwards: %v", err)
	}
	b.alive(t, "afterwards")
}

// alive waits until the scanner answers in the time that it has for that.
func (b *testBundle) alive(t *testing.T, when string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := b.Alive(t.Context())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not alive %s: %v", when, err)
		}
	}
}

func TestWhoLeavesTakesHisPicturesWithHim(t *testing.T) {
	t.Parallel()
	for _, antivirus := range []gate.Antivirus{gate.Require, gate.Prefer} {
		b := setup(t, antivirus)
		b.proxy.Set(clamdtest.Silence)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := b.Admit(ctx, uploads(jpegOf(t, 320, 240, 85))); ekyc.CodeOf(err) != ekyc.ErrCancelled {
			t.Errorf("%s: %v", antivirus, err)
		}
	}
}

// BenchmarkGate times a photograph of 2 MB with all that a telephone writes beside it, with clamd and without.
func BenchmarkGate(b *testing.B) {
	raster := photograph(2200, 1650)
	var photo []byte
	for quality := 70; len(photo) < 2<<20 && quality <= 100; quality += 3 {
		var err error
		if photo, err = vision.EncodeJPEG(raster, quality); err != nil {
			b.Fatal(err)
		}
	}
	file := slices.Concat(photo[:2], segment(0xe1, "Exif\x00\x00", string(exif(6))), segment(0xe2, "ICC_PROFILE\x00\x01\x01", string(profile(2))), photo[2:], make([]byte, 1000))
	off, err := gate.New(gate.Options{Antivirus: gate.Off})
	if err != nil {
		b.Fatal(err)
	}
	for name, g := range map[string]*gate.Gate{"without clamd": off, "with clamd": setup(b, gate.Require).Gate} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var took []time.Duration
			for b.Loop() {
				b.StopTimer()
				upload := &gate.Upload{Limits: vision.SceneLimits, Data: bytes.Clone(file)}
				b.StartTimer()
				start := time.Now()
				if err := g.Admit(b.Context(), []*gate.Upload{upload}); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
			b.ReportMetric(float64(len(file)), "bytes")
		})
	}
}
