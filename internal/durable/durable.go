// Package durable writes files that a crash of the machine does not take back: whole, or not at all.
package durable

import "os"

// Temporary writes data to a new file of the directory that only its owner may read, and gives its path. The pattern is that of os.CreateTemp. Who calls
// it gives the file its name, and then calls SyncDirectory.
func Temporary(directory, pattern string, data []byte) (path string, err error) {
	f, err := os.CreateTemp(directory, pattern) // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// SyncDirectory makes the names in a directory durable.
func SyncDirectory(directory string) error {
	d, err := os.Open(directory) // #nosec G304 -- of the program's own files
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
