// Package web is what end users meet: pages that work without JavaScript, and the
// same deeds as JSON under /v1.
package web

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-logr/logr"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/password"
	"holdfast.dev/holdfast/internal/rules/receipt"
	"holdfast.dev/holdfast/internal/web/words"
)

// Desk serves the people at the pages.
type Desk interface {
	SignInDesk
	ChangeDesk
	// Peek shows the block of a ticket and changes nothing.
	Peek(ctx context.Context, host, ticket string) (flow.Overview, error)
	// Open redeems a ticket once and returns the credential of a new flow.
	Open(ctx context.Context, host, ticket string, bearer bool) (credential string, err error)
	// Overview shows where the flow of a visit stands.
	Overview(ctx context.Context, v flow.Visit) (flow.Overview, error)
	RequestCode(ctx context.Context, v flow.Visit, to flow.Target) (flow.ChallengeView, error)
	Resend(ctx context.Context, v flow.Visit, challengeID string, to flow.Target) (flow.ChallengeView, error)
	// SubmitCode returns the next step, if any, and the credential that replaces
	// the one of the visit.
	SubmitCode(ctx context.Context, v flow.Visit, challengeID, code string) (next block.Step, credential string, err error)
	SetPassword(ctx context.Context, v flow.Visit, newPassword string) error
	CheckPassword(ctx context.Context, v flow.Visit, candidate string) (password.Strength, error)
	// Brand is what the pages of a host show where no account is known.
	Brand(host string) (productName string, help flow.Help)
	// ReportCode takes the word of whoever got a code that they did not ask for it. It
	// answers alike whatever the token is worth.
	ReportCode(ctx context.Context, host, token string, kind code.ReportKind) error
	// TakeReceipt takes what a provider tells of a message once its signature proves it;
	// all others get receipt.ErrUnproven.
	TakeReceipt(ctx context.Context, host, policyName, provider string, call receipt.Call) error
}

// Country is a line of the list of countries beside a phone number.
type Country struct {
	// ISO is the ISO 3166 alpha-2 code.
	ISO  string
	Name string
	// CallingCode has no plus sign.
	CallingCode int
}

// Config is what the public listener needs.
type Config struct {
	Desk Desk
	// Tenant returns the tenant whose pages a host serves. The host is in lower
	// case and carries its port where it is not the scheme's own.
	Tenant func(host string) (string, bool)
	// ClientAddr is a request's address as the configuration trusts its proxies;
	// nil takes the connection's own.
	ClientAddr func(*http.Request) netip.Addr
	// Countries are offered where a person enters a number, as far as the policy reaches
	// them. The pages name and sort them in their own language.
	Countries []Country
	// Languages are those in which messages are written (BCP 47), the first one for people
	// whose own is not among them; empty means English.
	Languages []string
	// Words are what the pages say; nil takes those of this program.
	Words *words.Catalogue
	// Scheme of the public pages: https (with HSTS), or http on a developer's machine.
	Scheme string
	// Now is the clock.
	Now func() time.Time
	Log logr.Logger
}

// site holds what every handler shares.
type site struct {
	Config
	assets  assets
	voices  voices
	tongues tongues
	mux     *http.ServeMux
}

// New returns the handler of the public listener.
func New(c Config) http.Handler {
	if c.Words == nil {
		c.Words = words.Embedded()
	}
	if c.ClientAddr == nil {
		c.ClientAddr = connectionAddr
	}
	s := &site{
		Config: c, assets: loadAssets(), voices: newVoices(c.Words, c.Countries), tongues: tonguesOf(c.Languages), mux: http.NewServeMux(),
	}
	s.routePages()
	s.routeSignIn()
	s.routeChanges()
	s.routeAPI()
	return s.observed(s.secured(s.onKnownHost(s.sameOrigin(s.bounded(s.braked(http.HandlerFunc(s.dispatch)))))))
}

func (s *site) routePages() {
	s.mux.Handle("GET /assets/{name}", s.assets)
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /{$}":               s.start,
		"POST /language":         s.chooseLanguage,
		"GET /unblock":           s.showBlock,
		"POST /unblock":          s.openFlow,
		"GET /unblock/contact":   s.showContact,
		"POST /unblock/contact":  s.requestCode,
		"GET /unblock/code":      s.showCode,
		"POST /unblock/code":     s.submitCode,
		"GET /unblock/no-code":   s.showNoCode,
		"POST /unblock/resend":   s.resend,
		"GET /unblock/password":  s.showPassword,
		"POST /unblock/password": s.setPassword,
		"GET /unblock/done":      s.showDone,
		"GET /not-me":            s.showNotMe,
		"POST /not-me":           s.reportCode,
		"GET /not-me/done":       s.showReported,
		"GET /password-check":    s.showPasswordCheck,
		"POST /password-check":   s.checkPassword,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := handle(w, r); err != nil {
				s.fail(w, r, err)
			}
		})
	}
}
