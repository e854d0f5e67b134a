// Package clamdtest starts ClamAV's daemon for tests, as a user without rights, with signatures of the test string of EICAR and nothing else, and puts
// faults between it and its client.
package clamdtest

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"ekyc/internal/daemontest"
)

// EICAR gives the antivirus test string (EICAR, 2003), put together so that no file of this program contains it.
func EICAR() []byte {
	return []byte(`X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`)
}

// Daemon is a running clamd.
type Daemon struct {
	Address   string // its Unix socket
	Directory string // everything that it writes

	mutex   sync.Mutex // for what a proxy's connection may kill
	running *daemontest.Daemon
}

// binary is where Debian's package clamav-daemon has it, which is not in the path of every user.
const binary = "/usr/sbin/clamd"

// MostBytes is the largest upload that the daemon takes.
const MostBytes = 12 << 20

// Start starts a daemon, waits until it answers, and stops it with the test.
func Start(t testing.TB) *Daemon {
	t.Helper()
	directory, err := os.MkdirTemp("", "ekyc-clamd-") // short, for the socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	d := &Daemon{Address: filepath.Join(directory, "clamd.sock"), Directory: directory}
	sum := md5.Sum(EICAR()) // as signatures of whole files name them
	for name, content := range map[string]string{
		"clamd.conf": fmt.Sprintf("LocalSocket %s\nDatabaseDirectory %s\nTemporaryDirectory %s\nForeground yes\nScanImageFuzzyHash no\nStreamMaxLength %d\nMaxThreads 4\n",
			d.Address, directory, d.spool(), MostBytes),
		"file.hdb":     fmt.Sprintf("%s:%d:Eicar-Test-File\n", hex.EncodeToString(sum[:]), len(EICAR())),
		"anywhere.ndb": fmt.Sprintf("Eicar-Test-Anywhere:0:*:%s\n", hex.EncodeToString(EICAR())),
	} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.Run(t)
	t.Cleanup(d.Kill)
	return d
}

// spool is where the daemon writes what it scans for as long as it scans it. One that is killed leaves it there.
func (d *Daemon) spool() string { return filepath.Join(d.Directory, "spool") }

// nobody gives the credentials of the user without rights; nil where this process has none to give up.
func (d *Daemon) nobody(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	for _, directory := range []string{d.Directory, d.spool()} {
		if err := os.Chown(directory, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// Run starts the daemon, again after Kill, and waits until it answers.
func (d *Daemon) Run(t testing.TB) {
	t.Helper()
	d.mutex.Lock()
	defer d.mutex.Unlock()
	os.Remove(d.Address)                            // of one that was killed
	if err := os.RemoveAll(d.spool()); err != nil { // as a RuntimeDirectory of systemd is emptied, or a container's emptyDir
		t.Fatal(err)
	}
	if err := os.Mkdir(d.spool(), 0o700); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, "--config-file", filepath.Join(d.Directory, "clamd.conf"))
	command.SysProcAttr = &syscall.SysProcAttr{Credential: d.nobody(t)}
	d.running = daemontest.Run(t, command, filepath.Join(d.Directory, "log"), "unix", d.Address)
}

// Kill ends the daemon at once, as a crash would, and waits until it is gone.
func (d *Daemon) Kill() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.running.Kill()
}
