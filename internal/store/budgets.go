package store

import (
	"errors"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/limit"
)

// take asks a limit for one event. The row is held until the transaction ends.
func (t *tx) take(tenant string, l code.Limit, now time.Time) error {
	tat, err := one(t.queries, moment, `INSERT INTO limits (tenant, subject, id, tat) VALUES ($1, $2, $3, NULL)
		ON CONFLICT (tenant, subject, id) DO UPDATE SET tat = limits.tat RETURNING tat`, tenant, l.Subject, l.ID)
	if err != nil {
		return err
	}
	next, wait := l.Rate.Take(tat, now)
	if wait > 0 {
		return &rules.LimitError{Subject: l.Subject, RetryAfter: wait}
	}
	_, err = t.exec(`UPDATE limits SET tat = $4 WHERE tenant = $1 AND subject = $2 AND id = $3`,
		tenant, l.Subject, l.ID, instant(next))
	return err
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
func (t *tx) recordEnteredNumber(c code.Challenge, now time.Time) error {
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
