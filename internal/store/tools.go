package store

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/jackc/pgx/v5"

	"ekyc"
)

// PrivateURL is how the owner reaches the private server that another process runs in a directory.
func PrivateURL(directory string) (string, error) {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return "", err
	}
	return (&Private{directory: directory}).URL(), nil
}

// passed are the variables of the environment that programs of PostgreSQL's get: none that could hold an address, a password or a credential of ours.
var passed = []string{"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"}

// environment gives those that are set, and others by their names.
func environment(also ...string) []string {
	set := []string{} // nil would be all of ours
	for _, name := range append(also, passed...) {
		if value, is := os.LookupEnv(name); is {
			set = append(set, name+"="+value)
		}
	}
	return set
}

// Tool makes a command of one of PostgreSQL's own programs, such as pg_dump, for a database. The address goes by the environment, which other
// users of the machine cannot read; of ours it gets nothing but where programs, languages and the home directory are, in which libpq looks for
// certificates. Errors: ErrUnavailable when PostgreSQL is not installed, ErrInvalidArgument for the address.
func Tool(ctx context.Context, url, name string, arguments ...string) (*exec.Cmd, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the database URL cannot be parsed")
	}
	path := ""
	if binaries, err := serverBinaries(); err == nil {
		path = filepath.Join(binaries, name)
	}
	if _, err := os.Stat(path); err != nil {
		if path, err = exec.LookPath(name); err != nil {
			return nil, ekyc.Errorf(ekyc.ErrUnavailable, "%s is not installed; it comes with PostgreSQL", name).Because(err)
		}
	}
	command := exec.CommandContext(ctx, path, arguments...)
	command.Env = append(environment("HOME"), "PGHOST="+config.Host, fmt.Sprint("PGPORT=", config.Port), "PGUSER="+config.User, "PGPASSWORD="+config.Password, "PGDATABASE="+config.Database,
		"PGAPPNAME=ekyc/"+name, "PGCONNECT_TIMEOUT=10")
	for _, setting := range []struct{ keyword, variable string }{
		{"sslmode", "PGSSLMODE"}, {"sslrootcert", "PGSSLROOTCERT"}, {"sslcert", "PGSSLCERT"}, {"sslkey", "PGSSLKEY"},
	} {
		if value := settingOf(url, setting.keyword); value != "" {
			command.Env = append(command.Env, setting.variable+"="+value)
		}
	}
	return command, nil
}

// settingOf finds a setting in an address, which is a URL or keywords and values.
func settingOf(address, keyword string) string {
	found := regexp.MustCompile(`(?:^|[\s?&])` + keyword + `\s*=\s*'?([^\s&']+)`).FindStringSubmatch(address)
	if found == nil {
		return ""
	}
	return found[1]
}
