package web

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

// explanation is how a page tells of a problem: what happened and what to do.
type explanation struct {
	Heading, Text string
	// Resume offers the way back into a flow that may still live.
	Resume bool
}

// explanations are keyed by the last part of a problem's type.
var explanations = map[string]explanation{
	"link-expired": {"This link no longer works",
		"Sign in again to get a new one. A link works once, and only for five minutes.", true},
	"no-flow": {"This page has expired",
		"It lives for 15 minutes, and only in the browser in which you opened it. Nothing was changed. Sign in again to get a new link.", false},
	"already-open": {"Your account is open",
		"The block has ended. There is nothing left to do here: sign in as usual.", false},
	"step-missing": {"Another step comes first",
		"Perhaps you have finished this step already, or began again in another window.", true},
	"change-ended": {"This change is over",
		"It has taken effect, was cancelled or has expired. The list of your security info shows how things stand.", false},
	"first-factor": {"Sign in first",
		"This contact has cancelled a change before without a password. Now it takes the password too.", false},
	"security-info-frozen": {"Your security info is frozen",
		"A change of it waits on hold. Until it has ended or was cancelled, no contact is added or removed: the list of your security info shows until when, and cancels it.", false},
	"open-matter": {"Too many changes are open",
		"Finish or forget one of those in the list of your security info first.", false},
	"code-expired": {"This code no longer works",
		"It has expired, a newer one took its place, or the page of another account was opened in this browser since. Ask for a new code.", true},
	"code-spent": {"Too many wrong codes",
		"To protect your account, no more codes are taken here. Sign in again later to start over.", false},
	"too-many-requests": {"That was too often",
		"To protect your account, we must wait a little. Trying earlier does not help and can make the block longer.", true},
	"not-found": {"This page does not exist",
		"The address may be incomplete. If you followed a link from a message, copy all of it.", false},
	"method-not-allowed": {"This does not work here",
		"This address does not take what your browser sent. Start from the link that you got when you signed in.", false},
	"unknown-host": {"Nobody lives at this address",
		"No pages are served under this host name. Check the address for a typing error.", false},
	"cross-origin": {"We did not do this",
		"Another site asked for it, so nothing was changed. If you did this yourself, open the page anew and try again, if need be in an up-to-date browser.", true},
	"too-large": {"That was too much",
		"The page sent more than we read. Nothing was changed.", true},
	"media-type": {"We could not read this",
		"The page sent something that is no form. Nothing was changed.", true},
	"bad-request": {"We could not read this",
		"The form could not be read. Nothing was changed.", true},
	"internal": {"Something went wrong on our side",
		"Nothing was changed. Please try again in a few minutes.", true},
	"unavailable": {"We cannot answer right now",
		"Nothing was changed and your account stays protected. Please try again in a moment.", true},
	"identity-unavailable": {"Your password could not be saved yet",
		"The service that keeps your password did not answer. Nothing was changed. Please try again in a moment.", true},
}

// reasons say in plain words why an account is blocked (seed 1, 27).
var reasons = map[block.Reason]string{
	block.UnusualActivity:    "We noticed something unusual and locked the account so that nobody else can get in.",
	block.HighRequestVolume:  "There were far more sign-ins or requests for codes than usual, so we locked the account for its protection.",
	block.TermsOfService:     "The account was used in a way that the terms of service do not allow.",
	block.CompromisedTraffic: "There is a lot of harmful traffic from your network or region at the moment. You may have done nothing wrong.",
	block.Administrative:     "An administrator has blocked this account.",
}

func why(r block.Reason) string {
	if words, known := reasons[r]; known {
		return words
	}
	return "The account was blocked for its protection."
}

// whole keeps a mask on one line.
func whole(hint string) string { return strings.ReplaceAll(hint, " ", "\u00a0") }

// way names a destination by how the message comes: "Text message to •••• 42".
func way(channel contact.Channel, hint string) string {
	hint = whole(hint)
	switch channel {
	case contact.Email:
		return "Email to " + hint
	case contact.SMS:
		return "Text message to " + hint
	case contact.Voice:
		return "Automated call to " + hint
	case contact.App:
		return "Authenticator app"
	default:
		return hint
	}
}

// instead offers another way: "Send a text message to •••• 42".
func instead(channel contact.Channel, hint string) string {
	hint = whole(hint)
	switch channel {
	case contact.Email:
		return "Send an email to " + hint
	case contact.SMS:
		return "Send a text message to " + hint
	case contact.Voice:
		return "Call " + hint + " and say the code"
	default:
		return "Send one to " + hint
	}
}

// again offers the same way once more.
func again(channel contact.Channel, hint string) string {
	if channel == contact.Voice {
		return "Call " + whole(hint) + " again"
	}
	return "Send another code to " + whole(hint)
}

