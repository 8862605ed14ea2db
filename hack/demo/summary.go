package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"holdfast.dev/holdfast/hack/shop"
)

// writeEnv tells tests and shells where everything is. It appears as a whole, and last.
func (d *demo) writeEnv() error {
	token, err := os.ReadFile(d.path("shop.token"))
	if err != nil {
		return fmt.Errorf("read service token: %w", err)
	}
	env := new(strings.Builder)
	for _, line := range [][2]string{
		{"KUBECONFIG", d.cluster.kubeconfig},
		{"HOLDFAST_NAMESPACE", tenant},
		{"HOLDFAST_PUBLIC_URL", web(d.ports.Public)},
		{"HOLDFAST_SERVICE_URL", web(d.ports.Service)},
		{"HOLDFAST_SERVICE_TOKEN", string(token)},
		{"HOLDFAST_METRICS_URL", "https://" + local(d.ports.Metrics) + "/metrics"},
		{"HOLDFAST_INBOX_URL", web(d.ports.Inbox)},
		{"HOLDFAST_SHOP_URL", web(d.ports.Shop)},
		{"HOLDFAST_OIDC_URL", d.issuer()},
	} {
		fmt.Fprintf(env, "%s=%s\n", line[0], line[1])
	}
	path := d.envFile()
	if err := os.WriteFile(path+".new", []byte(env.String()), 0o600); err != nil {
		return fmt.Errorf("write env: %w", err)
	}
	d.onStop(func() error { return os.Remove(path) })
	return os.Rename(path+".new", path)
}

func (d *demo) envFile() string { return d.path("env") }

// printSummary says what runs and what to try.
func (d *demo) printSummary(ctx context.Context) {
	err := d.kubectl(ctx, "wait", "-n", tenant, "verificationpolicy/default", "--for=condition=Ready", "--timeout=20s")
	if err != nil && ctx.Err() == nil {
		fmt.Printf("\nThe policy is not Ready yet; see kubectl describe vp -n %s, and %s\n", tenant, d.path("logs", "holdfast.log"))
	}
	fmt.Printf(`
Holdfast runs. Ctrl-C stops everything; the data stays in %[1]s.

  Shop      %[2]s   accounts and passwords are on the page
  Inbox     %[3]s
  Holdfast  %[4]s   pages for people
            %[4]s/security-info   sign in as %[10]s with %[11]s
            %[5]s   decisions and signals
  Issuer    %[12]s   signs the shop's accounts in there, with their first passwords
  Logs      %[1]s/logs

Try, in another terminal:

  export KUBECONFIG=%[6]s
  %[7]s/kubectl apply -f %[8]s/config/samples/accountblock.yaml
      blocks alice: sign her in at the shop, and lift the block by the link
  %[7]s/kubectl apply -f %[8]s/hack/demo/examples/short-block.yaml
      blocks grace for a minute
  %[7]s/kubectl apply -f %[8]s/hack/demo/examples/add-phone.yaml
      asks for a second phone of grace, who proves it by Security info at the shop
  %[7]s/kubectl get holdfast -n %[9]s
      shows where everything stands

`, d.short(d.runDir), web(d.ports.Shop), web(d.ports.Inbox), web(d.ports.Public), web(d.ports.Service),
		d.cluster.kubeconfig, d.short(filepath.Join(d.root, "bin")), d.short(d.root), tenant,
		guest, shop.Passwords()[guest], d.issuer())
}

// short is a path as the person would type it.
func (d *demo) short(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	relative, err := filepath.Rel(here, path)
	if err != nil || strings.HasPrefix(relative, "..") {
		return path
	}
	return relative
}
