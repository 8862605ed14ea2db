package receipt

import (
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

// Advice is what a person who waits for a code had better do. It never names a provider.
type Advice string

// The advice; none where nothing is known (seed 6, 7, 17, 19, 55).
const (
	None Advice = ""
	// LookAgain: the message has arrived; look among blocked messages or in the junk folder.
	LookAgain Advice = "LookAgain"
	// FreeInbox: the phone did not accept the text, or the mailbox the mail: switch it on,
	// free its inbox, or take a call instead.
	FreeInbox Advice = "FreeInbox"
	// AnswerCall: nobody picked up; ask for another call and pick up.
	AnswerCall Advice = "AnswerCall"
	// TakeCall: the number takes no texts; take a call instead.
	TakeCall Advice = "TakeCall"
	// CheckDestination: nobody knows the number or address; check it for typing errors.
	CheckDestination Advice = "CheckDestination"
	// AllowSender: the phone or its carrier refuses unknown senders; allow them, then ask
	// for another code.
	AllowSender Advice = "AllowSender"
	// AnotherWay: the message did not arrive and will not; choose another contact or channel.
	AnotherWay Advice = "AnotherWay"
)

// Advise turns how far a message has come and what was told of it into advice. told is
// zero where nothing was.
func Advise(channel contact.Channel, d message.Delivery, told Receipt) Advice {
	switch told.Outcome {
	case Delivered:
		return LookAgain
	case Unreachable:
		if channel == contact.Voice {
			return AnswerCall
		}
		return FreeInbox
	case Rejected:
		return rejected(channel, told.Reason)
	case Failed:
		return AnotherWay
	}
	if d.State == message.Dead {
		return AnotherWay
	}
	return None
}

func rejected(channel contact.Channel, reason Reason) Advice {
	switch {
	case reason == Landline && channel == contact.SMS:
		return TakeCall
	case reason == UnknownSubscriber:
		return CheckDestination
	case reason == Blocked:
		return AllowSender
	default:
		return AnotherWay
	}
}

// Outweighs reports whether r tells more than what was told of the message before. That
// it arrived outweighs everything, in whatever order receipts come: a message may go out
// twice, and the other copy may fail.
func (r Receipt) Outweighs(before Receipt) bool {
	switch {
	case before.Outcome == Delivered:
		return false
	case r.Outcome == Delivered:
		return true
	default:
		return r.Outcome != before.Outcome || r.Reason != before.Reason
	}
}
