package s3_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/blob/blobtest"
	"ekyc/internal/blob/s3"
)

// TestCredentials: they come from the environment, from a file that is named and its owner's alone, or from the machine; never without saying so.
func TestCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, "")
	}
	c := s3.Config{Bucket: "media", Endpoint: "127.0.0.1:9", Plain: true, CallTime: 200 * time.Millisecond}
	_, err := c.Client(t.Context())
	blobtest.WantCode(t, "none", err, ekyc.ErrInvalidArgument)
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte("[default]\naws_access_key_id = planted-id\naws_secret_access_key = planted-secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", path)
	_, err = c.Client(t.Context())
	blobtest.WantCode(t, "a file that others can read", err, ekyc.ErrFileUnreadable)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = c.Client(t.Context())
	blobtest.WantCode(t, "a file", err, "")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "")
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	_, err = c.Client(t.Context())
	blobtest.WantCode(t, "the environment", err, "")
}

func TestParse(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]s3.Config{
		"s3://media":                     {Bucket: "media", Endpoint: "s3.amazonaws.com"},
		"s3://media/a/b/":                {Bucket: "media", Prefix: "a/b/", Endpoint: "s3.amazonaws.com"},
		"s3://media?region=eu-central-1": {Bucket: "media", Endpoint: "s3.amazonaws.com", Region: "eu-central-1"},
		"s3://media/x?endpoint=https://store.example:9000&region=de&path_style=true": {Bucket: "media", Prefix: "x/", Endpoint: "store.example:9000", Region: "de", PathStyle: true},
		"s3://media?credentials=iam":                                {Bucket: "media", Endpoint: "s3.amazonaws.com", Credentials: s3.Role},
		"s3://media?endpoint=http://127.0.0.1:9000":                 {Bucket: "media", Endpoint: "127.0.0.1:9000", Plain: true},
		"s3://media?endpoint=http://[::1]:9000":                     {Bucket: "media", Endpoint: "[::1]:9000", Plain: true},
		"s3://media?endpoint=http://store.internal&allow_http=true": {Bucket: "media", Endpoint: "store.internal", Plain: true},
	} {
		if got, err := s3.Parse(place); err != nil || got != want {
			t.Errorf("%s: %+v, %v", place, got, err)
		}
	}
	for _, bad := range []string{
		"", "media", "https://media", "s3://", "s3:///prefix", "s3://key:planted-secret@media", "s3://media?secret=planted-secret", "s3://media?path_style=perhaps", "s3://media?credentials=planted",
		"s3://media?endpoint=store.example", "s3://media?endpoint=ftp://store.example", "s3://media?endpoint=https://key:planted-secret@store.example",
		"s3://media?endpoint=https://store.example/path", "s3://media?endpoint=http://store.example", "s3://media?endpoint=http://127.0.0.1.example", "s3://media?endpoint=http://10.0.0.1",
		"s3://media?region=a&region=b", "s3://media#x", "s3://me dia:planted-secret", "s3://media?%zz",
	} {
		_, err := s3.Parse(bad)
		blobtest.WantCode(t, bad, err, ekyc.ErrInvalidArgument)
		if err != nil && strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: the error repeats a secret: %v", bad, err)
		}
	}
}
