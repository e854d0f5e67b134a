package gate

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc/internal/capture/page"
	"ekyc/internal/e2e"
	"ekyc/internal/gate/clamdtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	e2e.CleanUp()
	os.Exit(code)
}

// planted stands in pictures that are refused, and in the metadata of those that are taken. It may be found nowhere.
const planted = "PLANTED-5cd0a4e1-IN-A-PICTURE"

type object = map[string]any

// testBundle is a deployment under test: a clamd, a proxy before it, a server that requires scans, and a tenant.
type testBundle struct {
	daemon *clamdtest.Daemon
	proxy  *clamdtest.Proxy
	site   *e2e.Site
	server *e2e.Server
	tenant string
	client *e2e.Client

	selfie, front []byte
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b := &testBundle{daemon: clamdtest.Start(t)}
	b.proxy = clamdtest.NewProxy(t, b.daemon)
	b.site = e2e.StartSite(t)
	b.server = b.serve(t, "require")
	operator := b.site.Login(t, b.server)
	b.tenant, b.client = operator.NewKey(t, b.server.BaseURL, "pro", "test", nil)
	b.selfie, b.front = e2e.Person(t)
	return b
}

// serve starts a server with a rule for uploads that cannot be scanned.
func (b *testBundle) serve(t *testing.T, antivirus string) *e2e.Server {
	t.Helper()
	return b.site.StartServe(t, "--clamd", b.proxy.Address, "--antivirus", antivirus, "--antivirus-timeout", "2s", "--engines", "1")
}

// at gives a client of another server.
func (b *testBundle) at(s *e2e.Server) *e2e.Client {
	return &e2e.Client{BaseURL: s.BaseURL, KeyID: b.client.KeyID, Secret: b.client.Secret}
}

// described puts into a JPEG what a telephone writes: how it was held, and the planted text as the camera's maker and as a comment.
func described(jpeg []byte, orientation int) []byte {
	text := append([]byte(planted), 0)
	tiff := []byte("MM\x00*\x00\x00\x00\x08\x00\x02")
	order := binary.BigEndian
	tiff = order.AppendUint32(order.AppendUint32(append(tiff, 0x01, 0x0f, 0, 2), uint32(len(text))), 38) // the camera's maker
	tiff = append(tiff, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0, 0, 0, 0, 0)
	tiff = append(tiff, text...)
	return slices.Concat(jpeg[:2], segment(0xe1, append([]byte("Exif\x00\x00"), tiff...)), segment(0xfe, []byte(planted)), jpeg[2:])
}

func segment(marker byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2)), body...)
}

// infected is a picture with the planted text and the antivirus test string behind it.
func infected(jpeg []byte) []byte {
	return append(described(jpeg, 1), clamdtest.EICAR()...)
}

// way is one member of one route by which a picture can come in.
type way struct {
	route, member string
	send          func(t *testing.T, c *e2e.Client, picture string) e2e.Answer
}

// ways are all of them; TestGate holds them against the OpenAPI document.
func (b *testBundle) ways(t *testing.T) []way {
	t.Helper()
	selfie, front := e2e.Base64(b.selfie), e2e.Base64(b.front)
	subject := b.client.Do(t, http.MethodPost, "/v1/subjects", object{})
	var made struct {
		ID string `json:"subject_id"`
	}
	subject.JSON(t, &made)
	post := func(route, member string, rest object) way {
		return way{route, member, func(t *testing.T, c *e2e.Client, picture string) e2e.Answer {
			body := object{}
			for name, value := range rest {
				body[name] = value
			}
			body[member] = picture
			if strings.HasPrefix(member, "frames") {
				body[member] = []string{picture, selfie}
			}
			return c.Do(t, http.MethodPost, strings.ReplaceAll(route, "{id}", made.ID), body)
		}}
	}
	const live, frames, documentFront, documentBack = "image_live_base64", "frames_base64", "image_front_base64", "image_back_base64"
	list := []way{
		post("/v1/liveness/analyze", live, nil), post("/v1/liveness/analyze", frames, nil),
		post("/v1/document/ocr", documentFront, nil), post("/v1/document/ocr", documentBack, object{documentFront: front}),
		post("/v1/document/validate", documentFront, nil), post("/v1/document/validate", documentBack, object{documentFront: front}),
		post("/v1/face/match", live, object{"image_document_base64": front}), post("/v1/face/match", "image_document_base64", object{live: selfie}),
		post("/v1/kyc/verify", live, object{documentFront: front}), post("/v1/kyc/verify", frames, object{documentFront: front}),
		post("/v1/kyc/verify", documentFront, object{live: selfie}), post("/v1/kyc/verify", documentBack, object{live: selfie, documentFront: front}),
		post("/v1/subjects", "image_reference_base64", nil), post("/v1/subjects/{id}", "image_reference_base64", nil),
	}
	for _, member := range []string{live, frames, documentFront, documentBack} {
		list = append(list, b.page(member, object{live: selfie, documentFront: front}))
	}
	return list
}

