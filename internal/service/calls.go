package service

import (
	"context"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

type decisionInput struct {
	Tenant
	Body struct {
		Account string `json:"account" maxLength:"255" pattern:"^[!-)+-~]+$" patternDescription:"visible ASCII without a star" doc:"The IdP's stable subject ID: visible ASCII without a star."`
		Action  string `json:"action" minLength:"1" maxLength:"64" pattern:"^[A-Za-z][A-Za-z0-9._-]*$" doc:"Attempt (before the first factor), SignIn (after it), SendCode, ChangeSecurityInfo, Payment or a name of your own."`
		Method  string `json:"method,omitempty" maxLength:"64" doc:"How: Password, SMS, Email, ..."`
		Network string `json:"network,omitempty" maxLength:"45" doc:"The person's IP address."`
		Country string `json:"country,omitempty" pattern:"^[A-Za-z0-9]{2}$" doc:"ISO 3166 alpha-2 code; what is none, such as T1, matches no region."`
		Device  string `json:"device,omitempty" maxLength:"256" doc:"The IdP's ID of the device. One that a SignIn signal of this account named before passes the blocks that Holdfast itself made."`
	}
}

type decisionOutput struct {
	Body struct {
		Decision decision.Verdict  `json:"decision" enum:"Allow,Deny,Challenge"`
		Reasons  []decision.Reason `json:"reasons,omitempty" doc:"Why; absent for Attempt."`
		Until    *time.Time        `json:"until,omitempty" doc:"When the last cause ends; absent where none is known."`
		Ticket   string            `json:"ticket,omitempty" doc:"Starts the release of the block, or opens the security info; lives 5 minutes."`
		Prompt   recheck.Prompt    `json:"prompt,omitempty" enum:"VerifySecurityInfo,MustVerifySecurityInfo,RegisterSecurityInfo,MustRegisterSecurityInfo" doc:"What the person is asked to do at this sign-in, at links.securityInfo. The two that begin with Must leave no skipping: the decision is Challenge."`
		PromptBy *time.Time        `json:"promptBy,omitempty" doc:"When the prompt can no longer be skipped."`
		Links    map[string]string `json:"links,omitempty" doc:"Where to send the person: unblock, securityInfo, help."`
	}
}

func (s server) decide(_ context.Context, in *decisionInput) (*decisionOutput, error) {
	addr, err := network(in.Body.Network)
	if err != nil {
		return nil, err
	}
	d, err := s.Desk.Decide(in.Namespace, flow.Request{
		Account: in.Body.Account, Action: decision.Action(in.Body.Action), Method: in.Body.Method,
		Network: addr, Country: in.Body.Country, Device: in.Body.Device,
	})
	if err != nil {
		return nil, s.answer(err)
	}
	out := &decisionOutput{}
	out.Body.Decision, out.Body.Reasons = d.Verdict, d.Reasons
	out.Body.Ticket, out.Body.Links = d.Ticket, d.Links
	if out.Body.Prompt = d.Prompt; !d.PromptBy.IsZero() {
		out.Body.PromptBy = &d.PromptBy
	}
	if !d.Until.IsZero() {
		out.Body.Until = &d.Until
	}
	return out, nil
}

type signalInput struct {
	Tenant
	Body struct {
		Account string `json:"account" maxLength:"255" pattern:"^[!-)+-~]+$" patternDescription:"visible ASCII without a star" doc:"The IdP's stable subject ID: visible ASCII without a star."`
		Type    string `json:"type" minLength:"1" maxLength:"64" pattern:"^[A-Za-z][A-Za-z0-9._-]*$" doc:"FailedSignIn, SignIn, PasswordChanged or a name of your own."`
		Method  string `json:"method,omitempty" maxLength:"64" doc:"What failed or succeeded; required for FailedSignIn. Password is the first factor: its failures may come from any stranger and touch no account, only the network."`
		Network string `json:"network,omitempty" maxLength:"45" doc:"The person's IP address."`
		Country string `json:"country,omitempty" pattern:"^[A-Za-z0-9]{2}$" doc:"ISO 3166 alpha-2 code; what is none, such as T1, matches no region."`
		Device  string `json:"device,omitempty" maxLength:"256" doc:"The IdP's ID of the device, which nobody can guess. SignIn makes it known for 90 days."`
	}
}

func (s server) report(ctx context.Context, in *signalInput) (*struct{}, error) {
	if _, err := network(in.Body.Network); err != nil {
		return nil, err
	}
	if in.Body.Type == fact.FailedSignIn && in.Body.Method == "" {
		return nil, invalid("body.method", "say which method failed: Password for the first factor, else the second one, such as SMS")
	}
	return nil, s.answer(s.Desk.Report(ctx, fact.Signal{
		Tenant: in.Namespace, Account: in.Body.Account, Type: in.Body.Type, Method: in.Body.Method,
		Network: in.Body.Network, Country: strings.ToUpper(in.Body.Country), Device: in.Body.Device,
	}))
}

type importInput struct {
	Tenant
	Account string `path:"account" maxLength:"255" pattern:"^[!-)+-~]+$" patternDescription:"visible ASCII without a star" doc:"The IdP's stable subject ID: visible ASCII without a star."`
	Body    struct {
		Contacts []importedContact `json:"contacts" maxItems:"20" doc:"What the IdP has verified; an empty list records that there is none."`
		Language string            `json:"language,omitempty" maxLength:"35" pattern:"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$" doc:"BCP 47 tag that the contacts keep; the policy's default language if absent, or else en."`
	}
}

type importedContact struct {
	Channel string `json:"channel" enum:"Email,SMS,Voice"`
	Address string `json:"address" minLength:"3" maxLength:"254" doc:"An email address, or a number in E.164 form."`
}

func (s server) importContacts(ctx context.Context, in *importInput) (*struct{}, error) {
	contacts := make([]flow.ImportedContact, 0, len(in.Body.Contacts))
	for _, c := range in.Body.Contacts {
		contacts = append(contacts, flow.ImportedContact{Channel: contact.Channel(c.Channel), Address: c.Address})
	}
	return nil, s.answer(s.Desk.ImportContacts(ctx, flow.Import{
		Tenant: in.Namespace, Account: in.Account, Language: in.Body.Language, Contacts: contacts,
	}))
}
