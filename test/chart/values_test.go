package chart_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"sigs.k8s.io/yaml"
)

// schema is what is used of values.schema.json.
type schema struct {
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Properties  map[string]schema `json:"properties"`
	Additional  any               `json:"additionalProperties"`
	Items       *schema           `json:"items"`
}

// Every value is in values.yaml with its default and in the schema with its description,
// and a misspelt one is refused at each level.
func TestEveryValueIsDescribed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	delete(s.Properties, "global") // a parent chart's
	values, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var defaults map[string]any
	if err := yaml.UnmarshalStrict(values, &defaults); err != nil {
		t.Fatal(err)
	}
	described(t, "", s, defaults)
}

func described(t *testing.T, path string, s schema, defaults map[string]any) {
	t.Helper()
	if s.Additional != false {
		t.Errorf("%q takes values that nobody knows", path)
	}
	for key := range defaults {
		if _, ok := s.Properties[key]; !ok {
			t.Errorf("%s.%s is not in the schema", path, key)
		}
	}
	for key, property := range s.Properties {
		at := path + "." + key
		value, ok := defaults[key]
		if !ok {
			t.Errorf("%s is not in values.yaml", at)
		}
		if property.Description == "" || property.Type == "" {
			t.Errorf("%s has no description or no type", at)
		}
		if property.Type == "array" && (property.Items == nil || property.Items.Type == "") {
			t.Errorf("%s does not say of what it is a list", at)
		}
		if property.Properties != nil {
			inner, _ := value.(map[string]any)
			described(t, at, property, inner)
		}
	}
}

// The values that docs/install.md shows are taken.
func TestTheValuesOfTheDocs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "install.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n# (values[a-z-]*\\.yaml)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 2 {
		t.Fatalf("docs/install.md shows %d files of values", len(blocks))
	}
	first := filepath.Join(t.TempDir(), "values.yaml")
	for i, block := range blocks {
		file := filepath.Join(t.TempDir(), block[1])
		if i == 0 {
			file = first
		}
		if err := os.WriteFile(file, []byte(block[2]), 0o600); err != nil {
			t.Fatal(err)
		}
		// The later ones add to the first.
		template(t, "-f", first, "-f", file)
	}
}
