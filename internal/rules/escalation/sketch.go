package escalation

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
)

// sketchSize bounds a sketch: up to so many members it counts exactly, beyond within
// some 6 percent, in at most 2 KiB.
const sketchSize = 256

// Sketch counts distinct members in bounded memory: it keeps the least of their
// hashes, in order, and tells from how close together they lie how many there are.
type Sketch []uint64

// Member is an account as a sketch counts it.
func Member(account string) uint64 {
	sum := sha256.Sum256([]byte(account))
	return binary.BigEndian.Uint64(sum[:])
}

// Add counts a member; changed tells whether the sketch did.
func (s Sketch) Add(member uint64) (_ Sketch, changed bool) {
	at, known := slices.BinarySearch(s, member)
	if known || (len(s) == sketchSize && at == sketchSize) {
		return s, false
	}
	s = slices.Insert(slices.Clone(s), at, member)
	return s[:min(len(s), sketchSize)], true
}

// Remove takes a member out, as far as the sketch remembers it.
func (s Sketch) Remove(member uint64) (_ Sketch, changed bool) {
	at, known := slices.BinarySearch(s, member)
	if !known {
		return s, false
	}
	return slices.Delete(slices.Clone(s), at, at+1), true
}

// Has reports whether the sketch remembers a member.
func (s Sketch) Has(member uint64) bool {
	_, known := slices.BinarySearch(s, member)
	return known
}

// Count is how many distinct members were added.
func (s Sketch) Count() int {
	if len(s) < sketchSize {
		return len(s)
	}
	return int(float64(sketchSize-1) * (math.MaxUint64 / float64(s[sketchSize-1])))
}

// Bytes is the sketch as a row keeps it.
func (s Sketch) Bytes() []byte {
	var b []byte
	for _, member := range s {
		b = binary.BigEndian.AppendUint64(b, member)
	}
	return b
}

// SketchOf reads what Bytes wrote.
func SketchOf(b []byte) Sketch {
	var s Sketch
	for ; len(b) >= 8; b = b[8:] {
		s = append(s, binary.BigEndian.Uint64(b))
	}
	return s
}
