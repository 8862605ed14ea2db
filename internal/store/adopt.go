package store

import (
	"context"

	"holdfast.dev/holdfast/internal/rules/block"
)

// AdoptBlock freezes the block if it must and takes in what its mirror remembers and
// this store has lost (law 1).
func (s *Store) AdoptBlock(ctx context.Context, key block.Key, uid string, spec block.Spec, remembered block.Memory) (block.Record, error) {
	remembered.Start, remembered.Expires = stored(remembered.Start), stored(remembered.Expires)
	remembered.End.At = stored(remembered.End.At)
	if remembered.Start.IsZero() || spec.Start.Before(remembered.Start) {
		remembered.Start = spec.Start
	}
	spec.Start = remembered.Start
	return s.changeBlock(ctx, sight{key, uid, normal(spec), s.config.Now(), actionBlockAdopted},
		func(r block.Record, _ bool) block.Record { return remembered.Into(r) })
}
