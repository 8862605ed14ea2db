package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

// Book is the security info of an account. A contact that does not open is an
// error, and lost rows of an account that had some are unknown; neither is ever an
// absence (law 13).
func (s *Store) Book(ctx context.Context, tenant, account string) (contact.Book, error) {
	return book(s.read(ctx), s.config.Sealer, tenant, account, s.config.Now())
}

// book reads the contacts as they stand at now: a junior one whose time is over is full.
func book(q queries, sealer Sealer, tenant, account string, now time.Time) (contact.Book, error) {
	var book contact.Book
	var hadAny, emptied bool
	_, err := list(q, func(row scanner) (none struct{}, err error) {
		var c contact.Contact
		var id *string // NULL where the book has no contact
		var sealed []byte
		if err := row.Scan(&hadAny, &emptied, &book.Cleared, &id, &c.Channel, &sealed, &c.Standing, &c.Was, &c.Language,
			(*instant)(&c.Added), (*instant)(&c.Proven), &c.Origin, (*instant)(&c.Since), (*instant)(&c.Disowned)); err != nil {
			return none, err
		}
		book.Recorded = true
		if id == nil {
			return none, nil
		}
		address, err := sealer.Open(sealed, place(tenant, account, *id, columnContact))
		if err != nil {
			return none, fmt.Errorf("open contact %s of an account in %s: %w", *id, tenant, err)
		}
		c.ID, c.Address = *id, string(address)
		book.Contacts = append(book.Contacts, c.At(now))
		return none, nil
	}, `SELECT b.had_any, b.emptied_at IS NOT NULL, b.cleared, c.id, COALESCE(c.channel, ''), c.address, COALESCE(c.standing, ''),
		CASE WHEN c.standing = 'Disabled' THEN c.enabled_as ELSE '' END,
		COALESCE(c.language, ''), c.added_at, c.proven_at, COALESCE(c.origin, ''), c.since_at, d.at
		FROM books b LEFT JOIN contacts c ON c.tenant = b.tenant AND c.account = b.account
		LEFT JOIN disowned d ON d.tenant = c.tenant AND d.destination = c.lookup AND d.account = c.account
		WHERE b.tenant = $1 AND b.account = $2 ORDER BY c.place, c.id`, tenant, account)
	if err != nil {
		return contact.Book{}, err
	}
	book.Recorded = book.Recorded && (len(book.Contacts) > 0 || !hadAny || emptied)
	return book, nil
}

// ImportContacts writes the first security info of an account and the notices about
// it. An account that has or had any gives rules.ErrRecorded, but for the very same
// list, which changes nothing. An empty list records absence (law 13). Beside an open
// change it gives rules.ErrOpenMatter: what is imported would not be told of it, nor could
// it cancel.
func (s *Store) ImportContacts(ctx context.Context, tenant, account string, contacts []contact.Contact, notices []message.Message, now time.Time) error {
	return s.write(ctx, func(t *tx) error {
		t.lockAccount(tenant, account)
		open := ask(t.queries, scanChange, openChanges, tenant, account)
		hadAny, err := one(t.queries, plain[bool], `INSERT INTO books (tenant, account, recorded_at, had_any)
			VALUES ($1, $2, $3, FALSE)
			ON CONFLICT (tenant, account) DO UPDATE SET had_any = books.had_any RETURNING had_any`,
			tenant, account, instant(now))
		if err != nil {
			return err
		}
		if hadAny {
			return t.sameContacts(tenant, account, contacts)
		}
		changes, err := open.all()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(changes, func(r change.Record) bool { return !r.State(now).Terminal() }) {
			return rules.ErrOpenMatter
		}
		if err := t.insertContacts(tenant, account, contacts); err != nil {
			return err
		}
		if err := t.insertMessages(notices); err != nil {
			return err
		}
		t.audit(entry{at: now, tenant: tenant, account: account, action: actionContactsImported,
			detail: fmt.Sprintf("%d contacts", len(contacts))})
		return nil
	})
}

// sameContacts returns rules.ErrRecorded unless the list is the account's own.
func (t *tx) sameContacts(tenant, account string, contacts []contact.Contact) error {
	known, err := book(t.queries, t.sealer, tenant, account, t.now())
	if err != nil {
		return err
	}
	if !slices.Equal(t.likenesses(tenant, known.Contacts), t.likenesses(tenant, contacts)) {
		return rules.ErrRecorded
	}
	return nil
}

// likenesses is what tells one list of contacts from another: IDs and instants are
// drawn anew for every import.
func (t *tx) likenesses(tenant string, contacts []contact.Contact) []string {
	out := make([]string, len(contacts))
	for i, c := range contacts {
		out[i] = place(string(c.Channel), t.sealer.Lookup(tenant, c.Address), string(c.Standing), c.Language)
	}
	slices.Sort(out)
	return out
}

func (t *tx) insertContacts(tenant, account string, contacts []contact.Contact) error {
	for i, c := range contacts {
		if err := t.insertContact(tenant, account, c, i); err != nil {
			return err
		}
	}
	if len(contacts) > 0 {
		t.queue(`UPDATE books SET had_any = TRUE WHERE tenant = $1 AND account = $2`, tenant, account)
	}
	return nil
}

// HasSealedRows reports whether anything here opens only with the present keys:
// then new keys must not be made (law 13).
func (s *Store) HasSealedRows(ctx context.Context) (bool, error) {
	return one(s.read(ctx), plain[bool], `SELECT EXISTS (SELECT 1 FROM contacts)
		OR EXISTS (SELECT 1 FROM challenges) OR EXISTS (SELECT 1 FROM change_contacts) OR EXISTS (SELECT 1 FROM outbox WHERE address IS NOT NULL)`)
}

// ErrOtherKeys says that none of the present keys has sealed what the store holds.
var ErrOtherKeys = errors.New("the store holds contacts that none of the present keys opens: restore the Secret with the keys from its backup")

// sealSample is how many contacts are tried: one that is damaged is no lost key.
const sealSample = 16

// CheckSeal tries the keys on some of the contacts and returns ErrOtherKeys where not
// one of them opens.
func (s *Store) CheckSeal(ctx context.Context) error {
	rows, err := list(s.read(ctx), contactAddresses.scan, contactAddresses.page, "", "", "", sealSample)
	if err != nil || len(rows) == 0 {
		return err
	}
	for _, r := range rows {
		if _, err := s.config.Sealer.Open(r.sealed, place(r.tenant, r.account, r.id, columnContact)); err == nil {
			return nil
		}
	}
	return ErrOtherKeys
}
