package flow

import (
	"cmp"
	"context"
	"fmt"
	"net/mail"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// noticeLife is how long it makes sense to send a notice.
const noticeLife = 72 * time.Hour

// Import is the first security info of an account, as the IdP has verified it.
type Import struct {
	Tenant, Account string
	// Language is the BCP 47 tag that the contacts keep (seed 40); empty means the
	// policy's default, or English.
	Language string
	Contacts []ImportedContact
}

// ImportedContact is one address that the IdP has verified.
type ImportedContact struct {
	Channel contact.Channel
	// Address is an email address, or a number in E.164 form.
	Address string
}

// ImportContacts writes the first security info of an account and tells every
// contact. It returns rules.ErrRecorded for an account that has any,
// rules.ErrOpenMatter while a block or a change is open, rules.ErrDestination for an address
// that no message can reach.
func (d *Desk) ImportContacts(ctx context.Context, in Import) error {
	now := d.Now()
	in.Language = cmp.Or(in.Language, d.Policies.For(in.Tenant, in.Account).Messages.DefaultLanguage, "en")
	contacts, err := d.importedContacts(in, now)
	if err != nil {
		return err
	}
	if d.blocked(in.Tenant, in.Account) {
		return rules.ErrOpenMatter
	}
	notices, err := d.notices(in.Tenant, in.Account, message.NoticeImported, contacts, now)
	if err != nil {
		return err
	}
	return d.Store.ImportContacts(ctx, in.Tenant, in.Account, contacts, notices, now)
}

func (d *Desk) importedContacts(in Import, now time.Time) ([]contact.Contact, error) {
	rule := d.Policies.For(in.Tenant, in.Account).Numbers
	contacts := make([]contact.Contact, 0, len(in.Contacts))
	listed := map[string]bool{}
	for i, c := range in.Contacts {
		address, err := d.address(c.Channel, c.Address, "", rule)
		if err != nil {
			return nil, fmt.Errorf("contacts[%d]: %w", i, err)
		}
		// Lookup takes spellings of an address as one, which is told once.
		place := string(c.Channel) + " " + d.Sealer.Lookup(in.Tenant, address)
		if listed[place] {
			continue
		}
		listed[place] = true
		id, err := d.token(12)
		if err != nil {
			return nil, err
		}
		contacts = append(contacts, contact.Contact{
			ID: id, Channel: c.Channel, Address: address, Standing: contact.Full,
			Language: in.Language, Added: now, Proven: now,
		})
	}
	return contacts, nil
}

// address reads an address of a channel in its one written form.
func (d *Desk) address(channel contact.Channel, address, country string, rule policy.NumberRule) (string, error) {
	switch channel {
	case contact.Email:
		parsed, err := mail.ParseAddress(address)
		if err != nil || parsed.Address != address || len(address) > 254 {
			return "", fmt.Errorf("not an email address: %w", rules.ErrDestination)
		}
		return address, nil
	case contact.SMS, contact.Voice:
		return d.Numbers.Parse(address, country, rule)
	default:
		return "", fmt.Errorf("channel %q has no address: %w", channel, rules.ErrDestination)
	}
}

// notices writes one message of the given name to every contact.
func (d *Desk) notices(tenant, account, name string, to []contact.Contact, now time.Time) ([]message.Message, error) {
	var out []message.Message
	for _, c := range to {
		id, err := d.token(16)
		if err != nil {
			return nil, err
		}
		out = append(out, message.Message{
			ID: id, Tenant: tenant, Account: account, Kind: message.Notice, Notice: name,
			Channel: c.Channel, Address: c.Address, Language: c.Language,
			Created: now, NotBefore: now, Expires: now.Add(noticeLife),
		})
	}
	return out, nil
}
