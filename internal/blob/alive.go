package blob

import (
	"context"
	"os"
	"path/filepath"
)

// aliveBytes are more than a file system keeps beside a file's name, so that a full one says so.
const aliveBytes = 8 << 10

// Alive writes a small file and removes it again. It is not written durably, which would cost what the directory has to do for others.
func (f *Files) Alive(ctx context.Context) error {
	if err := stopped(ctx); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Join(f.directory, incoming), ".alive-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(make([]byte, aliveBytes))
	if closing := file.Close(); err == nil {
		err = closing
	}
	return err
}
