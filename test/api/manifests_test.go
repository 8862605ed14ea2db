package api_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// wantPrefix begins the first line of a must-fail manifest, which tells the message.
const wantPrefix = "# want: "

// apply applies as Argo CD and Flux do: server-side.
func apply(t *testing.T, object *unstructured.Unstructured, options ...client.ApplyOption) error {
	t.Helper()
	options = append(options, client.FieldOwner("pipeline"), client.ForceOwnership)
	return apiClient.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object.DeepCopy()), options...)
}

func decode(t *testing.T, data []byte) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		object := &unstructured.Unstructured{}
		switch err := decoder.Decode(&object.Object); {
		case errors.Is(err, io.EOF):
			return objects
		case err != nil:
			t.Fatal(err)
		case len(object.Object) > 0:
			objects = append(objects, object)
		}
	}
}

func manifests(t *testing.T, glob string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, glob))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no manifests at %s: %v", glob, err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = data
	}
	return files
}

// TestSamplesApply: every sample is accepted, twice, with every field of it known.
func TestSamplesApply(t *testing.T) {
	kinds := map[string]bool{}
	for name, data := range manifests(t, "config/samples/*.yaml") {
		if name == "kustomization.yaml" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for _, object := range decode(t, data) {
				kinds[object.GetKind()] = true
				for range 2 {
					if err := apply(t, object); err != nil {
						t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
					}
				}
			}
		})
	}
	for _, kind := range []string{"VerificationPolicy", "AccountBlock", "SecurityInfoChange", "RecoveryRequest"} {
		if !kinds[kind] {
			t.Errorf("no sample of %s", kind)
		}
	}
}

// TestPagesApply: every example on the pages of the kinds is accepted.
func TestPagesApply(t *testing.T) {
	for name, page := range manifests(t, "docs/spec/*.md") {
		t.Run(name, func(t *testing.T) {
			_, rest, found := strings.Cut(string(page), "```yaml\n")
			if !found {
				t.Fatal("has no example")
			}
			for found {
				var example string
				example, rest, _ = strings.Cut(rest, "```")
				for _, object := range decode(t, []byte(example)) {
					if err := apply(t, object, client.DryRunAll); err != nil {
						t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
					}
				}
				_, rest, found = strings.Cut(rest, "```yaml\n")
			}
		})
	}
}

// TestInvalidManifestsFail: every must-fail manifest is refused with its message.
func TestInvalidManifestsFail(t *testing.T) {
	for name, data := range manifests(t, "hack/invalid/*.yaml") {
		t.Run(name, func(t *testing.T) {
			first, _, _ := strings.Cut(string(data), "\n")
			want, ok := strings.CutPrefix(first, wantPrefix)
			if !ok || want == "" {
				t.Fatalf("the first line is %q, want %q and the message", first, wantPrefix)
			}
			for _, object := range decode(t, data) {
				err := apply(t, object, client.DryRunAll)
				if err == nil {
					t.Fatal("was accepted")
				}
				if !strings.Contains(err.Error(), want) {
					t.Errorf("refused with\n  %v\nwant\n  %s", err, want)
				}
			}
		})
	}
}

// TestUnknownFieldsAreRefused: kubectl's own strict validation refuses them on create.
func TestUnknownFieldsAreRefused(t *testing.T) {
	object := decode(t, []byte(`
apiVersion: holdfast.dev/v1alpha1
kind: AccountBlock
metadata: {name: typo, namespace: demo}
spec: {account: alice, reason: Administrative, durration: 1h}
`))[0]
	err := apiClient.Create(t.Context(), object)
	if err == nil || !strings.Contains(err.Error(), `unknown field "spec.durration"`) {
		t.Errorf("got %v, want a refusal of the unknown field", err)
	}
}
