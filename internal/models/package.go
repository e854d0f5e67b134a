package models

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"ekyc"
)

// maximumFileBytes bounds one extracted file; the largest of the lock has 27 MB.
const maximumFileBytes = 256 << 20

// download lets the ordinary client of the package's registry fetch its archive into dir and gives the archive's path. Neither
// runs code of the package: npm pack with scripts off, pip with wheels only.
func download(ctx context.Context, s Source, dir string) (string, error) {
	var command []string
	var err error
	switch s.Manager {
	case NPM:
		command, err = npmCommand(s, dir)
	case PyPI:
		command, err = pipCommand(s, dir)
	default:
		err = fmt.Errorf("package manager %q does not download", s.Manager)
	}
	if err != nil {
		return "", err
	}
	run := exec.CommandContext(ctx, command[0], command[1:]...)
	run.Env = append(os.Environ(), "npm_config_update_notifier=false", "npm_config_fund=false", "npm_config_audit=false",
		"PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1")
	var complaints bytes.Buffer
	run.Stderr = &complaints
	if err := run.Run(); err != nil {
		return "", ekyc.Errorf(ekyc.ErrModelMissing, "%s cannot fetch %s: check that its registry can be reached, then run %s again",
			filepath.Base(command[0]), s.specification(), mend).
			Because(fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, lastLines(complaints.String(), 5)))
	}
	return onlyArchive(dir, s)
}

// specification names the package and version as its client wants them.
func (s Source) specification() string {
	switch {
	case s.Version == "" || strings.HasPrefix(s.Package, "/"): // a folder or wheel on disk
		return s.Package
	case s.Manager == PyPI:
		return s.Package + "==" + s.Version
	default:
		return s.Package + "@" + s.Version
	}
}

func npmCommand(s Source, dir string) ([]string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrModelMissing, "npm is not installed: install it (Debian: apt-get install npm), then run %s", mend).Because(err)
	}
	return []string{npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", dir, s.specification()}, nil
}

func pipCommand(s Source, dir string) ([]string, error) {
	arguments := []string{"download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", dir, s.specification()}
	for _, name := range []string{"pip", "pip3"} {
		if pip, err := exec.LookPath(name); err == nil {
			return append([]string{pip}, arguments...), nil
		}
	}
	if python, err := exec.LookPath("python3"); err == nil && exec.Command(python, "-m", "pip", "--version").Run() == nil {
		return append([]string{python, "-m", "pip"}, arguments...), nil
	}
	return nil, ekyc.Errorf(ekyc.ErrModelMissing, "pip is not installed: install it (Debian: apt-get install python3-pip), then run %s", mend)
}

// onlyArchive gives the one file that the client left in dir.
func onlyArchive(dir string, s Source) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", ekyc.Errorf(ekyc.ErrFileUnreadable, "the models directory cannot be read").Because(err)
	}
	if len(entries) != 1 {
		return "", ekyc.Errorf(ekyc.ErrModelMissing, "fetching %s left %d files instead of 1", s.specification(), len(entries))
	}
	return filepath.Join(dir, entries[0].Name()), nil
}

// checkIntegrity compares the archive with the digest that the lock pins.
func checkIntegrity(archive string, s Source) error {
	algorithm, want, err := parseIntegrity(s.Integrity)
	if err != nil {
		return err
	}
	var digest hash.Hash = sha512.New()
	if algorithm == "sha256" {
		digest = sha256.New()
	}
	f, err := os.Open(archive)
	if err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "the archive of %s cannot be read", s.specification()).Because(err)
	}
	defer f.Close()
	if _, err := io.Copy(digest, f); err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "the archive of %s cannot be read", s.specification()).Because(err)
	}
	if !bytes.Equal(digest.Sum(nil), want) {
		return ekyc.Errorf(ekyc.ErrModelAltered, "the archive of %s is not the one that the lock file pins", s.specification())
	}
	return nil
}

// extract reads the named files out of a gzipped tar or a zip (wheel) archive; all must be there.
func extract(archive string, names []string) (map[string][]byte, error) {
	var contents map[string][]byte
	var err error
	switch {
	case strings.HasSuffix(archive, ".tgz"), strings.HasSuffix(archive, ".tar.gz"):
		contents, err = extractTar(archive, names)
	case strings.HasSuffix(archive, ".whl"), strings.HasSuffix(archive, ".zip"):
		contents, err = extractZip(archive, names)
	default:
		err = errors.New("the archive is neither a tar nor a zip file")
	}
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if contents[name] == nil {
			return nil, fmt.Errorf("%s is not in the archive", name)
		}
	}
	return contents, nil
}

func extractTar(archive string, names []string) (map[string][]byte, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	contents := map[string][]byte{}
	for reader := tar.NewReader(unzipped); len(contents) < len(names); {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg || !slices.Contains(names, header.Name) {
			continue
		}
		if contents[header.Name], err = readBounded(reader); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

func extractZip(archive string, names []string) (map[string][]byte, error) {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	contents := map[string][]byte{}
	for _, entry := range reader.File {
		if !slices.Contains(names, entry.Name) {
			continue
		}
		f, err := entry.Open()
		if err != nil {
			return nil, err
		}
		contents[entry.Name], err = readBounded(f)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return contents, nil
}

// readBounded reads all of r and fails beyond maximumFileBytes, so that no archive can fill the memory.
func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maximumFileBytes+1))
	if err == nil && len(data) > maximumFileBytes {
		err = fmt.Errorf("a file exceeds %d bytes", maximumFileBytes)
	}
	return data, err
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
