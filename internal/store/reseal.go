package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
)

// carryBudgets moves what was counted under an address's former hashes to its present
// one, which it returns: a rotation of the keys refunds nothing. With one key there is
// nothing to move and the destination stands.
func (t *tx) carryBudgets(c code.Challenge, address string) (destination string, err error) {
	former := t.sealer.FormerLookups(c.Tenant, address)
	if len(former) == 0 {
		return c.Destination, nil
	}
	present := t.sealer.Lookup(c.Tenant, address)
	return present, t.carry(c.Tenant, present, former)
}

// carry joins what the former hashes of an address have counted with that of the
// present one: the later instant stands.
func (t *tx) carry(tenant, present string, former []string) error {
	if err := t.carryLimit(tenant, "contact", present, former); err != nil {
		return err
	}
	for _, hash := range former {
		for _, table := range []string{"entered_numbers", "disowned"} {
			if err := t.carryRows(table, tenant, present, hash); err != nil {
				return err
			}
		}
	}
	return nil
}

// carryRows moves the rows of a former hash, one an account.
func (t *tx) carryRows(table, tenant, present, hash string) error {
	if _, err := t.exec(`INSERT INTO `+table+` (tenant, destination, account, at)
		SELECT tenant, CAST($3 AS TEXT), account, at FROM `+table+` WHERE tenant = $1 AND destination = $2
		ON CONFLICT (tenant, destination, account) DO UPDATE SET
		at = CASE WHEN excluded.at > `+table+`.at THEN excluded.at ELSE `+table+`.at END`,
		tenant, hash, present); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM `+table+` WHERE tenant = $1 AND destination = $2`, tenant, hash)
	return err
}

// carryAll carries everything that is counted for an address, and returns its present
// hash.
func (t *tx) carryAll(tenant, address string) (string, error) {
	prefix, present := code.Prefix(address), t.sealer.Lookup(tenant, address)
	if err := t.carryLimit(tenant, "prefix", t.sealer.Lookup(tenant, prefix), t.sealer.FormerLookups(tenant, prefix)); err != nil {
		return "", err
	}
	return present, t.carry(tenant, present, t.sealer.FormerLookups(tenant, address))
}

// presentDestination is the destination of a challenge under the present key, its
// budgets carried there. It differs from the challenge's own while keys are rotated.
func (t *tx) presentDestination(c code.Challenge) (string, error) {
	if len(t.sealer.FormerLookups(c.Tenant, "")) == 0 {
		return c.Destination, nil
	}
	address, err := t.challengeAddress(c)
	if err != nil {
		return "", err
	}
	return t.carryBudgets(c, address)
}

// carryLimit does so for a limit of one subject. The rows are locked first, so that a
// replica that is ahead or behind in the rotation waits and then sees what was counted.
func (t *tx) carryLimit(tenant, subject, present string, former []string) error {
	if len(former) == 0 {
		return nil
	}
	all := append([]string{present}, former...)
	slices.Sort(all)
	args := []any{tenant, subject}
	marks := make([]string, len(all))
	for i, hash := range all {
		args, marks[i] = append(args, hash), fmt.Sprintf("$%d", i+3)
	}
	if _, err := list(t.queries, plain[string], `SELECT id FROM limits WHERE tenant = $1 AND subject = $2
		AND id IN (`+strings.Join(marks, ", ")+`) ORDER BY id`+t.lock, args...); err != nil {
		return err
	}
	for _, hash := range former {
		if _, err := t.exec(`INSERT INTO limits (tenant, subject, id, tat)
			SELECT tenant, subject, CAST($4 AS TEXT), tat FROM limits WHERE tenant = $1 AND subject = $2 AND id = $3
			ON CONFLICT (tenant, subject, id) DO UPDATE SET
			tat = CASE WHEN limits.tat IS NULL OR excluded.tat > limits.tat THEN excluded.tat ELSE limits.tat END`,
			tenant, subject, hash, present); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM limits WHERE tenant = $1 AND subject = $2 AND id = $3`, tenant, subject, hash); err != nil {
			return err
		}
	}
	return nil
}

// Resealed tells what a re-seal has done and what is left for later.
type Resealed struct {
	// Contacts, Challenges and Messages are how many rows were moved to the present keys.
	Contacts, Challenges, Messages int
	// Unreadable rows open with no key that is known; they stay as they are.
	Unreadable int
	// Open codes still need a former key; the last of them ends at OpenUntil.
	Open      int
	OpenUntil time.Time
}

// Complete reports whether nothing needs a former key any more.
func (r Resealed) Complete() bool { return r.Unreadable == 0 && r.Open == 0 }

