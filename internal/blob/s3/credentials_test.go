package s3_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/blob/blobtest"
	"ekyc/internal/blob/s3"
	"ekyc/internal/blob/s3test"
)

// unset takes what other tests and the machine have set out of the environment.
func unset(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ENDPOINT_URL_STS",
	} {
		t.Setenv(name, "")
	}
}

// TestRoles: credentials of a role end, and are renewed before while everything goes on; who gives them may be away until they end, and then what is asked is answered
// with a defined error until there are new ones. The accounts are real ones of the server, which refuses a removed one's signature.
func TestRoles(t *testing.T) {
	server := s3test.Start(t)
	for way, environment := range map[string]func(*s3test.Roles) []string{
		"machine": (*s3test.Roles).Machine, "container": (*s3test.Roles).Container, "pod": func(r *s3test.Roles) []string { return r.Pod(t) },
	} {
		t.Run(way, func(t *testing.T) {
			unset(t)
			roles := s3test.NewRoles(t)
			for _, variable := range environment(roles) {
				name, value, _ := strings.Cut(variable, "=")
				t.Setenv(name, value)
			}
			const life = 3 * time.Second
			user := func(name string) {
				server.User(t, way+name, "secret-of-"+way+name)
				roles.Give(way+name, "secret-of-"+way+name, life)
			}
			c := parse(t, s3test.Place(server.Bucket(t, false), server.Address)+"&credentials=iam")
			roles.Away(true)
			_, err := s3.Open(t.Context(), c)
			blobtest.WantCode(t, "a role that gives nothing yet", err, ekyc.ErrUnavailable)
			roles.Away(false)
			user("first")
			s, err := s3.Open(t.Context(), c)
			if err != nil {
				t.Fatal(err, errors.Unwrap(err))
			}
			name := blobtest.NewName()
			must(t, s.Put(t.Context(), name, []byte("ciphertext")))
			reads := func() error { _, err := s.Get(t.Context(), name); return err }

			given := roles.Given()
			user("second")
			for roles.Given() == given { // at four fifths of their time
				must(t, reads())
				time.Sleep(20 * time.Millisecond)
			}
			server.RemoveUser(t, way+"first")
			must(t, reads())

			roles.Away(true)
			for ended := roles.Ends(); time.Now().Before(ended); time.Sleep(50 * time.Millisecond) {
				if err := reads(); err != nil && time.Now().Before(ended) { // one that comes later may have been signed too late
					t.Fatal("credentials that have not ended", err, errors.Unwrap(err))
				}
			}
			blobtest.WantCode(t, "credentials that have ended", reads(), ekyc.ErrUnavailable)
			roles.Away(false)
			eventually(t, reads)
		})
	}
}

// TestTheSourceIsChosen: what was not chosen is not used, whatever it would give.
func TestTheSourceIsChosen(t *testing.T) {
	unset(t)
	roles := s3test.NewRoles(t)
	roles.Give("id", "secret", time.Hour)
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", roles.URL)
	c := s3.Config{Bucket: "media", Endpoint: "127.0.0.1:9", Plain: true, CallTime: 400 * time.Millisecond, Credentials: s3.Static}
	_, err := c.Client(t.Context())
	blobtest.WantCode(t, "static, and only a role", err, ekyc.ErrInvalidArgument)
	if roles.Given() != 0 {
		t.Error("the role was asked")
	}
	c.Credentials = s3.Auto
	_, err = c.Client(t.Context())
	blobtest.WantCode(t, "whatever there is", err, "")
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	c.Credentials = s3.Role
	given := roles.Given()
	_, err = c.Client(t.Context())
	blobtest.WantCode(t, "the role, and keys in the environment", err, "")
	if roles.Given() == given {
		t.Error("the role was not asked")
	}

	var session atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session.Store(r.Header.Get("X-Amz-Security-Token"))
		w.Header().Set("X-Amz-Request-Id", "1")
	}))
	defer server.Close()
	roles.Session, c.Endpoint, c.Region = "session-of-the-role", strings.TrimPrefix(server.URL, "http://"), "us-east-1"
	client, err := c.Client(t.Context())
	must(t, err)
	if _, err := client.BucketExists(t.Context(), "media"); err != nil || session.Load() != roles.Session {
		t.Errorf("the session is sent as %v, %v", session.Load(), err)
	}
}
