package store

import "slices"

// Numbering is how an engine numbers facts where transactions run side by side: in the
// order in which they ask, though they may be committed in another, or never. Nobody
// waits for anybody's number; followers remember the numbers that they have skipped.
type Numbering struct {
	// Next is the expression of the next number. The transaction that asks for it must
	// have its own number by then.
	Next string
	// Horizon is the query of two numbers of transactions: all below the first have
	// ended, all from the second on are yet to begin.
	Horizon string
	// Gaps is the query of the stretches without a fact that end below $1: first and last
	// number.
	Gaps string
	// Missed is the FROM clause of the facts within stretches whose first numbers are $1
	// and whose last are $2.
	Missed string
}

// gap is a stretch of numbers of which no fact has come.
type gap struct {
	first, last int64
	// until is a transaction that had not begun when the gap was known: once all before
	// it have ended, no fact will come any more. 0 stands until somebody has looked.
	until int64
}

// gaps are in the order of their numbers.
type gaps []gap

func scanGap(row scanner) (g gap, err error) { return g, row.Scan(&g.first, &g.last) }

// gapsBelow are the gaps before a number.
func (n Numbering) gapsBelow(q queries, last int64) (gaps, error) {
	if n.Gaps == "" {
		return nil, nil
	}
	return list(q, scanGap, n.Gaps, last)
}

// skip remembers the numbers between the last fact and the next one, which come later
// or never; where one transaction runs at a time there are none.
func (f *follower) skip(next int64) {
	if next > f.last+1 && f.numbering.Horizon != "" {
		f.missing = append(f.missing, gap{first: f.last + 1, last: next - 1})
	}
}

// without takes a number out.
func (g gaps) without(seq int64) gaps {
	i := slices.IndexFunc(g, func(in gap) bool { return in.first <= seq && seq <= in.last })
	if i < 0 {
		return g
	}
	in := g[i]
	var rest gaps
	if in.first < seq {
		rest = append(rest, gap{in.first, seq - 1, in.until})
	}
	if seq < in.last {
		rest = append(rest, gap{seq + 1, in.last, in.until})
	}
	return slices.Replace(g, i, i+1, rest...)
}

// catchUp tells of the facts that were missing and forgets the numbers that no
// transaction will use any more.
func (f *follower) catchUp(q queries) error {
	if len(f.missing) == 0 {
		return nil
	}
	// The horizon is read before the facts: what had ended by then is seen by them.
	type horizon struct{ oldest, next int64 }
	h, err := one(q, func(row scanner) (h horizon, err error) { return h, row.Scan(&h.oldest, &h.next) }, f.numbering.Horizon)
	if err != nil {
		return err
	}
	var firsts, lasts []int64
	for _, g := range f.missing {
		firsts, lasts = append(firsts, g.first), append(lasts, g.last)
	}
	late, err := list(q, scanFact, `SELECT seq, fact, restricted_until, `+blockColumns+` `+f.numbering.Missed+` ORDER BY seq`, firsts, lasts)
	if err != nil {
		return err
	}
	for _, l := range late {
		f.each(l.Fact)
		f.missing = f.missing.without(l.seq)
	}
	f.missing = slices.DeleteFunc(f.missing, func(g gap) bool { return g.until != 0 && g.until <= h.oldest })
	for i := range f.missing {
		if f.missing[i].until == 0 {
			f.missing[i].until = h.next
		}
	}
	return nil
}
