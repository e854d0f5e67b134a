package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/blob/s3test"
)

func TestTheDoctorExaminesTheMediaStore(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	place := s3test.Place(server.Bucket(t, false), server.Address)
	examine := func(place string) []finding {
		d := DoctorCmd{}
		d.DataDir, d.MediaStore = filepath.Join(t.TempDir(), "none"), place
		return d.examineMedia(t.Context())
	}
	if found := examine(""); len(found) != 0 {
		t.Errorf("without a bucket: %+v", found)
	}
	if found := examine(place); len(found) != 2 || found[0].State != stateOK || found[1].State != stateOK {
		t.Errorf("a bucket that is well, and its clock: %+v", found)
	}
	server.Kill()
	for _, bad := range []string{place, "s3://", "s3://key:planted-secret@media"} {
		found := examine(bad)
		if len(found) != 1 || found[0].State != stateFail || found[0].Problem == "" || strings.Contains(found[0].Problem, "planted") {
			t.Errorf("%s: %+v", bad, found)
		}
	}
}

func TestTheMediaStoreFollowsFromTheFlags(t *testing.T) {
	t.Parallel()
	f := databaseFlags{DataDir: t.TempDir()}
	files, err := f.openMedia(t.Context())
	if _, ok := files.(*blob.Files); !ok || err != nil {
		t.Errorf("%T, %v", files, err)
	}
	if _, err := os.Stat(filepath.Join(f.DataDir, "files")); err != nil {
		t.Error(err)
	}
	f.MediaStore = "/var/lib/ekyc"
	if _, err := f.openMedia(t.Context()); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("a folder: %v", err)
	}
}
