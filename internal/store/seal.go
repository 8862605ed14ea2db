package store

import (
	"strconv"
	"strings"
)

// The columns that hold sealed addresses.
const (
	columnContact   = "contacts.address"
	columnChallenge = "challenges.address"
	columnOutbox    = "outbox.address"
)

// place is where a sealed value belongs: moved to another row or column, it does
// not open. Every part is preceded by its length, so that no two places share a
// string.
func place(tenant, account, id, column string) string {
	var b strings.Builder
	for _, part := range []string{tenant, account, id, column} {
		b.WriteString(strconv.Itoa(len(part)) + ":" + part)
	}
	return b.String()
}
