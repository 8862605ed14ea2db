package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
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

// memoryLine is what this process holds in memory: Holdfast, the clients and the
// baseline together.
func memoryLine() string {
	return fmt.Sprintf("Memory of this process, clients and baseline included: %s resident at the end, at most %s.",
		mebibytes("VmRSS"), mebibytes("VmHWM"))
}

func mebibytes(field string) string {
	var kibibytes int
	_, _ = fmt.Sscan(procField("/proc/self/status", field), &kibibytes)
	return fmt.Sprintf("%d MiB", kibibytes>>10)
}

// forgetPeak gives back what an earlier suite needed and begins its peak anew.
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // without it the peak is that of all suites
}

// cpuUsed is the processor time of this process and of all that descend from it, such
// as an apiserver or the processes of PostgreSQL.
func cpuUsed() time.Duration {
	var self syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &self)
	used := time.Duration(self.Utime.Nano() + self.Stime.Nano())
	children := map[int][]process{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		if p, ok := readProcess(path); ok {
			children[p.parent] = append(children[p.parent], p)
		}
	}
	for next := children[os.Getpid()]; len(next) > 0; next = next[1:] {
		used += next[0].used
		next = append(next, children[next[0].id]...)
	}
	return used
}

// process is one of the machine's; used includes those that it started and that ended.
type process struct {
	id, parent int
	used       time.Duration
}

// clockTick is what the kernel counts a process's time in.
const clockTick = 10 * time.Millisecond

// readProcess reads a stat file.
func readProcess(path string) (process, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return process{}, false // it has ended
	}
	// The name stands in parentheses and may hold anything.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	const parent, firstTime, lastTime = 1, 11, 14 // user and system time, then the children's
	if len(fields) <= lastTime {
		return process{}, false
	}
	var p process
	p.id, _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))
	p.parent, _ = strconv.Atoi(fields[parent])
	for _, field := range fields[firstTime : lastTime+1] {
		ticks, _ := strconv.Atoi(field)
		p.used += time.Duration(ticks) * clockTick
	}
	return p, true
}
