package models

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ekyc"
)

// LocalLockFile is the operator's own lock in the models directory. Its entries have the shape of the shipped ones; one with a
// shipped name replaces that asset, any other is added.
const LocalLockFile = "models.local.json"

// lockFormat is the version of the file format that this program reads.
const lockFormat = 1

// converters are the permitted values of Source.Converter.
var converters = []string{"", "tfjs", "tflite", "dlib"}

// ShippedLock is the lock that is part of the program.
func ShippedLock() (Lock, error) { return ParseLock(embeddedLock) }

// ParseLock reads and validates a lock file. Unknown members are errors, so that a misspelt one does not go unnoticed.
func ParseLock(data []byte) (Lock, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var lock Lock
	if err := decoder.Decode(&lock); err != nil {
		return Lock{}, fmt.Errorf("lock file: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Lock{}, errors.New("lock file: something follows its end")
	}
	if lock.Format != lockFormat {
		return Lock{}, fmt.Errorf("lock file: format %d instead of %d", lock.Format, lockFormat)
	}
	seen := map[string]bool{}
	for _, a := range lock.Assets {
		if err := a.validate(); err != nil {
			return Lock{}, fmt.Errorf("lock file: asset %q: %w", a.Name, err)
		}
		keys := []string{"name " + a.Name}
		if a.File != "" { // Debian's packages name none
			keys = append(keys, "file "+a.File)
		}
		for _, key := range keys {
			if key += " " + a.Platform; seen[key] {
				return Lock{}, fmt.Errorf("lock file: %s appears twice", strings.TrimSpace(key))
			}
			seen[key] = true
		}
	}
	return lock, nil
}

func (a Asset) validate() error {
	kinds := []Kind{KindModel, KindRuntime, KindDictionary, KindData, KindPhotograph}
	switch {
	case a.Name == "" || strings.ContainsAny(a.Name, "/\\ "):
		return errors.New("the name is empty or has a slash or blank in it")
	case !slices.Contains(kinds, a.Kind):
		return fmt.Errorf("kind %q is not known", a.Kind)
	case a.Licence == "" || a.Job == "" || a.Origin.Statement == "":
		return errors.New("licence, job and statement of origin must be given")
	case len(a.Profiles) == 0:
		return errors.New("it is in no profile")
	}
	for _, p := range a.Profiles {
		if !slices.Contains(Profiles, Profile(p)) {
			return fmt.Errorf("profile %q is not known", p)
		}
		if Profile(p) == Strict && !a.Origin.Documented {
			return errors.New("the strict profile takes documented origin only")
		}
	}
	if a.Preprocessing != nil {
		if err := a.Preprocessing.validate(); err != nil {
			return err
		}
	}
	if a.Source.Manager == Apt {
		return nil // Debian names, installs and verifies the file
	}
	if a.File == "" || filepath.Base(a.File) != a.File || strings.HasPrefix(a.File, ".") {
		return fmt.Errorf("file %q is not a plain file name", a.File)
	}
	if !isSHA256(a.SHA256) || a.Bytes <= 0 {
		return errors.New("sha256 is not 64 hexadecimal digits or bytes is not positive")
	}
	return a.Source.validate()
}

func (s Source) validate() error {
	switch s.Manager {
	case Embedded, Local:
		return nil
	case NPM, PyPI:
	default:
		return fmt.Errorf("package manager %q is not known", s.Manager)
	}
	if s.Package == "" || s.Version == "" || len(s.Files) == 0 {
		return errors.New("package, version and files must be given")
	}
	if _, _, err := parseIntegrity(s.Integrity); err != nil {
		return err
	}
	if !slices.Contains(converters, s.Converter) {
		return fmt.Errorf("converter %q is not known", s.Converter)
	}
	for _, f := range s.Files {
		if f.Path == "" || !isSHA256(f.SHA256) {
			return fmt.Errorf("source file %q has no path or no SHA-256", f.Path)
		}
	}
	return nil
}

func (p Preprocessing) validate() error {
	channels := map[string]int{"RGB": 3, "BGR": 3, "gray": 1}[p.Colour]
	switch {
	case channels == 0:
		return fmt.Errorf("colour %q is not RGB, BGR or gray", p.Colour)
	case p.Layout != "NCHW" && p.Layout != "NHWC":
		return fmt.Errorf("layout %q is not NCHW or NHWC", p.Layout)
	case len(p.Mean) != 1 && len(p.Mean) != channels, len(p.Std) != len(p.Mean):
		return errors.New("mean and std must both have one value, or one a channel")
	case slices.Contains(p.Std, 0):
		return errors.New("std is zero")
	}
	return nil
}

func isSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == strings.ToLower(s)
}

// parseIntegrity splits "sha512-<base64>" into algorithm and digest (Subresource Integrity, section 3.1, as npm uses it).
func parseIntegrity(s string) (algorithm string, digest []byte, err error) {
	algorithm, encoded, _ := strings.Cut(s, "-")
	digest, err = base64.StdEncoding.DecodeString(encoded)
	length := map[string]int{"sha256": 32, "sha512": 64}[algorithm]
	if err != nil || length == 0 || len(digest) != length {
		return "", nil, fmt.Errorf("integrity %q is not sha512- or sha256- and base64", s)
	}
	return algorithm, digest, nil
}

// forPlatform keeps what runs on platform.
func forPlatform(assets []Asset, platform string) []Asset {
	return slices.DeleteFunc(slices.Clone(assets), func(a Asset) bool { return a.Platform != "" && a.Platform != platform })
}

// withLocal adds the entries of dir's models.local.json to assets; absent means none.
func withLocal(assets []Asset, dir string) ([]Asset, error) {
	data, err := os.ReadFile(filepath.Join(dir, LocalLockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return assets, nil
	}
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "%s cannot be read", LocalLockFile).Because(err)
	}
	local, err := ParseLock(data)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "%s: %v", LocalLockFile, err)
	}
	result := slices.Clone(assets)
	for _, a := range forPlatform(local.Assets, thisPlatform()) {
		if a.Source.Manager == Local && a.Card == "" {
			return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "%s: asset %q has no card", LocalLockFile, a.Name)
		}
		if i := slices.IndexFunc(result, func(b Asset) bool { return b.Name == a.Name }); i >= 0 {
			result[i] = a
		} else {
			result = append(result, a)
		}
	}
	return result, nil
}
