package change

import (
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
)

// FrozenError says that another change of the account restricts it, so that no contact is
// added or removed meanwhile (seed 53).
type FrozenError struct {
	// Until is when the last restriction ends; zero where that is not known.
	Until time.Time
}

func (e *FrozenError) Error() string {
	const says = "another change of this account's security info is on hold: cancel that one, or wait until it has ended"
	if e.Until.IsZero() {
		return says
	}
	return says + " on " + e.Until.UTC().Format(time.RFC3339)
}

// Frozen returns a *FrozenError where the change may neither begin nor be proven at now,
// given the account's contacts and its other changes. What stays open is a replacement,
// which waits itself and stands against a thief's, a Clear, and the registration of an
// account that has no contact (seed 45, 54).
func (r Record) Frozen(book contact.Book, others []Record, now time.Time) error {
	if r.Spec.Action != Remove && (r.Spec.Action != Add || book.Absent()) {
		return nil
	}
	var frozen *FrozenError
	for _, o := range append(slices.Clone(others), r) {
		switch what, until := o.Restricts(now); {
		case what == "":
		case frozen == nil:
			frozen = &FrozenError{until}
		case frozen.Until.IsZero() || until.IsZero():
			frozen.Until = time.Time{}
		default:
			frozen.Until = later(frozen.Until, until)
		}
	}
	if frozen == nil {
		return nil
	}
	return frozen
}
