package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const secretWord = "correct-horse"

func TestStoreFlag(t *testing.T) {
	file := filepath.Join(t.TempDir(), "url")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("postgres://holdfast:" + secretWord + "@db/holdfast\n")
	variable := func(string) string { return "postgres://from-the-environment/holdfast" }
	for _, c := range []struct{ store, file, url, path string }{
		{store: "sqlite:/data/holdfast.db", path: "/data/holdfast.db"},
		{store: "postgres:", file: file, url: "postgres://holdfast:" + secretWord + "@db/holdfast"},
		{store: "postgres:", url: "postgres://from-the-environment/holdfast"},
		{store: "postgres://holdfast@db/holdfast?sslmode=verify-full", url: "postgres://holdfast@db/holdfast?sslmode=verify-full"},
	} {
		p, err := readPlace(c.store, c.file, variable)
		if err != nil || p.storePath != c.path {
			t.Errorf("%+v: path %q, %v", c, p.storePath, err)
		}
		if c.url == "" {
			continue
		}
		if url, err := p.storeURL(); err != nil || url != c.url {
			t.Errorf("%+v: URL %q, %v", c, url, err)
		}
	}
	p, err := readPlace("postgres:", file, variable)
	if err != nil {
		t.Fatal(err)
	}
	write("postgres://holdfast:rotated@db/holdfast")
	if url, err := p.storeURL(); err != nil || url != "postgres://holdfast:rotated@db/holdfast" {
		t.Errorf("after a rotation the URL is %q, %v", url, err)
	}
}

// Law 2: a password stands in no flag, and in no error about one.
func TestStoreFlagRefused(t *testing.T) {
	for _, c := range []struct{ store, file, say string }{
		{"postgres://holdfast:" + secretWord + "@db/holdfast", "", "--store-file"},
		{"postgres://holdfast@db/holdfast?password=" + secretWord, "", "--store-file"},
		{"postgres://holdfast:" + secretWord + "@db:port/holdfast", "", "cannot be read"},
		{"mysql://holdfast:" + secretWord + "@db/holdfast", "", "sqlite:PATH"},
		{"postgres:", "", "HOLDFAST_STORE"},
		{"sqlite:", "", "sqlite:PATH"},
		{"sqlite:/data/holdfast.db", "url", "--store-file"},
	} {
		_, err := readPlace(c.store, c.file, func(string) string { return "" })
		if err == nil || !strings.Contains(err.Error(), c.say) || strings.Contains(err.Error(), secretWord) {
			t.Errorf("--store %s: %v", c.store, err)
		}
	}
}
