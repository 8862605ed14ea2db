// Package block breaks the import table and the bans of the ground floor.
package block

import (
	_ "context"     // want depguard: rules are pure
	_ "crypto/rand" // want depguard: randomness is an argument
	_ "net/http"    // want depguard: rules are pure
	_ "net/netip"
	"time"

	_ "holdfast.dev/holdfast/internal/deliver" // want depguard: rules are pure
)

// Now reads the clock.
func Now() time.Time {
	return time.Now() // want forbidigo: time is an argument
}
