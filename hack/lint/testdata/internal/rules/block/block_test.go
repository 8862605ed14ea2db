package block

import (
	"testing"
	"time"

	_ "holdfast.dev/holdfast/internal/clock" // want depguard: the ground floor is tested with plain values
)

func TestSleep(t *testing.T) {
	time.Sleep(time.Since(time.Now())) // want forbidigo: no sleeping in tests
	t.Log(Now())
}
