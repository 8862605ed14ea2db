package web

import (
	"context"
	"net/http"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/problem"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/password"
	"holdfast.dev/holdfast/internal/rules/session"
)

type challengeInput struct {
	Once
	Body struct {
		Ticket    string          `json:"ticket,omitempty" minLength:"1" maxLength:"4096" doc:"Of a denied sign-in, or for StepUp of a decision on ChangeSecurityInfo. It works once and opens the flow; a request that is repeated under its Idempotency-Key goes on in it, without another cookie."`
		Purpose   code.Purpose    `json:"purpose" enum:"Unblock,AddContact,StepUp,Recheck,Recovery,Cancel" doc:"Unblock; in a session StepUp, of a change too, AddContact, Recheck and Cancel. Recovery is not served yet."`
		ChangeID  string          `json:"changeId,omitempty" minLength:"1" maxLength:"253" doc:"The change that the code is for: of AddContact and Cancel, and of a StepUp that vouches for one change alone."`
		Notice    string          `json:"notice,omitempty" minLength:"1" maxLength:"128" doc:"With Cancel: the last part of the link in a notice. It opens a flow that can cancel that change and nothing else."`
		ContactID string          `json:"contactId,omitempty" minLength:"1" maxLength:"128" doc:"One of the account's contacts; without it and without an address, the first."`
		Channel   contact.Channel `json:"channel,omitempty" enum:"Email,SMS,Voice,App" doc:"With address; with contactId the contact's own, or Voice for a call in place of a text."`
		Address   string          `json:"address,omitempty" minLength:"1" maxLength:"64" doc:"A phone number, where the account may enter one."`
		Country   string          `json:"country,omitempty" pattern:"^[A-Za-z]{2}$" patternDescription:"ISO 3166 alpha-2 code" doc:"In which the number was typed."`
	}
}

type challengeOutput struct {
	SetCookie string `header:"Set-Cookie" doc:"The credential of the flow, where a ticket opened it."`
	Body      Challenge
}

func (s *site) apiRequestCode(ctx context.Context, in *challengeInput) (*challengeOutput, error) {
	switch in.Body.Purpose {
	case code.Unblock:
	case code.StepUp:
		if in.Body.ChangeID == "" {
			return s.apiRequestStepUp(ctx, in)
		}
		return s.apiRequestProof(ctx, in)
	case code.AddContact, code.Recheck, code.Cancel:
		return s.apiRequestProof(ctx, in)
	default:
		return nil, problem.New(http.StatusUnprocessableEntity, "purpose-unsupported", "This version does not serve the purpose Recovery")
	}
	if in.Body.ContactID != "" && in.Body.Address != "" {
		return nil, invalid("body.address", "give either contactId or address")
	}
	if in.Body.Address != "" && in.Body.Channel == "" {
		return nil, invalid("body.channel", "say how the number shall be reached: SMS or Voice")
	}
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	out, visit := &challengeOutput{}, callOf(ctx).visit
	visit.Key = key
	var opened string
	if in.Body.Ticket != "" {
		if visit, err = s.open(ctx, visit, in.Body.Ticket); err != nil {
			return nil, s.apiFailure(ctx, err, "")
		}
		if opened = visit.Credential; opened != "" {
			out.SetCookie = credentialCookie(opened).String()
		}
	}
	to := flow.Target{ContactID: in.Body.ContactID, Channel: in.Body.Channel, Number: in.Body.Address, Country: in.Body.Country}
	view, err := s.issueTo(ctx, visit, to)
	if err != nil {
		return nil, s.apiFailure(ctx, err, opened)
	}
	out.Body = challengeOf(view)
	return out, nil
}

// open redeems a ticket. A request that is repeated goes on in the flow that its
// ticket has opened, as one that carries the ticket as Bearer.
func (s *site) open(ctx context.Context, v flow.Visit, ticket string) (flow.Visit, error) {
	opened, err := s.Desk.Open(ctx, v.Host, ticket, true)
	if err == nil {
		return flow.Visit{Host: v.Host, Credential: opened, Network: v.Network, Key: v.Key}, nil
	}
	repeated := flow.Visit{Host: v.Host, Ticket: ticket, Network: v.Network, Key: v.Key}
	if v.Key == "" {
		return v, err
	}
	if _, gone := s.Desk.Overview(ctx, repeated); gone != nil {
		return v, err
	}
	return repeated, nil
}

// issueTo asks for a code; a target that names nothing is the first destination.
func (s *site) issueTo(ctx context.Context, v flow.Visit, to flow.Target) (flow.ChallengeView, error) {
	if to.ContactID == "" && to.Number == "" {
		o, err := s.Desk.Overview(ctx, v)
		if err != nil {
			return flow.ChallengeView{}, err
		}
		if len(o.Destinations) == 0 {
			return flow.ChallengeView{}, nowhere(o, s.Now())
		}
		to = flow.Target{ContactID: o.Destinations[0].ContactID, Channel: o.Destinations[0].Channel}
	}
	return s.Desk.RequestCode(ctx, v, to)
}

