// Package secretfile reads files that hold a secret: keys, passwords, addresses with a password. A file that others than its owner can read is refused,
// because a secret in it is none; and so is one that another user could have put there, or can change: the secret may be his.
package secretfile

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"ekyc"
)

// othersMay are the permissions that nobody but the owner may have.
const (
	othersMay    = 0o077
	everybodyMay = 0o002 // write, of a directory: unless it is sticky, to remove the files of others
)

// Read gives what a file of at most limit bytes holds. The permissions are those of the very file that is read, not of what stands under its name a moment
// before or later. Errors: ErrFileUnreadable when it is absent, larger, no regular file, may be read or written by anyone but its owner, is another user's
// than this process's and root, or lies where everybody may put another in its place.
func Read(path string, limit int64) ([]byte, error) {
	content, _, err := ReadInfo(path, limit)
	return content, err
}

// ReadInfo is Read for who tells versions of a file apart: it also gives what the file was when it was read.
func ReadInfo(path string, limit int64) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // #nosec G304 -- the operator names the file; a pipe would have it wait for a writer
	if err != nil {
		return nil, nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be read", path).Because(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be read", path).Because(err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&othersMay != 0 {
		return nil, nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "%s must be a file that only its owner can read (mode 0600, found %04o)", path, info.Mode().Perm())
	}
	if err := refuseForeign(path, info); err != nil {
		return nil, nil, err
	}
	if info.Size() > limit {
		return nil, nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "%s has more than %d bytes, which no such secret has", path, limit)
	}
	content := make([]byte, info.Size()) // of the right size at once: what grows leaves copies of secrets behind
	if _, err := io.ReadFull(f, content); err != nil {
		return nil, nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be read", path).Because(err)
	}
	return content, info, nil
}

// refuseForeign refuses a file of another user, and one in a directory in which everybody may replace it. To root a file is no other user's where its directory is that user's
// too: a command that root runs on what belongs to the service.
func refuseForeign(path string, info fs.FileInfo) error {
	owner, self := ownerOf(info), os.Geteuid()
	directories := []string{filepath.Dir(path)}
	if target, err := filepath.EvalSymlinks(path); err == nil && filepath.Dir(target) != directories[0] {
		directories = append(directories, filepath.Dir(target)) // last, where the file itself is
	}
	known := owner == 0 || owner == self
	for i, directory := range directories {
		at, err := os.Stat(directory)
		if err != nil {
			return ekyc.Errorf(ekyc.ErrFileUnreadable, "the directory %s of %s cannot be looked at", directory, path).Because(err)
		}
		if at.Mode().Perm()&everybodyMay != 0 && at.Mode()&fs.ModeSticky == 0 {
			return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s lies in %s, where every user may put another file in its place (mode %04o): chmod o-w that directory", path, directory, at.Mode().Perm())
		}
		known = known || self == 0 && i == len(directories)-1 && ownerOf(at) == owner
	}
	if !known {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s belongs to the user %d, and is read by the user %d: it must belong to that one or to root (chown)", path, owner, self)
	}
	return nil
}

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// lineLimit is more than any password or address has.
const lineLimit = 16 << 10

// Line gives the one line that a file holds, without spaces and line breaks around it. Errors: as [Read], and ErrFileUnreadable when it holds none or several.
func Line(path string) (string, error) {
	content, err := Read(path, lineLimit)
	if err != nil {
		return "", err
	}
	line := strings.TrimSpace(string(content))
	if line == "" || strings.ContainsAny(line, "\r\n\x00") {
		return "", ekyc.Errorf(ekyc.ErrFileUnreadable, "%s must hold one line", path)
	}
	return line, nil
}