// page sends a picture from a capture page of its own.
func (b *testBundle) page(member string, rest object) way {
	return way{"/capture/{token}/pictures", member, func(t *testing.T, c *e2e.Client, picture string) e2e.Answer {
		t.Helper()
		var link struct {
			Token string `json:"token"`
		}
		c.Do(t, http.MethodPost, "/v1/captures", object{}).JSON(t, &link)
		visitor := &e2e.Operator{BaseURL: c.BaseURL + "/capture/" + link.Token}
		if a := visitor.Do(t, http.MethodPost, "/consent", object{"version": page.ConsentVersion, "language": "en"}); a.Status != http.StatusOK {
			t.Fatalf("consent: %d %s", a.Status, a.Body)
		}
		body := object{}
		for name, value := range rest {
			body[name] = value
		}
		body[member] = picture
		if member == "frames_base64" {
			delete(body, "image_live_base64")
			body[member] = []any{picture, rest["image_live_base64"]}
		}
		return visitor.Do(t, http.MethodPost, "/pictures", body)
	}}
}

// database is a connection that sees every row of every tenant, as who holds the disk does.
func (b *testBundle) database(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), b.site.DatabaseURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// holdings counts what a tenant's requests can leave: rows, units and files.
func (b *testBundle) holdings(t *testing.T) map[string]int64 {
	t.Helper()
	conn, out := b.database(t), map[string]int64{}
	for _, table := range []string{"job", "job_step", "subject", "media", "usage_event", "reservation", "webhook_event", "idempotency"} {
		var n int64
		if err := conn.QueryRow(context.Background(), "select count(*) from ekyc."+table).Scan(&n); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		out[table] = n
	}
	var units int64
	if err := conn.QueryRow(context.Background(), "select coalesce(sum(used + reserved), 0) from ekyc.quota_usage").Scan(&units); err != nil {
		t.Fatal(err)
	}
	out["units"], out["files"] = units, int64(len(filesUnder(t, filepath.Join(b.site.DataDir, "files"))))
	return out
}

func filesUnder(t *testing.T, directory string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// traces gives the files in which a text stands, as it is, in hexadecimal digits, or in base64 wherever it began.
func traces(t *testing.T, text string, directories ...string) (found []string) {
	t.Helper()
	forms := [][]byte{[]byte(text), []byte(hex.EncodeToString([]byte(text)))}
	for shift := range 3 {
		coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + text))
		forms = append(forms, []byte(coded[4:len(coded)-4]))
	}
	for _, directory := range directories {
		for _, path := range filesUnder(t, directory) {
			content, err := os.ReadFile(path)
			if err != nil {
				continue // it has gone meanwhile
			}
			for _, form := range forms {
				if bytes.Contains(content, form) {
					found = append(found, path)
					break
				}
			}
		}
	}
	return found
}

// nothingLeft fails the test when the planted text stands in a file of the service, the database or clamd, or in what the service wrote. What is to be found is
// proven to be found by a text that is put into the database.
func (b *testBundle) nothingLeft(t *testing.T) {
	t.Helper()
	conn := b.database(t)
	const control = "CONTROL-b3f0c7-IN-THE-DATABASE"
	for _, statement := range []string{"create table if not exists public.control (text text)", "insert into public.control values ('" + control + "')", "checkpoint"} {
		if _, err := conn.Exec(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	where := []string{b.site.DataDir, b.daemon.Directory}
	if len(traces(t, control, where...)) == 0 {
		t.Fatal("the search does not find what is in the database")
	}
	if found := traces(t, planted, where...); len(found) > 0 {
		t.Errorf("left in %v", found)
	}
	if strings.Contains(b.server.Output(), planted) {
		t.Error("left in the log")
	}
}

func same(t *testing.T, what string, before, after map[string]int64) {
	t.Helper()
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("%s: there was %v, and now there is %v", what, before, after)
	}
}
