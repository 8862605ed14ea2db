package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
)

// AddKey adds a new key to an entry of the Secret. It opens and finds, and seals
// nothing before it is promoted: first every replica must know it.
func AddKey(entry string, value []byte) ([]byte, error) {
	return rotate(entry, value, func(m *keyset.Manager, _ *tinkpb.KeysetInfo) error {
		_, err := m.Add(templates[entry]())
		return err
	})
}

// PromoteKey makes the newest key of an entry the primary one.
func PromoteKey(entry string, value []byte) ([]byte, error) {
	return rotate(entry, value, func(m *keyset.Manager, info *tinkpb.KeysetInfo) error {
		newest := info.GetKeyInfo()[len(info.GetKeyInfo())-1].GetKeyId()
		if newest == info.GetPrimaryKeyId() {
			return errors.New("its newest key is primary already: add a key first")
		}
		return m.SetPrimary(newest)
	})
}

// RetireKeys removes every key of an entry but the primary one. What they alone open
// is lost: re-seal first.
func RetireKeys(entry string, value []byte) ([]byte, error) {
	return rotate(entry, value, func(m *keyset.Manager, info *tinkpb.KeysetInfo) error {
		if len(info.GetKeyInfo()) == 1 {
			return errors.New("it has one key only")
		}
		for _, key := range info.GetKeyInfo() {
			if key.GetKeyId() == info.GetPrimaryKeyId() {
				continue
			}
			if err := m.Delete(key.GetKeyId()); err != nil {
				return err
			}
		}
		return nil
	})
}

func rotate(entry string, value []byte, turn func(*keyset.Manager, *tinkpb.KeysetInfo) error) ([]byte, error) {
	if templates[entry] == nil {
		return nil, fmt.Errorf("there is no key %q: name %s, %s, %s or %s", entry, EntryContacts, EntryTickets, EntryCodes, EntryLookup)
	}
	handle, err := read(entry, value)
	if err != nil {
		return nil, err
	}
	manager := keyset.NewManagerFromHandle(handle)
	if err := turn(manager, handle.KeysetInfo()); err != nil {
		return nil, fmt.Errorf("rotate the key %q: %w", entry, err)
	}
	if handle, err = manager.Handle(); err != nil {
		return nil, fmt.Errorf("rotate the key %q: %w", entry, err)
	}
	return write(entry, handle)
}

// read drops Tink's errors: they may quote the keyset.
func read(entry string, value []byte) (*keyset.Handle, error) {
	if len(value) == 0 {
		return nil, fmt.Errorf("the key %q is missing: restore it from a backup, for what it sealed opens with no other", entry)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(value)))
	if err != nil {
		return nil, fmt.Errorf("the key %q is damaged: it is no Tink keyset in JSON; restore it from a backup", entry)
	}
	return handle, nil
}

func write(entry string, handle *keyset.Handle) ([]byte, error) {
	var out bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&out)); err != nil {
		return nil, fmt.Errorf("write the keyset %q: %w", entry, err)
	}
	return out.Bytes(), nil
}

// enabled lists the keys that may be used, the oldest first.
func enabled(h *keyset.Handle) []uint32 {
	var ids []uint32
	for _, key := range h.KeysetInfo().GetKeyInfo() {
		if key.GetStatus() == tinkpb.KeyStatusType_ENABLED {
			ids = append(ids, key.GetKeyId())
		}
	}
	return ids
}

// prefix begins every ciphertext of the primary key: a version byte and its number.
func prefix(h *keyset.Handle) ([]byte, error) {
	info := h.KeysetInfo()
	for _, key := range info.GetKeyInfo() {
		if key.GetKeyId() == info.GetPrimaryKeyId() && key.GetOutputPrefixType() == tinkpb.OutputPrefixType_TINK {
			return binary.BigEndian.AppendUint32([]byte{1}, key.GetKeyId()), nil
		}
	}
	return nil, errors.New("the primary key does not write its number before what it seals")
}
