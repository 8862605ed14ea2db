package main

import (
	"context"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

// openStore opens the memory that --store names. Without a sealer nothing sealed can be
// read or written.
func openStore(ctx context.Context, s settings, sealer store.Sealer) (*store.Store, error) {
	return sqlite.Open(ctx, s.storePath, sqlite.Options{Sealer: sealer, Now: clock.Wall})
}
