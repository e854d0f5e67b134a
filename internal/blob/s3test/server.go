// Package s3test starts a real S3 server for tests, Versity's gateway over a folder, and puts faults between it and its client.
package s3test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"ekyc/internal/daemontest"
)

// The account of the server, which is its root: what it cannot do, nobody can.
const (
	AccessKey = "ekyc-test-root"
	SecretKey = "ekyc-test-root-secret"
	region    = "us-east-1"
)

// Server is a running S3 server.
type Server struct {
	Address   string // host:port
	Directory string // everything that it keeps

	running *daemontest.Daemon
}

// Start starts a server, waits until it answers, and stops it with the test. It puts the account's credentials into this process's environment,
// where clients look for them.
func Start(t testing.TB) *Server {
	t.Helper()
	directory, err := os.MkdirTemp("", "ekyc-s3-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	for _, folder := range []string{"buckets", "versions", "metadata"} {
		if err := os.Mkdir(filepath.Join(directory, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	os.Setenv("AWS_ACCESS_KEY_ID", AccessKey)
	os.Setenv("AWS_SECRET_ACCESS_KEY", SecretKey)
	s := &Server{Address: daemontest.FreeAddress(t), Directory: directory}
	s.Run(t)
	t.Cleanup(s.Kill)
	return s
}

// program finds the server's program, which `make setup` builds into the folder .cache/bin of the repository.
func program(t testing.TB) string {
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; folder = filepath.Dir(folder) {
		path := filepath.Join(folder, ".cache", "bin", "versitygw")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if folder == filepath.Dir(folder) {
			t.Fatal("there is no .cache/bin/versitygw, the S3 server of the tests; `make setup` builds it")
		}
	}
}

// Run starts the server, again after Kill, and waits until it answers.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	// Metadata beside the files and not in their attributes, which not every file system has.
	command := exec.Command(program(t), "--port", s.Address, "--quiet", "--region", region, "--keep-alive", "--iam-dir", s.Directory,
		"posix", "--sidecar", filepath.Join(s.Directory, "metadata"), "--versioning-dir", filepath.Join(s.Directory, "versions"), filepath.Join(s.Directory, "buckets"))
	command.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	s.running = daemontest.Run(t, command, filepath.Join(s.Directory, "log"), "tcp", s.Address)
}

// Kill ends the server at once, as a crash would, and waits until it is gone.
func (s *Server) Kill() { s.running.Kill() }

// Client is a client with the account's rights.
func (s *Server) Client(t testing.TB) *minio.Client {
	t.Helper()
	c, err := minio.New(s.Address, &minio.Options{Creds: credentials.NewStaticV4(AccessKey, SecretKey, ""), Region: region, BucketLookup: minio.BucketLookupPath})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var bucket struct {
	sync.Mutex
	count int
}

// Bucket makes a bucket, with or without Object Lock, and gives its name.
func (s *Server) Bucket(t testing.TB, lock bool) string {
	t.Helper()
	bucket.Lock()
	bucket.count++
	name := fmt.Sprintf("bucket-%d", bucket.count)
	bucket.Unlock()
	if err := s.Client(t).MakeBucket(context.Background(), name, minio.MakeBucketOptions{ObjectLocking: lock}); err != nil {
		t.Fatal(err)
	}
	return name
}

// Place is the URL of a bucket on the server, or on what stands before it at an address.
func Place(bucket, address string) string {
	return fmt.Sprintf("s3://%s/media?endpoint=http://%s&region=%s&path_style=true", bucket, address, region)
}
