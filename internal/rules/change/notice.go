package change

import (
	"slices"
	"time"
)

// Number names one notice of a change; each goes once to each contact of the snapshot.
type Number int

// The notices.
const (
	// Started is told when the hold begins, AfterDay to Nearly while it runs (law 8).
	Started Number = iota
	AfterDay
	AfterTwoWeeks
	AfterMonth
	LastDay
	// Done is told when the change was applied, Stopped when it was cancelled.
	Done
	Stopped
	// Contest is told when another replacement stands against this one.
	Contest
)

// The notices by name, as messages carry them.
const (
	NoticeHeld      = "SecurityInfoChangeHeld"
	NoticeReminder  = "SecurityInfoChangeReminder"
	NoticeApplied   = "SecurityInfoChanged"
	NoticeHoldEnded = "SecurityInfoHoldEnded"
	NoticeCancelled = "SecurityInfoChangeCancelled"
	NoticeContested = "SecurityInfoChangeContested"
)

// Notice is the name of the message that tells a number. Reminders of a contested hold
// name no date, for it takes no effect then.
func (r Record) Notice(n Number, contested bool) string {
	switch {
	case n == Started:
		return NoticeHeld
	case n == Stopped:
		return NoticeCancelled
	case n == Done && r.HoldStart.IsZero():
		return NoticeApplied
	case n == Done:
		return NoticeHoldEnded
	case n == Contest, contested:
		return NoticeContested
	default:
		return NoticeReminder
	}
}

// noticeAt is when a number is due; zero for those that follow an end.
func (r Record) noticeAt(n Number) time.Time {
	day := 24 * time.Hour
	switch n {
	case Started:
		return earlier(r.Begun, r.HoldStart) // at once, though another clock is ahead
	case AfterDay:
		return r.HoldStart.Add(day)
	case AfterTwoWeeks:
		return r.HoldStart.Add(14 * day)
	case AfterMonth:
		return r.HoldStart.Add(27 * day)
	case LastDay:
		return r.HoldUntil.Add(-day)
	default:
		return time.Time{}
	}
}

// schedule are the notices of the hold that lie within it, in the order of their instants.
func (r Record) schedule() []Number {
	if r.HoldStart.IsZero() {
		return nil
	}
	numbers := []Number{Started}
	for n := AfterDay; n <= LastDay; n++ {
		at := r.noticeAt(n)
		taken := slices.ContainsFunc(numbers, func(o Number) bool { return r.noticeAt(o).Equal(at) })
		if at.After(r.HoldStart) && at.Before(r.HoldUntil) && !taken {
			numbers = append(numbers, n)
		}
	}
	slices.SortFunc(numbers, func(a, b Number) int { return r.noticeAt(a).Compare(r.noticeAt(b)) })
	return numbers
}

// Due is the notice that is to be told at now, if any. Of several that nobody told in
// time only the latest is due: it says all that the others would.
func (r Record) Due(now time.Time) (Number, bool) {
	if r.State(now) != OnHold || r.Joined != "" {
		return 0, false
	}
	numbers := r.schedule()
	for _, n := range slices.Backward(numbers) {
		if !now.Before(r.noticeAt(n)) {
			return n, !slices.Contains(r.Told, n)
		}
	}
	return 0, false
}

// Disputed reports whether it is to be told, once, that another replacement of the account
// stands against this one: neither applies before one is cancelled.
func (r Record) Disputed(others []Record, now time.Time) bool {
	return !slices.Contains(r.Told, Contest) && r.Contested(others, now) &&
		slices.ContainsFunc(others, func(o Record) bool { return o.Contested([]Record{r}, now) })
}

// Tell notes that a notice went out in so many messages. One of a contest says all that
// the first one would.
func (r Record) Tell(n Number, messages int) Record {
	r.Told = append(slices.Clone(r.Told), n)
	if n == Contest && !slices.Contains(r.Told, Started) {
		r.Told = append(r.Told, Started)
	}
	r.NoticesSent += messages
	return r
}

// Wake is the next instant at which the change calls for something by itself; zero if
// never. It may have passed.
func (r Record) Wake(now time.Time) time.Time {
	switch r.State(now) {
	case OnHold:
		if r.Joined != "" {
			return time.Time{} // the Clear that it seconds ends it
		}
		if _, due := r.Due(now); due {
			return now
		}
		for _, n := range r.schedule() {
			if at := r.noticeAt(n); at.After(now) {
				return at
			}
		}
		return r.HoldUntil
	case AwaitingCode:
		return r.Deadline
	case Expired:
		if r.End.State == "" {
			return r.Deadline
		}
	}
	return time.Time{}
}
