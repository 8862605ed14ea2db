package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/text/language"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/session"
)

// Change is a change of security info.
type Change struct {
	ID           string             `json:"id"`
	Action       change.Action      `json:"action" enum:"Add,Remove,Replace,Clear"`
	State        change.State       `json:"state" enum:"AwaitingCode,OnHold,Applied,Cancelled,Expired,Rejected"`
	Added        []Piece            `json:"added"`
	Removed      []Piece            `json:"removed"`
	Missing      []change.Proof     `json:"missing" doc:"What the person has still to do, in this order: NewContactCode (POST /v1/challenges with AddContact), FullContactCode (with StepUp), Confirmation (POST its confirmation), Requester (another person of the help desk)."`
	Deadline     time.Time          `json:"deadline" doc:"By when that must be done."`
	HoldUntil    *time.Time         `json:"holdUntil,omitempty" doc:"When a change on hold takes effect."`
	Restricted   change.Restriction `json:"restricted,omitempty" enum:"SensitiveActions,SignIn" doc:"What does not work meanwhile: payments and changes of security info, or signing in too."`
	Contested    bool               `json:"contested" doc:"Whether another replacement stands against it: neither takes effect."`
	Junior       bool               `json:"junior" doc:"Whether the new contact was added without a code to a full one: for 720 hours it proves nothing."`
	EndedAt      *time.Time         `json:"endedAt,omitempty"`
	EndedBecause change.Reason      `json:"endedBecause,omitempty"`
}

// Piece is a contact of a change, masked.
type Piece struct {
	ContactID string          `json:"contactId,omitempty" doc:"Absent for a new contact."`
	Channel   contact.Channel `json:"channel" enum:"Email,SMS,Voice,App"`
	Hint      string          `json:"hint"`
	Language  string          `json:"language,omitempty" doc:"Of a new contact's messages (BCP 47), frozen with it: of those that there are, the nearest to the one that was asked for."`
	Apart
}

func changeJSON(c flow.Change) Change {
	out := Change{
		ID: c.ID, Action: c.Action, State: c.State, Added: piecesOf(c.Added), Removed: piecesOf(c.Removed), Missing: some(c.Missing),
		Deadline: c.Deadline, Restricted: c.Restricted, Contested: c.Contested, Junior: c.WithoutFull, EndedBecause: c.End.Reason,
	}
	if !c.HoldUntil.IsZero() {
		out.HoldUntil = &c.HoldUntil
	}
	if !c.End.At.IsZero() {
		out.EndedAt = &c.End.At
	}
	return out
}

func piecesOf(all []flow.Piece) []Piece {
	list := make([]Piece, len(all))
	for i, p := range all {
		list[i] = Piece{p.ContactID, p.Channel, p.Hint, p.Language, apartOf(p.Apart)}
	}
	return list
}

func (s *site) registerChanges(api huma.API) {
	huma.Register(api, operation("start-change", http.MethodPost, "/v1/security-info/changes",
		"Begin a change of security info; its codes come next", http.StatusCreated, inFlow, 401, 403, 409, 422, 429), s.apiStartChange)
	huma.Register(api, operation("get-change", http.MethodGet, "/v1/security-info/changes/{id}",
		"A change of the account, and what is missing", http.StatusOK, inFlow, 401, 403, 404), s.apiChange)
	huma.Register(api, operation("confirm-change", http.MethodPost, "/v1/security-info/changes/{id}/confirmation",
		"Say yes to a removal, or go on without a full contact", http.StatusOK, inFlow, 401, 403, 404, 409, 410), s.apiConfirm)
	huma.Register(api, operation("cancel-change", http.MethodPost, "/v1/security-info/changes/{id}/cancel",
		"Ask for the code that cancels a change; entered at its challenge, it does", http.StatusAccepted, inFlow, 401, 403, 404, 410, 429), s.apiCancel)
	huma.Register(api, operation("set-password-after-cancel", http.MethodPost, "/v1/security-info/changes/{id}/password",
		"Set a new password after this session has cancelled a hold by a code", http.StatusOK, inFlow, 401, 403, 404, 409, 502), s.apiSetPasswordAfterCancel)
	huma.Register(api, operation("forget-change", http.MethodDelete, "/v1/security-info/changes/{id}",
		"Drop a change that was begun here and not proven", http.StatusNoContent, inFlow, 401, 403, 404, 409), s.apiForget)
	huma.Register(api, operation("skip-recheck", http.MethodPost, "/v1/security-info/recheck/skip",
		"Put off making sure that a code arrives", http.StatusNoContent, inFlow, 401, 403, 409), s.apiSkipRecheck)
}

