package store

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/limit"
)

// take asks every limit for one event; the first that refuses is named. The rows are
// held until the transaction ends, in one order, so that no two wait for each other.
func (t *tx) take(tenant string, limits []code.Limit, now time.Time) error {
	if len(limits) == 0 {
		return nil
	}
	ordered := slices.SortedFunc(slices.Values(limits), func(a, b code.Limit) int {
		return cmp.Or(strings.Compare(a.Subject, b.Subject), strings.Compare(a.ID, b.ID))
	})
	at := make(map[subject]time.Time, len(ordered))
	held, err := list(t.queries, scanArrival, `INSERT INTO limits (tenant, subject, id, tat) VALUES `+tuples(ordered)+`
		ON CONFLICT (tenant, subject, id) DO UPDATE SET tat = limits.tat RETURNING subject, id, tat`, arrivals(tenant, ordered, at)...)
	if err != nil {
		return err
	}
	for _, h := range held {
		at[h.subject] = h.tat
	}
	for _, l := range limits {
		next, wait := l.Rate.Take(at[subject{l.Subject, l.ID}], now)
		if wait > 0 {
			return &rules.LimitError{Subject: l.Subject, RetryAfter: wait}
		}
		at[subject{l.Subject, l.ID}] = next
	}
	_, err = t.exec(`INSERT INTO limits (tenant, subject, id, tat) VALUES `+tuples(ordered)+`
		ON CONFLICT (tenant, subject, id) DO UPDATE SET tat = excluded.tat`, arrivals(tenant, ordered, at)...)
	return err
}

// subject is whom a limit counts.
type subject struct{ kind, id string }

// arrival is a subject's theoretical arrival time.
type arrival struct {
	subject
	tat time.Time
}

func scanArrival(row scanner) (arrival, error) {
	var a arrival
	err := row.Scan(&a.kind, &a.id, (*instant)(&a.tat))
	return a, err
}

// tuples are the placeholders of arrivals.
func tuples(limits []code.Limit) string {
	list := make([]string, len(limits))
	for i := range limits {
		list[i] = fmt.Sprintf("($1, $%d, $%d, $%d)", 3*i+2, 3*i+3, 3*i+4)
	}
	return strings.Join(list, ", ")
}

func arrivals(tenant string, limits []code.Limit, at map[subject]time.Time) []any {
	values := []any{tenant}
	for _, l := range limits {
		values = append(values, l.Subject, l.ID, instant(at[subject{l.Subject, l.ID}]))
	}
	return values
}

// checkWrongCodes refuses while the account's wrong codes of the day are used up.
func (t *tx) checkWrongCodes(tenant, account string, perDay int, now time.Time) error {
	recent, err := one(t.queries, scanRecent,
		`SELECT recent FROM wrong_codes WHERE tenant = $1 AND account = $2`, tenant, account)
	if err != nil && !errors.Is(err, rules.ErrNotFound) {
		return err
	}
	return usedUp(recent, perDay, now)
}

// countWrongCode counts a code as wrong before it is compared.
func (t *tx) countWrongCode(tenant, account string, perDay int, now time.Time) error {
	recent, err := one(t.queries, scanRecent, `INSERT INTO wrong_codes (tenant, account) VALUES ($1, $2)
		ON CONFLICT (tenant, account) DO UPDATE SET recent = wrong_codes.recent RETURNING recent`, tenant, account)
	if err != nil {
		return err
	}
	if err := usedUp(recent, perDay, now); err != nil {
		return err
	}
	return t.saveWrongCodes(tenant, account, append(recent.Within(code.WrongCodeWindow, now), now), now)
}

