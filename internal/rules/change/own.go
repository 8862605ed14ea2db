package change

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// OwnPrefix begins the names of the changes that people make at the pages. The record of
// such a change comes before its object.
const OwnPrefix = "holdfast-change-"

// What a sign-in earns at most (law 5).
const (
	// MaxOpen is how many changes of an account may be open that pages began, before they
	// begin no more.
	MaxOpen = 10
	// BegunPerDay is how many changes of an account the pages begin in 24 hours.
	BegunPerDay = 20
)

// Own reports whether a change of this name was made at the pages.
func (k Key) Own() bool { return strings.HasPrefix(k.Name, OwnPrefix) }

// OwnName names a change that a person makes in a flow: the same on every replica and at
// every retry. request tells apart those of one flow.
func OwnName(account, flowID, request string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", account, flowID, request))
	return OwnPrefix + hex.EncodeToString(sum[:12])
}
