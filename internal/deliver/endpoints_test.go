package deliver_test

import (
	"testing"

	"holdfast.dev/holdfast/internal/deliver"
)

func TestPatternsAllow(t *testing.T) {
	cases := []struct {
		patterns []string
		address  string
		want     bool
	}{
		{nil, "smtp.example.com:587", false},
		{[]string{"*"}, "smtp.example.com:587", true},
		{[]string{"*"}, "no port", false},
		{[]string{"smtp.example.com:587"}, "smtp.example.com:587", true},
		{[]string{"smtp.example.com:587"}, "SMTP.Example.COM.:587", true},
		{[]string{"smtp.example.com:587"}, "smtp.example.com:25", false},
		{[]string{"*.example.com:587"}, "a.b.example.com:587", true},
		{[]string{"*.example.com:587"}, "example.com:587", false},
		{[]string{"*.example.com:587"}, ".example.com:587", false},
		{[]string{"*.example.com:587"}, "evilexample.com:587", false},
		{[]string{"*.example.com:587"}, "a.example.com.evil.org:587", false},
		{[]string{"localhost:*"}, "localhost:1025", true},
		{[]string{"localhost:*"}, "127.0.0.1:1025", false},
		{[]string{"[::1]:25"}, "[::1]:25", true},
		{[]string{"a:1", "b:2"}, "b:2", true},
		{[]string{"a:1", "b:2"}, "b:1", false},
	}
	for _, c := range cases {
		p, err := deliver.ParsePatterns(c.patterns)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Allows(c.address); got != c.want {
			t.Errorf("%q allows %q: got %v, want %v", c.patterns, c.address, got, c.want)
		}
	}
}

func TestPatternsThatMeanNothingAreRefused(t *testing.T) {
	for _, s := range []string{"", "smtp.example.com", ":25", "a*b.com:25", "*:25", "a:b", "a:99999", "*.*.com:25"} {
		if _, err := deliver.ParsePatterns([]string{s}); err == nil {
			t.Errorf("pattern %q was taken", s)
		}
	}
}
