package keyservice

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"ekyc/internal/keyring"
)

// awsKMS is a symmetric key of AWS KMS. Credentials are those of the environment, the shared credentials file, or the role of the container or machine;
// AWS_ENDPOINT_URL_KMS names another address, such as a private endpoint.
type awsKMS struct {
	service
	endpoint, region, key string
	credentials           *credentials.Credentials
	signer                *v4.Signer
}

func openAWS(address, arn string, o Options) (keyring.Service, error) {
	parts := strings.SplitN(arn, ":", 6) // arn:partition:kms:region:account:key/id
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "kms" || parts[3] == "" || !(strings.HasPrefix(parts[5], "key/") || strings.HasPrefix(parts[5], "alias/")) {
		return nil, malformed("aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID")
	}
	a := &awsKMS{service: service{address, o.caller()}, region: parts[3], key: arn, signer: v4.NewSigner()}
	a.credentials = credentials.NewChainCredentials([]credentials.Provider{&awsEnvironment{getenv: a.getenv}, &credentials.FileAWSCredentials{}, &credentials.IAM{}})
	const elsewhere = "AWS_ENDPOINT_URL_KMS"
	if endpoint := a.getenv(elsewhere); endpoint != "" {
		var err error
		a.endpoint, err = secured(elsewhere, endpoint)
		return a, err
	}
	domain := "amazonaws.com"
	if parts[1] == "aws-cn" {
		domain = "amazonaws.com.cn"
	}
	a.endpoint = "https://kms." + a.region + "." + domain
	return a, nil
}

// awsEnvironment are the credentials of the environment.
type awsEnvironment struct{ getenv func(string) string }

func (e *awsEnvironment) Retrieve() (credentials.Value, error) {
	return credentials.Value{
		AccessKeyID: e.getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: e.getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: e.getenv("AWS_SESSION_TOKEN"), SignerType: credentials.SignatureV4,
	}, nil
}

func (e *awsEnvironment) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return e.Retrieve()
}

func (e *awsEnvironment) IsExpired() bool { return true } // it is asked each time

type awsRequest struct {
	KeyID             string            `json:"KeyId"`
	Plaintext         []byte            `json:",omitempty"`
	CiphertextBlob    []byte            `json:",omitempty"`
	EncryptionContext map[string]string `json:",omitempty"`
}

type awsAnswer struct {
	Plaintext, CiphertextBlob []byte
}

// contextOf is how AWS takes associated data: as words, which its own log of calls shows.
func contextOf(associated []byte) map[string]string {
	return map[string]string{"associated": base64.StdEncoding.EncodeToString(associated)}
}

// Encrypt gives KMS's own form.
func (a *awsKMS) Encrypt(ctx context.Context, plaintext, associated []byte) ([]byte, error) {
	return a.again(ctx, func(ctx context.Context) ([]byte, error) {
		out, err := a.call(ctx, "Encrypt", awsRequest{KeyID: a.key, Plaintext: plaintext, EncryptionContext: contextOf(associated)})
		if err == nil && len(out.CiphertextBlob) == 0 {
			err = garbage("no ciphertext")
		}
		return out.CiphertextBlob, err
	})
}

// Decrypt opens what Encrypt gave.
func (a *awsKMS) Decrypt(ctx context.Context, ciphertext, associated []byte) ([]byte, error) {
	return a.again(ctx, func(ctx context.Context) ([]byte, error) {
		out, err := a.call(ctx, "Decrypt", awsRequest{KeyID: a.key, CiphertextBlob: ciphertext, EncryptionContext: contextOf(associated)})
		if err == nil && len(out.Plaintext) == 0 {
			err = garbage("no plaintext")
		}
		return out.Plaintext, err
	})
}

func (a *awsKMS) call(ctx context.Context, operation string, in awsRequest) (out awsAnswer, err error) {
	status, answer, err := a.post(ctx, a.endpoint+"/", in, func(r *http.Request, body []byte) error {
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "TrentService."+operation)
		return a.sign(r, body)
	})
	if err != nil {
		return awsAnswer{}, err
	}
	if status == http.StatusOK {
		err := read(answer, &out)
		return out, err
	}
	return awsAnswer{}, awsError(status, answer)
}

func (a *awsKMS) sign(r *http.Request, body []byte) error {
	found, err := a.credentials.GetWithContext(&credentials.CredContext{Client: a.client})
	if err != nil {
		return keyring.Absence(errorOf("AWS: no credentials could be had"))
	}
	if found.AccessKeyID == "" {
		return keyring.Absence(errorOf("AWS: there are no credentials"))
	}
	sum := sha256.Sum256(body)
	who := aws.Credentials{AccessKeyID: found.AccessKeyID, SecretAccessKey: found.SecretAccessKey, SessionToken: found.SessionToken}
	return a.signer.SignHTTP(r.Context(), who, r, hex.EncodeToString(sum[:]), "kms", a.region, time.Now())
}

// awsError reads a refusal by its name.
func awsError(status int, answer []byte) error {
	var body struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(answer, &body) != nil {
		if status < 500 && status != http.StatusTooManyRequests {
			return garbage("no error of AWS")
		}
		return judge(status, "")
	}
	name := body.Type[strings.LastIndexByte(body.Type, '#')+1:]
	switch name {
	case "InvalidCiphertextException", "IncorrectKeyException":
		return keyring.Alteration(errorOf("AWS: " + name))
	case "ThrottlingException", "Throttling", "TooManyRequestsException", "LimitExceededException", "KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException",
		"ServiceUnavailable", "InternalFailure", "RequestTimeoutException":
		return keyring.Absence(errorOf("AWS: " + name))
	}
	return judge(status, name)
}
