package chart_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// helm runs bin/helm as the administrator.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return helmIn(t.Context(), t, args...)
}

func helmIn(ctx context.Context, t *testing.T, args ...string) (string, error) {
	t.Helper()
	binary, err := filepath.Abs(filepath.Join(root, "bin", "helm"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("bin/helm is not built: run the tests with `make test` (%v)", err)
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "KUBECONFIG=" + filepath.Join(home, "kubeconfig")}
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// mustHelm runs helm where it must not fail.
func mustHelm(t *testing.T, args ...string) string {
	t.Helper()
	output, err := helm(t, args...)
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return output
}

// template renders the chart as the release holdfast.
func template(t *testing.T, args ...string) []unstructured.Unstructured {
	t.Helper()
	return objects(t, mustHelm(t, append([]string{"template", release, chart, "-n", system}, args...)...))
}

// objects reads manifests.
func objects(t *testing.T, manifests string) []unstructured.Unstructured {
	t.Helper()
	var list []unstructured.Unstructured
	for document := range strings.SplitSeq("\n"+manifests, "\n---\n") {
		text, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		if string(text) == "null" {
			continue
		}
		var object unstructured.Unstructured
		if err := object.UnmarshalJSON(text); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		list = append(list, object)
	}
	if len(list) == 0 {
		t.Fatalf("no object in:\n%s", manifests)
	}
	return list
}

// name identifies an object among those of one installation.
func name(o unstructured.Unstructured) string {
	return strings.TrimPrefix(o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName(), "/")
}

// find is the only object of the kind, or the one of the name if that is given.
func find(t *testing.T, list []unstructured.Unstructured, kind, name string) unstructured.Unstructured {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(list), func(o unstructured.Unstructured) bool {
		return o.GetKind() != kind || (name != "" && o.GetName() != name)
	})
	if len(found) != 1 {
		t.Fatalf("%d objects are a %s %s, want 1", len(found), kind, name)
	}
	return found[0]
}

// into reads an object as what it is; a field that its kind does not have is an error.
func into(t *testing.T, o unstructured.Unstructured, typed any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, typed, true); err != nil {
		t.Fatalf("%s: %v", name(o), err)
	}
}

// deployment is the one of the list.
func deployment(t *testing.T, list []unstructured.Unstructured) appsv1.Deployment {
	t.Helper()
	var d appsv1.Deployment
	into(t, find(t, list, "Deployment", ""), &d)
	return d
}
