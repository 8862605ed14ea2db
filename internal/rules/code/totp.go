package code

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // G505: RFC 6238 says so, and every authenticator does; HMAC does not lean on collisions
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Test numbers of a platform's QA get no message: their code is what an authenticator shows
// for a seed that the QA has (RFC 6238).

const (
	// totpStep is how long an authenticator shows a code.
	totpStep = 30 * time.Second
	// totpSkew is how many steps a code may be early or late (RFC 6238, 5.2).
	totpSkew = 1
	// seedBytes is the least length of a seed (RFC 4226, 4, R6).
	seedBytes = 16
	// seedDigits are the most digits that an authenticator shows.
	seedDigits = 8
)

// Seed is the secret of an authenticator.
type Seed []byte

// ErrSeed says what is wrong with the text of a seed, and never the text.
var ErrSeed = errors.New("must be base32 of at least 16 random bytes, as an authenticator takes it")

// ParseSeed reads a seed as authenticators are given it: base32 with or without padding,
// spaces and small letters.
func ParseSeed(text []byte) (Seed, error) {
	plain := strings.ToUpper(strings.TrimRight(strings.Join(strings.Fields(string(text)), ""), "="))
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(plain)
	if err != nil || len(seed) < seedBytes {
		return nil, ErrSeed
	}
	return seed, nil
}

// SeedKey is the key of a number's seed in a Secret, whose keys know no plus sign.
func SeedKey(number string) string { return strings.TrimPrefix(number, "+") }

// At is the code that an authenticator shows at an instant, of at most 8 digits.
func (s Seed) At(digits int, at time.Time) string {
	sum := hmac.New(sha1.New, s)
	sum.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/int64(totpStep/time.Second))))
	hash := sum.Sum(nil)
	offset := hash[len(hash)-1] & 0xf
	n := binary.BigEndian.Uint32(hash[offset:]) & 0x7fffffff
	digits = min(digits, seedDigits)
	text := fmt.Sprintf("%0*d", seedDigits, n)
	return text[len(text)-digits:]
}

// Shows reports in constant time whether an authenticator shows the submitted code now, a
// step ago or a step ahead.
func (s Seed) Shows(submitted string, digits int, now time.Time) bool {
	submitted, right := Normalize(submitted), 0
	for step := -totpSkew; step <= totpSkew; step++ {
		shown := s.At(digits, now.Add(time.Duration(step)*totpStep))
		right |= subtle.ConstantTimeCompare([]byte(shown), []byte(submitted))
	}
	return right == 1
}
