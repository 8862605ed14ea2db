package storetest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Sealer seals with AES-256-GCM and hashes with HMAC-SHA256 under the first of its
// keys; it opens and finds what the others have sealed and hashed.
type Sealer struct{ keys []sealerKey }

type sealerKey struct {
	aead cipher.AEAD
	key  []byte
}

// NewSealer returns a sealer whose keys come from passphrases, the present one first.
func NewSealer(present string, former ...string) (*Sealer, error) {
	s := &Sealer{}
	for _, passphrase := range append([]string{present}, former...) {
		key := sha256.Sum256([]byte(passphrase))
		aes256, err := aes.NewCipher(key[:])
		if err != nil {
			return nil, fmt.Errorf("make a test key: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(aes256)
		if err != nil {
			return nil, fmt.Errorf("make a test key: %w", err)
		}
		s.keys = append(s.keys, sealerKey{aead, key[:]})
	}
	return s, nil
}

// number begins what a key has sealed.
func (k sealerKey) number() []byte {
	sum := sha256.Sum256(k.key)
	return sum[:4]
}

// Seal encrypts plain for one place.
func (s *Sealer) Seal(plain []byte, associated string) ([]byte, error) {
	k := s.keys[0]
	return append(k.number(), k.aead.Seal(nil, nil, plain, []byte(associated))...), nil //nolint:gosec // G407: this AEAD draws its own nonces
}

// Open decrypts what Seal sealed for the same place.
func (s *Sealer) Open(sealed []byte, associated string) ([]byte, error) {
	for _, k := range s.keys {
		if text, ok := bytes.CutPrefix(sealed, k.number()); ok {
			return k.aead.Open(nil, nil, text, []byte(associated))
		}
	}
	return nil, errors.New("sealed with a key that is not known")
}

// Current reports whether the first key has sealed this.
func (s *Sealer) Current(sealed []byte) bool { return bytes.HasPrefix(sealed, s.keys[0].number()) }

// Lookup is the keyed hash of an address within a tenant.
func (s *Sealer) Lookup(tenant, address string) string { return s.keys[0].lookup(tenant, address) }

// FormerLookups are its hashes under the other keys.
func (s *Sealer) FormerLookups(tenant, address string) []string {
	var hashes []string
	for _, k := range s.keys[1:] {
		hashes = append(hashes, k.lookup(tenant, address))
	}
	return hashes
}

// CodeKey is the number of the first key.
func (s *Sealer) CodeKey() uint32 { return binary.BigEndian.Uint32(s.keys[0].number()) }

func (k sealerKey) lookup(tenant, address string) string {
	mac := hmac.New(sha256.New, k.key)
	mac.Write(fmt.Appendf(nil, "%d:%s%s", len(tenant), tenant, strings.ToLower(address)))
	return hex.EncodeToString(mac.Sum(nil))
}
