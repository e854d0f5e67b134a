package keyservice_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ekyc/internal/daemontest"
	"ekyc/internal/keyring"
	"ekyc/internal/keyring/keyservice"
	"ekyc/internal/keyring/keyservicetest"
)

// TestMain names the file in which Google's library looks for an account; the test that needs it writes it.
func TestMain(m *testing.M) {
	directory, err := os.MkdirTemp("", "ekyc-gcp-")
	if err != nil {
		panic(err)
	}
	os.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(directory, "account.json"))
	code := m.Run()
	os.RemoveAll(directory)
	os.Exit(code)
}

// provider is one key service under test, and what can be done to it.
type provider struct {
	keyring.Service
	deny, allow func()
	fault       *keyservicetest.Faults
}

// openVault is a fake of Vault.
func openVault(t *testing.T) provider {
	v := keyservicetest.StartVault(t)
	return provider{mustOpen(t, v.Address, keyservice.Options{Getenv: v.Getenv}), v.Deny, v.Allow, v.Faults}
}

// openGCP is a fake of Cloud KMS and of the service that gives tokens, written from their public documentation.
func openGCP(t *testing.T) provider {
	key := keyservicetest.NewKey(t)
	var denied atomic.Bool
	refuse := func(w http.ResponseWriter, status int, name string) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": status, "status": name, "message": "…"}})
	}
	sum := func(b []byte) string {
		return strconv.FormatUint(uint64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))), 10)
	}
	f := &keyservicetest.Faults{Throttled: func(w http.ResponseWriter) { refuse(w, 429, "RESOURCE_EXHAUSTED") }}
	const name = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
	f.Next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Plaintext, Ciphertext, AdditionalAuthenticatedData []byte
		}
		switch {
		case r.URL.Path == "/token":
			if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || strings.Count(r.FormValue("assertion"), ".") != 2 {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"ya29.token","token_type":"Bearer","expires_in":3600}`)
		case r.Header.Get("Authorization") != "Bearer ya29.token":
			refuse(w, 401, "UNAUTHENTICATED")
		case denied.Load():
			refuse(w, 403, "PERMISSION_DENIED")
		case json.NewDecoder(r.Body).Decode(&in) != nil:
			refuse(w, 400, "INVALID_ARGUMENT")
		case r.URL.Path == "/v1/"+name+":encrypt":
			sealed := key.Seal(nil, nil, in.Plaintext, in.AdditionalAuthenticatedData)
			json.NewEncoder(w).Encode(map[string]any{"name": name + "/cryptoKeyVersions/1", "ciphertext": sealed, "ciphertextCrc32c": sum(sealed)})
		case r.URL.Path == "/v1/"+name+":decrypt":
			plain, err := key.Open(nil, nil, in.Ciphertext, in.AdditionalAuthenticatedData)
			if err != nil {
				refuse(w, 400, "INVALID_ARGUMENT")
				return
			}
			json.NewEncoder(w).Encode(map[string]any{"plaintext": plain, "plaintextCrc32c": sum(plain)})
		default:
			refuse(w, 404, "NOT_FOUND")
		}
	})
	server := httptest.NewTLSServer(f)
	t.Cleanup(server.Close)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "ekyc@p.iam.gserviceaccount.com", "private_key_id": "1", "token_uri": server.URL + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err == nil {
		err = os.WriteFile(os.Getenv("GOOGLE_APPLICATION_CREDENTIALS"), account, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	environment := func(name string) string {
		return map[string]string{"CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS": server.URL + "/"}[name]
	}
	return provider{mustOpen(t, "gcp-kms://"+name, keyservice.Options{Client: server.Client(), Getenv: environment}), func() { denied.Store(true) }, func() { denied.Store(false) }, f}
}

// openAWS is a real server that speaks AWS KMS's protocol, another than Amazon's; it does not check signatures.
func openAWS(t *testing.T) provider {
	address := daemontest.FreeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program(t, "local-kms"))
	command.Env = []string{"PORT=" + port, "KMS_DATA_PATH=" + t.TempDir(), "KMS_SEED_PATH=/nonexistent", "KMS_REGION=eu-west-1", "KMS_ACCOUNT_ID=111122223333"}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
	base := "http://" + address
	ask := func(operation string, in any) (out struct{ KeyMetadata struct{ Arn string } }, err error) {
		body, _ := json.Marshal(in)
		r, _ := http.NewRequest(http.MethodPost, base+"/", bytes.NewReader(body))
		r.Header.Set("X-Amz-Target", "TrentService."+operation)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return out, err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return out, fmt.Errorf("%s: %s", operation, response.Status)
		}
		json.NewDecoder(response.Body).Decode(&out)
		return out, nil
	}
	made, err := ask("CreateKey", struct{}{})
	for deadline := time.Now().Add(time.Minute); err != nil && time.Now().Before(deadline); made, err = ask("CreateKey", struct{}{}) {
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	arn := made.KeyMetadata.Arn
	set := func(operation string) func() {
		return func() {
			if _, err := ask(operation, map[string]string{"KeyId": arn}); err != nil {
				t.Error(err)
			}
		}
	}
	target, _ := url.Parse(base)
	f := &keyservicetest.Faults{Next: httputil.NewSingleHostReverseProxy(target), Throttled: func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ThrottlingException","message":"Rate exceeded"}`)
	}}
	checked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/") || !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/kms/aws4_request") {
			t.Errorf("signed as %q", r.Header.Get("Authorization"))
		}
		f.ServeHTTP(w, r)
	})
	server := httptest.NewServer(checked)
	t.Cleanup(server.Close)
	environment := func(name string) string {
		return map[string]string{"AWS_ENDPOINT_URL_KMS": server.URL, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}[name]
	}
	return provider{mustOpen(t, "aws-kms://"+arn, keyservice.Options{Getenv: environment}), set("DisableKey"), set("EnableKey"), f}
}

// program finds a program that `make setup` builds into the folder .cache/bin of the repository.
func program(t *testing.T, name string) string {
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; folder = filepath.Dir(folder) {
		path := filepath.Join(folder, ".cache", "bin", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if folder == filepath.Dir(folder) {
			t.Fatalf("there is no .cache/bin/%s; `make setup` builds it", name)
		}
	}
}

// timeout is how long the service may take for one call.
const timeout = 3 * time.Second

func mustOpen(t *testing.T, address string, o keyservice.Options) keyring.Service {
	t.Helper()
	o.Timeout = timeout
	s, err := keyservice.Open(address, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
