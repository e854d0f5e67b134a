package fence

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// permission is what may be done with a file, or with all below a directory.
type permission struct {
	path   string
	access uint64
}

const (
	mayRead    = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	mayWrite   = unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	mayExecute = unix.LANDLOCK_ACCESS_FS_EXECUTE
	// ofFiles are the rights that a rule about a single file can grant.
	ofFiles = unix.LANDLOCK_ACCESS_FS_READ_FILE | mayWrite | mayExecute
)

// landlock restricts this thread, and those that it will start, to the permissions, and gives the version of the kernel's interface; 0 where
// it has none. Nothing outside may be signalled or traced from then on, and no TCP socket bound or connected, as far as the version goes.
func landlock(rules []permission) (int, error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch {
	case errno != 0 && lacks(errno):
		return 0, nil
	case errno != 0:
		return 0, fmt.Errorf("landlock: %w", errno)
	}
	attributes := handled(int(version))
	ruleset, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes), 0)
	if errno != 0 {
		return 0, fmt.Errorf("landlock rules: %w", errno)
	}
	defer unix.Close(int(ruleset))
	for _, rule := range rules {
		if err := rule.addTo(int(ruleset)); err != nil {
			return 0, err
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0, 0); errno != 0 {
		return 0, fmt.Errorf("landlock: %w", errno)
	}
	return int(version), nil
}

// handled is all that a version of the interface can refuse.
func handled(version int) unix.LandlockRulesetAttr {
	const (
		firstFiles    = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1 // all rights on files of the first version
		withRefer     = 2
		withTruncate  = 3
		withNetwork   = 4
		withDevices   = 5
		withScopes    = 6
		networkRights = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		scopes        = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	)
	a := unix.LandlockRulesetAttr{Handled_access_fs: firstFiles}
	for _, more := range []struct {
		since int
		right uint64
	}{{withRefer, unix.LANDLOCK_ACCESS_FS_REFER}, {withTruncate, unix.LANDLOCK_ACCESS_FS_TRUNCATE}, {withDevices, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV}} {
		if version >= more.since {
			a.Handled_access_fs |= more.right
		}
	}
	if version >= withNetwork {
		a.Handled_access_net = networkRights
	}
	if version >= withScopes {
		a.Scoped = scopes
	}
	return a
}

// addTo adds a rule. What is not there needs none.
func (p permission) addTo(ruleset int) error {
	fd, err := unix.Open(p.path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EACCES) {
			return nil
		}
		return fmt.Errorf("landlock rule for %s: %w", p.path, err)
	}
	defer unix.Close(fd)
	var about unix.Stat_t
	if err := unix.Fstat(fd, &about); err != nil {
		return fmt.Errorf("landlock rule for %s: %w", p.path, err)
	}
	access := p.access
	if about.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= ofFiles
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("landlock rule for %s: %w", p.path, errno)
	}
	return nil
}