// Reseal moves all that former keys have sealed or hashed to the present ones, batch
// rows at a time, and calls between after each batch, whose error ends it. Rows that
// others change meanwhile are left to them. Broken off and begun again it goes over
// what is done already without writing.
func (s *Store) Reseal(ctx context.Context, batch int, now time.Time, between func() error) (Resealed, error) {
	var done Resealed
	for _, table := range []sealedTable{contactAddresses, addressesOfChanges, challengeAddresses(now), messageAddresses} {
		last := make([]any, table.keys)
		for i := range last {
			last[i] = ""
		}
		for {
			rows, err := list(s.read(ctx), table.scan, table.page, append(last, batch)...)
			if err != nil {
				return done, err
			}
			if len(rows) == 0 {
				break
			}
			last = rows[len(rows)-1].key(table.keys)
			if err := s.resealRows(ctx, table, rows, &done); err != nil {
				return done, err
			}
			if err := between(); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

// resealRows moves those of a page that need it, in one transaction.
func (s *Store) resealRows(ctx context.Context, table sealedTable, rows []sealedRow, done *Resealed) error {
	stale := slices.DeleteFunc(rows, func(r sealedRow) bool { return !s.stale(&r, table.column, done) })
	if len(stale) == 0 {
		return nil
	}
	moved := 0
	err := s.write(ctx, func(t *tx) error {
		moved = 0 // it may be run again
		for _, r := range stale {
			address, err := t.sealer.Open(r.sealed, place(r.tenant, r.account, r.id, table.column))
			if err != nil {
				return err
			}
			sealed, err := t.sealer.Seal(address, place(r.tenant, r.account, r.id, table.column))
			if err != nil {
				return fmt.Errorf("seal %s of %s anew: %w", table.column, r.id, err)
			}
			hash := r.hash
			if hash != "" && r.until.IsZero() {
				if hash, err = t.carryAll(r.tenant, string(address)); err != nil {
					return err
				}
			}
			n, err := t.exec(table.update, r.tenant, r.account, r.id, r.sealed, sealed, hash)
			if err != nil {
				return err
			}
			moved += int(n)
		}
		return nil
	})
	if err == nil {
		*table.count(done) += moved
	}
	return err
}

// stale reports whether a row is to be moved. A code that is still open keeps its hash,
// from which it is derived.
func (s *Store) stale(r *sealedRow, column string, done *Resealed) bool {
	sealer := s.config.Sealer
	address, err := sealer.Open(r.sealed, place(r.tenant, r.account, r.id, column))
	if err != nil {
		done.Unreadable++
		return false
	}
	rehash := r.hash != "" && r.hash != sealer.Lookup(r.tenant, string(address))
	if open := !r.until.IsZero(); open {
		if rehash || r.codeKey != sealer.CodeKey() {
			done.Open++
			done.OpenUntil = later(done.OpenUntil, r.until)
		}
		rehash = false
	}
	return rehash || !sealer.Current(r.sealed)
}

// sealedRow is a row with a sealed address.
type sealedRow struct {
	tenant, account, id string
	sealed              []byte
	// hash is empty where the row has none.
	hash string
	// until is the end of a code that is still open, else zero.
	until   time.Time
	codeKey uint32
}

func (r sealedRow) key(n int) []any {
	if n == 1 {
		return []any{r.id}
	}
	return []any{r.tenant, r.account, r.id}
}

// sealedTable is a table with sealed addresses. Its page follows keys columns of the
// last row; its update takes tenant, account, ID, the address as it was and is, and the
// hash, and touches no row that others have changed.
type sealedTable struct {
	column, page, update string
	keys                 int
	scan                 func(scanner) (sealedRow, error)
	count                func(*Resealed) *int
}

var contactAddresses = sealedTable{
	column: columnContact, keys: 3,
	page: `SELECT tenant, account, id, address, lookup FROM contacts
		WHERE (tenant, account, id) > ($1, $2, $3) ORDER BY tenant, account, id LIMIT CAST($4 AS BIGINT)`,
	update: `UPDATE contacts SET address = $5, lookup = $6 WHERE tenant = $1 AND account = $2 AND id = $3 AND address = $4`,
	scan: func(row scanner) (r sealedRow, err error) {
		return r, row.Scan(&r.tenant, &r.account, &r.id, &r.sealed, &r.hash)
	},
	count: func(d *Resealed) *int { return &d.Contacts },
}

func challengeAddresses(now time.Time) sealedTable {
	return sealedTable{
		column: columnChallenge, keys: 1,
		page: `SELECT ` + challengeColumns + `, address FROM challenges WHERE id > $1 ORDER BY id LIMIT CAST($2 AS BIGINT)`,
		update: `UPDATE challenges SET address = $5, destination = $6
			WHERE tenant = $1 AND account = $2 AND id = $3 AND address = $4`,
		scan: func(row scanner) (r sealedRow, err error) {
			c, err := scanChallengeWith(row, &r.sealed)
			r.tenant, r.account, r.id, r.hash, r.codeKey = c.Tenant, c.Account, c.ID, c.Destination, c.CodeKey
			if c.Verdict(now) != code.Gone {
				r.until = c.Expires
			}
			return r, err
		},
		count: func(d *Resealed) *int { return &d.Challenges },
	}
}

var messageAddresses = sealedTable{
	column: columnOutbox, keys: 1,
	page: `SELECT tenant, account, id, address FROM outbox WHERE id > $1 AND address IS NOT NULL
		ORDER BY id LIMIT CAST($2 AS BIGINT)`,
	update: `UPDATE outbox SET address = $5 WHERE tenant = $1 AND account = $2 AND id = $3 AND address = $4 AND $6 = ''`,
	scan: func(row scanner) (r sealedRow, err error) {
		return r, row.Scan(&r.tenant, &r.account, &r.id, &r.sealed)
	},
	count: func(d *Resealed) *int { return &d.Messages },
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
