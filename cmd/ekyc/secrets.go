package main

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"

	"github.com/alecthomas/kong"

	"ekyc"
	"ekyc/internal/secretfile"
)

// refuseSecrets refuses secrets on the command line, which every user of the machine can read. Flags say by the tag secret what they are: "true", or "url" for
// an address that may hold a password.
func refuseSecrets(command *kong.Context) error {
	for _, part := range command.Path {
		if part.Flag == nil || part.Resolved {
			continue
		}
		kind := part.Flag.Tag.Get("secret")
		value, _ := command.FlagValue(part.Flag).(string)
		if kind == "true" || kind == "url" && hasPassword(value) {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "a secret in --%s could be read by every user of this machine; give it by %s, or in a file where there is a --%s-file", part.Flag.Name, part.Flag.Envs[0], part.Flag.Name)
		}
	}
	return nil
}

// namedPassword is a password in an address in libpq's form of keywords and values, or in the query of a URL.
var namedPassword = regexp.MustCompile(`(?i)(^|[\s?&])(ssl)?password\s*=\s*[^\s&]`)

func hasPassword(address string) bool {
	if namedPassword.MatchString(address) {
		return true
	}
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return false
	}
	_, has := u.User.Password()
	return has
}

// AfterApply reads the files that hold addresses of the database, and looks after the file of passwords that the database's library reads by itself.
func (f *databaseFlags) AfterApply() error {
	for _, from := range []struct {
		file string
		to   *string
	}{{f.DatabaseURLFile, &f.DatabaseURL}, {f.OwnerURLFile, &f.OwnerURL}} {
		if from.file == "" || *from.to != "" {
			continue
		}
		line, err := secretfile.Line(from.file)
		if err != nil {
			return err
		}
		*from.to = line
	}
	if f.DatabaseURL == "" && f.OwnerURL == "" {
		return nil
	}
	passwords := os.Getenv("PGPASSFILE")
	if passwords == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil
		}
		passwords = filepath.Join(home, ".pgpass")
	}
	if _, err := os.Stat(passwords); errors.Is(err, fs.ErrNotExist) { // #nosec G703 -- the file that the environment of the process names
		return nil
	}
	const mostPasswords = 1 << 20
	_, err := secretfile.Read(passwords, mostPasswords)
	return err
}