// dial is a telephone number as links want it.
func dial(number string) string {
	return strings.Map(func(r rune) rune {
		if r == '+' || ('0' <= r && r <= '9') {
			return r
		}
		return -1
	}, number)
}

// domains names mail domains: "one.example or two.example".
func domains(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

// advice is what a person had better do whose code was sent, empty where nothing is
// known. It offers a call only where one can be had.
func advice(c flow.ChallengeView) string {
	calls := slices.ContainsFunc(c.Alternatives, func(d flow.Destination) bool { return d.Channel == contact.Voice })
	switch {
	case c.Advice == receipt.LookAgain && c.Channel == contact.Email:
		return "It has reached your mailbox. Look in the junk or spam folder too."
	case c.Advice == receipt.LookAgain && c.Channel == contact.Voice:
		return "Somebody picked up, or your voicemail did. Listen to your voicemail, or ask for another call."
	case c.Advice == receipt.FreeInbox && c.Channel == contact.Email:
		return "Your mailbox did not accept the mail. It may be full: make room in it, or choose another way."
	case c.Advice == receipt.FreeInbox && calls:
		return "Your phone did not accept the text. Switch it on, free its inbox, or take a call instead."
	case c.Advice == receipt.TakeCall && calls:
		return "This number takes no texts. Take a call instead."
	case c.Advice == receipt.CheckDestination && c.Channel == contact.Email:
		return "The mail server does not know this address. Perhaps it was misspelled or no longer exists: choose another way."
	default:
		return advices[c.Advice]
	}
}

var advices = map[receipt.Advice]string{
	receipt.LookAgain:        "Your phone has taken it. Look among blocked messages and those of unknown senders too.",
	receipt.FreeInbox:        "Your phone did not accept the text. Switch it on, free its inbox, or choose another way.",
	receipt.AnswerCall:       "Nobody picked up. Ask for another call and pick up.",
	receipt.TakeCall:         "This number takes no texts. Choose another way.",
	receipt.CheckDestination: "Nobody has this number now. Check it for typing errors, or choose another way.",
	receipt.AllowSender:      "Your phone or its carrier refuses unknown senders. Allow them, then ask for another code.",
	receipt.AnotherWay:       "It will not arrive any more. Choose another way.",
}

// sent tells how far a code's message has come.
func sent(channel contact.Channel, hint string, d message.Delivery) string {
	server := map[contact.Channel]string{contact.Email: "mail server", contact.SMS: "text message service", contact.Voice: "telephone service"}[channel]
	if server == "" {
		server = "message service"
	}
	hint = whole(hint)
	switch {
	case d.Class == message.Unknown:
		return fmt.Sprintf("We sent your code to %s, but our %s did not confirm it. If nothing comes, choose another way.", hint, server)
	case d.State == message.Dead:
		return fmt.Sprintf("We could not deliver the message to %s.", hint)
	case d.State == message.Waiting && d.Class != "":
		return fmt.Sprintf("The message to %s is waiting: our %s does not answer yet. You can wait or choose another way.", hint, server)
	case d.State == message.Sent && channel == contact.Voice:
		return fmt.Sprintf("We called %s with your code.", hint)
	case d.State == message.Sent:
		return fmt.Sprintf("We sent your code to %s.", hint)
	default:
		return fmt.Sprintf("Your code is on its way to %s.", hint)
	}
}

// moment is an instant for people, rounded up to the minute so that what is said
// to be over is over. Pages give the exact one in the attribute datetime.
func moment(t time.Time) string {
	return fullMinute(t).Format("Monday, 2 January 2006 at 15:04\u00a0MST")
}

// clock is an instant within the next hours.
func clock(t time.Time) string { return fullMinute(t).Format("15:04\u00a0MST") }

func fullMinute(t time.Time) time.Time {
	return t.UTC().Add(time.Minute - 1).Truncate(time.Minute)
}

// exact is an instant for programs.
func exact(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// lasting is a wait for people, rounded up.
func lasting(d time.Duration) string {
	count := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case d <= 90*time.Second:
		return count(max(1, int(math.Ceil(d.Seconds()))), "second")
	case d <= 90*time.Minute:
		return count(int(math.Ceil(d.Minutes())), "minute")
	case d <= 48*time.Hour:
		return count(int(math.Ceil(d.Hours())), "hour")
	default:
		return count(int(math.Ceil(d.Hours()/24)), "day")
	}
}

// strengths name the scores of a password, 0 to 4.
var strengths = [...]string{"very weak", "weak", "fair", "strong", "very strong"}

func strength(score int) string { return strengths[min(max(score, 0), len(strengths)-1)] }
