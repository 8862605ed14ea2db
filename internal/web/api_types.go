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
	Channel      contact.Channel `json:"channel" enum:"Email,SMS,Voice,App"`
	Hint         string          `json:"hint" doc:"Where the code went: last two digits of a number, first two characters of an email address."`
	Digits       int             `json:"digits" doc:"How many digits the code has."`
	ExpiresAt    time.Time       `json:"expiresAt"`
	ResendAt     time.Time       `json:"resendAt" doc:"From then on another code may be asked for."`
	AttemptsLeft int             `json:"attemptsLeft" doc:"A resend adds none."`
	Alternatives []Destination   `json:"alternatives" doc:"Other contacts to which a code may go."`
	Delivery     Delivery        `json:"delivery"`
	Advice       receipt.Advice  `json:"advice,omitempty" enum:"LookAgain,FreeInbox,AnswerCall,TakeCall,CheckDestination,AllowSender,AnotherWay" doc:"What the person had better do: LookAgain (it arrived: look among blocked messages or junk), FreeInbox (the phone or mailbox did not take it), AnswerCall (nobody picked up), TakeCall (the number takes no texts), CheckDestination (nobody knows it), AllowSender (the phone blocks unknown senders), AnotherWay (it will not arrive). Absent where nothing is known; it proves nothing."`
}

// Destination is a contact, masked.
type Destination struct {
	ContactID string          `json:"contactId"`
	Channel   contact.Channel `json:"channel" enum:"Email,SMS,Voice,App"`
	Hint      string          `json:"hint"`
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
	HelpURL       string            `json:"helpUrl,omitempty"`
	Reason        block.Reason      `json:"reason"`
	State         block.State       `json:"state" enum:"Active,Releasing,Released,Expired,Revoked"`
	Until         *time.Time        `json:"until,omitempty" doc:"When the block ends by itself; absent for a permanent one."`
	Releasable    bool              `json:"releasable" doc:"Whether the person can end the block."`
	Stage         session.Stage     `json:"stage" enum:"Opened,Proved,Done"`
	Steps         []block.Step      `json:"steps" doc:"What is left to do: VerifyCode, ChangePassword."`
	Destinations  []Destination     `json:"destinations" doc:"Contacts to which a code may go."`
	EnterNumber   bool              `json:"enterNumber" doc:"Whether a number may be entered instead."`
	Channels      []contact.Channel `json:"channels" doc:"How an entered number can be reached."`
	Challenge     *Challenge        `json:"challenge,omitempty"`
	EnteredNumber bool              `json:"enteredNumber" doc:"Whether the code went to an entered number: payments stay denied for 720 hours after the release."`
}

func challengeOf(v flow.ChallengeView) Challenge {
	return Challenge{
		ID: v.ID, Channel: v.Channel, Hint: v.Hint, Digits: v.Digits, ExpiresAt: v.ExpiresAt, ResendAt: v.ResendAt,
		AttemptsLeft: v.AttemptsLeft, Alternatives: destinationsOf(v.Alternatives), Delivery: Delivery(v.Delivery), Advice: v.Advice,
	}
}

func destinationsOf(all []flow.Destination) []Destination {
	list := make([]Destination, len(all))
	for i, d := range all {
		list[i] = Destination(d)
	}
	return list
}

func accountOf(o flow.Overview) Account {
	a := Account{
		Account: o.Account, ProductName: o.ProductName, HelpURL: o.HelpURL, Reason: o.Reason, State: o.State,
		Releasable: o.Releasable, Stage: o.Stage, Steps: some(o.Remaining), Destinations: destinationsOf(o.Destinations),
		EnterNumber: o.EnterNumber, Channels: some(o.Channels), EnteredNumber: o.EnteredNumber,
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
