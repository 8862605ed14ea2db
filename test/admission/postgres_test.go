package admission_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// The component of several replicas fits the Deployment that it patches, and the
// apiserver takes what comes out.
func TestTheComponentOfPostgreSQLApplies(t *testing.T) {
	dir := t.TempDir()
	overlay := fmt.Sprintf("resources: [%s]\ncomponents: [%s]\n", from(t, dir, "config/default"), from(t, dir, "config/postgres"))
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(overlay), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), filepath.Join(assets(), "kubectl"), "kustomize", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	built := string(output)
	if strings.Contains(built, "PersistentVolumeClaim") || strings.Contains(built, "sqlite") {
		t.Error("the file of the embedded store is still there")
	}
	var d appsv1.Deployment
	for document := range strings.SplitSeq(built, "\n---\n") {
		if strings.Contains(document, "kind: Deployment\n") {
			if err := yaml.UnmarshalStrict([]byte(document), &d); err != nil {
				t.Fatal(err)
			}
		}
	}
	pod := d.Spec.Template.Spec
	if *d.Spec.Replicas != 2 || d.Spec.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType {
		t.Errorf("%d replicas, strategy %s", *d.Spec.Replicas, d.Spec.Strategy.Type)
	}
	if args := strings.Join(pod.Containers[0].Args, " "); !strings.Contains(args, "--store=postgres: --store-file=/store/url ") {
		t.Errorf("args %s", args)
	}
	if len(pod.Volumes) != 1 || pod.Volumes[0].Secret == nil || len(pod.Containers[0].VolumeMounts) != 1 {
		t.Errorf("volumes %v, mounts %v", pod.Volumes, pod.Containers[0].VolumeMounts)
	}
	d.Name = "trial"
	if err := as(t, "").Create(t.Context(), &d, client.DryRunAll); err != nil {
		t.Error(err)
	}
}

// from is a folder of the project as kustomize wants it: relative.
func from(t *testing.T, dir, folder string) string {
	t.Helper()
	target, err := filepath.Abs(filepath.Join(root, folder))
	if err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Rel(dir, target)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
