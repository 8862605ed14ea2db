// Package seal keeps the installation's keys: it seals contacts and tickets,
// derives codes and hashes addresses for look-ups.
package seal

import (
	"bytes"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// The entries of the Secret holdfast-keys. Each is a Tink keyset in JSON, so that
// tinkey rotates it: a key that is no longer primary still opens what it sealed.
const (
	// EntryContacts seals contact addresses. While it is lost, they are too.
	EntryContacts = "contacts.json"
	// EntryTickets seals tickets, which live for minutes.
	EntryTickets = "tickets.json"
	// EntryCodes derives codes; a new primary key voids the codes still open.
	EntryCodes = "codes.json"
	// EntryLookup hashes addresses; a new primary key asks for new hashes.
	EntryLookup = "lookup.json"
)

// The nonce of 192 bits may be drawn at random for every ticket there will ever be.
var templates = map[string]func() *tinkpb.KeyTemplate{
	EntryContacts: aead.XAES256GCM192BitNonceKeyTemplate,
	EntryTickets:  aead.XAES256GCM192BitNonceKeyTemplate,
	EntryCodes:    prf.HMACSHA256PRFKeyTemplate,
	EntryLookup:   prf.HMACSHA256PRFKeyTemplate,
}

// Keys are the keys of one installation, safe for concurrent use. They never
// print themselves: a function hides the material even where fmt meets Keys in a
// private field and so cannot call their methods.
type Keys struct{ material func() *material }

type material struct {
	data     map[string][]byte
	contacts tink.AEAD
	tickets  tink.AEAD
	codes    []byte
	lookup   *prf.Set
}

// Generate makes new keys from the operating system's randomness. Call it only
// where nothing was ever sealed (law 13).
func Generate() (*Keys, error) {
	data := make(map[string][]byte, len(templates))
	for entry, template := range templates {
		handle, err := keyset.NewHandle(template())
		if err != nil {
			return nil, fmt.Errorf("generate the keyset %q: %w", entry, err)
		}
		var out bytes.Buffer
		if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&out)); err != nil {
			return nil, fmt.Errorf("write the keyset %q: %w", entry, err)
		}
		data[entry] = out.Bytes()
	}
	return Parse(data)
}

// Marshal returns the data of the Secret holdfast-keys.
func (k *Keys) Marshal() map[string][]byte {
	data := make(map[string][]byte, len(k.material().data))
	for entry, value := range k.material().data {
		data[entry] = bytes.Clone(value)
	}
	return data
}

// Parse reads the data of the Secret holdfast-keys. Its errors name the entry that
// is missing or damaged and never show a value.
func Parse(data map[string][]byte) (*Keys, error) {
	m := &material{data: make(map[string][]byte, len(templates))}
	for _, entry := range []struct {
		name string
		load func(*keyset.Handle) error
	}{
		{EntryContacts, m.loadContacts}, {EntryTickets, m.loadTickets},
		{EntryCodes, m.loadCodes}, {EntryLookup, m.loadLookup},
	} {
		value := data[entry.name]
		if len(value) == 0 {
			return nil, fmt.Errorf("the key %q is missing: restore it from a backup, for what it sealed opens with no other", entry.name)
		}
		// Tink's errors are dropped: they may quote the keyset.
		handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(value)))
		if err != nil {
			return nil, fmt.Errorf("the key %q is damaged: it is no Tink keyset in JSON; restore it from a backup", entry.name)
		}
		if err := entry.load(handle); err != nil {
			return nil, fmt.Errorf("the key %q is damaged or of another type: restore it from a backup", entry.name)
		}
		m.data[entry.name] = bytes.Clone(value)
	}
	return &Keys{func() *material { return m }}, nil
}

func (m *material) loadContacts(h *keyset.Handle) (err error) {
	m.contacts, err = aead.New(h)
	return err
}

func (m *material) loadTickets(h *keyset.Handle) (err error) {
	m.tickets, err = aead.New(h)
	return err
}

func (m *material) loadCodes(h *keyset.Handle) error {
	set, err := prf.NewPRFSet(h)
	if err != nil {
		return err
	}
	m.codes, err = set.ComputePrimaryPRF([]byte("holdfast code key v1"), 32)
	return err
}

func (m *material) loadLookup(h *keyset.Handle) (err error) {
	m.lookup, err = prf.NewPRFSet(h)
	return err
}

const redacted = "seal.Keys(redacted)"

// String hides the keys.
func (k Keys) String() string { return redacted }

// Format hides the keys from every verb of fmt.
func (k Keys) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// MarshalText hides the keys from JSON and from structured logs.
func (k Keys) MarshalText() ([]byte, error) { return []byte(redacted), nil }
