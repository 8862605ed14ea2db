package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	alicePassword = "violet-harbor-copper-92"
	aliceAddress  = "alice@example.test"
	newPassword   = "plum-lantern-gravel-sonata-7"
	phonePassword = "quiet-saddle-comet-paper-3"
)

// TestStory is what a new user tries: one demo serves all its chapters.
func TestStory(t *testing.T) {
	dir := t.TempDir()
	d := start(t, dir)
	t.Run("a blocked person comes back by code and new password (seeds 1-4)", d.chapter(comesBack))
	t.Run("a block expires at its second, no one doing anything (law 4)", d.chapter(expires))
	t.Run("scopes decide right (seeds 16, 28, 29)", d.chapter(scopes))
	t.Run("a person is released while the apiserver is away (law 4)", d.chapter(releasedWithoutApiserver))
	t.Run("without a leader decisions and expiry go on (law 4)", d.chapter(leaderless))
	t.Run("mail that is down says so and comes back", d.chapter(mailDown))
	t.Run("a text brings a person back (T1, M1)", d.chapter(texted))
	t.Run("a call brings a person back while the first provider is refused", d.chapter(calledInstead))
	t.Run("deleting a block unblocks", d.chapter(deleted))
	t.Run("who may not call is refused", d.chapter(refused))
	t.Run("security info is added, replaced on hold and taken back (seeds 33, 34, 51)", d.chapter(securityInfo))
	t.Run("the owner cancels where she is signed in, and chooses a new password (seed 34)", d.chapter(ownerCancels))
	t.Run("short spans run out (seeds 31-34, 38, 39, 51-54)", d.chapter(shortSpans))
	t.Run("nothing secret is anywhere (law 2)", d.chapter(nothingSecret))
	t.Run("the README's commands work", d.chapter(readme))
	t.Run("the README's manifests work", d.chapter(manifests))
	d.stop()
	d.nothingRuns()

	again := start(t, dir)
	t.Run("a second run finds its data", again.chapter(foundAgain))
}

func (d *demo) chapter(tell func(*demo, *testing.T)) func(*testing.T) {
	return func(t *testing.T) {
		outer := d.t
		d.t = t
		defer func() { d.t = outer }()
		tell(d, t)
	}
}

func comesBack(d *demo, t *testing.T) {
	d.await(patience, "the shop to let alice in", func() bool { return d.signIn("alice", alicePassword).SignedIn })
	d.mustKubectl("", "apply", "-f", filepath.Join(root, "config", "samples", "accountblock.yaml"))
	applied := time.Now()
	var denied signIn
	d.await(5*time.Second, "the block to bind", func() bool {
		denied = d.signIn("alice", alicePassword)
		return denied.Blocked
	})
	t.Logf("denied %s after kubectl apply returned", time.Since(applied).Round(time.Millisecond))
	if !slices.Equal(denied.Reasons, []string{"UnusualActivity"}) || denied.UnblockURL == "" {
		t.Fatalf("denied with %+v", denied)
	}
	if left := time.Until(denied.Until); left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("until %s, want 24 h from now (seed 30)", denied.Until)
	}
	if wrong := d.signIn("alice", "not her password"); wrong.Status != http.StatusUnauthorized || wrong.Blocked {
		t.Errorf("a stranger learns %+v (law 6)", wrong)
	}

	b := browse(t)
	b.open(denied.UnblockURL, 200, "Your account is blocked")
	b.press("form[action='/unblock'] button", 200, "Where shall we send your code?")
	before := len(d.inbox(aliceAddress))
	b.press("form[action='/unblock/contact'] button[type=submit]", 200, "Enter your security code")
	code := d.code(aliceAddress, before)
	b.fill("#code", wrongOf(code))
	b.press("form[action='/unblock/code'] button[type=submit]", 422, "Enter your security code")
	b.fill("#code", code)
	b.press("form[action='/unblock/code'] button[type=submit]", 200, "Choose a new password")
	d.await(patience, "the state Releasing in the mirror", func() bool { return d.state("alice-unusual") == "Releasing" })
	b.fill("#password", "password123")
	b.press("form[action='/unblock/password'] button[type=submit]", 422, "Choose a new password")
	b.fill("#password", newPassword)
	b.press("form[action='/unblock/password'] button[type=submit]", 200, "Your account is open again")

	if in := d.signIn("alice", newPassword); !in.SignedIn {
		t.Errorf("after the release: %+v", in)
	}
	if in := d.signIn("alice", alicePassword); in.Status != http.StatusUnauthorized {
		t.Errorf("the old password still signs in: %+v", in)
	}
	d.await(patience, "the state Released in the mirror", func() bool { return d.state("alice-unusual") == "Released" })
	d.await(patience, "the notice about the release (law 8)", func() bool {
		return slices.ContainsFunc(d.inbox(aliceAddress), func(m mail) bool { return strings.Contains(m.Subject, "unblocked") })
	})
	b.open(denied.UnblockURL, 410, "Your account is open")
}

