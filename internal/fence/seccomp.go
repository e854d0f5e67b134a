package fence

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filter is a program that the kernel runs before every system call.
type filter []unix.SockFilter

// Where a filter finds what it decides by: struct seccomp_data. The low half of an argument comes first on both architectures.
const (
	numberAt   = 0
	archAt     = 4
	argumentAt = 16
)

const (
	allow  = unix.SECCOMP_RET_ALLOW
	refuse = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	absent = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// never are the calls that work on pictures has no use for: sockets, other processes' memory and limits, namespaces, mounts, the kernel's
// less hardened interfaces, and the machine itself.
var never = []uint32{
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_KCMP,
	unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_SHMGET, unix.SYS_MQ_OPEN, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN,
	unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD,
	unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_SETHOSTNAME,
}

// platform is what a filter must know of the machine: its name for the kernel, and calls that only it has. It is false for one that no
// filter was tested on.
func platform() (arch uint32, forks []uint32, known bool) {
	switch runtime.GOARCH {
	case "amd64":
		const fork, vfork = 57, 58
		return unix.AUDIT_ARCH_X86_64, []uint32{fork, vfork}, true
	case "arm64":
		return unix.AUDIT_ARCH_AARCH64, nil, true
	}
	return 0, nil, false
}

func load(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
}

func give(verdict uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: verdict}
}

// jump goes on after so many instructions, by whether the comparison holds.
func jump(comparison uint16, with uint32, holds, fails uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | comparison | unix.BPF_K, K: with, Jt: holds, Jf: fails}
}

// opening refuses calls in another architecture's numbering and leaves the number of the call to be compared. It is nil on an unknown
// machine.
func opening() filter {
	arch, _, known := platform()
	if !known {
		return nil
	}
	const x32 = 0x40000000 // from here on the numbers are of the x32 interface; arm64 has none so high
	return filter{
		load(archAt), jump(unix.BPF_JEQ, arch, 1, 0), give(unix.SECCOMP_RET_KILL_PROCESS),
		load(numberAt), jump(unix.BPF_JGE, x32, 0, 1), give(absent),
	}
}

// refusing adds calls that get a verdict whatever they ask for.
func (f filter) refusing(verdict uint32, calls ...uint32) filter {
	for _, call := range calls {
		f = append(f, jump(unix.BPF_JEQ, call, 0, 1), give(verdict))
	}
	return f
}

// onlyOn adds a call that is allowed when its first argument is one of the values.
func (f filter) onlyOn(call uint32, values ...uint32) filter {
	f = append(f, jump(unix.BPF_JEQ, call, 0, uint8(len(values)+3)), load(argumentAt))
	for i, value := range values {
		f = append(f, jump(unix.BPF_JEQ, value, uint8(len(values)-i), 0))
	}
	return append(f, give(refuse), give(allow))
}

// forbidden is the filter of a process with this id, which may signal and limit itself, and start threads but no process.
func forbidden(pid int) filter {
	f := opening()
	if f == nil {
		return nil
	}
	_, forks, _ := platform()
	f = f.refusing(refuse, never...).refusing(refuse, forks...)
	f = f.refusing(absent, unix.SYS_CLONE3) // its flags cannot be looked at; the libraries go on with clone
	f = f.onlyOn(unix.SYS_KILL, uint32(pid)).onlyOn(unix.SYS_TGKILL, uint32(pid)).onlyOn(unix.SYS_PRLIMIT64, 0, uint32(pid))
	const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET
	return append(f,
		jump(unix.BPF_JEQ, unix.SYS_CLONE, 0, 4), load(argumentAt),
		jump(unix.BPF_JSET, namespaces, 1, 0), jump(unix.BPF_JSET, unix.CLONE_THREAD, 1, 0), give(refuse),
		give(allow))
}

// noPrograms is the filter of a process that runs no other program any more.
func noPrograms() filter {
	f := opening()
	if f == nil {
		return nil
	}
	return append(f.refusing(refuse, unix.SYS_EXECVE, unix.SYS_EXECVEAT), give(allow))
}

// seccomp puts a filter on this thread and those that it will start; with SECCOMP_FILTER_FLAG_TSYNC on all threads of the process.
func seccomp(f filter, flags uintptr) error {
	if f == nil {
		return fmt.Errorf("seccomp on %s: %w", runtime.GOARCH, errors.ErrUnsupported)
	}
	program := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	stray, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
	switch {
	case errno != 0:
		return fmt.Errorf("seccomp: %w", errno)
	case stray != 0:
		return fmt.Errorf("seccomp: thread %d has other filters", stray)
	}
	return nil
}
