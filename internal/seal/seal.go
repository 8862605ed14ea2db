package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tink-crypto/tink-go/v2/prf"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

const (
	// maxTicket bounds a ticket in characters: it stands in a URL.
	maxTicket = 4096
	// ticketData separates tickets from all else that a keyset may seal.
	ticketData = "holdfast ticket v1"
)

// encoding refuses the trailing bits that would give one ticket several spellings.
var encoding = base64.RawURLEncoding.Strict()

// ErrSealed says that sealed data does not open: it was changed, belongs
// elsewhere, or its key is gone.
var ErrSealed = errors.New("sealed data does not open: it was changed, belongs elsewhere, or its key is missing from the Secret holdfast-keys")

// SealTicket returns the claims as an opaque, authenticated, URL-safe string.
func (k *Keys) SealTicket(claims ticket.Claims) (string, error) {
	plain, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("write a ticket: %w", err)
	}
	sealed, err := k.material().tickets.Encrypt(plain, []byte(ticketData))
	if err != nil {
		return "", fmt.Errorf("seal a ticket: %w", err)
	}
	text := encoding.EncodeToString(sealed)
	if len(text) > maxTicket {
		return "", fmt.Errorf("seal a ticket: %d characters are more than the %d that a link may carry", len(text), maxTicket)
	}
	return text, nil
}

// OpenTicket returns ticket.ErrInvalid for anything that it did not seal.
func (k *Keys) OpenTicket(sealed string) (ticket.Claims, error) {
	// The decoder would skip line breaks.
	if len(sealed) > maxTicket || strings.ContainsAny(sealed, "\r\n") {
		return ticket.Claims{}, ticket.ErrInvalid
	}
	raw, err := encoding.DecodeString(sealed)
	if err != nil {
		return ticket.Claims{}, ticket.ErrInvalid
	}
	plain, err := k.material().tickets.Decrypt(raw, []byte(ticketData))
	if err != nil {
		return ticket.Claims{}, ticket.ErrInvalid
	}
	var claims ticket.Claims
	if err := json.Unmarshal(plain, &claims); err != nil {
		return ticket.Claims{}, ticket.ErrInvalid
	}
	return claims, nil
}

// CodeKey names the key for the codes of new challenges.
func (k *Keys) CodeKey() uint32 { return k.material().codes.primary }

// Code derives the code of a challenge with the key that the challenge names: a
// rotation changes no code that is on its way.
func (k *Keys) Code(c code.Challenge) string {
	codes := k.material().codes
	key, ok := codes.keys[c.CodeKey]
	if !ok {
		key = codes.keys[codes.first]
	}
	return code.Derive(key, c)
}

// Lookup is the keyed hash of an address within a tenant. Letter case does not
// count in an email address: two spellings share their budgets.
func (k *Keys) Lookup(tenant, address string) string {
	return hash(k.material().lookup[0], tenant, address)
}

// FormerLookups are the hashes of an address under the keys that are not primary:
// what was counted under them counts on.
func (k *Keys) FormerLookups(tenant, address string) []string {
	var hashes []string
	for _, key := range k.material().lookup[1:] {
		hashes = append(hashes, hash(key, tenant, address))
	}
	return hashes
}

func hash(key prf.PRF, tenant, address string) string {
	input := []byte("holdfast lookup v1\x00")
	for _, field := range []string{tenant, strings.ToLower(strings.TrimSpace(address))} {
		input = binary.BigEndian.AppendUint32(input, uint32(len(field)))
		input = append(input, field...)
	}
	sum, err := key.ComputePRF(input, 32)
	if err != nil {
		panic("seal: HMAC-SHA256 refuses 32 bytes: " + err.Error()) // cannot happen: 32 is its length
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// Current reports whether the primary key has sealed this; otherwise a former one
// has, or none.
func (k *Keys) Current(sealed []byte) bool { return bytes.HasPrefix(sealed, k.material().sealedBy) }

// Seal encrypts plain. associated says where it belongs: the tenant, account,
// contact and column of the row; it opens nowhere else.
func (k *Keys) Seal(plain []byte, associated string) ([]byte, error) {
	sealed, err := k.material().contacts.Encrypt(plain, []byte(associated))
	if err != nil {
		return nil, fmt.Errorf("seal data of the store: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal sealed for the same place, or returns ErrSealed.
func (k *Keys) Open(sealed []byte, associated string) ([]byte, error) {
	plain, err := k.material().contacts.Decrypt(sealed, []byte(associated))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
