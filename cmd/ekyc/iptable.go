package main

import (
	"os"

	"ekyc"
	"ekyc/internal/profile"
)

// readIPTable reads the operator's own table of IP ranges; without a path it is nil, which is the built-in one.
func readIPTable(path string) (*profile.IPTable, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the table of IP ranges %s cannot be read", path).Because(err)
	}
	defer f.Close()
	return profile.ReadIPTable(f)
}
