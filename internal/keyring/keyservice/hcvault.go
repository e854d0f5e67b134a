package keyservice

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"ekyc"
	"ekyc/internal/keyring"
)

// hcVault is a key of Vault's transit engine. The token is VAULT_TOKEN, or lies in the file VAULT_TOKEN_FILE, such as an agent's sink, or in
// ~/.vault-token; a file is read for each call, so that a renewed token counts. VAULT_NAMESPACE and VAULT_CACERT are heeded.
type hcVault struct {
	service
	base, mount, key string
}

func openVault(address, rest string, o Options) (keyring.Service, error) {
	u, err := url.Parse("https://" + rest)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, malformed("hcvault://HOST:PORT/MOUNT/keys/NAME")
	}
	mount, key, ok := strings.Cut(strings.Trim(u.Path, "/"), "/keys/")
	if !ok || mount == "" || key == "" || strings.Contains(key, "/") {
		return nil, malformed("hcvault://HOST:PORT/MOUNT/keys/NAME")
	}
	v := &hcVault{service: service{address, o.caller()}, base: "https://" + u.Host, mount: mount, key: key}
	if path := v.getenv("VAULT_CACERT"); path != "" && o.Client == nil {
		certificates, err := os.ReadFile(path)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(certificates) {
			return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "VAULT_CACERT is not a file of certificates").Because(err)
		}
		v.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return v, nil
}

type vaultData struct {
	Plaintext  []byte `json:"plaintext,omitempty"`
	Ciphertext string `json:"ciphertext,omitempty"`
	Associated []byte `json:"associated_data,omitempty"`
}

// Encrypt gives Vault's own form, which names the version of its key.
func (v *hcVault) Encrypt(ctx context.Context, plaintext, associated []byte) ([]byte, error) {
	return v.again(ctx, func(ctx context.Context) ([]byte, error) {
		out, err := v.call(ctx, "encrypt", vaultData{Plaintext: plaintext, Associated: associated})
		if err == nil && !strings.HasPrefix(out.Ciphertext, "vault:") {
			err = garbage("no ciphertext")
		}
		return []byte(out.Ciphertext), err
	})
}

// Decrypt opens what Encrypt gave.
func (v *hcVault) Decrypt(ctx context.Context, ciphertext, associated []byte) ([]byte, error) {
	return v.again(ctx, func(ctx context.Context) ([]byte, error) {
		out, err := v.call(ctx, "decrypt", vaultData{Ciphertext: string(ciphertext), Associated: associated})
		if err == nil && len(out.Plaintext) == 0 {
			err = garbage("no plaintext")
		}
		return out.Plaintext, err
	})
}

func (v *hcVault) call(ctx context.Context, operation string, in vaultData) (out vaultData, err error) {
	status, answer, err := v.post(ctx, v.base+"/v1/"+v.mount+"/"+operation+"/"+url.PathEscape(v.key), in, v.authorise)
	if err != nil {
		return vaultData{}, err
	}
	if status == http.StatusOK {
		body := struct {
			Data vaultData `json:"data"`
		}{}
		err := read(answer, &body)
		return body.Data, err
	}
	return vaultData{}, vaultError(status, operation, answer)
}

func (v *hcVault) authorise(r *http.Request, _ []byte) error {
	token := v.getenv("VAULT_TOKEN")
	if token == "" {
		path := v.getenv("VAULT_TOKEN_FILE")
		if path == "" {
			path = filepath.Join(v.getenv("HOME"), ".vault-token")
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return keyring.Absence(err)
		}
		token = strings.TrimSpace(string(content))
	}
	r.Header.Set("X-Vault-Token", token)
	r.Header.Set("X-Vault-Request", "true")
	if namespace := v.getenv("VAULT_NAMESPACE"); namespace != "" {
		r.Header.Set("X-Vault-Namespace", namespace)
	}
	return nil
}

// vaultError reads a refusal. Vault words most of them as 400 and a sentence.
func vaultError(status int, operation string, answer []byte) error {
	var body struct {
		Errors []string `json:"errors"`
	}
	if status != http.StatusBadRequest {
		return judge(status, "")
	}
	if json.Unmarshal(answer, &body) != nil {
		return garbage("status 400")
	}
	said := strings.ToLower(strings.Join(body.Errors, "; "))
	for _, altered := range []string{"message authentication failed", "invalid ciphertext", "unable to decrypt"} {
		if operation == "decrypt" && strings.Contains(said, altered) {
			return keyring.Alteration(errorOf("Vault: the ciphertext does not open"))
		}
	}
	return keyring.Refusal(errorOf("Vault: status 400")) // no such key, a version that is not allowed any more, a key of another kind
}

type errorOf string

func (e errorOf) Error() string { return string(e) }
