package block

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// OwnPrefix begins the names of the blocks that Holdfast itself makes. The record of
// such a block comes before its object and binds without it.
const OwnPrefix = "holdfast-own-"

// Own reports whether Holdfast itself made the block of this name.
func (k Key) Own() bool { return strings.HasPrefix(k.Name, OwnPrefix) }

// OwnName names a block of Holdfast's own: the same on every replica and at every
// retry within the hour of its start.
func OwnName(s Spec) string {
	hour := s.Start.UTC().Truncate(time.Hour).Format(time.RFC3339)
	sum := digest(s.Account, string(s.Reason), string(s.Scope), strings.ToUpper(s.Value), hour)
	return OwnPrefix + hex.EncodeToString(sum[:12])
}

// Device identifies a device of one account; the zero Device is none.
type Device [8]byte

// DeviceOf hashes the IdP's ID of a device. One device of two accounts is two.
func DeviceOf(tenant, account, id string) Device {
	if id == "" {
		return Device{}
	}
	sum := digest(tenant, account, id)
	return Device(sum[:8])
}

// digest is injective in its parts: each is preceded by its length.
func digest(parts ...string) [sha256.Size]byte {
	var b []byte
	for _, part := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return sha256.Sum256(b)
}

// Spares reports whether a block of Holdfast's own lets a device through that was
// known before the block began: strangers lock nobody out of their own device (O1).
func (r Record) Spares(d Device) bool {
	return d != Device{} && r.Key.Own() && slices.Contains(r.Spared, d)
}

// StopsCodesOnly reports whether the block is about a country whose codes nobody
// verifies: it keeps codes from being sent there and nobody from signing in (seed 16).
func (r Record) StopsCodesOnly() bool { return r.Key.Own() && r.Spec.Scope == Region }
