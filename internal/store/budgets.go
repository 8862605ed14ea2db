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

// budgets are what a code is issued from, as they will have been read.
type budgets struct {
	wrong  *answer[limit.Recent]
	served *answer[time.Time]
	// said is nil where nobody's word keeps codes from the destination.
	said   *answer[time.Time]
	limits []code.Limit
	held   *answer[arrival]
}

// askBudgets holds every budget of a code to an address, carried over to the present
// keys, the challenge's destination too. Where the address is not known yet it asks for
// nothing.
func (t *tx) askBudgets(c *code.Challenge, issue code.Issue) (b budgets, err error) {
	if issue.Address == "" {
		return b, nil
	}
	if c.Destination, err = t.carryBudgets(*c, issue.Address); err != nil {
		return b, err
	}
	if issue.Limits != nil {
		b.limits = issue.Limits(issue.Address)
	}
	for i, l := range b.limits {
		if l.Secret == "" {
			continue
		}
		b.limits[i].ID = t.sealer.Lookup(c.Tenant, l.Secret)
		if err := t.carryLimit(c.Tenant, l.Subject, b.limits[i].ID, t.sealer.FormerLookups(c.Tenant, l.Secret)); err != nil {
			return b, err
		}
	}
	b.wrong = ask(t.queries, scanRecent, `SELECT recent FROM wrong_codes WHERE tenant = $1 AND account = $2`, c.Tenant, c.BudgetID())
	b.said = t.saidOf(*c, stored(issue.Now))
	if issue.Entered {
		b.served = t.accountsServed(*c, issue.PerNumber, stored(issue.Now))
	}
	b.held = t.lockLimits(c.Tenant, b.limits)
	return b, nil
}

// takeAll asks every budget and limit; what one refuses takes nothing, since the
// transaction ends there.
func (t *tx) takeAll(b budgets, issue code.Issue, tenant string, now time.Time) error {
	wrong, err := b.wrong.one()
	if err != nil && !errors.Is(err, rules.ErrNotFound) {
		return err
	}
	if err := usedUp(wrong, issue.MaxWrongPerDay, now); err != nil {
		return err
	}
	if err := rests(b.said, now); err != nil {
		return err
	}
	if issue.Entered {
		if err := servesEnough(b.served, issue.PerNumber, now); err != nil {
			return err
		}
	}
	return t.take(tenant, b.limits, b.held, now)
}

// lockLimits holds the rows of limits until the transaction ends, in one order, so that
// no two wait for each other, and reads them.
func (t *tx) lockLimits(tenant string, limits []code.Limit) *answer[arrival] {
	if len(limits) == 0 {
		return &answer[arrival]{from: t.queries, place: -1}
	}
	slices.SortFunc(limits, func(a, b code.Limit) int {
		return cmp.Or(strings.Compare(a.Subject, b.Subject), strings.Compare(a.ID, b.ID))
	})
	return ask(t.queries, scanArrival, `INSERT INTO limits (tenant, subject, id, tat) VALUES `+tuples(limits)+`
		ON CONFLICT (tenant, subject, id) DO UPDATE SET tat = limits.tat RETURNING subject, id, tat`, arrivals(tenant, limits, nil)...)
}