type startInput struct {
	Body struct {
		Action     change.Action   `json:"action" enum:"Add,Remove,Replace" doc:"Replace is for a person who has none of their contacts any more."`
		Channel    contact.Channel `json:"channel,omitempty" enum:"Email,SMS,Voice" doc:"Of the new contact."`
		Address    string          `json:"address,omitempty" minLength:"1" maxLength:"254" doc:"An email address or a phone number."`
		Country    string          `json:"country,omitempty" pattern:"^[A-Za-z]{2}$" patternDescription:"ISO 3166 alpha-2 code" doc:"In which the number was typed."`
		Language   string          `json:"language,omitempty" maxLength:"35" pattern:"^[A-Za-z0-9-]+$" patternDescription:"BCP 47 tag" doc:"Of its messages, frozen with it: the nearest in which there are any. Without one, that of Accept-Language."`
		ContactIDs []string        `json:"contactIds,omitempty" maxItems:"50" doc:"What Remove takes away."`
	}
}

type changeOutput struct{ Body Change }

func (s *site) apiStartChange(ctx context.Context, in *startInput) (*changeOutput, error) {
	v, b := callOf(ctx).visit, in.Body
	fresh := flow.NewContact{Channel: b.Channel, Address: b.Address, Country: b.Country}
	asked, unread := language.Parse(b.Language)
	switch {
	case b.Language != "" && unread != nil:
		return nil, invalid("body.language", "it is no language tag of BCP 47")
	case b.Action == change.Remove && (len(b.ContactIDs) == 0 || b.Address != ""):
		return nil, invalid("body.contactIds", "say which contacts go, and give no address")
	case b.Action != change.Remove && (b.Address == "" || b.Channel == "" || len(b.ContactIDs) > 0):
		return nil, invalid("body.address", "give the new contact's channel and address, and no contactIds")
	}
	var id string
	var err error
	if b.Action != change.Remove {
		if fresh.Language, err = s.messageLanguage(ctx, asked); err != nil {
			return nil, s.apiFailure(ctx, err, "")
		}
	}
	switch b.Action {
	case change.Remove:
		id, err = s.Desk.StartRemove(ctx, v, b.ContactIDs)
	case change.Replace:
		id, err = s.Desk.StartReplace(ctx, v, fresh)
	default:
		id, err = s.Desk.StartAdd(ctx, v, fresh)
	}
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return s.changeOutput(ctx, id)
}

// messageLanguage is that of a new contact's messages: the nearest to the one asked for.
func (s *site) messageLanguage(ctx context.Context, asked language.Tag) (string, error) {
	if tag, found := s.tongues.nearest(asked); found {
		return tag, nil
	}
	reach, err := s.Desk.Reach(ctx, callOf(ctx).visit)
	return s.tongues.expected(callOf(ctx).request, reach.Language), err
}

func (s *site) changeOutput(ctx context.Context, id string) (*changeOutput, error) {
	step, err := s.Desk.ChangeStep(ctx, callOf(ctx).visit, id)
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return &changeOutput{changeJSON(step.Change)}, nil
}

type changeInput struct {
	ID string `path:"id" maxLength:"253"`
}

func (s *site) apiChange(ctx context.Context, in *changeInput) (*changeOutput, error) {
	return s.changeOutput(ctx, in.ID)
}

type confirmInput struct {
	ID   string `path:"id" maxLength:"253"`
	Body struct {
		Proof change.Proof `json:"proof" enum:"Confirmation,WithoutFullContact" doc:"Confirmation of a removal comes after its code; WithoutFullContact leaves the new contact junior for 720 hours."`
	}
}

func (s *site) apiConfirm(ctx context.Context, in *confirmInput) (*changeOutput, error) {
	c, err := s.Desk.Affirm(ctx, callOf(ctx).visit, in.ID, in.Body.Proof)
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return &changeOutput{changeJSON(c)}, nil
}

type cancelInput struct {
	Once
	ID   string `path:"id" maxLength:"253"`
	Body *struct {
		ContactID string          `json:"contactId,omitempty" minLength:"1" maxLength:"128" doc:"One of the contacts from before the change; without it, the first that can cancel."`
		Channel   contact.Channel `json:"channel,omitempty" enum:"Email,SMS,Voice,App"`
	}
}

func (s *site) apiCancel(ctx context.Context, in *cancelInput) (*challengeOutput, error) {
	ask := flow.Ask{Purpose: code.Cancel, Change: in.ID}
	if in.Body != nil {
		ask.To = flow.Target{ContactID: in.Body.ContactID, Channel: in.Body.Channel}
	}
	return s.apiAsk(ctx, callOf(ctx).visit, in.Once, ask)
}

