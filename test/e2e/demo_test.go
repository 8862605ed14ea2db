// Package e2e tells the README's story through the real binaries: kubectl, HTTP,
// SMTP and a browser against what `make run` starts.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// startup is how long everything may take to start on a busy machine.
	startup = 4 * time.Minute
	// patience is how long one effect may take to show on a busy machine.
	patience = 30 * time.Second
	pollGap  = 50 * time.Millisecond
)

var (
	root   = filepath.Join("..", "..")
	client = &http.Client{Timeout: patience}
)

// demo is a running `make run`.
type demo struct {
	t      *testing.T
	cmd    *exec.Cmd
	env    map[string]string
	output *lockedBuffer
	dir    string
}

// start runs bin/demo on free ports with its data in dir.
func start(t *testing.T, dir string) *demo {
	t.Helper()
	binary, err := filepath.Abs(filepath.Join(root, "bin", "demo"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("bin/demo is not built: run the tests with `make test` (%v)", err)
	}
	d := &demo{t: t, dir: dir, output: &lockedBuffer{}}
	d.cmd = exec.Command(binary, "--root", root, "--run-dir", dir, "--ports", "auto")
	d.cmd.Stdout, d.cmd.Stderr = d.output, d.output
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	d.await(startup, "the demo's env file", func() bool {
		if d.cmd.ProcessState != nil {
			t.Fatalf("the demo ended: %s", d.output)
		}
		_, err := os.Stat(filepath.Join(dir, "env"))
		return err == nil
	})
	d.readEnv()
	return d
}

// stop sends what Ctrl-C sends and waits for the end.
func (d *demo) stop() {
	if d.cmd.ProcessState != nil {
		return
	}
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		d.t.Errorf("stop the demo: %v", err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("the demo did not end well: %v\n%s", err, d.output)
	}
	if d.t.Failed() {
		d.t.Logf("the demo said:\n%s", d.output)
	}
}

func (d *demo) readEnv() {
	d.t.Helper()
	file, err := os.Open(filepath.Join(d.dir, "env"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	d.env = map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		d.env[name] = value
	}
}

// await polls until done says so; the test fails after the time given.
func (d *demo) await(within time.Duration, what string, done func() bool) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), within)
	defer cancel()
	tick := time.NewTicker(pollGap)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			d.t.Fatalf("waited %s in vain for %s\n%s", within, what, d.output)
		}
	}
}

// kubectl runs kubectl with input as the administrator and returns what it prints.
func (d *demo) kubectl(input string, args ...string) (string, error) {
	cmd := exec.CommandContext(d.t.Context(), filepath.Join(root, "bin", "kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+d.env["KUBECONFIG"])
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (d *demo) mustKubectl(input string, args ...string) string {
	d.t.Helper()
	out, err := d.kubectl(input, args...)
	if err != nil {
		d.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// block applies an AccountBlock with the fields given as YAML lines.
func (d *demo) block(name string, fields ...string) {
	d.t.Helper()
	d.mustKubectl(fmt.Sprintf("apiVersion: holdfast.dev/v1alpha1\nkind: AccountBlock\nmetadata: {name: %s, namespace: %s}\nspec:\n  %s\n",
		name, d.env["HOLDFAST_NAMESPACE"], strings.Join(fields, "\n  ")), "apply", "-f", "-")
}

// state is an AccountBlock's status.state.
func (d *demo) state(name string) string {
	d.t.Helper()
	return d.mustKubectl("", "get", "accountblock", name, "-n", d.env["HOLDFAST_NAMESPACE"], "-o", "jsonpath={.status.state}")
}

// signIn is the shop's answer to a sign-in.
type signIn struct {
	Status     int
	SignedIn   bool
	Blocked    bool
	Reasons    []string
	Until      time.Time
	UnblockURL string
	// SecurityInfoURL leads to a change on hold.
	SecurityInfoURL string
}

func (d *demo) signIn(account, password string) signIn {
	d.t.Helper()
	var out signIn
	out.Status = d.call("POST", d.env["HOLDFAST_SHOP_URL"]+"/api/signin", "",
		map[string]string{"account": account, "password": password}, &out)
	return out
}

// decision is the service listener's answer.
type decision struct {
	Decision string
	Reasons  []string
	Until    *time.Time
	Ticket   string
	Links    map[string]string
	Prompt   string
	PromptBy *time.Time
}

func (d *demo) decide(request map[string]string) decision {
	d.t.Helper()
	var out decision
	url := d.env["HOLDFAST_SERVICE_URL"] + "/v1/namespaces/" + d.env["HOLDFAST_NAMESPACE"] + "/decisions"
	if status := d.call("POST", url, d.env["HOLDFAST_SERVICE_TOKEN"], request, &out); status != http.StatusOK {
		d.t.Fatalf("decision on %v: status %d", request, status)
	}
	return out
}

// call sends JSON and reads JSON.
func (d *demo) call(method, url, token string, in, out any) (status int) {
	d.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		d.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(d.t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	if out != nil && len(answer) > 0 {
		if err := json.Unmarshal(answer, out); err != nil {
			d.t.Fatalf("%s %s: %v in %s", method, url, err, answer)
		}
	}
	return response.StatusCode
}

// mail is a message in the inbox: a mail, a text or a call.
type mail struct {
	Channel, Subject, From, Text, HTML string
	ReceivedAt                         time.Time
}

func (d *demo) inbox(to string) []mail {
	d.t.Helper()
	var all []mail
	if status := d.call("GET", d.env["HOLDFAST_INBOX_URL"]+"/api/messages?to="+url.QueryEscape(to), "", nil, &all); status != http.StatusOK {
		d.t.Fatalf("inbox: status %d", status)
	}
	return all
}

// shown is where a code stands: in a line of its own in a mail, behind the host in a
// text, and spoken in pairs.
var shown = regexp.MustCompile(`(?m)^\s*(?:@\S+ #)?(\d{6})\s*$|: (\d \d, \d \d, \d \d)\.`)

// code is the one in a message, empty where it has none.
func (m mail) code() string {
	match := shown.FindStringSubmatch(m.Text)
	if match == nil {
		return ""
	}
	return strings.NewReplacer(" ", "", ",", "").Replace(match[1] + match[2])
}

// code waits for the next code after the first n messages of an inbox.
func (d *demo) code(to string, n int) string {
	d.t.Helper()
	var found string
	d.await(patience, "a code in the inbox", func() bool {
		all := d.inbox(to)
		if len(all) <= n {
			return false
		}
		for _, m := range all[:len(all)-n] {
			if found = m.code(); found != "" {
				if strings.Contains(m.Subject+m.From, found) {
					d.t.Errorf("the code stands in subject or sender: %q %q (seed 8)", m.Subject, m.From)
				}
				return true
			}
		}
		return false
	})
	return found
}

// lockedBuffer takes the output of a process while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
