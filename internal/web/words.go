package web

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/password"
)

// whole keeps a mask on one line.
func whole(hint string) string { return strings.ReplaceAll(hint, " ", "\u00a0") }

// exact is an instant for programs.
func exact(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// known is the first of some keys that the sheet has, else the last one.
func (v *voice) known(keys ...string) string {
	for _, key := range keys {
		if v.Has(key) {
			return key
		}
	}
	return keys[len(keys)-1]
}

// why says in plain words why an account is blocked (seed 1, 27).
func (v *voice) why(r block.Reason) string {
	return v.Say(v.known("reason."+string(r), "reason.unknown"))
}

// way names a destination by how the message comes: "Text message to •••• 42".
func (v *voice) way(channel contact.Channel, hint string) string {
	return v.to("way.", channel, hint)
}

// instead offers another way: "Send a text message to •••• 42".
func (v *voice) instead(channel contact.Channel, hint string) string {
	return v.to("instead.", channel, hint)
}

// again offers the same way once more.
func (v *voice) again(channel contact.Channel, hint string) string {
	return v.to("again.", channel, hint)
}

func (v *voice) to(prefix string, channel contact.Channel, hint string) string {
	return v.Say(v.known(prefix+string(channel), prefix+string(contact.App)), "hint", whole(hint))
}

// advice is what a person had better do whose code was sent, empty where nothing is
// known. It offers a call only where one can be had.
func (v *voice) advice(c flow.ChallengeView) string {
	if c.Advice == "" {
		return ""
	}
	name := "advice." + string(c.Advice)
	own := name + "." + string(c.Channel)
	calls := slices.ContainsFunc(c.Alternatives, func(d flow.Destination) bool { return d.Channel == contact.Voice })
	if calls && c.Channel != contact.Email {
		own = v.known(name+".orCall", own)
	}
	return v.Say(v.known(own, name+"."+string(contact.SMS), name))
}

// sent tells how far a code's message has come.
func (v *voice) sent(c flow.ChallengeView) string {
	switch d := c.Delivery; {
	case d.Class == message.Unknown:
		return v.to("sent.unconfirmed.", c.Channel, c.Hint)
	case d.State == message.Dead:
		return v.Say("sent.dead", "hint", whole(c.Hint))
	case d.State == message.Waiting && d.Class != "":
		return v.to("sent.waiting.", c.Channel, c.Hint)
	case d.State == message.Sent && c.Channel == contact.Voice:
		return v.Say("sent.called", "hint", whole(c.Hint))
	case d.State == message.Sent:
		return v.Say("sent.sent", "hint", whole(c.Hint))
	default:
		return v.Say("sent.onItsWay", "hint", whole(c.Hint))
	}
}

// strength names the score of a password.
func (v *voice) strength(score int) string {
	return v.Say("strength." + strconv.Itoa(min(max(score, 0), 4)))
}

// strengths names all scores, for the script.
func (v *voice) strengths() string {
	names := make([]string, 5)
	for score := range names {
		names[score] = v.strength(score)
	}
	return strings.Join(names, "|")
}

// hint says what to do about a password.
func (v *voice) hint(s password.Suggestion) string {
	return v.Say("hint."+string(s.Hint), "n", s.Length)
}

// hints say what to do about a password that is refused.
func (v *voice) hints(s password.Strength) []string {
	said := make([]string, len(s.Suggestions))
	for i, suggestion := range s.Suggestions {
		said[i] = v.hint(suggestion)
	}
	return said
}
