// Package flow holds the use cases: what a person, an IdP or an app does with
// Holdfast. It declares the ports that it needs and knows no SQL, HTTP or
// Kubernetes.
package flow

import (
	"context"
	"net/netip"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/line"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/password"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/receipt"
	"holdfast.dev/holdfast/internal/rules/recheck"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// Store is the memory. Every method is one transaction; what it commits reaches
// the feed. Where the memory does not answer it returns rules.ErrUnavailable.
type Store interface {
	BlockStore
	SessionStore
	SignInStore
	ContactStore
	ChallengeStore
	ReceiptStore
	DisownedStore
	EscalationStore
	ChangeStore
	// RecordSignal keeps what an IdP or an app saw in the audit.
	RecordSignal(ctx context.Context, s fact.Signal) error
}

// BlockStore remembers blocks by (tenant, name).
type BlockStore interface {
	// Block reads a record, or rules.ErrNotFound.
	Block(ctx context.Context, key block.Key) (block.Record, error)
	// FreezeBlock records the block at its first sight and merges every later
	// sight into the record (block.Record.Merge).
	FreezeBlock(ctx context.Context, key block.Key, uid string, spec block.Spec) (block.Record, error)
	// LengthenBlock freezes the block if it must, then counts an attempt, which
	// lengthens it to at most within from its start.
	LengthenBlock(ctx context.Context, key block.Key, uid string, spec block.Spec, attempt time.Time, within time.Duration) (block.Record, error)
	// EndBlock freezes the block if it must, then writes the end; the first
	// terminal fact stands. deleted marks the end of the incarnation.
	EndBlock(ctx context.Context, key block.Key, uid string, spec block.Spec, end block.End, deleted bool) (block.Record, error)
}

// EscalationStore counts failures and turns them into blocks of Holdfast's own.
type EscalationStore interface {
	// Fail keeps the signal, if one told of the failure, counts it, and in the same
	// transaction records the blocks that the failures come to.
	Fail(ctx context.Context, signal *fact.Signal, f escalation.Failure) ([]escalation.Result, error)
	// Welcome keeps the signal of a sign-in and knows its device from now on.
	Welcome(ctx context.Context, signal *fact.Signal, w escalation.Welcome) error
	// CodeSent notes the country of a code and records the block of one whose codes
	// nobody verifies.
	CodeSent(ctx context.Context, sent escalation.Sent) ([]escalation.Result, error)
	// CodeCountry is the country of the flow's last code to a number, empty if none.
	CodeCountry(ctx context.Context, flowID string) (string, error)
}

// Meter counts what was decided; no label of it names an account.
type Meter interface {
	// Escalated tells of a block of Holdfast's own, or of why there is none.
	Escalated(tenant string, r escalation.Result)
	// ShadowDenied tells of a decision that mode Enforce would deny.
	ShadowDenied(tenant string, action decision.Action)
	// CodeReported tells of a code that its person did not ask for.
	CodeReported(tenant string, kind code.ReportKind)
	// LineAsked tells of a number that was looked up, or should have been: line.Unknown.
	LineAsked(tenant string, kind line.Kind)
	// ReceiptTaken tells of a receipt whose provider was proved.
	ReceiptTaken(tenant string, outcome receipt.Outcome)
}

// SessionStore remembers flows and which tickets were used.
type SessionStore interface {
	// OpenFlow records the ticket's first use and the flow that it opens; a ticket
	// used before gives rules.ErrTicketUsed.
	OpenFlow(ctx context.Context, f session.Flow) error
	// FlowBySecret finds the flow of a credential's hash, or rules.ErrNoFlow.
	FlowBySecret(ctx context.Context, secret [32]byte) (session.Flow, error)
	// FlowByTicket finds the flow that a ticket opened, or rules.ErrNoFlow.
	FlowByTicket(ctx context.Context, tenant, ticketID string) (session.Flow, error)
}

// ContactStore remembers security info; addresses are sealed at rest.
type ContactStore interface {
	Book(ctx context.Context, tenant, account string) (contact.Book, error)
	// ImportContacts writes the first security info of an account and the notices
	// about it. An account that has any gives rules.ErrRecorded, but for the very
	// same list, which changes nothing. An empty list records absence (law 13).
	ImportContacts(ctx context.Context, tenant, account string, contacts []contact.Contact, notices []message.Message, now time.Time) error
	// Notify puts notices into the outbox.
	Notify(ctx context.Context, notices []message.Message) error
}

// ChallengeStore remembers challenges, budgets and the outbox.
type ChallengeStore interface {
	// IssueChallenge checks the resend wait, the limits and the budgets, replaces
	// the flow's earlier challenge, carries its attempts over (a resend adds no
	// guesses) and writes challenge, outbox row and audit. Refusals are
	// *rules.LimitError or rules.ErrSpent. It returns the challenge as stored.
	IssueChallenge(ctx context.Context, issue code.Issue) (code.Challenge, error)
	// Issued finds the challenge that the flow was answered with under a key:
	// rules.ErrNotFound where the key is new, rules.ErrKeyReused where it stands for
	// another request. IssueChallenge answers such a key alike.
	Issued(ctx context.Context, flowID string, once code.Once) (code.Challenge, message.Delivery, error)
	// Challenge reads a flow's challenge, or rules.ErrNotFound.
	Challenge(ctx context.Context, id, flowID string) (code.Challenge, message.Delivery, error)
	// CurrentChallenge reads the flow's latest challenge, or rules.ErrNotFound.
	CurrentChallenge(ctx context.Context, flowID string) (code.Challenge, message.Delivery, error)
	// CountAttempt counts an attempt before any comparison. Refusals are
	// rules.ErrNotFound, ErrGone, ErrSpent or *rules.LimitError.
	CountAttempt(ctx context.Context, id, flowID string, budget code.Budget, now time.Time) (code.Challenge, error)
	// AcceptCode consumes the challenge once, gives the attempt back to the day's
	// budget, moves the flow to Proved with its new credential and writes the proof
	// to the block. A challenge consumed meanwhile gives rules.ErrGone.
	AcceptCode(ctx context.Context, a code.Accept) error
	// ReportCode voids the challenge's code, ends its flow and pauses the network that
	// asked for it, once; otherwise done is false.
	ReportCode(ctx context.Context, r code.Report) (done bool, err error)
	// ReleaseBlock ends a block that this flow has proved within
	// block.ReleaseWindow, ends the flow and writes the notices. Otherwise it
	// returns rules.ErrOrder, or rules.ErrOver where the block has ended.
	ReleaseBlock(ctx context.Context, r block.Release) (block.Record, error)
}

// Index is the replica's view of blocks: object and facts in one record.
type Index interface {
	// Blocks lists the records of a tenant that bind such a request. account may
	// be empty to ask for networks and regions alone.
	Blocks(tenant, account, method string, network netip.Addr, country string) []block.Record
	// BlocksOf lists the records of an account's own blocks, whatever their method.
	BlocksOf(tenant, account string) []block.Record
	// Block is the record of one block as this replica knows it.
	Block(key block.Key) (block.Record, bool)
	// PaymentsDeniedUntil is zero where the account's payments are free.
	PaymentsDeniedUntil(tenant, account string) time.Time
	// Holds lists what changes of security info restrict of an account at now.
	Holds(tenant, account string, now time.Time) []decision.Hold
	// Recheck is the round of rechecks that an account is in; its zero value is none.
	Recheck(tenant, account string) recheck.Record
}

// Policies resolves policies from the replica's cache.
type Policies interface {
	// For returns the policy of an account: policy.Default() where none matches.
	For(tenant, account string) policy.Policy
	// Tenant returns the tenant whose pages a host serves. The host carries its
	// port where it is not the scheme's own.
	Tenant(host string) (string, bool)
	// Provider returns a provider of a tenant's policy by name; the zero Provider where
	// there is none.
	Provider(tenant, policyName, provider string) policy.Provider
	// Issuers lists where people may sign in on a host: what its policies name.
	Issuers(host string) []policy.OIDC
}

// Sealer keeps the secrets' keys.
type Sealer interface {
	// SealTicket returns the claims as an opaque, authenticated, URL-safe string.
	SealTicket(claims ticket.Claims) (string, error)
	// OpenTicket returns ticket.ErrInvalid for anything that it did not seal.
	OpenTicket(sealed string) (ticket.Claims, error)
	// Code derives the code of a challenge.
	Code(c code.Challenge) string
	// Lookup is the keyed hash of an address within a tenant.
	Lookup(tenant, address string) string
}

// Identity tells the IdP. Calls with one key are one deed, however often made.
type Identity interface {
	// SetPassword sets the password and ends the account's sessions. It returns
	// rules.ErrIdentityRefused or rules.ErrIdentity.
	SetPassword(ctx context.Context, p policy.Policy, account, password, key string) error
	RequirePasswordChange(ctx context.Context, p policy.Policy, account, key string) error
	RevokeSessions(ctx context.Context, p policy.Policy, account, key string) error
}

// Passwords judges new passwords. words are what an attacker would guess first:
// the account, the product.
type Passwords interface {
	Check(p policy.Password, password string, words ...string) password.Strength
}

// Numbers reads what a person typed as a phone number.
type Numbers interface {
	// Parse returns the E.164 form of a number typed in a country (ISO 3166
	// alpha-2) where the policy's rule takes it, else rules.ErrDestination.
	Parse(number, country string, rule policy.NumberRule) (string, error)
	// Takes returns rules.ErrDestination where an E.164 number gets no code on a channel
	// under the policy's rule, as a landline gets no text.
	Takes(number string, channel contact.Channel, rule policy.NumberRule) error
	// Plan returns the ISO 3166 alpha-2 country of an E.164 number, empty where it
	// belongs to none.
	Plan(number string) (country string)
}
