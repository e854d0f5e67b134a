package contract

import (
	"bytes"
	"context"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ekyc/internal/e2e"
)

// TestARestoredServiceServesNobodyWhoWasErased: a backup, an erasure, and the backup restored into a fresh database, by the program as it is shipped. Only a
// process that answers requests is started there: one that works would deliver again what other tests wait for.
func TestARestoredServiceServesNobodyWhoWasErased(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro").test
	selfie, _ := e2e.Person(t)
	made := func(ref string) string {
		return want[object](t, c.Do(t, http.MethodPost, "/v1/subjects", object{"subject_ref": ref, "image_reference_base64": e2e.Base64(selfie)}), 201)["subject_id"].(string)
	}
	erased, stays := made("zq9-erased"), made("zq9-stays")
	ledger, rootKey := filepath.Join(up.DataDir, "erasures"), filepath.Join(up.DataDir, "root.key")
	command := func(environment []string, args ...string) string {
		t.Helper()
		command := exec.Command(e2e.Binary(t), args...)
		command.Env = append(os.Environ(), environment...)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
		return string(out)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	command(nil, "backup", "create", "--data-dir", up.DataDir, "--out", backup) // beside the service, which runs
	want[object](t, c.Do(t, http.MethodDelete, "/v1/subjects/"+erased, nil), 200)

	conn := database(t)
	if _, err := conn.Exec(context.Background(), "create database restored"); err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(up.DatabaseURL(), "dbname=ekyc", "dbname=restored", 1)
	directory := e2e.Directory(t)
	alone := exec.Command(e2e.Binary(t), "backup", "restore", "--from", backup, "--data-dir", directory, "--root-key-file", rootKey)
	alone.Env = append(os.Environ(), "EKYC_DATABASE_URL="+url)
	if out, err := alone.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("no ledger of erasures")) {
		t.Errorf("a restore that forgets erasures: %v %s", err, out)
	}
	command([]string{"EKYC_DATABASE_URL=" + url}, "backup", "restore", "--from", backup, "--data-dir", directory, "--root-key-file", rootKey, "--ledger", ledger)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close() // free a moment ago
	p := e2e.Start(t, []string{"EKYC_DATABASE_URL=" + url}, "serve", "--data-dir", directory, "--root-key-file", rootKey, "--ledger", ledger, "--listen", address, "--admin-listen", "",
		"--metrics-listen", "", "--no-mx-lookups", "--engines", "1")
	there := &e2e.Client{BaseURL: "http://" + address, KeyID: c.KeyID, Secret: c.Secret}
	e2e.WaitReady(t, p, there.BaseURL)
	refused(t, "the erased one", there.Do(t, http.MethodGet, "/v1/subjects/"+erased, nil), 410, "gone")
	refused(t, "its reference", there.Do(t, http.MethodPost, "/v1/face/match", object{"image_live_base64": e2e.Base64(selfie), "subject_id": erased}), 410, "gone")
	if s := want[object](t, there.Do(t, http.MethodGet, "/v1/subjects/"+stays, nil), 200); s["subject_ref"] != "zq9-stays" || s["has_reference"] != true {
		t.Errorf("who stays is %v", s)
	}
	want[object](t, there.Do(t, http.MethodPost, "/v1/face/match", object{"image_live_base64": e2e.Base64(selfie), "subject_id": stays}), 200)
	if certificate := want[object](t, there.Do(t, http.MethodGet, "/v1/subjects/"+erased+"/certificate", nil), 200)["certificate"].(object); certificate["cause"] != "restore" {
		t.Errorf("the certificate says %v", certificate)
	}
	if !strings.Contains(p.Output(), "repeated from the ledger") {
		t.Error("the operator is not told")
	}

	// Neither the backup nor what it was restored to has anything of a person in the open.
	needles := []e2e.Needle{e2e.NewNeedle("reference", []byte("zq9-erased")), e2e.NewNeedle("another reference", []byte("zq9-stays")), e2e.NewNeedle("picture, its middle", selfie[len(selfie)/2:len(selfie)/2+24])}
	for _, root := range []string{backup, directory, ledger} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return nil // files come and go
			}
			content, err := os.ReadFile(path)
			for _, n := range needles {
				if n.In(content) {
					t.Errorf("the %s is found in %s", n.Name, path)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if entries, err := filepath.Glob(filepath.Join(ledger, "*", "*")); err != nil || len(entries) == 0 {
		t.Errorf("the ledger is empty, %v", err)
	}
	if manifest, err := os.ReadFile(filepath.Join(backup, "manifest.json")); err != nil || !bytes.Contains(manifest, []byte("keys_expire_at")) {
		t.Errorf("the manifest: %s, %v", manifest, err)
	}
}
