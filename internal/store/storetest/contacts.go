package storetest

import (
	"testing"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

var contactTests = map[string]func(*testing.T, Backend){
	"contacts/law 13: nothing written is not absence":       nothingWritten,
	"contacts/law 13: an empty import writes absence":       absenceWritten,
	"contacts/law 13: lost rows are not absence":            lostContacts,
	"contacts/import writes contacts and notices":           imported,
	"contacts/the same import again changes nothing":        importedAgain,
	"contacts/another import is refused":                    importConflict,
	"contacts/a contact moved to another row does not open": movedContact,
}

func nothingWritten(t *testing.T, b Backend) {
	book := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account))
	equal(t, "book", book, contact.Book{})
	equal(t, "absent", book.Absent(), false)
	equal(t, "sealed rows", mustGet[bool](t)(b.HasSealedRows(t.Context())), false)
}

func absenceWritten(t *testing.T, b Backend) {
	for range 2 {
		must(t, b.ImportContacts(t.Context(), tenant, account, nil, nil, Start))
	}
	equal(t, "absent", mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account)).Absent(), true)
	equal(t, "another account", mustGet[contact.Book](t)(b.Book(t.Context(), tenant, "user-2")).Absent(), false)

	contacts := []contact.Contact{email("c1", Address)}
	must(t, b.ImportContacts(t.Context(), tenant, account, contacts, nil, Start))
	equal(t, "the first contacts", mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account)).Contacts, contacts)
}

func lostContacts(t *testing.T, b Backend) {
	must(t, b.ImportContacts(t.Context(), tenant, account, []contact.Contact{email("c1", Address)}, nil, Start))
	_, err := b.DB.ExecContext(t.Context(), `DELETE FROM contacts`)
	must(t, err)
	equal(t, "absent", mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account)).Absent(), false)
	err = b.ImportContacts(t.Context(), tenant, account, []contact.Contact{email("c1", "mallory@post.example")}, nil, Start)
	wantErr(t, err, rules.ErrRecorded)
}

func imported(t *testing.T, b Backend) {
	second := email("c0", "other@post.example")
	second.Standing, second.Language = contact.Junior, "en"
	contacts := []contact.Contact{email("c1", Address), second}
	must(t, b.ImportContacts(t.Context(), tenant, account, contacts, []message.Message{notice("n1"), notice("n2")}, Start))
	want := contact.Book{Recorded: true, Contacts: contacts}
	equal(t, "book", mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account)), want)
	equal(t, "waiting", count(t, b.DB, `SELECT COUNT(*) FROM outbox WHERE state = 'Waiting'`), 2)
	equal(t, "sealed rows", mustGet[bool](t)(b.HasSealedRows(t.Context())), true)
	equal(t, "another tenant", mustGet[contact.Book](t)(b.Book(t.Context(), "elsewhere", account)), contact.Book{})
}

func importedAgain(t *testing.T, b Backend) {
	first := []contact.Contact{email("c1", Address), email("c2", "other@post.example")}
	again := []contact.Contact{email("drawn-anew", "other@post.example"), email("and-this", Address)}
	must(t, b.ImportContacts(t.Context(), tenant, account, first, []message.Message{notice("n1")}, Start))
	must(t, b.ImportContacts(t.Context(), tenant, account, again, []message.Message{notice("n2")}, Start))
	equal(t, "contacts", mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account)).Contacts, first)
	equal(t, "messages", count(t, b.DB, `SELECT COUNT(*) FROM outbox`), 1)
	equal(t, "audit", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'ContactsImported'`), 1)
}

func importConflict(t *testing.T, b Backend) {
	first := []contact.Contact{email("c1", Address)}
	must(t, b.ImportContacts(t.Context(), tenant, account, first, nil, Start))
	english := email("c1", Address)
	english.Language = "en"
	for name, other := range map[string][]contact.Contact{
		"another address":  {email("c1", "mallory@post.example")},
		"one more":         {email("c1", Address), email("c2", "mallory@post.example")},
		"another language": {english},
		"none":             nil,
	} {
		t.Run(name, func(t *testing.T) {
			err := b.ImportContacts(t.Context(), tenant, account, other, []message.Message{notice("n1")}, Start)
			wantErr(t, err, rules.ErrRecorded)
			equal(t, "contacts", mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account)).Contacts, first)
			equal(t, "messages", count(t, b.DB, `SELECT COUNT(*) FROM outbox`), 0)
		})
	}
}

func movedContact(t *testing.T, b Backend) {
	must(t, b.ImportContacts(t.Context(), tenant, account, []contact.Contact{email("c1", Address)}, nil, Start))
	must(t, b.ImportContacts(t.Context(), tenant, "mallory", []contact.Contact{email("c1", "mallory@post.example")}, nil, Start))
	_, err := b.DB.ExecContext(t.Context(), `UPDATE contacts SET address =
		(SELECT address FROM contacts WHERE account = 'mallory') WHERE account = $1`, account)
	must(t, err)
	book, err := b.Book(t.Context(), tenant, account)
	if err == nil || book.Absent() {
		t.Fatalf("a contact that does not open must be an error and no absence, got %+v, %v", book, err)
	}
}
