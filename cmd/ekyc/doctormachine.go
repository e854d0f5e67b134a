package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// What a process needs of its machine: memory for itself and for each engine (docs/accuracy.md: 573 MiB after many pictures of 12 megapixels), disk, and open files.
const (
	ownMemory      = 512 << 20
	engineMemory   = 600 << 20
	engineIdle     = 300 << 20
	diskMinded     = 5 << 30
	diskFails      = 512 << 20
	filesMinded    = 4096
	fewInodesShare = 20 // less than a twentieth is left
)

// examineMachine looks at disk, memory and limits.
func (d *DoctorCmd) examineMachine(context.Context) []finding {
	return append(examineDisk(d.DataDir), examineMemory(d.engines()+spareEngines), examineLimits())
}

// examineDisk looks at the file system of a directory, or of where it would be made.
func examineDisk(directory string) []finding {
	part := "disk of the data directory"
	for existing(directory) == "" && filepath.Dir(directory) != directory {
		directory = filepath.Dir(directory)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(directory, &disk); err != nil {
		return []finding{failed(part, err, "see to the file system of "+directory)}
	}
	free := disk.Bavail * uint64(disk.Bsize)
	told := fmt.Sprintf("%d MiB are free for %s", free>>20, directory)
	switch {
	case free < diskFails:
		return []finding{failed(part, errors.New(told), "make room before the database and the pictures cannot be written")}
	case free < diskMinded:
		return []finding{minded(part, told, "make room, or shorten retention")}
	case disk.Files > 0 && disk.Ffree*fewInodesShare < disk.Files:
		return []finding{minded(part, fmt.Sprintf("%d of %d inodes are free", disk.Ffree, disk.Files), "each picture is a file: take a file system with more, or a bucket")}
	}
	return []finding{well(part, "%s", told)}
}

// examineMemory compares what engines take with what there is.
func examineMemory(engines int) finding {
	const part, advice = "memory", "give more, or fewer --engines; the kernel ends processes that are over the limit"
	limit := memoryLimit()
	if limit == 0 {
		return minded(part, "how much there is cannot be seen", "see that /proc is mounted")
	}
	told := fmt.Sprintf("%d MiB for %d engines", limit>>20, engines)
	switch {
	case limit < uint64(ownMemory+engines*engineIdle):
		return failed(part, errors.New(told), advice)
	case limit < uint64(ownMemory+engines*engineMemory):
		return minded(part, told, advice)
	}
	return well(part, "%s", told)
}

// memoryLimit is what this process may have: the machine's memory, or the least of the limits of its control groups (cgroups(7), version 2). 0 where neither can be seen.
func memoryLimit() uint64 {
	least := uint64(0)
	if total, ok := fieldOf("/proc/meminfo", "MemTotal:"); ok {
		least = total << 10
	}
	group, _ := stringOf("/proc/self/cgroup", "0::")
	for directory := filepath.Join("/sys/fs/cgroup", group); strings.HasPrefix(directory, "/sys/fs/cgroup"); directory = filepath.Dir(directory) {
		content, err := os.ReadFile(filepath.Join(directory, "memory.max")) // "max" where there is none
		if n, bad := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64); err == nil && bad == nil && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

// stringOf gives what follows a word at the start of a line.
func stringOf(path, word string) (string, bool) {
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, is := strings.CutPrefix(lines.Text(), word); is {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}

func fieldOf(path, word string) (uint64, bool) {
	text, ok := stringOf(path, word)
	number, _, _ := strings.Cut(text, " ")
	n, err := strconv.ParseUint(number, 10, 64)
	return n, ok && err == nil
}

// examineLimits looks at how many files and connections a process may have open; a soft limit Go raises to the hard one by itself.
func examineLimits() finding {
	const part = "open files"
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return failed(part, err, "see ulimit -n")
	}
	if limit.Max < filesMinded {
		return minded(part, fmt.Sprintf("%d at most", limit.Max), "raise ulimit -n: each connection is one")
	}
	return well(part, "%d at most", limit.Max)
}
