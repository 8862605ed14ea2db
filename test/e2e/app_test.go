package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// app is a client of the JSON API that keeps its one cookie, as an app does that
// knows no browser's rules for localhost.
type app struct {
	d      *demo
	public string
	cookie *http.Cookie
}

func (a *app) post(path string, want int, in map[string]any) map[string]any {
	a.d.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		a.d.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(a.d.t.Context(), "POST", a.public+path, bytes.NewReader(body))
	if err != nil {
		a.d.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if a.cookie != nil {
		request.Header.Set("Cookie", a.cookie.Name+"="+a.cookie.Value)
	}
	response, err := client.Do(request)
	if err != nil {
		a.d.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	out := map[string]any{}
	_ = json.NewDecoder(response.Body).Decode(&out) // some answers are empty
	if response.StatusCode != want {
		a.d.t.Fatalf("POST %s: %d %v, want %d", path, response.StatusCode, out, want)
	}
	for _, cookie := range response.Cookies() {
		a.cookie = cookie
	}
	return out
}

// processes lists the demo's process and all below it.
func (d *demo) processes() []int {
	parents := map[int]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		if _, rest, ok := strings.Cut(string(stat), ") "); ok {
			parents[pid], _ = strconv.Atoi(strings.Fields(rest)[1])
		}
	}
	var family []int
	for pid := range parents {
		for p := pid; p > 1; p = parents[p] {
			if p == d.cmd.Process.Pid {
				family = append(family, pid)
				break
			}
		}
	}
	return family
}

// nothingRuns checks that no process still names the run's folder.
func (d *demo) nothingRuns() {
	d.t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() && strings.Contains(lineOf(pid), d.dir) {
			d.t.Errorf("still running: %s", lineOf(pid))
		}
	}
}

// commandOf is the program of a process, lineOf its whole command line.
func commandOf(pid int) string {
	program, _, _ := strings.Cut(lineOf(pid), " ")
	return program
}

func lineOf(pid int) string {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return "" // it ended meanwhile
	}
	return strings.ReplaceAll(strings.TrimRight(string(line), "\x00"), "\x00", " ")
}
