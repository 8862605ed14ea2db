package flow

import (
	"context"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

// tellDisabled tells the account's contacts, the disabled one too, that a wrong code has
// disabled the one that it went to (N4). It takes no attempt any more, so this happens
// once; what goes wrong here changes nothing for whoever entered the code.
func (d *Desk) tellDisabled(ctx context.Context, c code.Challenge) {
	if c.ContactID == "" {
		return
	}
	book, err := d.Store.Book(ctx, c.Tenant, c.Account)
	off, ok := book.Find(c.ContactID)
	if err != nil || !ok || off.Standing != contact.Disabled {
		return
	}
	notices, err := d.notices(c.Tenant, c.Account, message.NoticeContactDisabled, book.Contacts, d.Now())
	if err != nil {
		return
	}
	for i := range notices {
		notices[i].About.Contact = off.Mask()
	}
	_ = d.Store.Notify(ctx, notices)
}
