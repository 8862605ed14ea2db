package shop

import (
	"net/http"
	"strings"
	"time"
)

// promptRegister asks for a first contact, with Must before it without skipping.
const promptRegister = "RegisterSecurityInfo"

// reasons in plain words.
var reasons = map[string]string{
	"UnusualActivity":         "Something unusual happened on this account, so it is kept safe until it is clear that you are you.",
	"HighRequestVolume":       "Too many codes were asked for in a short time.",
	"TermsOfService":          "The account was used against the terms of service.",
	"CompromisedTraffic":      "Attacks are coming from the network that you use.",
	"Administrative":          "The security team has blocked this account.",
	"SecurityInfoHold":        "Somebody asked to change how we reach the owner of this account. It waits, so that the owner can stop it, and until then this is not possible.",
	"ReleasedByEnteredNumber": "The account was unblocked with a phone number that we did not know before.",
}

// refusedPage tells a person what does not work, why, and until when.
type refusedPage struct {
	Title   string
	Reasons []string
	// Until is nil where no end is known.
	Until *time.Time
	// Unblock, SecurityInfo and Help are Holdfast's links; empty where there is none.
	Unblock, SecurityInfo, Help string
}

func refusal(title string, d Decision) refusedPage {
	page := refusedPage{
		Title: title, Until: d.Until,
		Unblock: d.Links["unblock"], SecurityInfo: d.Links["securityInfo"], Help: d.Links["help"],
	}
	for _, reason := range d.Reasons {
		if words := reasons[reason]; words != "" {
			page.Reasons = append(page.Reasons, words)
		}
	}
	return page
}

// banner is what a person who is signed in should know about their security info.
type banner struct {
	// Held says that a change waits, until Until where that is known; ShutOut that nobody
	// signs in meanwhile.
	Held, ShutOut bool
	Until         *time.Time
	// Prompt is what the person is asked; By is when it can no longer be put off.
	Prompt string
	By     *time.Time
}

// Register says that there is no contact to prove.
func (b banner) Register() bool { return strings.HasSuffix(b.Prompt, promptRegister) }

// banner asks at each visit, so that it goes as soon as the person has done what it says.
// A Holdfast that does not answer costs the banner and nothing else.
func (s *Shop) banner(r *http.Request, account string) banner {
	in, err := s.decide(r.Context(), account, actionSignIn, network(r))
	if err != nil {
		return banner{}
	}
	b := banner{Prompt: in.Prompt, By: in.PromptBy}
	if change, err := s.decide(r.Context(), account, actionChangeSecurityInfo, network(r)); err == nil && change.Decision == challenge {
		b.Held, b.ShutOut, b.Until = true, in.Decision == deny, change.Until
	}
	return b
}

// showSecurityInfo leads a person who is signed in to Holdfast's pages. The link works
// once, so it is made when it is asked for.
func (s *Shop) showSecurityInfo(w http.ResponseWriter, r *http.Request) {
	id, ok := s.sessions.account(r, s.now())
	if !ok {
		render(w, http.StatusUnauthorized, "signin", s.signInPage("", "Sign in first."))
		return
	}
	d, err := s.decide(r.Context(), id, actionChangeSecurityInfo, network(r))
	switch link := d.Links["securityInfo"]; {
	case err != nil:
		render(w, http.StatusServiceUnavailable, "unavailable", "Your security info cannot be opened at the moment")
	case link != "":
		http.Redirect(w, r, link, http.StatusSeeOther)
	default:
		render(w, http.StatusForbidden, "refused", refusal("Your security info cannot be opened now", d))
	}
}

// postPay asks before money moves. Nothing but Allow pays.
func (s *Shop) postPay(w http.ResponseWriter, r *http.Request) {
	id, ok := s.sessions.account(r, s.now())
	if !ok {
		render(w, http.StatusUnauthorized, "signin", s.signInPage("", "Sign in first."))
		return
	}
	d, err := s.decide(r.Context(), id, actionPayment, network(r))
	switch {
	case err != nil:
		render(w, http.StatusServiceUnavailable, "unavailable", "You cannot pay at the moment")
	case d.Decision == allow:
		render(w, http.StatusOK, "paid", nil)
	default:
		render(w, http.StatusForbidden, "refused", refusal("You cannot pay now", d))
	}
}
