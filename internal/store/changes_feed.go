package store

import (
	"encoding/json"
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/rules/fact"
)

// tell writes a fact that is neither block nor restriction.
func (t *tx) tell(tenant, account string, f fact.Fact) error {
	told, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("write a fact about an account in %s: %w", tenant, err)
	}
	t.facts = true
	t.queue(`INSERT INTO facts (seq, at, tenant, account, fact) VALUES (`+t.next+`, $1, $2, $3, $4)`,
		instant(t.now()), tenant, account, string(told))
	return nil
}

// standing is what stands at now, of blocks and changes also what ended at since or later.
func standing(q queries, since, now time.Time) (told []fact.Fact, err error) {
	blocks := ask(q, scanBlock, `SELECT `+blockColumns+` FROM blocks
		WHERE end_state = '' OR (end_state <> '' AND end_at >= $1) ORDER BY tenant, name`, since.UnixMilli())
	restrictions := ask(q, scanRestriction, `SELECT tenant, account, until_at FROM restrictions
		WHERE until_at > $1 ORDER BY tenant, account`, instant(now))
	changes := ask(q, scanChange, `SELECT record FROM changes WHERE end_state = '' OR (end_state <> '' AND end_at >= $1)
		OR restricted_until > $2 ORDER BY tenant, name`, since.UnixMilli(), instant(now))
	rounds := ask(q, scanRecheck, `SELECT `+recheckColumns+` FROM rechecks WHERE first_notice_at IS NOT NULL ORDER BY tenant, account`)
	if _, err := rounds.all(); err != nil {
		return nil, err
	}
	for i := range blocks.values {
		told = append(told, fact.Fact{Block: &blocks.values[i]})
	}
	for i := range restrictions.values {
		told = append(told, fact.Fact{Restriction: &restrictions.values[i]})
	}
	for i := range changes.values {
		told = append(told, fact.Fact{Change: &changes.values[i]})
	}
	for i := range rounds.values {
		told = append(told, fact.Fact{Recheck: &rounds.values[i]})
	}
	return told, nil
}

// The rows that belong to changes which are gone.
const (
	contactsOfNone = `CAST($1 AS BIGINT) > 0 AND NOT EXISTS (SELECT 1 FROM changes c
		WHERE c.tenant = change_contacts.tenant AND c.name = change_contacts.name)`
	noticesOfNone = `CAST($1 AS BIGINT) > 0 AND NOT EXISTS (SELECT 1 FROM changes c
		WHERE c.tenant = change_notices.tenant AND c.name = change_notices.name)`
)

var addressesOfChanges = sealedTable{
	column: columnChange, keys: 3,
	page: `SELECT tenant, account, ref, address, lookup FROM change_contacts
		WHERE (tenant, account, ref) > ($1, $2, $3) ORDER BY tenant, account, ref LIMIT CAST($4 AS BIGINT)`,
	update: `UPDATE change_contacts SET address = $5, lookup = $6 WHERE tenant = $1 AND account = $2 AND ref = $3 AND address = $4`,
	scan:   contactAddresses.scan,
	count:  contactAddresses.count,
}

// sooner is the earlier of two instants.
func sooner(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
