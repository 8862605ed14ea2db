package chart_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// same is what makes the chart's names those of config/.
var same = []string{"--set", "image.repository=holdfast,image.tag=dev,tenants[0].namespace=demo"}

// What the chart installs by default is what config/default and config/tenant install,
// but for what is listed here.
func TestTheChartSaysWhatConfigSays(t *testing.T) {
	want := kustomize(t, "resources: [%[1]s/default, tenant]\n", "tenant", "namespace: demo\ncomponents: [../%[1]s/tenant]\n")
	deploy := find(t, want, "Deployment", "")
	extend(t, deploy, "args", "--issuer=holdfast", "--tenant=demo")
	containers(t, deploy)["imagePullPolicy"] = "IfNotPresent"
	compare(t, want, template(t, same...))
}

// So is it with PostgreSQL, whose component is config/postgres.
func TestTheChartSaysWhatThePostgresComponentSays(t *testing.T) {
	want := kustomize(t, "resources: [%[1]s/default, tenant]\ncomponents: [%[1]s/postgres]\n",
		"tenant", "namespace: demo\ncomponents: [../%[1]s/tenant]\n")
	deploy := find(t, want, "Deployment", "")
	extend(t, deploy, "args", "--issuer=holdfast", "--tenant=demo")
	containers(t, deploy)["imagePullPolicy"] = "IfNotPresent"
	containers(t, deploy)["lifecycle"] = map[string]any{"preStop": map[string]any{"sleep": map[string]any{"seconds": int64(5)}}}
	set(t, deploy, map[string]any{"maxSurge": "25%", "maxUnavailable": int64(0)}, "spec", "strategy", "rollingUpdate")
	// One at a time whatever their number, and none that is broken holds up a drain.
	budget := find(t, want, "PodDisruptionBudget", "")
	unstructured.RemoveNestedField(budget.Object, "spec", "minAvailable")
	set(t, budget, int64(1), "spec", "maxUnavailable")
	set(t, budget, "AlwaysAllow", "spec", "unhealthyPodEvictionPolicy")
	compare(t, want, template(t, append([]string{"--set", "store.type=postgres,replicas=2"}, same...)...))
}

// admission.mutation is config/mutation.
func TestTheChartSaysWhatTheMutationSays(t *testing.T) {
	want := kustomize(t, "resources: [%[1]s/mutation]\n", "", "")
	got := template(t, append([]string{"--set", "admission.mutation=true"}, same...)...)
	for _, o := range want {
		if diff := cmp.Diff(bare(o).Object, bare(find(t, got, o.GetKind(), o.GetName())).Object); diff != "" {
			t.Errorf("%s (-config +chart):\n%s", name(o), diff)
		}
	}
}

// kustomize builds an overlay over config/, which %[1]s stands for, with a folder beside it.
func kustomize(t *testing.T, overlay, folder, inside string) []unstructured.Unstructured {
	t.Helper()
	dir := t.TempDir()
	target, err := filepath.Abs(filepath.Join(root, "config"))
	if err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Rel(dir, target)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, folder), 0o750); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{".": overlay}
	if inside != "" {
		files[folder] = inside
	}
	for at, text := range files {
		if err := os.WriteFile(filepath.Join(dir, at, "kustomization.yaml"), fmt.Appendf(nil, text, path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	output, err := exec.CommandContext(t.Context(), filepath.Join(assets(), "kubectl"), "kustomize", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return objects(t, string(output))
}

func compare(t *testing.T, config, chart []unstructured.Unstructured) {
	t.Helper()
	part(t, find(t, config, "NetworkPolicy", ""))
	want, got := map[string]any{}, map[string]any{}
	for _, o := range config {
		// Whoever installs makes it: --create-namespace.
		if o.GetKind() != "Namespace" {
			want[name(o)] = bare(o).Object
		}
	}
	for _, o := range chart {
		got[name(o)] = bare(o).Object
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("objects (-config +chart):\n%s", diff)
	}
	for object := range want {
		if diff := cmp.Diff(want[object], got[object]); diff != "" {
			t.Errorf("%s; make generate copies it (-config +chart):\n%s", object, diff)
		}
	}
}

// part gives each of the first two ports a rule of its own, as the chart does, where
// each may have its peers.
func part(t *testing.T, o unstructured.Unstructured) {
	t.Helper()
	rules, _, err := unstructured.NestedSlice(o.Object, "spec", "ingress")
	if err != nil {
		t.Fatal(err)
	}
	parted := []any{}
	for _, port := range rules[0].(map[string]any)["ports"].([]any) {
		parted = append(parted, map[string]any{"ports": []any{port}})
	}
	if err := unstructured.SetNestedSlice(o.Object, append(parted, rules[1:]...), "spec", "ingress"); err != nil {
		t.Fatal(err)
	}
}

// added is what the chart adds knowingly, of each kind.
var added = map[string][][]string{
	"CustomResourceDefinition": {{"metadata", "annotations", "helm.sh/resource-policy"}},
	"PersistentVolumeClaim":    {{"metadata", "annotations", "helm.sh/resource-policy"}},
	"Service": {
		{"metadata", "labels", "app.kubernetes.io/component"}, // for the ServiceMonitor
		{"spec", "type"},
	},
	"Deployment": {
		{"spec", "template", "spec", "terminationGracePeriodSeconds"},
		{"spec", "template", "spec", "securityContext", "fsGroupChangePolicy"},
	},
}

// bare is an object without what is added, and without what only tells who installed it.
func bare(o unstructured.Unstructured) unstructured.Unstructured {
	o = *o.DeepCopy()
	withoutLabels(o.Object)
	for _, path := range added[o.GetKind()] {
		unstructured.RemoveNestedField(o.Object, path...)
		parent := path[:len(path)-1]
		if rest, found, _ := unstructured.NestedMap(o.Object, parent...); found && len(rest) == 0 {
			unstructured.RemoveNestedField(o.Object, parent...)
		}
	}
	return o
}

// withoutLabels drops the labels of the installer, in selectors too: a release selects by
// its own name besides.
func withoutLabels(in any) {
	switch v := in.(type) {
	case map[string]any:
		for _, at := range []string{"labels", "matchLabels", "selector"} {
			labels, ok := v[at].(map[string]any)
			if !ok {
				continue
			}
			for key := range labels {
				if key != "app.kubernetes.io/component" && (strings.HasPrefix(key, "app.kubernetes.io/") || key == "helm.sh/chart") {
					delete(labels, key)
				}
			}
			if len(labels) == 0 {
				delete(v, at)
			}
		}
		for _, each := range v {
			withoutLabels(each)
		}
	case []any:
		for _, each := range v {
			withoutLabels(each)
		}
	}
}

// containers is the only container of a Deployment, to be changed.
func containers(t *testing.T, o unstructured.Unstructured) map[string]any {
	t.Helper()
	list, _, err := unstructured.NestedFieldNoCopy(o.Object, "spec", "template", "spec", "containers")
	if err != nil || len(list.([]any)) != 1 {
		t.Fatalf("%s: containers %v: %v", name(o), list, err)
	}
	return list.([]any)[0].(map[string]any)
}

func extend(t *testing.T, o unstructured.Unstructured, field string, values ...any) {
	t.Helper()
	container := containers(t, o)
	container[field] = append(container[field].([]any), values...)
}

func set(t *testing.T, o unstructured.Unstructured, value any, path ...string) {
	t.Helper()
	if err := unstructured.SetNestedField(o.Object, value, path...); err != nil {
		t.Fatal(err)
	}
}
