package s3

import (
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"ekyc"
	"ekyc/internal/secretfile"
)

// Source says where credentials come from.
type Source string

// The sources. In the environment and the file are keys that last; a role gives keys that end within hours and are renewed before.
const (
	Auto   Source = "auto"   // the first of the others that has any
	Static Source = "static" // AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the file that AWS_SHARED_CREDENTIALS_FILE names
	Role   Source = "iam"    // the role of the pod (web identity), of the container, or of the machine, whichever the environment tells of
)

// maxCredentials bounds the file of credentials, in bytes.
const maxCredentials = 64 << 10

// credentials gives credentials of the source, which the server has not seen yet. No file is read that the environment does not name, and one that others can read
// is refused. Errors: ErrInvalidArgument where there are none, ErrFileUnreadable, and ErrUnavailable where a role alone may give them and does not answer.
func (c Config) credentials() (*credentials.Credentials, error) {
	if c.Credentials != Role {
		keys, err := static()
		if keys != nil || err != nil {
			return keys, err
		}
		if c.Credentials == Static {
			return nil, invalid("there are no credentials for the S3 server: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file with AWS_SHARED_CREDENTIALS_FILE")
		}
	}
	keys := credentials.New(newRole(c.callTime() / 2))
	if _, err := keys.GetWithContext(nil); err != nil {
		if c.Credentials == Role {
			return nil, ekyc.Errorf(ekyc.ErrUnavailable, "the role gives no credentials for the S3 server").Because(err)
		}
		return nil, invalid("there are no credentials for the S3 server: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a file with AWS_SHARED_CREDENTIALS_FILE, or give this machine a role").Because(err)
	}
	return keys, nil
}

// static gives the credentials of the environment, or else of the file that it names; nil where there are none.
func static() (*credentials.Credentials, error) {
	providers := []credentials.Provider{&credentials.EnvAWS{}}
	if path := os.Getenv("AWS_SHARED_CREDENTIALS_FILE"); path != "" {
		if _, err := secretfile.Read(path, maxCredentials); err != nil {
			return nil, err
		}
		providers = append(providers, &credentials.FileAWSCredentials{Filename: path})
	}
	for _, p := range providers {
		if keys := credentials.New(p); has(keys) {
			return keys, nil
		}
	}
	return nil, nil
}

func has(keys *credentials.Credentials) bool {
	value, err := keys.GetWithContext(nil)
	return err == nil && value.AccessKeyID != ""
}

// role renews credentials when four fifths of their time are over. Who gives them may be away then: as long as those of before hold they are used, and it is
// asked again soon. Its methods are called by one at a time.
type role struct {
	credentials.IAM
	now   credentials.Value
	asked time.Time
	fault error // of the last question
}

// renewAgain is how long who gives credentials is left alone after it gave none, so that requests do not queue for it.
const renewAgain = time.Second

// newRole makes one whose questions take no longer than timeout. The two addresses are those that Amazon's own tools know by these names.
func newRole(timeout time.Duration) *role {
	r := &role{}
	r.Client = &http.Client{Timeout: timeout}
	switch {
	case os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "":
		r.Endpoint = os.Getenv("AWS_ENDPOINT_URL_STS")
	case os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") == "" && os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") == "":
		r.Endpoint = strings.TrimRight(os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"), "/")
	}
	return r
}

// RetrieveWithCredContext implements credentials.Provider.
func (r *role) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	if r.fault == nil || time.Since(r.asked) >= renewAgain {
		var value credentials.Value
		value, r.fault = r.IAM.RetrieveWithCredContext(nil) // for all that wait, whatever becomes of the request that asks
		r.asked = time.Now()
		if r.fault == nil {
			r.now = value
			return value, nil
		}
		if r.now.AccessKeyID != "" {
			slog.Warn("the role gives no new credentials for the S3 server", "error.message", r.fault.Error(), "hold_until", r.now.Expiration.UTC())
		}
	}
	if r.now.AccessKeyID != "" && time.Now().Before(r.now.Expiration) {
		r.SetExpiration(time.Now().Add(min(renewAgain, time.Until(r.now.Expiration))), 0)
		return r.now, nil
	}
	return credentials.Value{}, r.fault
}
