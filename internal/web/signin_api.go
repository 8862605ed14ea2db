package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/recheck"
	"holdfast.dev/holdfast/internal/rules/session"
)

// SecurityInfo is an account's security info, masked.
type SecurityInfo struct {
	Account      string            `json:"account" doc:"Masked."`
	ProductName  string            `json:"productName"`
	ProductURL   string            `json:"productUrl,omitempty" doc:"Where to go back to once nothing is left to do."`
	Assurance    session.Assurance `json:"assurance" enum:"Password,StepUp" doc:"How sure it is that this is the owner: Password (the IdP has signed the person in), StepUp (and a code to a full contact was entered in this session)."`
	EndsAt       time.Time         `json:"endsAt" doc:"When the session ends."`
	Recorded     bool              `json:"recorded" doc:"Whether anything is known; an account that is known to have none has an empty list and true."`
	Contacts     []Contact         `json:"contacts"`
	Destinations []Destination     `json:"destinations" doc:"Ways that a step-up code may go now."`
	Resting      []Resting         `json:"resting" doc:"Ways that are closed for a time."`
	Challenge    *Challenge        `json:"challenge,omitempty" doc:"The step-up code that is on its way."`
	Changes      []Change          `json:"changes" doc:"Open changes: not finished yet, or on hold."`
	Frozen       bool              `json:"frozen" doc:"Whether a change on hold, or what it left, keeps contacts from being added and removed; a Replace may begin."`
	FrozenUntil  *time.Time        `json:"frozenUntil,omitempty" doc:"Until when; absent where that is not known."`
	Prompt       recheck.Prompt    `json:"prompt,omitempty" enum:"VerifySecurityInfo,MustVerifySecurityInfo,RegisterSecurityInfo,MustRegisterSecurityInfo" doc:"What the person is asked to make sure of: that a code arrives, or of a first contact; Must leaves no skipping."`
	PromptBy     *time.Time        `json:"promptBy,omitempty" doc:"When skipping ends."`
}

// Contact is a piece of security info.
type Contact struct {
	ID       string           `json:"id"`
	Channel  contact.Channel  `json:"channel" enum:"Email,SMS,Voice,App"`
	Hint     string           `json:"hint" doc:"Last two digits of a number, first two characters of an email address."`
	Standing contact.Standing `json:"standing" enum:"Full,Junior,Disabled" doc:"Junior: added without a code to a full contact; for 720 hours it proves nothing. Disabled: too many wrong codes in a row."`
	Language string           `json:"language,omitempty" doc:"Of its messages (BCP 47), frozen when it was added."`
	AddedAt  *time.Time       `json:"addedAt,omitempty"`
	Nth      int              `json:"nth,omitempty" doc:"Counts from 1 those with the same hint that were added on the same day (UTC), the first one first; absent where the day tells them apart."`
	ProvenAt *time.Time       `json:"provenAt,omitempty" doc:"When a code to it was last accepted, or the IdP vouched; absent where that never was."`
	Disowned *time.Time       `json:"disownedAt,omitempty" doc:"When somebody who gets messages there said that the account is not theirs: prove it with a code, or remove it. Absent where nobody did, or where it was proven since."`
}

func securityInfoOf(info flow.SecurityInfo, open flow.Changes) SecurityInfo {
	out := SecurityInfo{
		Account: info.Account, ProductName: info.ProductName, ProductURL: info.ProductURL, Assurance: info.Assurance, EndsAt: info.Ends, Recorded: info.Recorded,
		Contacts: []Contact{}, Destinations: destinationsOf(info.Destinations), Resting: restingOf(info.Resting),
	}
	for _, c := range info.Contacts {
		one := Contact{ID: c.ID, Channel: c.Channel, Hint: c.Hint, Standing: c.Standing, Language: c.Language, Nth: c.Nth}
		if !c.Added.IsZero() {
			one.AddedAt = &c.Added
		}
		if !c.Proven.IsZero() {
			one.ProvenAt = &c.Proven
		}
		if !c.Disowned.IsZero() {
			one.Disowned = &c.Disowned
		}
		out.Contacts = append(out.Contacts, one)
	}
	if info.Challenge != nil {
		c := challengeOf(*info.Challenge)
		out.Challenge = &c
	}
	out.Changes, out.Prompt = []Change{}, open.Prompt
	for _, c := range open.Open {
		out.Changes = append(out.Changes, changeJSON(c))
	}
	if out.Frozen = open.Frozen != nil; out.Frozen && !open.Frozen.Until.IsZero() {
		out.FrozenUntil = &open.Frozen.Until
	}
	if open.Prompt != recheck.None {
		out.PromptBy = &open.MustBy
	}
	return out
}

func (s *site) registerSignIn(api huma.API) {
	huma.Register(api, operation("open-session", http.MethodPost, "/v1/session",
		"Open a session of 15 minutes with a ticket to security info", http.StatusOK, nil, 403, 410), s.apiOpenSession)
	huma.Register(api, operation("end-session", http.MethodDelete, "/v1/session",
		"End the session", http.StatusNoContent, inFlow, 401), s.apiEndSession)
	huma.Register(api, operation("get-security-info", http.MethodGet, "/v1/security-info",
		"The account's security info, masked", http.StatusOK, inFlow, 401, 403), s.apiSecurityInfo)
}

