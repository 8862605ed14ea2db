package v1alpha1_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const crdGlob = "../../config/crd/holdfast.dev_*.yaml"

func readCRDs(t *testing.T) []apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	paths, err := filepath.Glob(crdGlob)
	if err != nil || len(paths) != 4 {
		t.Fatalf("found %d CRDs at %s, want 4 (run make generate): %v", len(paths), crdGlob, err)
	}
	crds := make([]apiextensionsv1.CustomResourceDefinition, len(paths))
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(data, &crds[i]); err != nil {
			t.Fatalf("read %s: %v", path, err)
		}
	}
	return crds
}

// TestSchemasAreBounded walks every field of every kind (K4): strings, lists and numbers
// are bounded, lists say how server-side apply merges them, and each field is described.
func TestSchemasAreBounded(t *testing.T) {
	for _, crd := range readCRDs(t) {
		t.Run(crd.Spec.Names.Kind, func(t *testing.T) {
			root := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
			for _, part := range []string{"spec", "status"} {
				for _, problem := range faults(part, root.Properties[part]) {
					t.Error(problem)
				}
			}
		})
	}
}

// TestFaultsAreFound proves that the walk can fail.
func TestFaultsAreFound(t *testing.T) {
	one := int64(1)
	unbounded := apiextensionsv1.JSONSchemaProps{
		Type: "object", Description: "d",
		Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"text": {Type: "string", Description: "d"},
			"mute": {Type: "string", MaxLength: &one},
			"size": {Type: "integer", Description: "d"},
			"list": {Type: "array", Description: "d", Items: &apiextensionsv1.JSONSchemaPropsOrArray{
				Schema: &apiextensionsv1.JSONSchemaProps{Type: "string", MaxLength: &one},
			}},
		},
	}
	if got := faults("spec", unbounded); len(got) != 5 {
		t.Errorf("found %d faults, want 5: %v", len(got), got)
	}
}

func faults(path string, s apiextensionsv1.JSONSchemaProps) []string {
	var found []string
	complain := func(what string) { found = append(found, fmt.Sprintf("%s: %s", path, what)) }
	if s.Description == "" && !strings.HasSuffix(path, "[]") {
		complain("has no description")
	}
	switch s.Type {
	case "string":
		if s.MaxLength == nil && len(s.Enum) == 0 && s.Format != "date-time" {
			complain("string without maxLength, enum or date-time")
		}
	case "integer":
		counter := strings.HasSuffix(path, "observedGeneration")
		if s.Minimum == nil || (s.Maximum == nil && !counter) {
			complain("number without both bounds")
		}
	case "array":
		if s.MaxItems == nil {
			complain("list without maxItems")
		}
		if s.XListType == nil {
			complain("list without x-kubernetes-list-type")
		}
		found = append(found, faults(path+"[]", *s.Items.Schema)...)
	case "object", "boolean":
	default:
		complain("unexpected type " + s.Type)
	}
	for _, name := range propertyNames(s) {
		found = append(found, faults(path+"."+name, s.Properties[name])...)
	}
	return found
}

func propertyNames(s apiextensionsv1.JSONSchemaProps) []string {
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestNothingIsDefaulted: an empty field means the seeds' number, so the schema writes
// nothing into objects.
func TestNothingIsDefaulted(t *testing.T) {
	var walk func(path string, s apiextensionsv1.JSONSchemaProps)
	walk = func(path string, s apiextensionsv1.JSONSchemaProps) {
		if s.Default != nil {
			t.Errorf("%s: has the default %s", path, s.Default.Raw)
		}
		if s.Items != nil {
			walk(path+"[]", *s.Items.Schema)
		}
		for _, name := range propertyNames(s) {
			walk(path+"."+name, s.Properties[name])
		}
	}
	for _, crd := range readCRDs(t) {
		walk(crd.Spec.Names.Kind, *crd.Spec.Versions[0].Schema.OpenAPIV3Schema)
	}
}

// TestOptionalFieldsTellTheirDefault: every optional field of a spec says what an empty
// one means, so that kubectl explain is enough.
func TestOptionalFieldsTellTheirDefault(t *testing.T) {
	for _, crd := range readCRDs(t) {
		spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
		for _, field := range silentNumbers("spec", spec) {
			t.Errorf("%s %s: says neither \"Empty:\" nor that it is required", crd.Spec.Names.Kind, field)
		}
	}
}

func silentNumbers(path string, s apiextensionsv1.JSONSchemaProps) []string {
	var silent []string
	for _, name := range propertyNames(s) {
		p, at := s.Properties[name], path+"."+name
		number := p.Type == "integer" || strings.Contains(p.Pattern, "(h|m|s)")
		if number && !slices.Contains(s.Required, name) && !strings.Contains(p.Description, "Empty:") {
			silent = append(silent, at)
		}
		if p.Items != nil {
			silent = append(silent, silentNumbers(at+"[]", *p.Items.Schema)...)
		}
		silent = append(silent, silentNumbers(at, p)...)
	}
	return silent
}

// TestPagesNameEveryField: the page of a kind under docs/spec names each field of its
// spec and status in code style.
func TestPagesNameEveryField(t *testing.T) {
	for _, crd := range readCRDs(t) {
		page, err := os.ReadFile("../../docs/spec/" + strings.ToLower(crd.Spec.Names.Kind) + ".md")
		if err != nil {
			t.Fatal(err)
		}
		root := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
		for _, part := range []string{"spec", "status"} {
			for _, field := range unnamed(part, root.Properties[part], inCode(string(page))) {
				t.Errorf("docs/spec/%s.md does not name %s", strings.ToLower(crd.Spec.Names.Kind), field)
			}
		}
	}
}

// inCode keeps what stands between backquotes and in code blocks.
func inCode(page string) string {
	var code strings.Builder
	for i, part := range strings.Split(page, "`") {
		if i%2 == 1 {
			code.WriteString(part + "\n")
		}
	}
	return code.String()
}

func unnamed(path string, s apiextensionsv1.JSONSchemaProps, code string) []string {
	var missing []string
	for _, name := range propertyNames(s) {
		p, at := s.Properties[name], path+"."+name
		if path == "status" && name == "conditions" {
			continue
		}
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(code) {
			missing = append(missing, at)
		}
		if p.Items != nil {
			missing = append(missing, unnamed(at+"[]", *p.Items.Schema, code)...)
		}
		missing = append(missing, unnamed(at, p, code)...)
	}
	return missing
}

// TestShortNames holds what people type.
func TestShortNames(t *testing.T) {
	want := map[string]string{
		"VerificationPolicy": "vp", "AccountBlock": "ab",
		"SecurityInfoChange": "sic", "RecoveryRequest": "rr",
	}
	for _, crd := range readCRDs(t) {
		names := crd.Spec.Names
		if !slices.Equal(names.ShortNames, []string{want[names.Kind]}) || !slices.Equal(names.Categories, []string{"holdfast"}) {
			t.Errorf("%s: short names %v, categories %v", names.Kind, names.ShortNames, names.Categories)
		}
		if crd.Spec.Scope != apiextensionsv1.NamespaceScoped {
			t.Errorf("%s: scope %s, want Namespaced", names.Kind, crd.Spec.Scope)
		}
	}
}
