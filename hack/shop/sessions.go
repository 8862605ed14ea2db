package shop

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

const (
	sessionCookie = "shop_session"
	sessionLife   = 12 * time.Hour
)

// sessions are who is signed in; a restart of the shop ends them.
type sessions struct {
	mu   sync.Mutex
	open map[string]session
}

type session struct {
	account string
	expires time.Time
}

// start opens a session and hands it to the browser.
func (s *sessions) start(w http.ResponseWriter, account string, now time.Time) {
	token := rand.Text()
	s.mu.Lock()
	s.open[token] = session{account, now.Add(sessionLife)}
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: token, Path: "/", MaxAge: int(sessionLife.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// account finds who sends the request.
func (s *sessions) account(r *http.Request, now time.Time) (string, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	open, ok := s.open[cookie.Value]
	if !ok || now.After(open.expires) {
		delete(s.open, cookie.Value)
		return "", false
	}
	return open.account, true
}

// end ends the browser's session.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		delete(s.open, cookie.Value)
		s.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// revoke ends every session of an account.
func (s *sessions) revoke(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, open := range s.open {
		if open.account == account {
			delete(s.open, token)
		}
	}
}
