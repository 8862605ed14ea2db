package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	yamlBlock  = regexp.MustCompile("(?s)```yaml\n(.*?)```")
)

// readme runs what the README tells people to type: make targets are looked up, the chart
// is rendered, all else is run as it stands, against this demo.
func readme(d *demo, t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		whole := strings.ReplaceAll(strings.TrimSpace(block[1]), "\\\n", "")
		commands = append(commands, strings.Split(whole, "\n")...)
	}
	if len(commands) < 2 || commands[0] != "make run" || commands[1] != "make test" {
		t.Errorf("the first two commands are %q, want make run and make test", commands[:min(2, len(commands))])
	}
	for _, command := range commands {
		switch {
		case strings.HasPrefix(command, "make "):
			command = strings.Replace(command, "make ", "make --dry-run ", 1)
		case strings.HasPrefix(command, "helm install "):
			command = strings.Replace(command, "helm install ", "bin/helm template ", 1)
		case strings.HasPrefix(command, "export KUBECONFIG="):
			continue // the demo of this test is elsewhere
		}
		run := exec.CommandContext(t.Context(), "bash", "-c", command)
		run.Dir, run.Env = root, append(os.Environ(), "KUBECONFIG="+d.env["KUBECONFIG"])
		if out, err := run.CombinedOutput(); strings.Contains(string(out), "No rule to make target") ||
			err != nil && !strings.HasPrefix(command, "make ") {
			t.Errorf("%s: %v\n%s", command, err, out)
		} else {
			t.Logf("$ %s\n%s", command, out)
		}
	}
}

// manifests tries the README's YAML: the policy on the apiserver, the overlay with
// kustomize beside a copy of config/.
func manifests(d *demo, t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(block[1], "kind: VerificationPolicy") {
			d.mustKubectl(block[1], "apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-")
			continue
		}
		dir := t.TempDir()
		if err := os.CopyFS(filepath.Join(dir, "config"), os.DirFS(filepath.Join(root, "config"))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(block[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		if built := d.mustKubectl("", "kustomize", dir); !strings.Contains(built, "- --tenant=demo=account.example.com") {
			t.Errorf("the overlay grants no tenant:\n%s", built)
		}
	}
}
