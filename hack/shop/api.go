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
	Prompt             string     `json:"prompt,omitempty"`
	PromptBy           *time.Time `json:"promptBy,omitempty"`
	SecurityInfoURL    string     `json:"securityInfoUrl,omitempty"`
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
	d := res.decision
	answer := signInAnswer{
		Reasons: d.Reasons, Until: d.Until, UnblockURL: d.Links["unblock"],
		Prompt: d.Prompt, PromptBy: d.PromptBy, SecurityInfoURL: d.Links["securityInfo"],
	}
	switch res.outcome {
	case signedIn:
		s.sessions.start(w, res.account.ID, s.now())
		answer.SignedIn, answer.MustChangePassword = true, res.account.MustChange
		writeJSON(w, http.StatusOK, answer)
	case challenged:
		writeJSON(w, http.StatusForbidden, answer)
	case blocked:
		answer.Blocked = true
		writeJSON(w, http.StatusForbidden, answer)
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
