// Package seal keeps the installation's keys: it seals contacts and tickets,
// derives codes and hashes addresses for look-ups.
package seal

import (
	"bytes"
	"fmt"
	"maps"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead"
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
	// EntryCodes derives codes; a challenge remembers which key derives its own.
	EntryCodes = "codes.json"
	// EntryLookup hashes addresses; budgets move from the hashes of a former key to
	// those of the primary one.
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
// print themselves: functions hide the material even where fmt meets Keys in a
// private field and so cannot call their methods.
type Keys struct {
	material func() *material
	replace  func(*material)
}

type material struct {
	data     map[string][]byte
	contacts tink.AEAD
	// sealedBy begins what the primary key of the contacts has sealed.
	sealedBy []byte
	tickets  tink.AEAD
	codes    codeKeys
	lookup   []prf.PRF // the primary one first
	// former says that contacts or look-ups have a key besides the primary one.
	former bool
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
		if data[entry], err = write(entry, handle); err != nil {
			return nil, err
		}
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
	m, err := parse(data)
	if err != nil {
		return nil, err
	}
	present := &atomic.Pointer[material]{}
	present.Store(m)
	return &Keys{present.Load, present.Store}, nil
}

// Replace takes the Secret's new data over and reports whether it differs. Data that
// Parse would refuse changes nothing.
func (k *Keys) Replace(data map[string][]byte) (changed bool, err error) {
	m, err := parse(data)
	if err != nil || maps.EqualFunc(m.data, k.material().data, bytes.Equal) {
		return false, err
	}
	k.replace(m)
	return true, nil
}

// Rotating reports whether contacts or look-ups have a key besides the primary one:
// then rows may be left that only a former key opens or finds.
func (k *Keys) Rotating() bool { return k.material().former }

func parse(data map[string][]byte) (*material, error) {
	m := &material{data: make(map[string][]byte, len(templates))}
	for _, entry := range []struct {
		name string
		load func(*keyset.Handle) error
	}{
		{EntryContacts, m.loadContacts}, {EntryTickets, m.loadTickets},
		{EntryCodes, m.loadCodes}, {EntryLookup, m.loadLookup},
	} {
		handle, err := read(entry.name, data[entry.name])
		if err != nil {
			return nil, err
		}
		if err := entry.load(handle); err != nil {
			return nil, fmt.Errorf("the key %q is damaged or of another type: restore it from a backup", entry.name)
		}
		m.data[entry.name] = bytes.Clone(data[entry.name])
	}
	return m, nil
}

func (m *material) loadContacts(h *keyset.Handle) (err error) {
	m.former = m.former || h.Len() > 1
	if m.sealedBy, err = prefix(h); err != nil {
		return err
	}
	m.contacts, err = aead.New(h)
	return err
}

func (m *material) loadTickets(h *keyset.Handle) (err error) {
	m.tickets, err = aead.New(h)
	return err
}

// codeKeys derive codes, each challenge's with the key that it names.
type codeKeys struct {
	primary uint32
	// first derives the codes of challenges that name no key: they are older than the
	// naming.
	first uint32
	keys  map[uint32][]byte
}

func (m *material) loadCodes(h *keyset.Handle) error {
	set, err := prf.NewPRFSet(h)
	if err != nil {
		return err
	}
	m.codes = codeKeys{primary: set.PrimaryID, first: enabled(h)[0], keys: make(map[uint32][]byte, len(set.PRFs))}
	for id, key := range set.PRFs {
		if m.codes.keys[id], err = key.ComputePRF([]byte("holdfast code key v1"), 32); err != nil {
			return err
		}
	}
	return nil
}

func (m *material) loadLookup(h *keyset.Handle) error {
	m.former = m.former || h.Len() > 1
	set, err := prf.NewPRFSet(h)
	if err != nil {
		return err
	}
	m.lookup = []prf.PRF{set.PRFs[set.PrimaryID]}
	for _, id := range enabled(h) {
		if id != set.PrimaryID {
			m.lookup = append(m.lookup, set.PRFs[id])
		}
	}
	return nil
}

const redacted = "seal.Keys(redacted)"

// String hides the keys.
func (k Keys) String() string { return redacted }

// Format hides the keys from every verb of fmt.
func (k Keys) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// MarshalText hides the keys from JSON and from structured logs.
func (k Keys) MarshalText() ([]byte, error) { return []byte(redacted), nil }
