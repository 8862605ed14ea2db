package web

import (
	"context"
	"errors"
	"net/http"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// SignInDesk opens and serves the sessions of the security-info pages.
type SignInDesk interface {
	// PeekSession shows whose security info a ticket opens and changes nothing.
	PeekSession(ctx context.Context, host, ticket string) (flow.Welcome, error)
	// OpenSession redeems a ticket once and returns the credential of a new session.
	OpenSession(ctx context.Context, v flow.Visit, ticket string, bearer bool) (credential string, err error)
	// SignInWays lists where people may sign in on a host.
	SignInWays(host string) []flow.Way
	// StartSignIn returns where the browser signs in, and a secret that it must keep.
	StartSignIn(ctx context.Context, host, way string) (to, browser string, err error)
	// FinishSignIn returns the credential of a new session for what the browser brought
	// back.
	FinishSignIn(ctx context.Context, v flow.Visit, browser string, r flow.Returned) (credential string, err error)
	SecurityInfo(ctx context.Context, v flow.Visit) (flow.SecurityInfo, error)
	RequestStepUp(ctx context.Context, v flow.Visit, to flow.Target) (flow.ChallengeView, error)
	ResendStepUp(ctx context.Context, v flow.Visit, challengeID string, to flow.Target) (flow.ChallengeView, error)
	SubmitStepUp(ctx context.Context, v flow.Visit, challengeID, code string) (flow.SteppedUp, error)
	EndSession(ctx context.Context, v flow.Visit) error
	// Serves reports the purpose of the live flow of a visit.
	Serves(ctx context.Context, v flow.Visit) (code.Purpose, error)
}

const (
	// infoPath is the page of the security info: the list, or the way to it.
	infoPath = "/security-info"
	// browserCookie holds the secret of a browser that has gone to an issuer.
	browserCookie = "__Host-holdfast-signin"
)

// routeSignIn serves the pages before and around a session. Those that have a server
// elsewhere asked are bounded for each network.
func (s *site) routeSignIn() {
	asking := newBrake(s.Now)
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET " + infoPath:               s.showInfo,
		"POST " + infoPath:              s.openSession,
		"POST " + infoPath + "/sign-in": s.within(asking, s.startSignIn),
		"GET " + flow.CallbackPath:      s.within(asking, s.finishSignIn),
		"GET " + infoPath + "/verify":   s.showVerify,
		"POST " + infoPath + "/verify":  s.requestStepUp,
		"GET " + infoPath + "/code":     s.showStepUp,
		"POST " + infoPath + "/code":    s.submitStepUp,
		"POST " + infoPath + "/resend":  s.resendStepUp,
		"POST " + infoPath + "/end":     s.endSession,
		"GET " + infoPath + "/ended":    s.showEnded,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := handle(w, r); err != nil {
				s.signInFailed(w, r, err)
			}
		})
	}
}

// within takes from the rate of the visitor's network.
func (s *site) within(b *brake, handle func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if wait := b.take(flow.NetworkOf(s.ClientAddr(r))); wait > 0 {
			return &rules.LimitError{Subject: "network", RetryAfter: wait}
		}
		return handle(w, r)
	}
}

// signInPage offers the ways to a session.
type signInPage struct {
	flow.Welcome
	// Ticket opens the session of Account, where the person came with one.
	Ticket string
	Ways   []flow.Way
}

// showInfo shows the list in a session, whose ticket this is, or where to sign in. It
// changes nothing (law 7).
func (s *site) showInfo(w http.ResponseWriter, r *http.Request) error {
	if sealed := r.URL.Query().Get("ticket"); sealed != "" {
		welcome, err := s.Desk.PeekSession(r.Context(), s.host(r), sealed)
		if err == nil {
			s.render(w, r, http.StatusOK, "signin-ticket", around(welcome, "info.title", signInPage{Welcome: welcome, Ticket: sealed}))
		}
		return err
	}
	info, err := s.Desk.SecurityInfo(r.Context(), s.visit(r))
	if errors.Is(err, rules.ErrNoFlow) {
		product, help := s.Desk.Brand(s.host(r))
		welcome := flow.Welcome{ProductName: product, Help: help}
		s.render(w, r, http.StatusOK, "signin", around(welcome, "signin.title", signInPage{Welcome: welcome, Ways: s.Desk.SignInWays(s.host(r))}))
		return nil
	}
	if err != nil {
		return err
	}
	changes, err := s.Desk.Changes(r.Context(), s.visit(r))
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "signin-list", around(info.Welcome, "info.title", listOf(info, changes)))
	return nil
}

// around is a page of a session, or on the way to one.
func around(o flow.Welcome, title string, data any) page {
	return page{Title: title, Brand: upper(o.ProductName), Help: o.Help, Data: data}
}

