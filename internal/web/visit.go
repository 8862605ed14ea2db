package web

import (
	"net/http"
	"strings"

	"holdfast.dev/holdfast/internal/flow"
)

// cookieName has the prefix that binds a cookie to its host (H5).
const cookieName = "__Host-holdfast"

// maxCredential bounds a cookie or a ticket, in bytes.
const maxCredential = 4096

// host is the name that was asked for, as tickets and policies write it. A proxy
// must keep it; X-Forwarded-Host is not believed.
func (s *site) host(r *http.Request) string {
	host := strings.ToLower(r.Host)
	switch s.Scheme {
	case "https":
		return strings.TrimSuffix(host, ":443")
	case "http":
		return strings.TrimSuffix(host, ":80")
	default:
		return host
	}
}

// visit is how the request comes: with the cookie, or without one with a ticket.
func (s *site) visit(r *http.Request) flow.Visit {
	v := flow.Visit{Host: s.host(r), Network: s.ClientAddr(r)}
	if cookie, err := r.Cookie(cookieName); err == nil && cookie.Value != "" && len(cookie.Value) <= maxCredential {
		v.Credential = cookie.Value
		return v
	}
	if ticket, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && len(ticket) <= maxCredential {
		v.Ticket = ticket
	}
	return v
}

// credentialCookie carries a credential until the browser closes. It always holds
// what the desk has just made, never what came with a request.
func credentialCookie(credential string) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: credential, Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// isAPI says whether a request is answered in JSON.
func isAPI(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/v1/") || r.URL.Path == openAPIPath
}
