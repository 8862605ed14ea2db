package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/storetest"
)

// backlog puts n notices into the outbox.
func backlog(b *testing.B, s *store.Store, n int) error {
	b.Helper()
	notices := make([]message.Message, n)
	for i := range notices {
		notices[i] = message.Message{
			ID: fmt.Sprint(i), Tenant: "shop", Account: "user-1", Kind: message.Notice, Address: storetest.Address,
			NotBefore: storetest.Start, Created: storetest.Start, Expires: storetest.Start.Add(time.Hour),
		}
	}
	return s.ImportContacts(b.Context(), "shop", "user-1", nil, notices, storetest.Start)
}

func openBench(b *testing.B) *store.Store {
	b.Helper()
	sealer, err := storetest.NewSealer("test")
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "holdfast.db"), Options{Sealer: sealer, Now: storetest.Now})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkSignal is one audit row a transaction: the floor of every deed.
func BenchmarkSignal(b *testing.B) {
	s := openBench(b)
	for b.Loop() {
		if err := s.RecordSignal(b.Context(), fact.Signal{Tenant: "shop", Account: "user-1", At: storetest.Start}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFreezeBlock is the first sight of a block, with its fact.
func BenchmarkFreezeBlock(b *testing.B) {
	s := openBench(b)
	for i := 0; b.Loop(); i++ {
		if _, err := s.FreezeBlock(b.Context(), block.Key{Tenant: "shop", Name: fmt.Sprint(i)}, "uid", spec()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFreezeBlockAgain is every later sight.
func BenchmarkFreezeBlockAgain(b *testing.B) {
	s := openBench(b)
	for b.Loop() {
		if _, err := s.FreezeBlock(b.Context(), key, "uid", spec()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLeaseOfBacklog leases 50 of 10,000 messages that wait.
func BenchmarkLeaseOfBacklog(b *testing.B) {
	s := openBench(b)
	if err := backlog(b, s, 10000); err != nil {
		b.Fatal(err)
	}
	now := storetest.Start
	for b.Loop() {
		now = now.Add(time.Millisecond)
		leased, err := s.Lease(b.Context(), 50, now, now.Add(time.Millisecond))
		if err != nil || len(leased) != 50 {
			b.Fatal(len(leased), err)
		}
	}
}
