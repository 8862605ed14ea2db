package web

import (
	"slices"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/recheck"
	"holdfast.dev/holdfast/internal/rules/session"
)

// listPage is the list of an account's security info.
type listPage struct {
	flow.SecurityInfo
	Contacts []listed
	// Changes is what is open about it.
	Changes flow.Changes
	// Open are the open changes in words.
	Open []shownChange
}

func listOf(info flow.SecurityInfo, changes flow.Changes) listPage {
	p := listPage{SecurityInfo: info, Changes: changes, Open: shownChanges(changes.Open)}
	for _, c := range info.Contacts {
		p.Contacts = append(p.Contacts, listed{c})
	}
	return p
}

// SteppedUp says that a code to a full contact was entered in this session.
func (p listPage) SteppedUp() bool { return p.Assurance.Covers(session.StepUp) }

// Held says that a change is on hold, which a step-up code ends (seed 34).
func (p listPage) Held() bool {
	return slices.ContainsFunc(p.Open, shownChange.Held)
}

// Asked says that the person is asked to make sure that a code reaches them (seed 38).
func (p listPage) Asked() bool { return p.Changes.Prompt != recheck.None }

// Alone says that losing one contact loses the last one that proves who it is.
func (p listPage) Alone() bool {
	full := 0
	for _, c := range p.Contacts {
		if c.Standing == contact.Full {
			full++
		}
	}
	return full == 1
}

// listed is a contact as the list shows it.
type listed struct{ flow.SecurityContact }

// Kind names what it is.
func (c listed) Kind() string {
	switch c.Channel {
	case contact.Email:
		return "Email address"
	case contact.SMS:
		return "Phone, by text message"
	case contact.Voice:
		return "Phone, by automated call"
	case contact.App:
		return "Authenticator app"
	default:
		return string(c.Channel)
	}
}

// Tongue is the language of its messages, in English, or empty.
func (c listed) Tongue() string {
	tag, err := language.Parse(c.Language)
	if err != nil || c.Language == "" {
		return ""
	}
	return display.English.Tags().Name(tag)
}

// Remark says what a contact that is no full one may not do.
func (c listed) Remark() string {
	switch c.Standing {
	case contact.Junior:
		return "New. For a time it does not prove that it is you."
	case contact.Disabled:
		return "Paused after too many wrong codes. It gets no codes until another contact has proved that it is you."
	default:
		return ""
	}
}

// Apart says when it was added, and which it is of those that look alike.
func (c listed) Apart() string { return apart(flow.Apart{Added: c.Added, Nth: c.Nth}) }
