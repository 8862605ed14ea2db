package chart_test

import (
	"strings"
	"testing"
)

func TestTheChartIsLinted(t *testing.T) {
	for _, values := range []string{least, most} {
		mustHelm(t, "lint", "--strict", chart, "-f", values)
	}
	// A registry of charts lints the defaults, though nobody can install them.
	mustHelm(t, "lint", chart)
}

// Every value that cannot work is refused before anything is applied, with a sentence
// that says what to do.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, values, says string }{
		{"replicas on SQLite", "--set replicas=2",
			"at '/replicas': value must be '1 with store.type sqlite, which is one file of one process; for more set store.type to postgres'"},
		{"replicas on SQLite, schema skipped", "--set replicas=2 --skip-schema-validation",
			"replicas is 2 and store.type is sqlite: SQLite is one file of one process and takes one replica; for more set store.type to postgres"},
		{"autoscaling on SQLite", "--set autoscaling.enabled=true",
			"at '/autoscaling/enabled': value must be 'false with store.type sqlite, which is one file of one process; for more replicas set store.type to postgres'"},
		{"autoscaling on SQLite, schema skipped", "--set autoscaling.enabled=true --skip-schema-validation",
			"autoscaling is enabled and store.type is sqlite: SQLite is one file"},
		{"no image", "--set image.repository=", "image.repository is empty: build the image with make image"},
		{"no tenant", "--set tenants=null", "tenants is empty: name at least one namespace"},
		{"a namespace twice", "--set tenants[1].namespace=shop", "tenants names the namespace shop twice"},
		{"a host twice", "--set tenants[1].namespace=staff,tenants[1].hosts={account.example.com}",
			"tenants gives the host account.example.com to shop and to staff: a host chooses one tenant"},
		{"fewest over most", "--set store.type=postgres,autoscaling.enabled=true,autoscaling.minReplicas=9",
			"autoscaling.minReplicas is 9, more than autoscaling.maxReplicas, which is 6"},
		{"an Ingress for nobody", `--set public.ingress.enabled=true --set-json tenants=[{"namespace":"shop"}]`, "no tenant has a host"},
		{"a route from nowhere", "--set public.httpRoute.enabled=true", "public.httpRoute is enabled without parentRefs"},
		{"a monitor of nothing", "--set metrics.serviceMonitor.enabled=true,metrics.enabled=false", "there is nothing to scrape"},
		{"mutation too early", "--set admission.mutation=true --kube-version 1.35.2",
			"admission.mutation needs Kubernetes 1.36 or newer; this is v1.35.2"},
		{"Kubernetes too old", "--kube-version 1.32.9", "requires kubeVersion: >=1.33.0-0 which is incompatible with Kubernetes v1.32.9"},
		{"a misspelt value", "--set replica=2", "additional properties 'replica' not allowed"},
		{"another store", "--set store.type=mysql", "at '/store/type': value must be one of 'sqlite', 'postgres'"},
		{"a volume of many nodes", "--set store.sqlite.accessMode=ReadWriteMany", "at '/store/sqlite/accessMode': value must be one of"},
		{"a proxy that is no network", "--set trustedProxies={10.0.0.1}", "at '/trustedProxies/0': '10.0.0.1' does not match"},
		{"an endpoint without port", "--set providerEndpoints={smtp.example.com}", "at '/providerEndpoints/0': 'smtp.example.com' does not match"},
		{"a host in capitals", "--set tenants[0].hosts={Account.example.com}", "at '/tenants/0/hosts/0': 'Account.example.com' does not match"},
		{"another scheme", "--set public.scheme=ftp", "at '/public/scheme': value must be one of 'https', 'http'"},
		{"a tag in the repository", "--set image.repository=holdfast:v1", "at '/image/repository': 'holdfast:v1' does not match"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"template", release, chart, "-n", system, "-f", least}, strings.Fields(c.values)...)
			output, err := helm(t, args...)
			if err == nil || !strings.Contains(output, c.says) {
				t.Errorf("error %v, want %q in:\n%s", err, c.says, output)
			}
		})
	}
}

// All that the templates refuse is said at once.
func TestRefusalsComeTogether(t *testing.T) {
	output, err := helm(t, "template", release, chart)
	if err == nil || !strings.Contains(output, "- image.repository is empty") || !strings.Contains(output, "- tenants is empty") {
		t.Errorf("error %v:\n%s", err, output)
	}
}
