package flow_test

import (
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

func imported(contacts ...flow.ImportedContact) flow.Import {
	return flow.Import{Tenant: shop, Account: anna, Language: "pl", Contacts: contacts}
}

var (
	mailIn = flow.ImportedContact{Channel: contact.Email, Address: annaMail}
	cellIn = flow.ImportedContact{Channel: contact.SMS, Address: "+49 1511 2345678"}
)

func (d *desk) book() contact.Book {
	d.t.Helper()
	book, err := d.memory.Book(d.t.Context(), shop, anna)
	is(d.t, err, nil)
	return book
}

// seed 40: without a language the contacts keep the policy's own, or English.
func TestImportedWithoutALanguage(t *testing.T) {
	for given, want := range map[string]string{"": "en", "de-CH": "de-CH"} {
		d := newDesk(t)
		d.policies[shop].Messages.DefaultLanguage = given
		in := imported(mailIn)
		in.Language = ""
		is(t, d.ImportContacts(t.Context(), in), nil)
		book, err := d.memory.Book(t.Context(), shop, anna)
		is(t, err, nil)
		if got := book.Contacts[0].Language; got != want {
			t.Errorf("default %q: the contact keeps %q, want %q", given, got, want)
		}
	}
}

// law 8, seed 40: every contact is told in the language it keeps; the same list
// again changes nothing and tells nobody; another is refused.
func TestImportTellsEveryContactOnce(t *testing.T) {
	d := newDesk(t)
	is(t, d.ImportContacts(t.Context(), imported(mailIn, cellIn)), nil)
	before := d.book()
	for _, c := range before.Contacts {
		if c.Standing != contact.Full || c.Language != "pl" || !c.Added.Equal(start) {
			t.Errorf("contact %+v", c)
		}
	}
	d.told(message.NoticeImported, annaMail, annaCell)
	for _, m := range d.mail {
		if m.Language != "pl" || m.Account != anna {
			t.Errorf("a notice of %s in %q", m.Account, m.Language)
		}
	}
	d.clock.step(time.Hour)
	is(t, d.ImportContacts(t.Context(), imported(cellIn, mailIn)), nil)
	for name, other := range map[string]flow.Import{
		"one less":         imported(mailIn),
		"none":             imported(),
		"another address":  imported(mailIn, flow.ImportedContact{Channel: contact.SMS, Address: number}),
		"another channel":  imported(mailIn, flow.ImportedContact{Channel: contact.Voice, Address: annaCell}),
		"one more":         imported(mailIn, cellIn, flow.ImportedContact{Channel: contact.Email, Address: "second@post.example"}),
		"another language": {Tenant: shop, Account: anna, Language: "de", Contacts: imported(mailIn, cellIn).Contacts},
	} {
		t.Run(name, func(t *testing.T) { is(t, d.ImportContacts(t.Context(), other), rules.ErrRecorded) })
	}
	if sent := d.collect(); len(sent) != 0 {
		t.Errorf("%d further notices were sent", len(sent))
	}
	if after := d.book(); len(after.Contacts) != 2 || after.Contacts[0].ID != before.Contacts[0].ID {
		t.Errorf("the contacts changed: %+v", after)
	}
}

// An account under a block gets no first security info: it might be the attacker's.
func TestNoImportWhileBlocked(t *testing.T) {
	d := newDesk(t)
	d.block("b1")
	is(t, d.ImportContacts(t.Context(), imported(mailIn)), rules.ErrOpenMatter)
	is(t, d.ImportContacts(t.Context(), imported()), rules.ErrOpenMatter)
	if d.book().Recorded || len(d.collect()) != 0 {
		t.Error("something was written")
	}
	d.clock.step(24 * time.Hour)
	is(t, d.ImportContacts(t.Context(), imported(mailIn)), nil)
}

// seed 28: a block of one method alone is an open matter too.
func TestNoImportWhileAMethodIsBlocked(t *testing.T) {
	d := newDesk(t)
	d.block("sms", scoped(block.Method, "SMS"))
	is(t, d.ImportContacts(t.Context(), imported(mailIn)), rules.ErrOpenMatter)
	if d.book().Recorded {
		t.Error("something was written")
	}
}

// law 8: what were imported beside an open change would not be told of it, and could not
// cancel it; nor is an absence written, after which the first contact is full.
func TestNoImportBesideAChange(t *testing.T) {
	d := newDesk(t)
	is(t, d.ImportContacts(t.Context(), imported()), nil)
	thief := d.enter(anna)
	id := d.replaces(&thief, thiefMail)
	is(t, d.ImportContacts(t.Context(), imported(mailIn)), rules.ErrOpenMatter)
	is(t, d.ImportContacts(t.Context(), imported()), rules.ErrOpenMatter)
	if masks := d.masks(); masks != "" {
		t.Errorf("beside %s there are now %s", id, masks)
	}
}

// law 8: an address that is listed twice is one contact and is told once; a number
// by two channels is two.
func TestAnAddressListedTwiceIsToldOnce(t *testing.T) {
	d := newDesk(t)
	shouted := flow.ImportedContact{Channel: contact.Email, Address: strings.ToUpper(annaMail)}
	spoken := flow.ImportedContact{Channel: contact.Voice, Address: cellIn.Address}
	spaced := flow.ImportedContact{Channel: contact.SMS, Address: "+4915112345678"}
	is(t, d.ImportContacts(t.Context(), imported(mailIn, shouted, cellIn, spoken, spaced)), nil)
	if n := len(d.book().Contacts); n != 3 {
		t.Errorf("%d contacts were written, want 3", n)
	}
	d.told(message.NoticeImported, annaMail, annaCell, annaCell)
	is(t, d.ImportContacts(t.Context(), imported(mailIn, cellIn, spoken)), nil)
}

// A block of others, or of a network, is none of the account's.
func TestImportBesideOthersBlocks(t *testing.T) {
	d := newDesk(t)
	d.block("b1", of("bert"))
	d.block("n1", scoped(block.Region, "DE"))
	is(t, d.ImportContacts(t.Context(), imported(mailIn)), nil)
}

// law 13: an empty list is absence as a written fact, and the first list may follow.
func TestAnEmptyImportRecordsAbsence(t *testing.T) {
	d := newDesk(t)
	if d.book().Absent() {
		t.Fatal("nothing recorded counts as absence")
	}
	is(t, d.ImportContacts(t.Context(), imported()), nil)
	is(t, d.ImportContacts(t.Context(), imported()), nil)
	if !d.book().Absent() || len(d.collect()) != 0 {
		t.Fatal("absence is not recorded")
	}
	is(t, d.ImportContacts(t.Context(), imported(mailIn)), nil)
	if d.book().Absent() {
		t.Error("the first contact is not recorded")
	}
}

// law 2, seed 55: a bad address is refused by its place; it stands in no error and
// nothing of the list is written.
func TestBadAddresses(t *testing.T) {
	d := newDesk(t)
	for _, bad := range []flow.ImportedContact{
		{Channel: contact.Email, Address: "anna.post.example"},
		{Channel: contact.Email, Address: "Anna <anna@post.example>"},
		{Channel: contact.Email, Address: "anna@post.example, bert@post.example"},
		{Channel: contact.Email, Address: "anna@post.example\r\nBcc: bert@post.example"},
		{Channel: contact.Email, Address: strings.Repeat("a", 250) + "@post.example"},
		{Channel: contact.Email, Address: " anna@post.example"},
		{Channel: contact.SMS, Address: annaMail},
		{Channel: contact.SMS, Address: "015112345678"},
		{Channel: contact.Voice, Address: "+491511234"},
		{Channel: contact.SMS, Address: "+445600123456"},
		{Channel: contact.App, Address: "device-of-anna"},
		{Channel: "Pigeon", Address: "loft of anna"},
	} {
		err := d.ImportContacts(t.Context(), imported(mailIn, bad))
		is(t, err, rules.ErrDestination)
		if !strings.Contains(err.Error(), "contacts[1]") {
			t.Errorf("the error %q does not say which contact", err)
		}
		hides(t, err, bad.Address, annaMail)
	}
	if d.book().Recorded || len(d.collect()) != 0 {
		t.Error("something was written")
	}
}
