package store

import (
	"context"

	"holdfast.dev/holdfast/internal/rules/change"
)

// EndedOwn lists the changes of the pages that have ended and were not deleted: after a
// restart the controller asks once, for one that got no object still needs it, or goes.
func (s *Store) EndedOwn(ctx context.Context) ([]change.Key, error) {
	return list(s.read(ctx), func(row scanner) (key change.Key, err error) {
		return key, row.Scan(&key.Tenant, &key.Name)
	}, `SELECT tenant, name FROM changes WHERE end_state <> '' AND NOT deleted AND name LIKE $1 ORDER BY tenant, name`, change.OwnPrefix+"%")
}