type newPasswordInput struct {
	ID string `path:"id" maxLength:"253"`
	passwordInput
}

func (s *site) apiSetPasswordAfterCancel(ctx context.Context, in *newPasswordInput) (*next, error) {
	if err := s.Desk.SetPasswordAfterCancel(ctx, callOf(ctx).visit, in.ID, in.Body.Password); err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return nextStep("", ""), nil
}

func (s *site) apiForget(ctx context.Context, in *changeInput) (*struct{}, error) {
	if err := s.Desk.Forget(ctx, callOf(ctx).visit, in.ID); err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return nil, nil
}

func (s *site) apiSkipRecheck(ctx context.Context, _ *struct{}) (*struct{}, error) {
	if err := s.Desk.SkipRecheck(ctx, callOf(ctx).visit); err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return nil, nil
}

// apiAsk sends a code that proves something about the security info.
func (s *site) apiAsk(ctx context.Context, v flow.Visit, once Once, ask flow.Ask) (*challengeOutput, error) {
	key, err := once.key()
	if err != nil {
		return nil, err
	}
	v.Key = key
	view, err := s.Desk.RequestProof(ctx, v, ask)
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return &challengeOutput{Body: challengeOf(view)}, nil
}

// apiRequestProof serves the purposes AddContact, Recheck and Cancel, and StepUp of a
// change. A notice opens the flow that cancels what it told of.
func (s *site) apiRequestProof(ctx context.Context, in *challengeInput) (*challengeOutput, error) {
	b, v := in.Body, callOf(ctx).visit
	ask := flow.Ask{Purpose: b.Purpose, Change: b.ChangeID, To: flow.Target{ContactID: b.ContactID, Channel: b.Channel}}
	switch {
	case b.Address != "" || b.Ticket != "":
		return nil, invalid("body.address", "begin the change with POST /v1/security-info/changes, in a session of POST /v1/session")
	case b.Purpose == code.Recheck && b.ChangeID != "", b.Purpose != code.Recheck && b.ChangeID == "" && b.Notice == "":
		return nil, invalid("body.changeId", "name the change that the code is for; a Recheck has none")
	case b.Notice == "":
		return s.apiAsk(ctx, v, in.Once, ask)
	case b.Purpose != code.Cancel:
		return nil, invalid("body.notice", "a notice serves the purpose Cancel only")
	}
	credential, err := s.Desk.OpenCancel(ctx, flow.Visit{Host: v.Host, Network: v.Network}, b.Notice)
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	opened := flow.Visit{Host: v.Host, Network: v.Network, Credential: credential}
	shown, err := s.Desk.Cancelling(ctx, opened, "")
	if err != nil {
		return nil, s.apiFailure(ctx, err, credential)
	}
	if shown.SignIn {
		return nil, s.apiFailure(ctx, change.ErrFirstFactor, credential)
	}
	ask.Change = shown.Change.ID
	view, err := s.Desk.RequestProof(ctx, opened, ask)
	if err != nil {
		return nil, s.apiFailure(ctx, err, credential)
	}
	return &challengeOutput{credentialCookie(credential).String(), challengeOf(view)}, nil
}

// proving says whether a call that found no unblock comes with a session, or with a flow
// that cancels.
func (s *site) proving(ctx context.Context, err error) bool {
	if !errors.Is(err, rules.ErrNoFlow) {
		return false
	}
	purpose, err := s.Desk.Serves(ctx, callOf(ctx).visit)
	return err == nil && (purpose == session.SecurityInfo || purpose == code.Cancel)
}

// apiSubmitProof enters a code that proves something about the security info; one that
// steps a session up is tried there.
func (s *site) apiSubmitProof(ctx context.Context, in *codeInput) (*next, error) {
	done, err := s.tryProof(callOf(ctx).request, in.ID, in.Body.Code)
	if errors.Is(err, rules.ErrNotFound) && done.Credential == "" {
		return s.apiSubmitStepUp(ctx, in)
	}
	if err != nil {
		return nil, s.apiFailure(ctx, err, done.Credential)
	}
	return s.nextAtInfo(ctx, done), nil
}

// apiResendProof sends another such code in place of one.
func (s *site) apiResendProof(ctx context.Context, v flow.Visit, id string, to flow.Target) (flow.ChallengeView, error) {
	view, err := s.Desk.ResendProof(ctx, v, id, to)
	if errors.Is(err, rules.ErrNotFound) {
		return s.Desk.ResendStepUp(ctx, v, id, to)
	}
	return view, err
}
