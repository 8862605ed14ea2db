package flow

import (
	"cmp"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
)

// Apart tells a contact from others of the account that have the same mask, without showing
// more of its address (seed 22). It is zero for a contact whose mask is the only such.
type Apart struct {
	// Added is the day; zero where that is not known.
	Added time.Time
	// Nth counts from 1 those of one mask that were added on the same day, the first one
	// first; 0 where the day tells them apart.
	Nth int
}

// apart tells all the contacts of one account apart, by ID.
func apart(all []contact.Contact) map[string]Apart {
	type likeness struct {
		mask string
		day  time.Time
	}
	masks, days := map[string]int{}, map[likeness]int{}
	like := func(c contact.Contact) likeness { return likeness{c.Mask(), day(c.Added)} }
	for _, c := range all {
		masks[c.Mask()]++
		days[like(c)]++
	}
	told, nth := map[string]Apart{}, map[likeness]int{}
	for _, c := range slices.SortedFunc(slices.Values(all), func(a, b contact.Contact) int {
		return cmp.Or(a.Added.Compare(b.Added), cmp.Compare(a.ID, b.ID))
	}) {
		if masks[c.Mask()] < 2 {
			continue
		}
		one := Apart{Added: c.Added}
		if days[like(c)] > 1 {
			nth[like(c)]++
			one.Nth = nth[like(c)]
		}
		told[c.ID] = one
	}
	return told
}

// day is the one of an instant, in UTC as pages name it.
func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
