package web

import (
	"slices"

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

// Prove is where a contact is proven of which somebody said that it is not the person's:
// codes go there once they have shown by another one who they are.
func (p listPage) Prove() string {
	if !p.SteppedUp() && len(p.Destinations) > 0 {
		return infoPath + "/verify"
	}
	return recheckPath + "?prove"
}

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

// Kind is the key of what it is.
func (c listed) Kind() string { return "kind." + string(c.Channel) }

// Remark is the key of what a contact that is no full one may not do, or empty.
func (c listed) Remark() string {
	switch c.Standing {
	case contact.Junior:
		return "contacts.junior"
	case contact.Disabled:
		return "contacts.disabled"
	default:
		return ""
	}
}

// Apart says when it was added, and which it is of those that look alike.
func (c listed) Apart() flow.Apart { return flow.Apart{Added: c.Added, Nth: c.Nth} }
