package flow

import (
	"context"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/disowned"
	"holdfast.dev/holdfast/internal/rules/session"
)

// DisownedStore remembers what strangers say of destinations.
type DisownedStore interface {
	// DisownNotice takes the word of whoever got the notice of a change that the account is
	// not theirs, once; otherwise done is false.
	DisownNotice(ctx context.Context, by disowned.ByNotice) (done bool, err error)
}

// rests tells until when a contact gets no codes because somebody who gets messages there
// said that the account is not theirs: only as long as another contact gets them. Whoever
// reads one message must not leave the owner without a way.
func (d *Desk) rests(s scene, contactID string) (closure, bool) {
	c, _ := s.book.Find(contactID)
	if !disowned.Concerns(s.flow.Purpose) || !d.disowned(c) {
		return closure{}, false
	}
	elsewhere := slices.ContainsFunc(s.book.Releasing(), func(o contact.Contact) bool {
		_, blocked := d.methodBlocked(s.flow, o.Channel)
		return o.Address != c.Address && !d.disowned(o) && !blocked && s.policy.Reaches(o.Channel, d.plan(o)) &&
			len(d.regionClosures(s.flow.Tenant, d.plan(o))) == 0
	})
	return closure{"disowned", disowned.Until(c.Disowned)}, elsewhere
}

// disowned reports whether what somebody said of a contact counts now.
func (d *Desk) disowned(c contact.Contact) bool { return d.Now().Before(disowned.Until(c.Disowned)) }

// claimed is the book of a scene as whoever is there may use it: for somebody who has
// stepped up, what strangers say counts for nothing. So a contact can be proven again.
func (d *Desk) claimed(ctx context.Context, s scene) contact.Book {
	if !slices.ContainsFunc(s.book.Contacts, d.disowned) {
		return s.book
	}
	in, err := d.Store.Session(ctx, s.flow)
	if err != nil || !in.Assurance.Covers(session.StepUp) {
		return s.book
	}
	s.book.Contacts = slices.Clone(s.book.Contacts)
	for i := range s.book.Contacts {
		s.book.Contacts[i].Disowned = time.Time{}
	}
	return s.book
}
