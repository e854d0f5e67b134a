package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/gate"
	"ekyc/internal/keyring"
	"ekyc/internal/receipt"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/vision"
)

// issued is a folder with a receipt, the one of its review, the keys and what they are about, from a real service.
func issued(t *testing.T) (folder string, database []string) {
	t.Helper()
	server, err := storetest.Start(migrations()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	url := server.URL(t)
	folder = t.TempDir()
	root := filepath.Join(folder, "root.key")
	ring, err := keyring.Create(root)
	if err != nil {
		t.Fatal(err)
	}
	files, err := blob.OpenFiles(filepath.Join(folder, "files"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	v := vault.New(db, ring, files, vault.Options{})
	service := receipt.New(db, v, ring, receipt.Options{})
	scope := ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Test}
	salt, job := make([]byte, receipt.SaltSize), ekyc.NewID(ekyc.KindJob)
	photo := plainJPEG(t, 400, 300)
	clean, err := gate.Clean(bytes.Clone(photo), vision.SceneLimits)
	if err != nil {
		t.Fatal(err)
	}
	sent := append(append(bytes.Clone(photo[:2]), "\xff\xfe\x00\x13taken by a camera"...), photo[2:]...) // a comment (ITU-T T.81, B.2.4.5)
	result := []byte(`{"decision_by_score":"review","factors":[],"score":70.5}`)
	err = db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
		subject, err := v.CreateSubject(ctx, tx, scope, "")
		if err != nil {
			return err
		}
		err = service.Issue(ctx, tx, scope, receipt.Facts{
			Job: job, Subject: subject, Decision: ekyc.Review, Score: 7050, Inputs: []receipt.Input{{Kind: "selfie", Commitment: receipt.Commit(salt, clean)}}, Salt: salt, Result: result,
		})
		if err != nil {
			return err
		}
		return service.Amend(ctx, tx, scope, receipt.Amendment{Job: job, Decision: ekyc.Accepted, Review: receipt.Review{ID: ekyc.NewID(ekyc.KindReview), ReasonCode: "false_alarm", Reviewers: 1}})
	})
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, content any) {
		text, ok := content.([]byte)
		if !ok {
			if text, err = json.Marshal(content); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, sequence := range map[string]int{"first.json": 1, "second.json": 2} {
		signed, err := service.Get(t.Context(), scope, job, sequence, true)
		if err != nil {
			t.Fatal(err)
		}
		put(name, signed)
	}
	put("selfie.jpg", sent)
	put("clean.jpg", clean)
	put("result.json", result)
	put("job.json", map[string]any{"job_id": job, "status": "completed", "result": json.RawMessage(result)})
	database = []string{"--database-url", url, "--root-key-file", root, "--no-migrate"}
	code, keys, problems := command(t, append([]string{"receipt", "keys"}, database...)...)
	if code != exitOK {
		t.Fatalf("receipt keys: %d %s", code, problems)
	}
	put("keys.json", []byte(keys))
	return folder, database
}

func TestReceiptsAreVerifiedOffline(t *testing.T) {
	t.Parallel()
	folder, database := issued(t)
	in := func(name string) string { return filepath.Join(folder, name) }
	read := func(name string) string {
		text, err := os.ReadFile(in(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	edit := func(name, old, new string) string {
		return write(t, name, []byte(strings.Replace(read(name), old, new, 1)))
	}
	verify := func(args ...string) (int, string, string) {
		return command(t, append([]string{"receipt", "verify", "--key", in("keys.json")}, args...)...)
	}
	code, out, problems := verify(in("second.json"), "--input", "selfie="+in("selfie.jpg"), "--result", in("job.json"), "--previous", in("first.json"))
	if code != exitOK || problems != "" || !strings.HasPrefix(out, "the receipt is authentic\n") || strings.Count(out, "fits") != 3 || !strings.Contains(out, "accepted, score 70.5") {
		t.Errorf("%d %s %s", code, out, problems)
	}
	if code, out, _ := verify(in("first.json"), "--input", "selfie.0="+in("selfie.jpg"), "--result", in("result.json"), "--json"); code != exitOK || !strings.Contains(out, `"verified": true`) {
		t.Errorf("%d %s", code, out)
	}
	for what, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"an altered score":      {[]string{edit("first.json", `"score":70.5`, `"score":90.5`)}, exitRefuted, "signature"},
		"a reformatted one":     {[]string{edit("first.json", `"score":70.5`, `"score": 70.5`)}, exitRefuted, "canonical"},
		"accepted reformatted":  {[]string{edit("first.json", `"score":70.5`, `"score": 70.5`), "--reformatted"}, exitOK, ""},
		"another photograph":    {[]string{in("first.json"), "--input", "selfie=" + in("keys.json")}, exitRefuted, "selfie 0"},
		"the clean photograph":  {[]string{in("first.json"), "--input", "selfie=" + in("clean.jpg")}, exitOK, "fits"},
		"no such input":         {[]string{in("first.json"), "--input", "frame.3=" + in("selfie.jpg")}, exitRefuted, "frame 3"},
		"another result":        {[]string{in("first.json"), "--result", edit("result.json", "70.5", "71.5")}, exitRefuted, "result"},
		"another previous one":  {[]string{in("second.json"), "--previous", in("second.json")}, exitRefuted, "follow"},
		"no receipt":            {[]string{in("keys.json")}, exitRefuted, "receipt"},
		"no file":               {[]string{in("none.json")}, exitBadInput, "none.json"},
		"an input without file": {[]string{in("first.json"), "--input", "selfie"}, exitBadInput, "selfie"},
		"a negative position":   {[]string{in("first.json"), "--input", "frame.-1=" + in("selfie.jpg")}, exitBadInput, "frame.-1"},
	} {
		if code, out, problems := verify(c.args...); code != c.code || !strings.Contains(out+problems, c.want) || strings.Count(problems, "\n") > 1 {
			t.Errorf("%s: %d %q %q", what, code, out, problems)
		}
	}
	if code, _, problems := command(t, "receipt", "verify", in("first.json"), "--key", in("selfie.jpg")); code != exitBadInput || !strings.Contains(problems, "keys") {
		t.Errorf("no keys: %d %s", code, problems)
	}
	if code, out, _ := verify(in("none.json"), "--json"); code != exitBadInput || !strings.Contains(out, `"code": "file_unreadable"`) {
		t.Errorf("as JSON: %d %s", code, out)
	}

	// After a rotation the older key stays published, and verifies.
	code, out, problems = command(t, append([]string{"receipt", "rotate"}, database...)...)
	if set, err := receipt.ParseKeys([]byte(out)); code != exitOK || err != nil || len(set.Keys) != 2 || set.Keys[0].ValidUntil != nil || set.Keys[1].ValidUntil == nil {
		t.Fatalf("receipt rotate: %d %s %s", code, out, problems)
	}
	rotated := write(t, "keys.json", []byte(out))
	if code, _, problems := command(t, "receipt", "verify", in("first.json"), "--key", rotated); code != exitOK {
		t.Errorf("after the rotation: %d %s", code, problems)
	}
	if code, _, problems := command(t, "receipt", "keys"); code != exitBadInput || !strings.Contains(problems, "EKYC_DATABASE_URL") {
		t.Errorf("without a database: %d %s", code, problems)
	}
}

func TestReceiptHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"receipt", "--help"}, {"receipt", "verify", "--help"}, {"receipt", "keys", "--help"}, {"receipt", "rotate", "--help"}} {
		if code, out, problems := command(t, args...); code != exitOK || problems != "" || !strings.Contains(out, "receipt") {
			t.Errorf("%v: %d %s %s", args, code, out, problems)
		}
	}
}
