package gate

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/e2e"
	"ekyc/internal/gate"
	"ekyc/internal/gate/clamdtest"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
	"ekyc/internal/vault"
	"ekyc/internal/vision"
)

// TestGate has one deployment; its parts come one after the other, because they share clamd's faults and count what is left.
func TestGate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("every way in is known", b.everyWayInIsKnown)
	t.Run("malware leaves nothing", b.malwareLeavesNothing)
	t.Run("bombs and other files leave nothing", b.otherRefusalsLeaveNothing)
	t.Run("clamd is away", b.clamdIsAway)
	t.Run("scans are preferred", b.scansArePreferred)
	t.Run("what is kept is clean", b.whatIsKeptIsClean)
	t.Run("what happened is counted", b.whatHappenedIsCounted)
}

// everyWayInIsKnown holds the list of this test against the OpenAPI document, so that a new route is not forgotten.
func (b *testBundle) everyWayInIsKnown(t *testing.T) {
	var document struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					} `json:"schema"`
				} `json:"content"`
			} `json:"requestBody"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	b.client.Do(t, http.MethodGet, "/v1/openapi.json", nil).JSON(t, &document)
	picture := regexp.MustCompile(`^(image_\w+|frames)_base64$`)
	var listed, known []string
	for path, operations := range document.Paths {
		for _, operation := range operations {
			name := filepath.Base(operation.RequestBody.Content["application/json"].Schema.Ref)
			for member := range document.Components.Schemas[name].Properties {
				if picture.MatchString(member) {
					listed = append(listed, path+" "+member)
				}
			}
		}
	}
	for _, w := range b.ways(t) {
		if strings.HasPrefix(w.route, "/v1/") {
			known = append(known, w.route+" "+w.member)
		}
	}
	slices.Sort(listed)
	slices.Sort(known)
	if !slices.Equal(listed, known) {
		t.Errorf("the document has %v, this test knows %v", listed, known)
	}
}

func (b *testBundle) malwareLeavesNothing(t *testing.T) {
	ways := b.ways(t)
	for _, w := range ways {
		before := b.holdings(t)
		for what, picture := range map[string][]byte{"behind a picture": infected(b.selfie), "the test string": clamdtest.EICAR()} {
			a := w.send(t, b.client, e2e.Base64(picture))
			if a.Status != http.StatusUnprocessableEntity || a.Code() != "malware_detected" || bytes.Contains(a.Body, []byte("Eicar")) {
				t.Errorf("%s %s: %s: answered %d %.300s", w.route, w.member, what, a.Status, a.Body)
			}
			if !bytes.Contains(a.Body, []byte("/"+w.member)) {
				t.Errorf("%s %s: %s: the answer does not name the picture: %.300s", w.route, w.member, what, a.Body)
			}
		}
		same(t, w.route+" "+w.member, before, b.holdings(t))
	}
	b.nothingLeft(t)
}

// pngChunk writes a chunk of a PNG.
func pngChunk(kind string, body []byte) []byte {
	out := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), kind...)
	out = append(out, body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// bomb is a PNG of 400 megapixels in some kilobytes.
func bomb() []byte {
	const side = 20000
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, side), side)
	var data bytes.Buffer
	w, _ := zlib.NewWriterLevel(&data, zlib.BestCompression)
	w.Write(make([]byte, side/8*2000))
	w.Close()
	return slices.Concat([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(header, 1, 0, 0, 0, 0)), pngChunk("tEXt", []byte("Comment\x00"+planted)), pngChunk("IDAT", data.Bytes()), pngChunk("IEND", nil))
}

func (b *testBundle) otherRefusalsLeaveNothing(t *testing.T) {
	for i, w := range b.ways(t) {
		before := b.holdings(t)
		for what, c := range map[string]struct {
			picture []byte
			code    ekyc.ErrorCode
		}{
			"a bomb":              {bomb(), ekyc.ErrImageDimensions},
			"a page":              {append(described(b.selfie, 1), "<script>alert(1)</script>"...), ekyc.ErrImageForeignContent},
			"a text":              {[]byte(planted), ekyc.ErrImageTypeUnsupported},
			"half a photograph":   {described(b.selfie, 1)[:len(b.selfie)/2], ekyc.ErrImageCorrupt},
			"nothing":             {nil, ekyc.ErrImageEmpty},
			"more than 10 MB":     {append(described(b.selfie, 1), make([]byte, 10<<20)...), ekyc.ErrImageTooLarge},
			"an animated picture": {[]byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\xff\x00\x00\xff\x00\x00"), ekyc.ErrImageTypeUnsupported},
		} {
			if len(c.picture) > 1<<20 && i%6 > 0 { // a megabyte of base64 is much for a test
				continue
			}
			a := w.send(t, b.client, e2e.Base64(c.picture))
			if a.Code() != string(c.code) || bytes.Contains(a.Body, []byte(planted)) {
				t.Errorf("%s %s: %s: answered %d %.300s", w.route, w.member, what, a.Status, a.Body)
			}
		}
		same(t, w.route+" "+w.member, before, b.holdings(t))
	}
	b.nothingLeft(t)
}

// ready asks a server whether it is.
func ready(t *testing.T, s *e2e.Server) (status int, antivirus string) {
	t.Helper()
	response, err := http.Get(s.BaseURL + "/v1/ready")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var parts struct {
		Parts map[string]string `json:"parts"`
	}
	json.Unmarshal(body, &parts)
	return response.StatusCode, parts.Parts["antivirus"]
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not seen: %s", what)
		}
	}
}

func (b *testBundle) clamdIsAway(t *testing.T) {
	ways := b.ways(t)
	send := func(w way) e2e.Answer { return w.send(t, b.client, e2e.Base64(described(b.selfie, 1))) }
	refused := func(fault string, w way) {
		t.Helper()
		a := send(w)
		if a.Status != http.StatusServiceUnavailable || a.Code() != "unavailable" || a.Header.Get("Retry-After") == "" || !bytes.Contains(a.Body, []byte(`"antivirus"`)) {
			t.Errorf("%s: %s %s: answered %d %.300s", fault, w.route, w.member, a.Status, a.Body)
		}
	}
	recovered := func(fault string) {
		t.Helper()
		eventually(t, "ready after "+fault, func() bool { status, _ := ready(t, b.server); return status == http.StatusOK })
		eventually(t, "malware is found after "+fault, func() bool {
			return ways[0].send(t, b.client, e2e.Base64(clamdtest.EICAR())).Code() == "malware_detected"
		})
		if a := b.client.Do(t, http.MethodPost, "/v1/liveness/analyze", object{"image_live_base64": e2e.Base64(b.selfie)}); a.Status != http.StatusOK {
			t.Errorf("after %s: answered %d %.300s", fault, a.Status, a.Body)
		}
	}
	before := b.holdings(t)
	b.daemon.Kill()
	for _, w := range ways {
		refused("killed", w)
	}
	same(t, "killed", before, b.holdings(t))
	if status, _ := ready(t, b.server); status != http.StatusServiceUnavailable {
		t.Errorf("the server is ready without a scanner: %d", status)
	}
	b.daemon.Run(t)
	recovered("a kill")

	for name, fault := range map[string]clamdtest.Fault{"silence": clamdtest.Silence, "nonsense": clamdtest.Garbage} {
		before := b.holdings(t)
		b.proxy.Set(fault)
		for _, w := range ways[:4] {
			start := time.Now()
			refused(name, w)
			if took := time.Since(start); took > 45*time.Second {
				t.Errorf("%s: the refusal took %s", name, took)
			}
		}
		same(t, name, before, b.holdings(t))
		b.proxy.Set(clamdtest.None)
		recovered(name)
	}

	before = b.holdings(t)
	b.proxy.CutAfter(50_000, b.daemon.Kill)
	refused("killed in the middle", ways[0])
	same(t, "killed in the middle", before, b.holdings(t))
	b.daemon.Run(t)
	recovered("a kill in the middle")

	b.proxy.CutAfter(50_000, nil) // one connection that breaks is tried again
	if a := send(ways[0]); a.Status != http.StatusOK {
		t.Errorf("a connection broke: answered %d %.300s", a.Status, a.Body)
	}
	b.nothingLeft(t)
}

func (b *testBundle) scansArePreferred(t *testing.T) {
	server := b.serve(t, "prefer")
	client := b.at(server)
	body := object{"image_live_base64": e2e.Base64(b.selfie)}
	if status, antivirus := ready(t, server); status != http.StatusOK || antivirus != "ready" {
		t.Errorf("ready: %d %s", status, antivirus)
	}
	b.daemon.Kill()
	if a := client.Do(t, http.MethodPost, "/v1/liveness/analyze", body); a.Status != http.StatusOK {
		t.Errorf("unscanned: answered %d %.300s", a.Status, a.Body)
	}
	eventually(t, "a scanner that is away", func() bool {
		status, antivirus := ready(t, server)
		return status == http.StatusOK && antivirus == "away"
	})
	b.daemon.Run(t)
	eventually(t, "malware refused again", func() bool {
		a := client.Do(t, http.MethodPost, "/v1/liveness/analyze", object{"image_live_base64": e2e.Base64(infected(b.selfie))})
		return a.Code() == "malware_detected"
	})
	if !strings.Contains(server.Output(), "without having been scanned") {
		t.Error("it is not said that uploads were taken unscanned")
	}
}

// whatIsKeptIsClean sends a verification and a reference with metadata, opens what was stored with the service's own keys, and lets a worker finish the
// verification on it.
func (b *testBundle) whatIsKeptIsClean(t *testing.T) {
	sent := map[vault.MediaKind][]byte{vault.MediaSelfie: described(b.selfie, 1), vault.MediaDocumentFront: described(b.front, 1), vault.MediaReference: described(b.selfie, 1)}
	a := b.client.Do(t, http.MethodPost, "/v1/kyc/verify", object{"image_live_base64": e2e.Base64(sent[vault.MediaSelfie]), "image_front_base64": e2e.Base64(sent[vault.MediaDocumentFront])})
	if a.Status != http.StatusAccepted {
		t.Fatalf("verify: %d %s", a.Status, a.Body)
	}
	var job e2e.Job
	a.JSON(t, &job)
	if a := b.client.Do(t, http.MethodPost, "/v1/subjects", object{"image_reference_base64": e2e.Base64(sent[vault.MediaReference])}); a.Status != http.StatusCreated {
		t.Fatalf("reference: %d %s", a.Status, a.Body)
	}
	kept := b.kept(t)
	if len(kept) != len(sent) {
		t.Errorf("%d pictures are kept", len(kept))
	}
	for kind, data := range kept {
		wanted, err := gate.Clean(bytes.Clone(sent[kind]), vision.SceneLimits)
		if err != nil || !bytes.Equal(data, wanted) || bytes.Contains(data, []byte(planted)) {
			t.Errorf("%s: what is kept is not the clean file (%v)", kind, err)
		}
	}
	b.site.StartWorker(t, "--engines", "1")
	if done := b.client.AwaitJob(t, job.JobID, 4*time.Minute); done.Status != "completed" {
		t.Errorf("the verification is %s", done.Status)
	}
	b.nothingLeft(t)
}

// kept opens every picture that is stored.
func (b *testBundle) kept(t *testing.T) map[vault.MediaKind][]byte {
	t.Helper()
	ring, err := keyring.Open(filepath.Join(b.site.DataDir, "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := blob.OpenFiles(filepath.Join(b.site.DataDir, "files"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), b.site.DatabaseURL(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	v := vault.New(db, ring, files, vault.Options{})
	rows, err := b.database(t).Query(context.Background(), "select id, kind from ekyc.media")
	if err != nil {
		t.Fatal(err)
	}
	kept := map[vault.MediaKind][]byte{}
	for rows.Next() {
		var id ekyc.ID
		var kind vault.MediaKind
		if err := rows.Scan(&id, &kind); err != nil {
			t.Fatal(err)
		}
		data, _, err := v.ReadMedia(t.Context(), ekyc.Scope{Tenant: ekyc.ID(b.tenant), Environment: ekyc.Test}, id)
		if err != nil {
			t.Fatal(err)
		}
		kept[kind] = data
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return kept
}

func (b *testBundle) whatHappenedIsCounted(t *testing.T) {
	response, err := http.Get(b.server.MetricsURL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`ekyc_gate_images_total{outcome="malware_detected"}`, `ekyc_gate_images_total{outcome="scanned"}`, `ekyc_gate_images_total{outcome="unavailable"}`,
		`ekyc_gate_images_total{outcome="image_foreign_content"}`, `ekyc_antivirus_up 1`, `ekyc_gate_duration_seconds_count`, `ekyc_antivirus_scan_duration_seconds_count`,
		`ekyc_requests_refused_total{code="malware_detected"`,
	} {
		if !bytes.Contains(body, []byte("\n"+line)) {
			t.Errorf("%s is not told", line)
		}
	}
}
