package fence

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// confinedVariable is set in the second life of a confined process, to what confines it.
const confinedVariable = "EKYC_ENGINE_CONFINED"

// The parts of a confinement, as they are reported.
const (
	byLandlock = "landlock" // no file but the few that are named, no signal and no look into other processes, no TCP
	bySeccomp  = "seccomp"  // no socket, no other process, none of the system calls that only an attacker wants
)

// GuardSecrets keeps other processes of the same user from reading this one's memory, environment and open files, and the system from
// writing them down when it crashes. A process that holds keys calls it first. It does not hold against a process with the capability
// CAP_SYS_PTRACE, which root has.
func GuardSecrets() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("limit on core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil { // a dump may also go to a program, which knows no limit
		return fmt.Errorf("no core dumps: %w", err)
	}
	return nil
}

// Confine takes from this process what reading pictures does not need, for good: files other than libraries, the directories named here and
// facts about the machine; all of the network; other processes. Landlock and seccomp are put on one thread, which then begins the
// program anew, so that every thread there will ever be has them, those of native libraries included. It is to be called first, and returns
// in the second life only. What the kernel does not have is left out; the parent's log says what holds.
func Confine(read ...string) error {
	if _, again := os.LookupEnv(confinedVariable); again {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("confinement: %w", err)
	}
	runtime.LockOSThread() // the thread that is confined is the one that goes on
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confinement: no new privileges: %w", err)
	}
	// This belongs to a thread as well, and only the first one got it from the parent. That the parent died before is noticed by the connection.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("confinement: end with the parent: %w", err)
	}
	var parts []string
	abi, err := landlock(permissions(self, read))
	if err != nil {
		return err
	}
	if abi > 0 {
		parts = append(parts, fmt.Sprint(byLandlock, " ", abi))
	}
	switch err := seccomp(forbidden(os.Getpid()), 0); {
	case err == nil:
		parts = append(parts, bySeccomp)
	case !lacks(err):
		return err
	}
	err = syscall.Exec(self, os.Args, append(os.Environ(), confinedVariable+"="+strings.Join(parts, ", ")))
	return fmt.Errorf("confinement: the second start of %s: %w", self, err)
}

// lacks says whether an error means that the kernel, or a container's own filter, does not offer what was asked of it.
func lacks(err error) bool {
	for _, e := range []error{errors.ErrUnsupported, unix.ENOSYS, unix.EOPNOTSUPP, unix.EINVAL, unix.EPERM, unix.EACCES} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// confined says what confines this process, "" for nothing.
func confined() string { return os.Getenv(confinedVariable) }

// forbidPrograms takes away what the second life needed to begin: no other program is run from here on.
func forbidPrograms() error {
	if !strings.Contains(confined(), bySeccomp) {
		return nil
	}
	return seccomp(noPrograms(), unix.SECCOMP_FILTER_FLAG_TSYNC)
}

// readable is what native code and the Go runtime read beside the models: libraries, also those that are loaded late, data of the text
// recogniser, time zones, and facts about the machine. Nothing in it is secret.
var readable = []string{
	"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache",
	"/usr/share/tesseract-ocr", "/usr/share/tessdata", "/usr/local/share/tessdata", "/usr/share/zoneinfo", "/etc/localtime",
	"/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm/transparent_hugepage",
	"/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm/overcommit_memory",
	"/dev/null", "/dev/zero", "/dev/urandom",
}

// permissions are all rules of a process that may read these directories beside what it needs to run.
func permissions(self string, read []string) []permission {
	rules := []permission{{self, mayRead | mayExecute}, {"/dev/null", mayRead | mayWrite}}
	if loader := interpreter(self); loader != "" {
		rules = append(rules, permission{loader, mayRead | mayExecute})
	}
	paths := append(append([]string{}, readable...), loaded()...)
	paths = append(paths, filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))...)
	paths = append(paths, os.Getenv("TESSDATA_PREFIX"))
	for _, path := range read {
		paths = append(append(paths, path), linked(path)...)
	}
	for _, path := range paths {
		if path != "" {
			rules = append(rules, permission{path, mayRead})
		}
	}
	return rules
}

// interpreter is the loader that a program names, "" for none.
func interpreter(program string) string {
	f, err := elf.Open(program)
	if err != nil {
		return ""
	}
	defer f.Close()
	for _, part := range f.Progs {
		if part.Type != elf.PT_INTERP {
			continue
		}
		if name, err := io.ReadAll(part.Open()); err == nil {
			return strings.TrimRight(string(name), "\x00")
		}
	}
	return ""
}

// loaded lists the files that are mapped: the libraries of this process, wherever they are.
func loaded() []string {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return nil
	}
	defer f.Close()
	var files []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		const pathField = 5
		fields := strings.Fields(lines.Text())
		if len(fields) != pathField+1 || !strings.HasPrefix(fields[pathField], "/") {
			continue
		}
		if path := fields[pathField]; len(files) == 0 || files[len(files)-1] != path {
			files = append(files, path)
		}
	}
	return files
}

// linked lists where the symbolic links in a directory lead: an operator may keep models elsewhere.
func linked(directory string) []string {
	var targets []string
	filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type()&fs.ModeSymlink != 0 {
			if target, err := filepath.EvalSymlinks(path); err == nil {
				targets = append(targets, target)
			}
		}
		return nil // what cannot be read now is told when it is opened
	})
	return targets
}
