// Package code holds the rules of security codes: how one is derived, when it is
// accepted and how often it may be tried or sent again.
package code

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
)

// Purpose says what a code is for; a code serves no other purpose.
type Purpose string

// The purposes of a challenge.
const (
	Unblock    Purpose = "Unblock"
	AddContact Purpose = "AddContact"
	StepUp     Purpose = "StepUp"
	Recheck    Purpose = "Recheck"
	Recovery   Purpose = "Recovery"
	Cancel     Purpose = "Cancel"
)

// StepsUp reports whether only a full contact gets a code of this purpose.
func (p Purpose) StepsUp() bool { return p != AddContact && p != Recheck }

// Challenge is one asking for one code. The code itself is never stored.
type Challenge struct {
	// ID names the challenge to its client; it is not the nonce.
	ID      string
	Tenant  string
	Account string
	Purpose Purpose
	// Object is the name of the block, change or request that the code serves.
	Object string
	// Flow is the only flow that may submit the code.
	Flow string
	// Budget is what wrong codes count for where that is not the account.
	Budget string
	// ContactID names the contact, empty for an entered address.
	ContactID string
	Channel   contact.Channel
	// Destination identifies the address in the derivation: the keyed hash of it.
	Destination string
	Hint        string
	Language    string
	// Nonce is 128 random bits, stored and never shown.
	Nonce [16]byte
	// CodeKey names the key that derives the code, of those that an installation has
	// had; 0 is the first.
	CodeKey     uint32
	Epoch       int64
	Digits      int
	Created     time.Time
	Expires     time.Time
	ResendAfter time.Time
	MaxAttempts int
	Attempts    int
	Sends       int
	Consumed    time.Time
	// Superseded is set when another challenge of the flow took its place.
	Superseded time.Time
}

// Verdict says whether a challenge takes another attempt.
type Verdict string

// The verdicts on an attempt.
const (
	Open  Verdict = "Open"
	Gone  Verdict = "Gone"
	Spent Verdict = "Spent"
)

// Verdict is the state of the challenge at now, before the attempt is counted.
func (c Challenge) Verdict(now time.Time) Verdict {
	switch {
	case !c.Consumed.IsZero(), !c.Superseded.IsZero(), !now.Before(c.Expires):
		return Gone
	case c.Attempts >= c.MaxAttempts:
		return Spent
	default:
		return Open
	}
}

// AttemptsLeft is how many attempts the challenge still takes.
func (c Challenge) AttemptsLeft() int { return max(c.MaxAttempts-c.Attempts, 0) }

// ResendWait is the wait before the next sending after n sendings: the policy's waits
// in their order, the last of them again and again (T4, N5).
func ResendWait(waits []time.Duration, sends int) time.Duration {
	if len(waits) == 0 {
		return 0
	}
	return waits[min(max(sends, 1), len(waits))-1]
}

// Derive computes the code of a challenge under a secret key: an HMAC over all
// that the code is bound to, reduced to decimal digits without bias.
func Derive(key []byte, c Challenge) string {
	for counter := uint32(0); ; counter++ {
		sum := hmac.New(sha256.New, key)
		sum.Write(c.binding(counter))
		for block := sum.Sum(nil); len(block) >= 8; block = block[8:] {
			if n, ok := reduce(binary.BigEndian.Uint64(block), c.Digits); ok {
				return fmt.Sprintf("%0*d", c.Digits, n)
			}
		}
	}
}

// binding is an injective encoding: every field is preceded by its length.
func (c Challenge) binding(counter uint32) []byte {
	b := binary.BigEndian.AppendUint64([]byte("holdfast code v1\x00"), uint64(c.Epoch))
	for _, field := range []string{c.Tenant, c.Account, string(c.Purpose), c.Object, c.Destination} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	b = append(b, c.Nonce[:]...)
	return binary.BigEndian.AppendUint32(b, counter)
}

// reduce maps a uniform 64-bit number to [0, 10^digits), refusing the incomplete
// last stretch that would favour small codes.
func reduce(n uint64, digits int) (uint64, bool) {
	space := uint64(math.Pow10(digits))
	if n >= math.MaxUint64-math.MaxUint64%space {
		return 0, false
	}
	return n % space, true
}

// Equal compares a submitted code with the derived one in constant time. Spaces
// and hyphens, which people and mail programs add, do not count.
func Equal(derived, submitted string) bool {
	return subtle.ConstantTimeCompare([]byte(derived), []byte(Normalize(submitted))) == 1
}

// Normalize drops what people type between digits.
func Normalize(submitted string) string {
	return strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(submitted)
}
