package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/password"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// WeakPasswordError carries why a password was refused and what would help.
type WeakPasswordError struct{ Strength password.Strength }

func (e *WeakPasswordError) Error() string {
	return "the password is refused: " + strings.Join(e.Strength.English(), " ")
}

// SetPassword is the last step of an unblock: the password goes straight to the
// IdP, is accepted there and only then the block is released (law 10, seed 4).
func (d *Desk) SetPassword(ctx context.Context, v Visit, newPassword string) error {
	f, record, err := d.openFlowBlock(ctx, v)
	if err != nil {
		return err
	}
	if f.Stage != session.Proved || record.Proof.Flow != f.ID || record.State(d.Now()) != block.Releasing {
		return rules.ErrOrder
	}
	p := d.Policies.For(f.Tenant, f.Account)
	if strength := d.check(p, f.Account, newPassword); !strength.Acceptable {
		return &WeakPasswordError{strength}
	}
	if err := d.Identity.SetPassword(ctx, p, f.Account, newPassword, d.deed(f, newPassword)); err != nil {
		return err
	}
	return d.release(ctx, f, record.Key, record.Proof.EnteredNumber)
}

// CheckPassword judges a password before it is used (seed 5). With a live flow the
// account's own policy counts, otherwise the tenant's.
func (d *Desk) CheckPassword(ctx context.Context, v Visit, candidate string) (password.Strength, error) {
	if f, err := d.flow(ctx, v); err == nil {
		return d.check(d.Policies.For(f.Tenant, f.Account), f.Account, candidate), nil
	}
	tenant, ok := d.Policies.Tenant(v.Host)
	if !ok {
		return password.Strength{}, rules.ErrNotFound
	}
	return d.check(d.Policies.For(tenant, ""), "", candidate), nil
}

func (d *Desk) check(p policy.Policy, account, candidate string) password.Strength {
	return d.Passwords.Check(p.Password, candidate, account, p.Messages.ProductName)
}

// deed names setting this password in this flow: a retry is the same deed, another
// password is another. The hash is keyed, since IdPs log such names, and made of
// hexadecimal digits, since Lookup takes spellings of an address as one.
func (d *Desk) deed(f session.Flow, newPassword string) string {
	sum := sha256.Sum256([]byte(f.ID + "\x00" + newPassword))
	return "pw_" + d.Sealer.Lookup(f.Tenant, "password\x00"+hex.EncodeToString(sum[:]))
}

// release ends a block that the flow has proved and tells the account's contacts (law 8).
// entered says that its code went to a number that the person typed.
func (d *Desk) release(ctx context.Context, f session.Flow, key block.Key, entered bool) error {
	book, err := d.Store.Book(ctx, f.Tenant, f.Account)
	if err != nil {
		return err
	}
	name := message.NoticeReleased
	if entered {
		name = message.NoticeReleasedEntered
	}
	notices, err := d.notices(f.Tenant, f.Account, name, book.Contacts, d.Now())
	if err != nil {
		return err
	}
	_, err = d.Store.ReleaseBlock(ctx, block.Release{Key: key, FlowID: f.ID, Notices: notices, Now: d.Now()})
	return err
}