// refundWrongCode takes the latest one back: the code was right.
func (t *tx) refundWrongCode(tenant, account string, now time.Time) error {
	recent, err := one(t.queries, scanRecent,
		`SELECT recent FROM wrong_codes WHERE tenant = $1 AND account = $2`+t.lock, tenant, account)
	if errors.Is(err, rules.ErrNotFound) || (err == nil && len(recent) == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.saveWrongCodes(tenant, account, recent[:len(recent)-1], now)
}

func (t *tx) saveWrongCodes(tenant, account string, recent limit.Recent, last time.Time) error {
	at := make([]int64, len(recent))
	for i, one := range recent {
		at[i] = one.UnixMilli()
	}
	text, err := json.Marshal(at)
	if err != nil {
		return err
	}
	_, err = t.exec(`UPDATE wrong_codes SET recent = $3, last_at = $4 WHERE tenant = $1 AND account = $2`,
		tenant, account, string(text), instant(last))
	return err
}

func usedUp(recent limit.Recent, perDay int, now time.Time) error {
	if wait := recent.Wait(perDay, code.WrongCodeWindow, now); wait > 0 {
		return &rules.LimitError{Subject: "account", RetryAfter: wait}
	}
	return nil
}

// countOnContact counts a code as wrong for its contact, and disables the contact where
// that makes too many in a row (N4). One that is disabled or gone takes no code.
func (t *tx) countOnContact(c code.Challenge, inARow int) error {
	if c.ContactID == "" || inARow == 0 {
		return nil
	}
	n, err := t.exec(`UPDATE contacts SET failures = failures + 1,
		enabled_as = CASE WHEN failures + 1 >= $4 THEN standing ELSE enabled_as END,
		standing = CASE WHEN failures + 1 >= $4 THEN 'Disabled' ELSE standing END
		WHERE tenant = $1 AND account = $2 AND id = $3 AND standing <> 'Disabled'`,
		c.Tenant, c.Account, c.ContactID, inARow)
	if err == nil && n == 0 {
		return rules.ErrGone
	}
	return err
}

// checkEnteredNumber refuses a number that has served other accounts enough.
func (t *tx) checkEnteredNumber(c code.Challenge, perNumber limit.Rate, now time.Time) error {
	if perNumber.Count <= 0 {
		return nil
	}
	served, err := list(t.queries, moment, `SELECT at FROM entered_numbers
		WHERE tenant = $1 AND destination = $2 AND account <> $3 AND at > $4 ORDER BY at DESC LIMIT CAST($5 AS BIGINT)`,
		c.Tenant, c.Destination, c.Account, instant(now.Add(-perNumber.Per)), perNumber.Count)
	if err != nil || len(served) < perNumber.Count {
		return err
	}
	free := served[len(served)-1].Add(perNumber.Per)
	return &rules.LimitError{Subject: "number", RetryAfter: free.Sub(now)}
}

// recordEnteredNumber notes that the number serves this account, unless codes that
// were under way at once have used it up.
func (t *tx) recordEnteredNumber(c code.Challenge, perNumber limit.Rate, now time.Time) (err error) {
	if c.Destination, err = t.presentDestination(c); err != nil {
		return err
	}
	// Codes to one number that are accepted at once wait for each other here.
	if _, err := t.exec(`INSERT INTO limits (tenant, subject, id, tat) VALUES ($1, 'entered', $2, $3)
		ON CONFLICT (tenant, subject, id) DO UPDATE SET tat = excluded.tat`, c.Tenant, c.Destination, instant(now.Add(perNumber.Per))); err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO entered_numbers (tenant, destination, account, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant, destination, account) DO UPDATE SET at = excluded.at`,
		c.Tenant, c.Destination, c.Account, instant(now)); err != nil {
		return err
	}
	return t.checkEnteredNumber(c, perNumber, now)
}

func scanRecent(row scanner) (limit.Recent, error) {
	text, err := plain[string](row)
	if err != nil {
		return nil, err
	}
	var at []int64
	if err := json.Unmarshal([]byte(text), &at); err != nil {
		return nil, fmt.Errorf("read the wrong codes of an account: %w", err)
	}
	recent := make(limit.Recent, len(at))
	for i, ms := range at {
		recent[i] = time.UnixMilli(ms).UTC()
	}
	return recent, nil
}
