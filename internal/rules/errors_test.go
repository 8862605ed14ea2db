package rules

import (
	"strings"
	"testing"
	"time"
)

func TestLimitErrorSaysHowLong(t *testing.T) {
	got := (&LimitError{Subject: "contact", RetryAfter: 89*time.Second + 600*time.Millisecond}).Error()
	if !strings.Contains(got, "contact") || !strings.Contains(got, "1m30s") {
		t.Fatalf("%q", got)
	}
}