// wrongOf is another code of the same length.
func wrongOf(code string) string {
	if code[0] == '0' {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}

func expires(d *demo, t *testing.T) {
	d.block("linus-short", "account: linus", "reason: Administrative", "duration: 12s")
	created, err := time.Parse(time.RFC3339, d.mustKubectl("", "get", "ab", "linus-short", "-n", "demo", "-o", "jsonpath={.metadata.creationTimestamp}"))
	if err != nil {
		t.Fatal(err)
	}
	due := created.Add(12 * time.Second)
	ask := func() string {
		return d.decide(map[string]string{"account": "linus", "action": "SignIn"}).Decision
	}
	d.await(5*time.Second, "the block to bind", func() bool { return ask() == "Deny" })
	for asked := time.Now(); ; asked = time.Now() {
		verdict, answered := ask(), time.Now()
		if verdict == "Allow" {
			if answered.Before(due) {
				t.Errorf("allowed %s before its second", due.Sub(answered))
			}
			break
		}
		if asked.After(due) {
			t.Fatalf("still denied %s after its second", asked.Sub(due))
		}
	}
	d.await(patience, "the state Expired in the mirror", func() bool { return d.state("linus-short") == "Expired" })
}

func scopes(d *demo, t *testing.T) {
	d.block("no-sms-for-ada", "account: ada", "reason: HighRequestVolume", "scope: Method", "value: SMS")
	d.block("bad-network", "reason: UnusualActivity", "scope: Network", "value: 198.51.100.0/24")
	d.block("bad-region", "reason: CompromisedTraffic", "scope: Region", "value: AQ")
	d.await(5*time.Second, "the blocks to bind", func() bool {
		return d.decide(map[string]string{"account": "x", "action": "SignIn", "country": "AQ"}).Decision == "Deny"
	})
	for _, c := range []struct {
		name    string
		request map[string]string
		want    string
	}{
		{"the method that is blocked", map[string]string{"account": "ada", "action": "SendCode", "method": "SMS"}, "Deny"},
		{"another method", map[string]string{"account": "ada", "action": "SendCode", "method": "Email"}, "Allow"},
		{"the method of somebody else", map[string]string{"account": "grace", "action": "SendCode", "method": "SMS"}, "Allow"},
		{"from the network", map[string]string{"account": "grace", "action": "SignIn", "network": "198.51.100.7"}, "Deny"},
		{"a stranger from the network", map[string]string{"account": "nobody", "action": "Attempt", "network": "198.51.100.7"}, "Deny"},
		{"from another network", map[string]string{"account": "grace", "action": "SignIn", "network": "198.51.101.7"}, "Allow"},
		{"from another region", map[string]string{"account": "grace", "action": "SignIn", "country": "DE"}, "Allow"},
	} {
		if got := d.decide(c.request); got.Decision != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.Decision, c.want)
		}
	}
	attempt := d.decide(map[string]string{"account": "nobody", "action": "Attempt", "network": "198.51.100.7"})
	if len(attempt.Reasons) > 0 || attempt.Until != nil || attempt.Ticket != "" || len(attempt.Links) > 0 {
		t.Errorf("an Attempt learns %+v (law 6)", attempt)
	}
	d.mustKubectl("", "delete", "ab", "no-sms-for-ada", "bad-network", "bad-region", "-n", "demo", "--timeout=30s")
}

