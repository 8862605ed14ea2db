package shop

import (
	"encoding/json"
	"mime"
	"net"
	"net/http"
	"time"
)

// signInAnswer is what POST /api/signin answers.
type signInAnswer struct {
	SignedIn           bool       `json:"signedIn,omitempty"`
	MustChangePassword bool       `json:"mustChangePassword,omitempty"`
	Blocked            bool       `json:"blocked,omitempty"`
	Reasons            []string   `json:"reasons,omitempty"`
	Until              *time.Time `json:"until,omitempty"`
	UnblockURL         string     `json:"unblockUrl,omitempty"`
	Error              string     `json:"error,omitempty"`
}

// postSignInJSON signs in by JSON {account, password}.
func (s *Shop) postSignInJSON(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Account  string `json:"account"`
		Password string `json:"password"`
	}
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType != "application/json" {
		writeJSON(w, http.StatusUnsupportedMediaType, signInAnswer{Error: "send application/json"})
		return
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		writeJSON(w, http.StatusBadRequest, signInAnswer{Error: "body is not {account, password}"})
		return
	}
	res := s.signIn(r.Context(), in.Account, in.Password, network(r))
	switch res.outcome {
	case signedIn:
		s.sessions.start(w, res.account.ID, s.now())
		writeJSON(w, http.StatusOK, signInAnswer{SignedIn: true, MustChangePassword: res.account.MustChange})
	case blocked:
		writeJSON(w, http.StatusForbidden, signInAnswer{
			Blocked: true, Reasons: res.reasons, Until: res.until, UnblockURL: res.links["unblock"],
		})
	case unavailable:
		writeJSON(w, http.StatusServiceUnavailable, signInAnswer{Error: "sign-in is not possible now: the protection of accounts does not answer"})
	default:
		writeJSON(w, http.StatusUnauthorized, signInAnswer{Error: "account or password is wrong"})
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// network is the address that a request comes from.
func network(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
