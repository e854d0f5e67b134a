package bench

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ekyc"
)

// Split halves a set by a hash of identity or holder, so that what is tuned on one half can be reported on the other.
type Split string

// The splits.
const (
	SplitAll    Split = ""
	SplitTune   Split = "tune"
	SplitReport Split = "report"
)

// keeps says whether the item with this identity belongs to the split: the lowest bit of SHA-256 of the key decides.
func (s Split) keeps(key string) bool {
	if s == SplitAll {
		return true
	}
	sum := sha256.Sum256([]byte(key))
	return (sum[0]&1 == 0) == (s == SplitTune)
}

// readTable reads a CSV file as one map a row, by the names of its first row.
func readTable(path string) ([]map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, unreadable(path, err)
	}
	table := make([]map[string]string, 0, len(rows)-1)
	for _, row := range rows[1:] {
		item := make(map[string]string, len(row))
		for i, name := range rows[0] {
			item[name] = row[i]
		}
		table = append(table, item)
	}
	return table, nil
}

// readJSON decodes one JSON file.
func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return unreadable(path, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return unreadable(path, err)
	}
	return nil
}

// exists says whether the folder has a part, so that any folder with some of the parts can be measured.
func exists(dir, part string) bool {
	_, err := os.Stat(filepath.Join(dir, part))
	return err == nil
}

func unreadable(path string, cause error) error {
	reason := "is not in the documented form"
	if errors.Is(cause, fs.ErrNotExist) {
		reason = "does not exist"
	} else if errors.Is(cause, fs.ErrPermission) {
		reason = "may not be read"
	}
	return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s %s", path, reason).Because(fmt.Errorf("read %s: %w", path, cause))
}