// releasedWithoutApiserver walks the JSON API as an app does.
func releasedWithoutApiserver(d *demo, t *testing.T) {
	d.block("ada-away", "account: ada", "reason: UnusualActivity")
	ask := func() decision { return d.decide(map[string]string{"account": "ada", "action": "SignIn"}) }
	d.await(5*time.Second, "the block to bind", func() bool { return ask().Decision == "Deny" })
	d.await(patience, "the block in the store", func() bool { return d.state("ada-away") == "Active" })
	resume := d.freeze("kube-apiserver")
	defer resume()

	app := &app{d: d, public: d.env["HOLDFAST_PUBLIC_URL"]}
	before := len(d.inbox("ada@example.test"))
	challenge := app.post("/v1/challenges", 202, map[string]any{"ticket": ask().Ticket, "purpose": "Unblock"})
	id, _ := challenge["id"].(string)
	code := d.code("ada@example.test", before)
	app.post("/v1/challenges/"+id+"/code", 422, map[string]any{"code": wrongOf(code)})
	if next := app.post("/v1/challenges/"+id+"/code", 200, map[string]any{"code": code}); next["next"] != "ChangePassword" {
		t.Fatalf("next %v", next)
	}
	app.post("/v1/challenges/"+id+"/code", 410, map[string]any{"code": code})
	weak := app.post("/v1/password", 422, map[string]any{"password": "ada12345"})
	if weak["reasons"] == nil || weak["suggestions"] == nil {
		t.Errorf("a weak password is refused without reason or suggestion: %v", weak)
	}
	app.post("/v1/password", 200, map[string]any{"password": newPassword})
	released := time.Now()
	d.await(time.Second, "the release in the decisions", func() bool { return ask().Decision == "Allow" })
	t.Logf("allowed %s after the release, with the apiserver stopped", time.Since(released).Round(time.Millisecond))

	resume()
	d.await(2*patience, "the mirror to catch up", func() bool { return d.state("ada-away") == "Released" })
}

// freeze stops a process of the demo with SIGSTOP until the returned function runs.
func (d *demo) freeze(name string) (resume func()) {
	d.t.Helper()
	for _, pid := range d.processes() {
		if filepath.Base(commandOf(pid)) != name {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			d.t.Fatal(err)
		}
		return func() { _ = syscall.Kill(pid, syscall.SIGCONT) }
	}
	d.t.Fatalf("no process %s belongs to the demo", name)
	return nil
}

func deleted(d *demo, t *testing.T) {
	d.block("grace-gone", "account: grace", "reason: TermsOfService", "permanent: true")
	ask := func() decision { return d.decide(map[string]string{"account": "grace", "action": "SignIn"}) }
	d.await(5*time.Second, "the block to bind", func() bool { return ask().Decision == "Deny" })
	if got := ask(); got.Until != nil {
		t.Errorf("a permanent block ends at %s", got.Until)
	}
	d.mustKubectl("", "delete", "ab", "grace-gone", "-n", "demo", "--timeout=30s")
	d.await(5*time.Second, "the deletion to unblock", func() bool { return ask().Decision == "Allow" })
	d.block("grace-gone", "account: grace", "reason: TermsOfService", "permanent: true")
	d.await(5*time.Second, "a new block of the same name to bind", func() bool { return ask().Decision == "Deny" })
	d.mustKubectl("", "delete", "ab", "grace-gone", "-n", "demo", "--timeout=30s")
}

func refused(d *demo, t *testing.T) {
	url := d.env["HOLDFAST_SERVICE_URL"] + "/v1/namespaces/demo/decisions"
	body := map[string]string{"account": "alice", "action": "SignIn"}
	if status := d.call("POST", url, "", body, nil); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	forApiserver := strings.TrimSpace(d.mustKubectl("", "create", "token", "shop", "-n", "demo"))
	if status := d.call("POST", url, forApiserver, body, nil); status != http.StatusUnauthorized {
		t.Errorf("a token for another audience: %d", status)
	}
	d.mustKubectl("", "create", "serviceaccount", "nobody", "-n", "demo")
	other := strings.TrimSpace(d.mustKubectl("", "create", "token", "nobody", "-n", "demo", "--audience=holdfast"))
	if status := d.call("POST", url, other, body, nil); status != http.StatusForbidden {
		t.Errorf("a ServiceAccount without the role: %d", status)
	}
	request, err := http.NewRequestWithContext(t.Context(), "GET", d.env["HOLDFAST_PUBLIC_URL"]+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "evil.example"
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("an unknown host: %d, want 421", response.StatusCode)
	}
	d.mustKubectl("", "create", "clusterrole", "support", "--verb=get,patch", "--resource=accountblocks,accountblocks/status")
	d.mustKubectl("", "create", "clusterrolebinding", "support", "--clusterrole=support", "--user=support")
	out, err := d.kubectl("", "patch", "ab", "linus-short", "-n", "demo", "--subresource=status", "--type=merge",
		"--as=support", "-p", `{"status":{"state":"Active"}}`)
	if err == nil || !strings.Contains(out, "ValidatingAdmissionPolicy") {
		t.Errorf("support writes a status (law 9): %v %s", err, out)
	}
}

func (d *demo) file(name string) string {
	d.t.Helper()
	content, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(content)
}

func foundAgain(d *demo, t *testing.T) {
	if in := d.signIn("alice", newPassword); !in.SignedIn {
		t.Errorf("the new password is forgotten: %+v", in)
	}
	if state := d.state("alice-unusual"); state != "Released" {
		t.Errorf("the block is %q, want Released", state)
	}
}
