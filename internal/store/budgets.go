package store

import (
	"cmp"
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
func (t *tx) checkWrongCodes(tenant, account string, maxPerDay int, now time.Time) error {
	w, err := one(t.queries, scanWindow,
		`SELECT start_at, wrong FROM wrong_codes WHERE tenant = $1 AND account = $2`, tenant, account)
	if err != nil && !errors.Is(err, rules.ErrNotFound) {
		return err
	}
	return usedUp(w, maxPerDay, now)
}

// countWrongCode counts a code as wrong before it is compared.
func (t *tx) countWrongCode(tenant, account string, maxPerDay int, now time.Time) error {
	w, err := one(t.queries, scanWindow, `INSERT INTO wrong_codes (tenant, account, start_at, wrong) VALUES ($1, $2, NULL, 0)
		ON CONFLICT (tenant, account) DO UPDATE SET wrong = wrong_codes.wrong RETURNING start_at, wrong`, tenant, account)
	if err != nil {
		return err
	}
	if err := usedUp(w, maxPerDay, now); err != nil {
		return err
	}
	w = w.Add(now, code.WrongCodeWindow)
	_, err = t.exec(`UPDATE wrong_codes SET start_at = $3, wrong = $4 WHERE tenant = $1 AND account = $2`,
		tenant, account, instant(w.Start), w.Count)
	return err
}

// refundWrongCode takes one back: the code was right.
func (t *tx) refundWrongCode(tenant, account string) error {
	_, err := t.exec(`UPDATE wrong_codes SET wrong = wrong - 1 WHERE tenant = $1 AND account = $2 AND wrong > 0`,
		tenant, account)
	return err
}

func usedUp(w limit.Window, maxPerDay int, now time.Time) error {
	end := w.Start.Add(code.WrongCodeWindow)
	open := !w.Start.IsZero() && now.Before(end)
	switch {
	case open && w.Count >= maxPerDay:
		return &rules.LimitError{Subject: "account", RetryAfter: end.Sub(now)}
	case maxPerDay <= 0:
		return &rules.LimitError{Subject: "account", RetryAfter: code.WrongCodeWindow}
	default:
		return nil
	}
}

// checkEnteredNumber refuses a number that has served other accounts enough.
func (t *tx) checkEnteredNumber(c code.Challenge, now time.Time) error {
	served, err := list(t.queries, moment, `SELECT at FROM entered_numbers
		WHERE tenant = $1 AND destination = $2 AND account <> $3 AND at > $4 ORDER BY at DESC LIMIT CAST($5 AS BIGINT)`,
		c.Tenant, c.Destination, c.Account, instant(now.Add(-code.EnteredNumberWindow)), code.EnteredNumberAccounts)
	if err != nil || len(served) < code.EnteredNumberAccounts {
		return err
	}
	free := served[len(served)-1].Add(code.EnteredNumberWindow)
	return &rules.LimitError{Subject: "number", RetryAfter: free.Sub(now)}
}

// recordEnteredNumber notes that the number serves this account, unless codes that
// were under way at once have used it up.
func (t *tx) recordEnteredNumber(c code.Challenge, now time.Time) (err error) {
	if c.Destination, err = t.presentDestination(c); err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO entered_numbers (tenant, destination, account, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant, destination, account) DO UPDATE SET at = excluded.at`,
		c.Tenant, c.Destination, c.Account, instant(now)); err != nil {
		return err
	}
	return t.checkEnteredNumber(c, now)
}

func scanWindow(row scanner) (limit.Window, error) {
	var w limit.Window
	err := row.Scan((*instant)(&w.Start), &w.Count)
	return w, err
}
