package keyservice

import (
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"net/http"
	"regexp"
	"strconv"
	"sync"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"ekyc/internal/keyring"
)

// gcpKMS is a symmetric key of Google Cloud KMS. Credentials are the application default ones: GOOGLE_APPLICATION_CREDENTIALS, those of gcloud, or the
// machine's. CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS names another address, such as a private endpoint.
type gcpKMS struct {
	service
	endpoint, key string

	mu     sync.Mutex
	tokens oauth2.TokenSource
}

const gcpScope = "https://www.googleapis.com/auth/cloudkms"

var gcpKey = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$`)

func openGCP(address, key string, o Options) (keyring.Service, error) {
	if !gcpKey.MatchString(key) {
		return nil, malformed("gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K")
	}
	g := &gcpKMS{service: service{address, o.caller()}, key: key}
	const elsewhere = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS"
	if endpoint := g.getenv(elsewhere); endpoint != "" {
		var err error
		g.endpoint, err = secured(elsewhere, endpoint)
		return g, err
	}
	g.endpoint = "https://cloudkms.googleapis.com"
	return g, nil
}

type gcpRequest struct {
	Plaintext  []byte `json:"plaintext,omitempty"`
	Ciphertext []byte `json:"ciphertext,omitempty"`
	Associated []byte `json:"additionalAuthenticatedData,omitempty"`
}

type gcpAnswer struct {
	Plaintext     []byte `json:"plaintext"`
	PlaintextSum  string `json:"plaintextCrc32c"`
	Ciphertext    []byte `json:"ciphertext"`
	CiphertextSum string `json:"ciphertextCrc32c"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// intact holds what came against its sum, as the service's documentation asks for.
func intact(content []byte, sum string) bool {
	return len(content) > 0 && strconv.FormatUint(uint64(crc32.Checksum(content, castagnoli)), 10) == sum
}

// Encrypt gives the service's own form.
func (g *gcpKMS) Encrypt(ctx context.Context, plaintext, associated []byte) ([]byte, error) {
	return g.again(ctx, func(ctx context.Context) ([]byte, error) {
		out, err := g.call(ctx, "encrypt", gcpRequest{Plaintext: plaintext, Associated: associated})
		if err == nil && !intact(out.Ciphertext, out.CiphertextSum) {
			err = garbage("no ciphertext, or an altered one")
		}
		return out.Ciphertext, err
	})
}

// Decrypt opens what Encrypt gave.
func (g *gcpKMS) Decrypt(ctx context.Context, ciphertext, associated []byte) ([]byte, error) {
	return g.again(ctx, func(ctx context.Context) ([]byte, error) {
		out, err := g.call(ctx, "decrypt", gcpRequest{Ciphertext: ciphertext, Associated: associated})
		if err == nil && !intact(out.Plaintext, out.PlaintextSum) {
			err = garbage("no plaintext, or an altered one")
		}
		return out.Plaintext, err
	})
}

func (g *gcpKMS) call(ctx context.Context, operation string, in gcpRequest) (out gcpAnswer, err error) {
	status, answer, err := g.post(ctx, g.endpoint+"/v1/"+g.key+":"+operation, in, g.authorise)
	if err != nil {
		return gcpAnswer{}, err
	}
	if status == http.StatusOK {
		err := read(answer, &out)
		return out, err
	}
	return gcpAnswer{}, gcpError(status, operation, answer)
}

func (g *gcpKMS) authorise(r *http.Request, _ []byte) error {
	tokens, err := g.source()
	if err != nil {
		return keyring.Absence(errorOf("Google: there are no credentials"))
	}
	token, err := tokens.Token()
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response != nil {
		return judge(refused.Response.StatusCode, "of the tokens") // its text holds the answer
	}
	if err != nil {
		return keyring.Absence(errorOf("Google: no token could be had"))
	}
	token.SetAuthHeader(r)
	return nil
}

// source gives where tokens come from, which remembers them until they end.
func (g *gcpKMS) source() (oauth2.TokenSource, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tokens != nil {
		return g.tokens, nil
	}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, g.client) // which ends calls in time
	found, err := google.FindDefaultCredentials(ctx, gcpScope)
	if err != nil {
		return nil, err
	}
	g.tokens = found.TokenSource
	return g.tokens, nil
}

// gcpError reads a refusal by its status's name.
func gcpError(status int, operation string, answer []byte) error {
	var body struct {
		Error struct {
			Status string `json:"status"`
		} `json:"error"`
	}
	if json.Unmarshal(answer, &body) != nil || body.Error.Status == "" {
		if status < 500 && status != http.StatusTooManyRequests {
			return garbage("no error of Google")
		}
		return judge(status, "")
	}
	if status == http.StatusBadRequest && body.Error.Status == "INVALID_ARGUMENT" && operation == "decrypt" {
		return keyring.Alteration(errorOf("Google: the ciphertext does not open"))
	}
	return judge(status, body.Error.Status)
}
