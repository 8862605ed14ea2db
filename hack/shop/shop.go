package shop

import (
	"fmt"
	"log"
	"net/http"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// maxBody bounds every body that the shop reads, in bytes.
const maxBody = 64 << 10

// Shop serves the pages, the JSON and Holdfast's webhook.
type Shop struct {
	accounts *Accounts
	holdfast *Holdfast
	webhooks *standardwebhooks.Webhook
	sessions sessions
	failOpen bool
	inboxURL string
	log      *log.Logger
	now      func() time.Time
}

// Config is what a shop is made of.
type Config struct {
	Accounts *Accounts
	Holdfast *Holdfast
	// WebhookSecret proves that a webhook is Holdfast's: whsec_ and base64.
	WebhookSecret string
	// FailOpen lets people in while Holdfast does not answer. The default keeps them out.
	FailOpen bool
	// InboxURL is where the demo's mail can be read; the sign-in page links it.
	InboxURL string
	Log      *log.Logger
	Now      func() time.Time
}

// New makes a shop.
func New(c Config) (*Shop, error) {
	webhooks, err := standardwebhooks.NewWebhook(c.WebhookSecret)
	if err != nil {
		return nil, fmt.Errorf("webhook secret is not whsec_ and base64: %w", err)
	}
	return &Shop{
		accounts: c.Accounts, holdfast: c.Holdfast, webhooks: webhooks,
		sessions: sessions{open: map[string]session{}},
		failOpen: c.FailOpen, inboxURL: c.InboxURL, log: c.Log, now: c.Now,
	}, nil
}

// Handler serves everything.
func (s *Shop) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.showHome)
	mux.HandleFunc("GET /style.css", showStyle)
	mux.HandleFunc("POST /signin", s.postSignIn)
	mux.HandleFunc("POST /signout", s.postSignOut)
	mux.HandleFunc("POST /password", s.postPassword)
	mux.HandleFunc("GET /security-info", s.showSecurityInfo)
	mux.HandleFunc("POST /pay", s.postPay)
	mux.HandleFunc("POST /api/signin", s.postSignInJSON)
	mux.HandleFunc("POST /holdfast-webhook", s.takeWebhook)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	return http.NewCrossOriginProtection().Handler(secure(mux))
}

func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
