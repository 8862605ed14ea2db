package web

import (
	"errors"
	"mime"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"

	"holdfast.dev/holdfast/internal/problem"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 64 << 10

// security stands on every answer (H5).
var security = map[string]string{
	"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
	"Permissions-Policy":           "otp-credentials=(self), camera=(), geolocation=(), microphone=(), payment=()",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
}

// secured puts the security headers on every answer, refusals included.
func (s *site) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range security {
			w.Header().Set(name, value)
		}
		if s.Scheme == "https" {
			w.Header().Set("Strict-Transport-Security", "max-age=63072000")
		}
		next.ServeHTTP(w, r)
	})
}

// onKnownHost refuses hosts that no tenant has; the files that dress the refusal
// belong to nobody.
func (s *site) onKnownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, known := s.Tenant(s.host(r)); !known && !strings.HasPrefix(r.URL.Path, "/assets/") {
			s.fail(w, r, problem.New(http.StatusMisdirectedRequest, "unknown-host", "No pages are served under this host name"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses deeds that another site asks for (H4).
func (s *site) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, problem.New(http.StatusForbidden, "cross-origin", "This was asked for by another site and was not done"))
	}))
	return protection.Handler(next)
}

// bounded refuses bodies that are too large, or neither a form for a page nor JSON
// for the API.
func (s *site) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBody {
			s.fail(w, r, tooLarge())
			return
		}
		if r.ContentLength != 0 && !accepted(r) {
			s.fail(w, r, problem.New(http.StatusUnsupportedMediaType, "media-type",
				"Send JSON as application/json, or a form as application/x-www-form-urlencoded"))
			return
		}
		if !isAPI(r) { // huma bounds its own
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		next.ServeHTTP(w, r)
	})
}

func accepted(r *http.Request) bool {
	contentType := r.Header.Get("Content-Type")
	if isAPI(r) && problem.IsJSON(contentType) {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/x-www-form-urlencoded" && (!isAPI(r) || isReceipt(r))
}

// readForm parses a form that bounded has let through. Handlers then read
// r.PostForm alone: the query carries no deeds.
func readForm(r *http.Request) error {
	var large *http.MaxBytesError
	switch err := r.ParseForm(); {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return tooLarge()
	default:
		return problem.New(http.StatusBadRequest, "bad-request", "The form could not be read")
	}
}

func tooLarge() error {
	return problem.New(http.StatusRequestEntityTooLarge, "too-large", "The request is larger than 64 KiB")
}

// dispatch lets the mux route, but dresses its own refusals (404, 405).
func (s *site) dispatch(w http.ResponseWriter, r *http.Request) {
	refusal, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	muted := &mute{header: w.Header(), status: http.StatusOK}
	refusal.ServeHTTP(muted, r)
	if muted.status == http.StatusMethodNotAllowed {
		s.fail(w, r, problem.New(muted.status, "method-not-allowed", "This address does not take this method"))
		return
	}
	s.fail(w, r, problem.New(http.StatusNotFound, "not-found", "There is no page here"))
}

// mute keeps headers and status of an answer and drops its body.
type mute struct {
	header http.Header
	status int
}

func (m *mute) Header() http.Header         { return m.header }
func (m *mute) WriteHeader(status int)      { m.status = status }
func (m *mute) Write(b []byte) (int, error) { return len(b), nil }

// observed logs method, route, status and duration, never an address with its
// query, since that may hold a ticket. A panic becomes a 500.
func (s *site) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, watched := s.Now(), &watch{ResponseWriter: w}
		defer func() {
			if cause := recover(); cause != nil {
				s.Log.Info("handler panicked", "route", r.Pattern, "stack", string(debug.Stack()))
				if watched.status == 0 {
					s.fail(watched, r, problem.New(http.StatusInternalServerError, "internal", "Holdfast could not answer"))
				}
			}
			s.Log.V(1).Info("request", "method", r.Method, "route", r.Pattern,
				"status", watched.status, "duration", s.Now().Sub(began).String())
		}()
		next.ServeHTTP(watched, r)
	})
}

// watch remembers the status of an answer.
type watch struct {
	http.ResponseWriter
	status int
}

func (w *watch) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watch) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *watch) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// connectionAddr is the address of the connection itself.
func connectionAddr(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr().Unmap()
}
