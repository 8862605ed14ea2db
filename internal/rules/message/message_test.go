package message

import (
	"strings"
	"testing"
	"time"
)

func TestRetryIn(t *testing.T) {
	for attempts, want := range map[int]time.Duration{
		0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 7: time.Minute, 1_000_000: time.Minute,
	} {
		if got := RetryIn(attempts); got != want {
			t.Errorf("after %d attempts: %v, want %v", attempts, got, want)
		}
	}
}

// law 2: a failed sending names provider, class and step, and nothing else.
func TestErrorNamesWhereItFailed(t *testing.T) {
	got := (&Error{Class: Misconfigured, Provider: "mail", Step: "auth"}).Error()
	for _, want := range []string{"mail", "Misconfigured", "auth"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %s", got, want)
		}
	}
}
