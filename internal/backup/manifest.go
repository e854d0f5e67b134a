package backup

import (
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ekyc"
	"ekyc/internal/durable"
)

const (
	manifestVersion = "ekyc-backup-1"
	manifestName    = "manifest.json"
	databaseName    = "database.dump"
	keysName        = "keys.dump"
	filesName       = "files"
	ledgerName      = "erasures"
)

// Manifest says what a backup holds.
type Manifest struct {
	Version   string     `json:"version"`
	ID        string     `json:"id"`
	MadeAt    time.Time  `json:"made_at"`
	Program   string     `json:"program"`
	Database  bool       `json:"database"`                 // false: the keys alone
	KeysUntil *time.Time `json:"keys_expire_at,omitempty"` // when the keys' dump is to be destroyed; nil: there is none
	Files     int        `json:"files"`                    // media files, as ciphertext
	// Sealing are the keys that open what is the tenants' own, by scope and identifier, as they were in the dump of the keys. Backups of before lack them.
	Sealing map[string][]uint32 `json:"tenant_sealing_keys,omitempty"`
	MAC     string              `json:"mac"` // under the root keys, over all of the above
}

// said is what is authenticated.
func (m Manifest) said() ([]byte, error) {
	m.MAC = ""
	return json.Marshal(m)
}

func (m Manifest) write(ring Ring, directory string) error {
	said, err := m.said()
	if err != nil {
		return err
	}
	m.MAC = hex.EncodeToString(ring.MAC("backup/manifest", said))
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	// It comes last, and a crash leaves it whole or not at all: Prune destroys no keys by half of one.
	temporary, err := durable.Temporary(directory, ".manifest-*", append(text, '\n'))
	if err == nil {
		if err = os.Rename(temporary, filepath.Join(directory, manifestName)); err != nil {
			os.Remove(temporary)
		}
	}
	if err == nil {
		err = errors.Join(durable.SyncDirectory(directory), durable.SyncDirectory(filepath.Dir(directory)))
	}
	if err != nil {
		return fmt.Errorf("write a backup: %w", err)
	}
	return nil
}

// lost says of how many scopes a dump of keys lacks some that may be needed for a backup: they were destroyed in between. What is not known is not missed.
func (m Manifest) lost(keys Manifest) (scopes int) {
	if keys.Sealing == nil {
		return 0
	}
	for scope, needed := range m.Sealing {
		if slices.ContainsFunc(needed, func(id uint32) bool { return !slices.Contains(keys.Sealing[scope], id) }) {
			scopes++
		}
	}
	return scopes
}

func parseManifest(directory string) (Manifest, error) {
	var m Manifest
	text, err := os.ReadFile(filepath.Join(directory, manifestName))
	if err != nil || json.Unmarshal(text, &m) != nil || m.Version != manifestVersion {
		return Manifest{}, ekyc.Errorf(ekyc.ErrFileUnreadable, "%s is no backup that was completed by this program", directory).Because(err)
	}
	return m, nil
}

// readManifest reads a manifest and verifies it. Errors: ErrFileUnreadable.
func readManifest(ring Ring, directory string) (Manifest, error) {
	m, err := parseManifest(directory)
	if err != nil {
		return Manifest{}, err
	}
	said, err := m.said()
	if err != nil {
		return Manifest{}, err
	}
	sum, err := hex.DecodeString(m.MAC)
	if err != nil || !hmac.Equal(sum, ring.MAC("backup/manifest", said)) {
		return Manifest{}, ekyc.Errorf(ekyc.ErrFileUnreadable, "the manifest of %s was altered, or the root keys are not those that the backup was made with: name their file with --root-key-file (EKYC_ROOT_KEY_FILE)", directory)
	}
	return m, nil
}

// Prune destroys the dumps of keys whose time is over, in a backup or in all that lie beneath a directory: they are written over and removed. Those of
// backups that were broken off, which have no manifest, go KeysLife after they were written. It needs no keys. It gives how many there were; what cannot be looked at does
// not keep it from the others.
func Prune(directory string, now time.Time) (destroyed int, err error) {
	var faults []error
	err = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			faults = append(faults, err)
			return nil
		}
		if entry.IsDir() || entry.Name() != keysName {
			return nil
		}
		over, err := keysAreOver(path, now)
		if err == nil && over {
			var done bool
			if done, err = destroy(path); done {
				destroyed++
			}
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path, err))
		}
		return nil
	})
	if err = errors.Join(append(faults, err)...); err != nil {
		return destroyed, ekyc.Errorf(ekyc.ErrFileUnreadable, "backups beneath %s could not all be looked through", directory).Because(err)
	}
	return destroyed, nil
}

// keysAreOver says whether the time of a dump of keys is over.
func keysAreOver(path string, now time.Time) (bool, error) {
	m, err := parseManifest(filepath.Dir(path))
	if err == nil {
		return m.KeysUntil != nil && !now.Before(*m.KeysUntil), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != magic { // somebody else's
		return false, nil
	}
	info, err := f.Stat()
	return err == nil && now.After(info.ModTime().Add(KeysLife)), err
}

// destroy writes a file over and removes it. It is false where there is none.
func destroy(path string) (done bool, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	info, err := f.Stat()
	if err == nil {
		zeros := make([]byte, 1<<20)
		for left := info.Size(); left > 0 && err == nil; left -= int64(len(zeros)) {
			_, err = f.Write(zeros[:min(left, int64(len(zeros)))])
		}
	}
	if err == nil {
		err = f.Sync()
	}
	return true, errors.Join(err, f.Close(), os.Remove(path))
}