// nowhere says why an account has no first destination, and until when where that is
// known.
func nowhere(o flow.Overview, now time.Time) error {
	var first time.Time
	for _, r := range o.Resting {
		if !r.Until.IsZero() && (first.IsZero() || r.Until.Before(first)) {
			first = r.Until
		}
	}
	switch {
	case o.State.Terminal():
		return rules.ErrOver
	case o.Stage != session.Opened || !o.Releasable:
		return rules.ErrOrder
	case !first.IsZero():
		return &rules.LimitError{Subject: "method", RetryAfter: first.Sub(now)}
	default:
		return rules.ErrDestination
	}
}

type resendInput struct {
	Once
	ID   string `path:"id" maxLength:"128"`
	Body *struct {
		ContactID string          `json:"contactId,omitempty" minLength:"1" maxLength:"128" doc:"Another contact; the same one if absent."`
		Channel   contact.Channel `json:"channel,omitempty" enum:"Email,SMS,Voice,App" doc:"Of an alternative: Voice for a call in place of a text to the same number."`
	}
}

func (s *site) apiResend(ctx context.Context, in *resendInput) (*challengeOutput, error) {
	to := flow.Target{}
	if in.Body != nil {
		to.ContactID, to.Channel = in.Body.ContactID, in.Body.Channel
	}
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	visit := callOf(ctx).visit
	visit.Key = key
	view, err := s.Desk.Resend(ctx, visit, in.ID, to)
	if s.proving(ctx, err) {
		view, err = s.apiResendProof(ctx, visit, in.ID, to)
	}
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return &challengeOutput{Body: challengeOf(view)}, nil
}

type codeInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"64" doc:"The digits; spaces do not matter."`
	}
}

// next is the step that follows: ChangePassword, or Done.
type next struct {
	SetCookie string `header:"Set-Cookie" doc:"The new credential of the flow."`
	Body      struct {
		Next   string  `json:"next" enum:"ChangePassword,SecurityInfo,Done" doc:"SecurityInfo: look there at how things stand. ChangePassword: of a block at /v1/password, with a change that was cancelled at its own password."`
		Change *Change `json:"change,omitempty" doc:"The one that the code was for."`
		Ticket string  `json:"ticket,omitempty" doc:"Takes the place of the ticket, for a client that carries it as Bearer."`
	}
}

func nextStep(step block.Step, credential string) *next {
	out := &next{}
	out.Body.Next = "Done"
	if step != "" {
		out.Body.Next = string(step)
	}
	if credential != "" {
		out.SetCookie = credentialCookie(credential).String()
	}
	return out
}

func (s *site) apiSubmitCode(ctx context.Context, in *codeInput) (*next, error) {
	step, credential, err := s.tryCode(callOf(ctx).request, in.ID, in.Body.Code)
	if s.proving(ctx, err) {
		return s.apiSubmitProof(ctx, in)
	}
	if err != nil {
		return nil, s.apiFailure(ctx, err, credential)
	}
	out := nextStep(step, credential)
	if callOf(ctx).visit.Ticket != "" {
		out.Body.Ticket = credential
	}
	return out, nil
}

type passwordInput struct {
	Body struct {
		Password string `json:"password" minLength:"1" maxLength:"1024"`
	}
}

func (s *site) apiSetPassword(ctx context.Context, in *passwordInput) (*next, error) {
	if err := s.Desk.SetPassword(ctx, callOf(ctx).visit, in.Body.Password); err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return nextStep("", ""), nil
}

type verdictOutput struct {
	ContentLanguage string `header:"Content-Language"`
	Vary            string `header:"Vary"`
	Body            struct {
		Score       int      `json:"score" minimum:"0" maximum:"4" doc:"0: guessed at once; 4: very strong."`
		Acceptable  bool     `json:"acceptable"`
		Reasons     []string `json:"reasons" doc:"Why it would be refused; stable for programs."`
		Suggestions []string `json:"suggestions" doc:"What would help, in the language of Accept-Language where the pages speak it, else in English."`
	}
}

func (s *site) apiCheckPassword(ctx context.Context, in *passwordInput) (*verdictOutput, error) {
	verdict, err := s.Desk.CheckPassword(ctx, callOf(ctx).visit, in.Body.Password)
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	v := s.voice(callOf(ctx).request)
	out := &verdictOutput{ContentLanguage: v.Tag(), Vary: varyingBy}
	out.Body.Score, out.Body.Acceptable = verdict.Score, verdict.Acceptable
	out.Body.Reasons, out.Body.Suggestions = texts[password.Reason](verdict.Reasons), some(v.hints(verdict))
	return out, nil
}

type accountOutput struct{ Body Account }

func (s *site) apiAccount(ctx context.Context, _ *struct{}) (*accountOutput, error) {
	o, err := s.Desk.Overview(ctx, callOf(ctx).visit)
	if s.inSession(ctx, err) {
		return s.sessionAccount(ctx)
	}
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return &accountOutput{accountOf(o)}, nil
}

// invalid is the answer to a fault that the schema cannot tell.
func invalid(location, message string) error {
	p := problem.New(http.StatusUnprocessableEntity, "invalid-request", "The request is not valid")
	p.Errors = []problem.Detail{{Location: location, Message: message}}
	return p
}
