package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/blob/s3test"
	"ekyc/internal/engine"
	"ekyc/internal/keyring"
)

func TestTheDoctorTellsOneJSONValue(t *testing.T) {
	t.Parallel()
	good, sick := diagnosed(engine.Diagnosis{Model: "a", Healthy: true}, modelAdvice), diagnosed(engine.Diagnosis{Model: "b", Problem: "it is not there"}, modelAdvice)
	for _, diagnoses := range [][]finding{{good}, {good, sick}} {
		var out bytes.Buffer
		c := &console{out: &out, err: &out}
		err := tellFindings(c, diagnoses, true)
		if err != nil {
			c.fail(err, true)
		}
		if (ekyc.CodeOf(err) == ekyc.ErrModelAltered) != (len(diagnoses) == 2) {
			t.Errorf("%d diagnoses: %v", len(diagnoses), err)
		}
		var value any
		if err := json.Unmarshal(out.Bytes(), &value); err != nil {
			t.Errorf("%d diagnoses: %v", len(diagnoses), err)
		}
		for _, d := range diagnoses {
			if !strings.Contains(out.String(), `"`+d.Model+`"`) {
				t.Errorf("nothing is said of %s", d.Model)
			}
		}
	}
}

// TestTheDoctorLooksAtWhatIsConfigured, and says of each fault what to do. What is not configured is not spoken of, and no secret is.
func TestTheDoctorLooksAtWhatIsConfigured(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	look := func(d DoctorCmd) map[string]finding {
		t.Helper()
		if d.DataDir == "" {
			d.DataDir = directory
		}
		found := map[string]finding{}
		for _, examine := range []func(context.Context) []finding{d.examineMachine, d.examineRootKeys, d.examineDatabase, d.examineTLS, d.examineMedia, d.examineLedger, d.examineClamd, d.examineExport} {
			for _, f := range examine(t.Context()) {
				found[f.Model] = f
				if (f.State == stateFail) == f.Healthy || (f.State != stateOK) != (f.Advice != "") || f.State == stateOK && f.Problem != "" {
					t.Errorf("%+v contradicts itself", f)
				}
				if strings.Contains(fmt.Sprintf("%+v", f), "planted") {
					t.Errorf("%+v has a secret", f)
				}
			}
		}
		return found
	}
	for part, f := range look(DoctorCmd{}) {
		if part != "disk of the data directory" && part != "memory" && part != "open files" || f.State == stateFail {
			t.Errorf("nothing is configured: %+v", f)
		}
	}

	var d DoctorCmd
	gateway, dead := s3test.Start(t), s3test.Start(t)
	d.MediaStore, d.AuditExport = s3test.Place(gateway.Bucket(t, false), gateway.Address), s3test.Place(gateway.Bucket(t, true), gateway.Address)
	d.AuditRetainDays = 1
	if _, err := keyring.Create(filepath.Join(directory, "root.key")); err != nil {
		t.Fatal(err)
	}
	d.TLSCert, d.TLSKey = selfSigned(t, 30*24*time.Hour)
	found := look(d)
	for part, state := range map[string]string{
		"root keys": stateOK, "media store": stateOK, "erasure ledger": stateOK, "clock, against the media store": stateOK, "audit export": stateOK, "TLS certificate": stateWarn,
	} {
		if found[part].State != state {
			t.Errorf("%s: %+v, want %s", part, found[part], state)
		}
	}

	dead.Kill()
	d.MediaStore, d.AuditExport, d.AuditRetainDays = s3test.Place("media", dead.Address), s3test.Place(gateway.Bucket(t, false), gateway.Address), 0
	d.DatabaseURL = "postgres://x:planted@127.0.0.1:9/ekyc?sslmode=disable"
	if err := os.Chmod(filepath.Join(directory, "root.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.TLSCert, d.TLSKey = selfSigned(t, 24*time.Hour)
	found = look(d)
	for part, says := range map[string]string{
		"root keys": "0600", "media store": "connection refused", "erasure ledger": "connection refused", "audit export": "Object Lock", "database": "connection refused",
	} {
		if f := found[part]; f.State != stateFail || !strings.Contains(f.Problem, says) {
			t.Errorf("%s: %+v, want a failure that says %q", part, f, says)
		}
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777), os.Chmod(filepath.Join(directory, "root.key"), 0o600), os.Rename(filepath.Join(directory, "root.key"), filepath.Join(open, "root.key"))); err != nil {
		t.Fatal(err)
	}
	d.RootKeyFile = filepath.Join(open, "root.key")
	if f := look(d)["root keys"]; f.State != stateFail || !strings.Contains(f.Problem, "every user may put another file in its place") || !strings.Contains(f.Advice, "chown") {
		t.Errorf("root keys that anybody may replace: %+v", f)
	}
	if f := found["TLS certificate"]; f.State != stateWarn || !strings.Contains(f.Problem, "expires in") {
		t.Errorf("a certificate that ends tomorrow: %+v", f)
	}
	d.TLSCert, d.TLSKey = selfSigned(t, -time.Hour)
	if f := look(d)["TLS certificate"]; f.State != stateFail || !strings.Contains(f.Problem, "expired") {
		t.Errorf("one that has ended: %+v", f)
	}
}

func TestTheDoctorJudgesClocksAndMemory(t *testing.T) {
	t.Parallel()
	for skew, state := range map[time.Duration]string{time.Second: stateOK, -5 * time.Second: stateWarn, 2 * time.Minute: stateFail, -2 * time.Minute: stateFail} {
		if f := clock("clock", skew, skewMinded, skewFails); f.State != state {
			t.Errorf("%s: %+v", skew, f)
		}
	}
	limit := memoryLimit()
	if limit == 0 {
		t.Fatal("the memory of this machine is not seen")
	}
	for engines, state := range map[int]string{0: stateOK, int(limit / engineIdle): stateFail, int((limit - ownMemory) / (engineMemory - engineMemory/4)): stateWarn} {
		if f := examineMemory(engines); f.State != state {
			t.Errorf("%d engines: %+v", engines, f)
		}
	}
}

// selfSigned writes a certificate that ends after a time, and its key.
func selfSigned(t *testing.T, life time.Duration) (chain, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(life), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "chain.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), write(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}