// take asks every limit that is held for one event; the first that refuses is named.
func (t *tx) take(tenant string, limits []code.Limit, held *answer[arrival], now time.Time) error {
	rows, err := held.all()
	if err != nil || len(rows) == 0 {
		return err
	}
	at := make(map[subject]time.Time, len(rows))
	for _, h := range rows {
		at[h.subject] = h.tat
	}
	for _, l := range limits {
		next, wait := l.Rate.Take(at[subject{l.Subject, l.ID}], now)
		if wait > 0 {
			return &rules.LimitError{Subject: l.Subject, RetryAfter: wait}
		}
		at[subject{l.Subject, l.ID}] = next
	}
	t.queue(`INSERT INTO limits (tenant, subject, id, tat) VALUES `+tuples(limits)+`
		ON CONFLICT (tenant, subject, id) DO UPDATE SET tat = excluded.tat`, arrivals(tenant, limits, at)...)
	return nil
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

// lockWrongCodesOf holds the wrong codes that a flow's challenge counts with.
func (t *tx) lockWrongCodesOf(id, flowID string) *answer[limit.Recent] {
	return ask(t.queries, scanRecent, `INSERT INTO wrong_codes (tenant, account) SELECT tenant, CASE WHEN budget = '' THEN account ELSE budget END
		FROM challenges WHERE id = $1 AND flow = $2
		ON CONFLICT (tenant, account) DO UPDATE SET recent = wrong_codes.recent RETURNING recent`, id, flowID)
}

// countWrongCode counts a code as wrong before it is compared.
func (t *tx) countWrongCode(c code.Challenge, recent *answer[limit.Recent], perDay int, now time.Time) error {
	wrong, err := recent.one()
	if err != nil {
		return err
	}
	if err := usedUp(wrong, perDay, now); err != nil {
		return err
	}
	return t.saveWrongCodes(c, append(wrong.Within(code.WrongCodeWindow, now), now), now)
}

func (t *tx) lockWrongCodes(c code.Challenge) *answer[limit.Recent] {
	return ask(t.queries, scanRecent, `SELECT recent FROM wrong_codes WHERE tenant = $1 AND account = $2`+t.lock, c.Tenant, c.BudgetID())
}

// refundWrongCode takes the latest one back: the code was right.
func (t *tx) refundWrongCode(c code.Challenge, recent *answer[limit.Recent], now time.Time) error {
	wrong, err := recent.one()
	if errors.Is(err, rules.ErrNotFound) || (err == nil && len(wrong) == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.saveWrongCodes(c, wrong[:len(wrong)-1], now)
}

func (t *tx) saveWrongCodes(c code.Challenge, recent limit.Recent, last time.Time) error {
	at := make([]int64, len(recent))
	for i, one := range recent {
		at[i] = one.UnixMilli()
	}
	text, err := json.Marshal(at)
	if err != nil {
		return err
	}
	t.queue(`UPDATE wrong_codes SET recent = $3, last_at = $4 WHERE tenant = $1 AND account = $2`,
		c.Tenant, c.BudgetID(), string(text), instant(last))
	return nil
}

func usedUp(recent limit.Recent, perDay int, now time.Time) error {
	if wait := recent.Wait(perDay, code.WrongCodeWindow, now); wait > 0 {
		return &rules.LimitError{Subject: "account", RetryAfter: wait}
	}
	return nil
}

// countOnContactOf counts a code as wrong for the contact of a flow's challenge, and
// disables the contact where that makes too many in a row (N4). One that is disabled or
// gone takes no code: rules.ErrGone.
func (t *tx) countOnContactOf(id, flowID string, inARow int) *answer[string] {
	return ask(t.queries, plain[string], `UPDATE contacts SET failures = failures + 1,
		enabled_as = CASE WHEN failures + 1 >= $3 THEN standing ELSE enabled_as END,
		standing = CASE WHEN failures + 1 >= $3 THEN 'Disabled' ELSE standing END
		WHERE (tenant, account, id) = (SELECT tenant, account, contact_id FROM challenges WHERE id = $1 AND flow = $2)
			AND standing <> 'Disabled' AND $3 > 0 RETURNING id`, id, flowID, inARow).or(rules.ErrGone)
}

// accountsServed are when a number has served other accounts, the latest first.
func (t *tx) accountsServed(c code.Challenge, perNumber limit.Rate, now time.Time) *answer[time.Time] {
	return ask(t.queries, moment, `SELECT at FROM entered_numbers
		WHERE tenant = $1 AND destination = $2 AND account <> $3 AND at > $4 ORDER BY at DESC LIMIT CAST($5 AS BIGINT)`,
		c.Tenant, c.Destination, c.Account, instant(now.Add(-perNumber.Per)), max(perNumber.Count, 0))
}

// servesEnough refuses a number that has served other accounts enough.
func servesEnough(served *answer[time.Time], perNumber limit.Rate, now time.Time) error {
	at, err := served.all()
	if err != nil || perNumber.Count <= 0 || len(at) < perNumber.Count {
		return err
	}
	free := at[len(at)-1].Add(perNumber.Per)
	return &rules.LimitError{Subject: "number", RetryAfter: free.Sub(now)}
}

// recordEnteredNumber notes that the number serves this account, unless codes that
// were under way at once have used it up.
func (t *tx) recordEnteredNumber(c code.Challenge, perNumber limit.Rate, now time.Time) (err error) {
	if c.Destination, err = t.presentDestination(c); err != nil {
		return err
	}
	// Codes to one number that are accepted at once wait for each other here.
	t.queue(`INSERT INTO limits (tenant, subject, id, tat) VALUES ($1, 'entered', $2, $3)
		ON CONFLICT (tenant, subject, id) DO UPDATE SET tat = excluded.tat`, c.Tenant, c.Destination, instant(now.Add(perNumber.Per)))
	t.queue(`INSERT INTO entered_numbers (tenant, destination, account, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant, destination, account) DO UPDATE SET at = excluded.at`,
		c.Tenant, c.Destination, c.Account, instant(now))
	return servesEnough(t.accountsServed(c, perNumber, now), perNumber, now)
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