// openSession redeems the ticket of the form for a new credential. A cookie that came
// along is not looked at.
func (s *site) openSession(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	credential, err := s.Desk.OpenSession(r.Context(), flow.Visit{Host: s.host(r), Network: s.ClientAddr(r)}, r.PostForm.Get("ticket"), false)
	if err != nil {
		return err
	}
	http.SetCookie(w, credentialCookie(credential))
	see(w, infoPath)
	return nil
}

// goPage leads to the issuer.
type goPage struct {
	To  string
	Way flow.Way
}

// startSignIn sends the browser to the issuer with a page of its own, since browsers hold
// the redirects of a form to our Content-Security-Policy, and nobody knows where the
// issuer redirects to.
func (s *site) startSignIn(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	host, chosen := s.host(r), r.PostForm.Get("way")
	to, browser, err := s.Desk.StartSignIn(r.Context(), host, chosen)
	if err != nil {
		return err
	}
	leading := goPage{To: to}
	for _, way := range s.Desk.SignInWays(host) {
		if way.ID == chosen {
			leading.Way = way
		}
	}
	product, help := s.Desk.Brand(host)
	http.SetCookie(w, keptByBrowser(browser, int(session.SignInLife.Seconds())))
	w.Header().Set("Refresh", "0; url="+to)
	s.render(w, r, http.StatusOK, "signin-go", around(flow.Welcome{ProductName: product, Help: help}, "signin.goTitle", leading))
	return nil
}

// keptByBrowser is the cookie of a browser that goes to an issuer; it comes back by a link
// from there, as Lax allows.
func keptByBrowser(secret string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: browserCookie, Value: secret, Path: "/", MaxAge: seconds,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// finishSignIn takes the browser back from the issuer. Whoever opens the link without the
// browser's secret changes nothing (law 7).
func (s *site) finishSignIn(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	browser := ""
	if cookie, err := r.Cookie(browserCookie); err == nil && len(cookie.Value) <= maxCredential {
		browser = cookie.Value
	}
	credential, err := s.Desk.FinishSignIn(r.Context(), flow.Visit{Host: s.host(r), Network: s.ClientAddr(r)}, browser, flow.Returned{
		State: query.Get("state"), Code: query.Get("code"), Issuer: query.Get("iss"), Refused: query.Has("error"),
	})
	if err != nil {
		return err
	}
	http.SetCookie(w, keptByBrowser("", -1))
	http.SetCookie(w, credentialCookie(credential))
	see(w, infoPath)
	return nil
}

// endSession signs the person out here.
func (s *site) endSession(w http.ResponseWriter, r *http.Request) error {
	if err := s.Desk.EndSession(r.Context(), s.visit(r)); err != nil && !errors.Is(err, rules.ErrNoFlow) {
		return err
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	see(w, infoPath+"/ended")
	return nil
}

func (s *site) showEnded(w http.ResponseWriter, r *http.Request) error {
	product, help := s.Desk.Brand(s.host(r))
	s.render(w, r, http.StatusOK, "signin-ended", around(flow.Welcome{ProductName: product, Help: help}, "signin.endedTitle", nil))
	return nil
}

// failedPage says why there is no session, and what to do: keys of words, but for Unblock.
type failedPage struct {
	Text string
	// Again is the label of the way back to the beginning, Unblock the link to the
	// release of a block; both may be empty.
	Again, Unblock string
}

// signInFailed answers what went wrong on the way to a session, or in one.
func (s *site) signInFailed(w http.ResponseWriter, r *http.Request, err error) {
	var blocked *flow.BlockedError
	title, data := "", failedPage{Again: "signin.again"}
	switch {
	case errors.As(err, &blocked):
		title = "block.title"
		data = failedPage{Text: "failed.blocked", Unblock: blocked.Unblock}
	case errors.Is(err, rules.ErrSignIn):
		s.Log.Info("sign-in refused", "cause", err.Error())
		title = "failed.title"
		data.Text = "failed.text"
	case errors.Is(err, rules.ErrTicketUsed), errors.Is(err, ticket.ErrInvalid):
		title = "error.link-expired.heading"
		data.Text = "failed.link"
		data.Again = "failed.otherWays"
	case errors.Is(err, rules.ErrIssuer):
		title = "failed.issuerTitle"
		data.Text = "failed.issuer"
		data.Again = "failed.tryAgain"
	case errors.Is(err, rules.ErrNoFlow):
		title = "error.no-flow.heading"
		data.Text = "failed.expired"
	default:
		s.fail(w, r, err)
		return
	}
	p := s.refusal(r, err)
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	product, help := s.Desk.Brand(s.host(r))
	s.render(w, r, p.Status, "signin-failed", around(flow.Welcome{ProductName: product, Help: help}, title, data))
}