type sessionInput struct {
	Body struct {
		Ticket string `json:"ticket" minLength:"1" maxLength:"4096" doc:"Of a decision on ChangeSecurityInfo. It works once, and then as Bearer until a step-up code is accepted."`
	}
}

type securityInfoOutput struct {
	SetCookie string `header:"Set-Cookie" doc:"The credential of the session, where this call opened it."`
	Body      SecurityInfo
}

func (s *site) apiOpenSession(ctx context.Context, in *sessionInput) (*securityInfoOutput, error) {
	v := callOf(ctx).visit
	v.Ticket = ""
	credential, err := s.Desk.OpenSession(ctx, v, in.Body.Ticket, true)
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	v.Credential = credential
	info, err := s.infoJSON(ctx, v)
	if err != nil {
		return nil, s.apiFailure(ctx, err, credential)
	}
	return &securityInfoOutput{credentialCookie(credential).String(), info}, nil
}

func (s *site) apiEndSession(ctx context.Context, _ *struct{}) (*struct{}, error) {
	if err := s.Desk.EndSession(ctx, callOf(ctx).visit); err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return nil, nil
}

func (s *site) apiSecurityInfo(ctx context.Context, _ *struct{}) (*securityInfoOutput, error) {
	info, err := s.infoJSON(ctx, callOf(ctx).visit)
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return &securityInfoOutput{Body: info}, nil
}

// infoJSON is the security info of a session with what is open about it.
func (s *site) infoJSON(ctx context.Context, v flow.Visit) (SecurityInfo, error) {
	info, err := s.Desk.SecurityInfo(ctx, v)
	if err != nil {
		return SecurityInfo{}, err
	}
	open, err := s.Desk.Changes(ctx, v)
	return securityInfoOf(info, open), err
}

// inSession says whether a call that found no flow comes with a session of the
// security-info pages.
func (s *site) inSession(ctx context.Context, err error) bool {
	if !errors.Is(err, rules.ErrNoFlow) {
		return false
	}
	purpose, err := s.Desk.Serves(ctx, callOf(ctx).visit)
	return err == nil && purpose == session.SecurityInfo
}

// sessionAccount is the account of a session, which is about no block.
func (s *site) sessionAccount(ctx context.Context) (*accountOutput, error) {
	info, err := s.Desk.SecurityInfo(ctx, callOf(ctx).visit)
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	a := accountOf(flow.Overview{Account: info.Account, ProductName: info.ProductName, ProductURL: info.ProductURL, Help: info.Help, Stage: session.Opened})
	open, err := s.Desk.Changes(ctx, callOf(ctx).visit)
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	of := securityInfoOf(info, open)
	a.SecurityInfo = &of
	return &accountOutput{a}, nil
}

// apiRequestStepUp sends a step-up code; a target that names nothing is the first one.
func (s *site) apiRequestStepUp(ctx context.Context, in *challengeInput) (*challengeOutput, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	if in.Body.Address != "" {
		return nil, invalid("body.address", "a step-up code goes to a contact of the account only")
	}
	out, v, opened := &challengeOutput{}, callOf(ctx).visit, ""
	v.Key = key
	if in.Body.Ticket != "" {
		v.Ticket = ""
		if opened, err = s.Desk.OpenSession(ctx, v, in.Body.Ticket, true); err != nil {
			return nil, s.apiFailure(ctx, err, "")
		}
		v.Credential, out.SetCookie = opened, credentialCookie(opened).String()
	}
	to := flow.Target{ContactID: in.Body.ContactID, Channel: in.Body.Channel}
	if to.ContactID == "" {
		info, err := s.Desk.SecurityInfo(ctx, v)
		if err == nil && len(info.Destinations) == 0 {
			err = rules.ErrDestination
		}
		if err != nil {
			return nil, s.apiFailure(ctx, err, opened)
		}
		to = flow.Target{ContactID: info.Destinations[0].ContactID, Channel: info.Destinations[0].Channel}
	}
	view, err := s.Desk.RequestStepUp(ctx, v, to)
	if err != nil {
		return nil, s.apiFailure(ctx, err, opened)
	}
	out.Body = challengeOf(view)
	return out, nil
}

// apiSubmitStepUp enters the code of a session.
func (s *site) apiSubmitStepUp(ctx context.Context, in *codeInput) (*next, error) {
	done, err := s.tryStepUp(callOf(ctx).request, in.ID, in.Body.Code)
	if err != nil {
		return nil, s.apiFailure(ctx, err, done.Credential)
	}
	return s.nextAtInfo(ctx, flow.Proved{Credential: done.Credential, Change: done.Cancelled, NewPassword: done.NewPassword}), nil
}

// nextAtInfo is what follows a code that was right about the security info.
func (s *site) nextAtInfo(ctx context.Context, done flow.Proved) *next {
	out := nextStep("", done.Credential)
	out.Body.Next = "SecurityInfo"
	if done.NewPassword {
		out.Body.Next = string(block.ChangePassword)
	}
	if done.Change.ID != "" {
		c := changeJSON(done.Change)
		out.Body.Change = &c
	}
	if callOf(ctx).visit.Ticket != "" {
		out.Body.Ticket = done.Credential
	}
	return out
}
