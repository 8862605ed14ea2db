package rules

import (
	"strings"
	"testing"
)

// What stands in no object would be held for ever: the apiserver refuses its change.
func TestNameable(t *testing.T) {
	for id, want := range map[string]bool{
		"anna-4711": true, "auth0|ada/1": true, "anna@shop.example": true, "!": true, "~": true, strings.Repeat("a", 255): true,
		"": false, "anna müller": false, "anna*": false, " anna": false, "анна": false, "a\nb": false, "a\x7f": false, "a\xff": false,
		strings.Repeat("a", 256): false,
	} {
		if got := Nameable(id); got != want {
			t.Errorf("Nameable(%q) = %v", id, got)
		}
	}
}
