package web

import (
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/receipt"
	"holdfast.dev/holdfast/internal/rules/session"
)

// Challenge is one asking for one code.
type Challenge struct {
	ID           string          `json:"id" doc:"Names the challenge in its follow-ups."`
	ContactID    string          `json:"contactId,omitempty" doc:"Absent for a number that was entered."`
	Channel      contact.Channel `json:"channel" enum:"Email,SMS,Voice,App"`
	Hint         string          `json:"hint" doc:"Where the code went: last two digits of a number, first two characters of an email address."`
	Digits       int             `json:"digits" doc:"How many digits the code has."`
	ExpiresAt    time.Time       `json:"expiresAt"`
	ResendAt     time.Time       `json:"resendAt" doc:"From then on another code may be asked for."`
	AttemptsLeft int             `json:"attemptsLeft" doc:"A resend adds none."`
	Repeatable   bool            `json:"repeatable" doc:"Whether another code may go the same way."`
	Alternatives []Destination   `json:"alternatives" doc:"Other ways that a code may go instead: other contacts, a call in place of a text to the same number."`
	Delivery     Delivery        `json:"delivery"`
	Advice       receipt.Advice  `json:"advice,omitempty" enum:"LookAgain,FreeInbox,AnswerCall,TakeCall,CheckDestination,AllowSender,AnotherWay" doc:"What the person had better do: LookAgain (it arrived: look among blocked messages or junk), FreeInbox (the phone or mailbox did not take it), AnswerCall (nobody picked up), TakeCall (the number takes no texts), CheckDestination (nobody knows it), AllowSender (the phone blocks unknown senders), AnotherWay (it will not arrive). Absent where nothing is known; it proves nothing."`
}

// Destination is a way to a contact, masked.
type Destination struct {
	ContactID string          `json:"contactId,omitempty" doc:"Absent for the number that was entered: ask for it by its channel alone."`
	Channel   contact.Channel `json:"channel" enum:"Email,SMS,Voice,App"`
	Hint      string          `json:"hint"`
	Apart
}

// Apart tells a contact from others of the account that have the same hint; it is empty
// where no other has.
type Apart struct {
	AddedAt *time.Time `json:"addedAt,omitempty" doc:"When it was added, where another contact has the same hint."`
	Nth     int        `json:"nth,omitempty" doc:"Counts from 1 those with the same hint that were added on the same day (UTC), the first one first; absent where the day tells them apart."`
}

func apartOf(a flow.Apart) Apart {
	out := Apart{Nth: a.Nth}
	if !a.Added.IsZero() {
		out.AddedAt = &a.Added
	}
	return out
}

// Resting is a way that gets no codes for a time.
type Resting struct {
	Destination
	Until *time.Time `json:"until,omitempty" doc:"When it opens again; absent where it does not by itself."`
}

// Delivery is how far the message has come.
type Delivery struct {
	State message.State      `json:"state" enum:"Waiting,Sent,Dead"`
	Class message.ErrorClass `json:"class,omitempty" doc:"Class of the last failure: Temporary, Rejected, Misconfigured, Unreachable or Unknown (it was handed over and may have arrived)."`
}

// Account is what a flow may know of its block.
type Account struct {
	Account       string            `json:"account" doc:"Masked."`
	ProductName   string            `json:"productName"`
	ProductURL    string            `json:"productUrl,omitempty" doc:"Where to go back to once nothing is left to do."`
	HelpURL       string            `json:"helpUrl,omitempty"`
	HelpEmail     string            `json:"helpEmail,omitempty"`
	HelpPhone     string            `json:"helpPhone,omitempty" doc:"As people dial it."`
	Sender        string            `json:"sender,omitempty" doc:"The address that mail with a code comes from."`
	OwnDomains    []string          `json:"ownDomains" doc:"Mail domains of the account's own provider: read an address there in a private window, or its sign-in may end that of the account."`
	Reason        block.Reason      `json:"reason,omitempty" doc:"Of the block; absent in a session, which is about no block."`
	State         block.State       `json:"state,omitempty" enum:"Active,Releasing,Released,Expired,Revoked"`
	Until         *time.Time        `json:"until,omitempty" doc:"When the block ends by itself; absent for a permanent one."`
	Releasable    bool              `json:"releasable" doc:"Whether the person can end the block."`
	Stage         session.Stage     `json:"stage" enum:"Opened,Proved,Done"`
	Steps         []block.Step      `json:"steps" doc:"What is left to do: VerifyCode, ChangePassword."`
	Destinations  []Destination     `json:"destinations" doc:"Ways that a code may go: a number by text and, where calls are made, by call."`
	Resting       []Resting         `json:"resting" doc:"Ways that are closed for a time: too much went wrong on them, or in their country."`
	EnterNumber   bool              `json:"enterNumber" doc:"Whether a number may be entered instead."`
	Channels      []contact.Channel `json:"channels" doc:"How an entered number can be reached."`
	Countries     []string          `json:"countries" doc:"Whose numbers may be entered (ISO 3166 alpha-2)."`
	Challenge     *Challenge        `json:"challenge,omitempty"`
	SecurityInfo  *SecurityInfo     `json:"securityInfo,omitempty" doc:"In a session: what GET /v1/security-info shows."`
	EnteredNumber bool              `json:"enteredNumber" doc:"Whether the code went to an entered number: payments stay denied for 720 hours after the release."`
}

func challengeOf(v flow.ChallengeView) Challenge {
	return Challenge{
		ID: v.ID, ContactID: v.ContactID, Channel: v.Channel, Hint: v.Hint, Digits: v.Digits, ExpiresAt: v.ExpiresAt, ResendAt: v.ResendAt,
		AttemptsLeft: v.AttemptsLeft, Repeatable: v.Repeatable, Alternatives: destinationsOf(v.Alternatives), Delivery: Delivery(v.Delivery), Advice: v.Advice,
	}
}

func destinationsOf(all []flow.Destination) []Destination {
	list := make([]Destination, len(all))
	for i, d := range all {
		list[i] = destinationOf(d)
	}
	return list
}

func destinationOf(d flow.Destination) Destination {
	return Destination{d.ContactID, d.Channel, d.Hint, apartOf(d.Apart)}
}

func restingOf(all []flow.Resting) []Resting {
	list := make([]Resting, len(all))
	for i, r := range all {
		list[i].Destination = destinationOf(r.Destination)
		if !r.Until.IsZero() {
			list[i].Until = &r.Until
		}
	}
	return list
}

func accountOf(o flow.Overview) Account {
	a := Account{
		Account: o.Account, ProductName: o.ProductName, ProductURL: o.ProductURL, HelpURL: o.Help.URL, HelpEmail: o.Help.Email, HelpPhone: o.Help.Phone,
		Sender: o.Sender, OwnDomains: some(o.OwnDomains), Reason: o.Reason, State: o.State,
		Releasable: o.Releasable, Stage: o.Stage, Steps: some(o.Remaining), Destinations: destinationsOf(o.Destinations),
		Resting: restingOf(o.Resting), EnterNumber: o.EnterNumber, Channels: some(o.Channels), Countries: some(o.Countries), EnteredNumber: o.EnteredNumber,
	}
	if o.Stage == session.Done || o.State.Terminal() {
		a.Steps = []block.Step{}
	}
	if !o.Until.IsZero() {
		a.Until = &o.Until
	}
	if o.Challenge != nil {
		c := challengeOf(*o.Challenge)
		a.Challenge = &c
	}
	return a
}

// some writes an empty list as [] and not as null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
