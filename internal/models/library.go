package models

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"ekyc"
)

// mend is the command that error messages name.
const mend = "`ekyc models pull`"

// weights holds the networks that are part of this program, each with a card.
//
//go:embed weights
var weights embed.FS

// Library is a directory of assets together with the lock that pins them. It is safe for concurrent use.
type Library struct {
	dir     string
	profile Profile
	assets  []Asset // of this profile and platform, by name
}

// State is what the directory holds of an asset.
type State string

// The states. System: Debian installs and verifies it.
const (
	Verified State = "verified"
	Altered  State = "altered"
	Missing  State = "missing"
	System   State = "system"
)

// Status is an asset with its state.
type Status struct {
	Asset Asset `json:"asset"`
	State State `json:"state"`
}

// Open reads the shipped lock and the directory's models.local.json. Files are looked at only when they are asked for, so a
// directory that is empty or absent opens too. Fails with ErrInvalidArgument for an unknown profile or a bad local lock.
func Open(dir string, profile Profile) (*Library, error) {
	lock, err := ShippedLock()
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the shipped lock file is damaged").Because(err)
	}
	return open(lock, dir, profile)
}

func open(lock Lock, dir string, profile Profile) (*Library, error) {
	if !slices.Contains(Profiles, profile) {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "profile %q is not standard or strict", profile)
	}
	assets, err := withLocal(forPlatform(lock.Assets, thisPlatform()), dir)
	if err != nil {
		return nil, err
	}
	assets = slices.DeleteFunc(assets, func(a Asset) bool { return !slices.Contains(a.Profiles, string(profile)) })
	return &Library{dir: dir, profile: profile, assets: assets}, nil
}

// Dir is the directory of the files.
func (l *Library) Dir() string { return l.dir }

// Profile is the profile that the library was opened with.
func (l *Library) Profile() Profile { return l.profile }

// Asset gives the lock entry of name; false when the profile has none.
func (l *Library) Asset(name string) (Asset, bool) {
	i := slices.IndexFunc(l.assets, func(a Asset) bool { return a.Name == name })
	if i < 0 {
		return Asset{}, false
	}
	return l.assets[i], true
}

// Has tells whether the profile has an asset of this name; it says nothing about the file.
func (l *Library) Has(name string) bool {
	_, ok := l.Asset(name)
	return ok
}

// OfKind lists the assets of one kind in the order of the lock.
func (l *Library) OfKind(kind Kind) []Asset {
	return slices.DeleteFunc(slices.Clone(l.assets), func(a Asset) bool { return a.Kind != kind })
}

// Undocumented lists the models whose makers do not say where they come from; the operator is told at start.
func (l *Library) Undocumented() []Asset {
	return slices.DeleteFunc(slices.Clone(l.assets), func(a Asset) bool { return a.Origin.Documented })
}

// Path verifies the file of name and gives its path. Fails with ErrModelMissing (for the runtime ErrRuntimeMissing) when it is
// not installed, ErrModelAltered when its bytes are not the pinned ones.
func (l *Library) Path(name string) (string, error) {
	a, err := l.fileAsset(name)
	if err != nil {
		return "", err
	}
	if a.Source.Manager == Embedded {
		return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "%s is part of the program and has no path", name)
	}
	file := filepath.Join(l.dir, a.File)
	digest, err := fileDigest(file)
	if err != nil {
		return "", a.missing(err)
	}
	if digest != a.SHA256 {
		return "", a.altered()
	}
	return file, nil
}

// Bytes gives the verified content of name; errors as for Path.
func (l *Library) Bytes(name string) ([]byte, error) {
	a, err := l.fileAsset(name)
	if err != nil {
		return nil, err
	}
	data, err := l.read(a)
	if err != nil {
		return nil, a.missing(err)
	}
	if digestOf(data) != a.SHA256 {
		return nil, a.altered()
	}
	return data, nil
}

func (l *Library) read(a Asset) ([]byte, error) {
	if a.Source.Manager == Embedded {
		return weights.ReadFile("weights/" + a.File)
	}
	return os.ReadFile(filepath.Join(l.dir, a.File))
}

// fileAsset gives the entry of name if it is a file of ours.
func (l *Library) fileAsset(name string) (Asset, error) {
	a, ok := l.Asset(name)
	if !ok {
		return Asset{}, ekyc.Errorf(ekyc.ErrModelMissing, "the %s profile has no model %q", l.profile, name).With("model", name)
	}
	if a.Source.Manager == Apt {
		return Asset{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "%s belongs to the Debian package %s", name, a.Source.Package)
	}
	return a, nil
}

// List gives the state of every asset of the profile in the order of the lock.
func (l *Library) List() []Status {
	result := make([]Status, 0, len(l.assets))
	for _, a := range l.assets {
		result = append(result, Status{a, l.state(a)})
	}
	return result
}

func (l *Library) state(a Asset) State {
	if a.Source.Manager == Apt {
		return System
	}
	switch data, err := l.read(a); {
	case err != nil:
		return Missing
	case digestOf(data) != a.SHA256:
		return Altered
	default:
		return Verified
	}
}

// Verify looks at every file and joins the errors of those that are missing or altered; nil when all are as pinned.
func (l *Library) Verify() error {
	var faults []error
	for _, s := range l.List() {
		switch s.State {
		case Altered:
			faults = append(faults, s.Asset.altered())
		case Missing:
			faults = append(faults, s.Asset.missing(fs.ErrNotExist))
		}
	}
	return errors.Join(faults...)
}

func (a Asset) missing(cause error) *ekyc.Error {
	code, what := ekyc.ErrModelMissing, "model"
	if a.Kind == KindRuntime {
		code, what = ekyc.ErrRuntimeMissing, "library"
	}
	return ekyc.Errorf(code, "the %s %s (%s) is not installed: %s", what, a.Name, a.File, a.remedy()).With("model", a.Name).Because(cause)
}

func (a Asset) altered() *ekyc.Error {
	return ekyc.Errorf(ekyc.ErrModelAltered, "the file of %s (%s) does not have the bytes that the lock file pins: %s",
		a.Name, a.File, a.remedy()).With("model", a.Name)
}

// remedy says what to do about a file that is missing or altered.
func (a Asset) remedy() string {
	switch a.Source.Manager {
	case Local:
		return "put it into the models directory or correct " + LocalLockFile
	case Embedded:
		return "build the program anew"
	default:
		return "run " + mend
	}
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
