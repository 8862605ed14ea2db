package change

import (
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
)

// Admitted is the new contact as an Add writes it: full where a full contact vouched for
// it or absence was proved, else junior. After a Clear the first one is junior: nobody
// but the help desk stands for it.
func (r Record) Admitted(c NewContact, book contact.Book, now time.Time) contact.Contact {
	out := contact.Contact{
		ID: c.ID, Channel: c.Channel, Language: c.Language, Added: now, Proven: r.Proofs.New[c.ID],
		Standing: contact.Full, Since: now,
	}
	switch {
	case !r.HoldStart.IsZero():
		out.Origin, out.Since = contact.Vouched, r.HoldStart
	case book.Absent() && !book.Cleared:
		out.Origin = contact.First
	case !r.Proofs.FullAt.IsZero():
		out.Origin = contact.Vouched
		if r.Proofs.FullOrigin == contact.Alone {
			out.Origin = contact.Alone
		}
	default:
		out = r.Junior(out, now)
	}
	return out
}

// Junior is a new contact for which nobody but a password stands.
func (r Record) Junior(c contact.Contact, now time.Time) contact.Contact {
	c.Standing, c.Origin, c.Since = contact.Junior, contact.Alone, now.Add(r.Terms.JuniorFor)
	return c
}

// Leaving are the IDs of the contacts that go when the change applies.
func (r Record) Leaving(book contact.Book) []string {
	switch r.Spec.Action {
	case Remove:
		return r.Spec.Removed
	case Clear, Replace:
		var ids []string
		for _, c := range book.Contacts {
			// A Clear takes only what was there when it was asked for.
			if r.Spec.Action == Replace || r.knew(c.ID) {
				ids = append(ids, c.ID)
			}
		}
		return ids
	default:
		return nil
	}
}

func (r Record) knew(id string) bool {
	return slices.ContainsFunc(r.Snapshot, func(c OldContact) bool { return c.ID == id })
}
