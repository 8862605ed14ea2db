package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machineLine says on what the figures were taken.
func machineLine() string {
	var uname syscall.Utsname
	_ = syscall.Uname(&uname)
	var release []byte
	for _, c := range uname.Release {
		if c == 0 {
			break
		}
		release = append(release, byte(c))
	}
	var kibibytes int
	_, _ = fmt.Sscan(procField("/proc/meminfo", "MemTotal"), &kibibytes)
	load, _ := os.ReadFile("/proc/loadavg")
	average, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%d × %s, %d GiB, Linux %s, %s; load at the start %s", runtime.NumCPU(),
		procField("/proc/cpuinfo", "model name"), kibibytes>>20, release, runtime.Version(), average)
}

// procField is the first value of a name in a file of lines "name : value".
func procField(path, name string) string {
	data, _ := os.ReadFile(path)
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// cpuUsed is the processor time of this process and of its children that run, such as
// an apiserver.
func cpuUsed() time.Duration {
	var self syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &self)
	used := time.Duration(self.Utime.Nano() + self.Stime.Nano())
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		used += childTime(path)
	}
	return used
}

// clockTick is what the kernel counts a process's time in.
const clockTick = 10 * time.Millisecond

// childTime reads a stat file; it is zero for who is no child of this process.
func childTime(path string) time.Duration {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	// The name stands in parentheses and may hold anything.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	const parent, user, system = 1, 11, 12
	if len(fields) <= system || fields[parent] != strconv.Itoa(os.Getpid()) {
		return 0
	}
	u, _ := strconv.Atoi(fields[user])
	s, _ := strconv.Atoi(fields[system])
	return time.Duration(u+s) * clockTick
}
