package shop

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// event is what Holdfast tells the shop.
type event struct {
	Type string `json:"type"`
	Data struct {
		Account        string `json:"account"`
		Password       string `json:"password"`
		RevokeSessions bool   `json:"revokeSessions"`
	} `json:"data"`
}

// takeWebhook applies an event once. The signature covers ID, time and body; the ID is
// the deed's, so that a retry repeats nothing.
func (s *Shop) takeWebhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "body too long or cut short", http.StatusBadRequest)
		return
	}
	if err := s.webhooks.Verify(body, r.Header); err != nil {
		http.Error(w, "signature refused", http.StatusUnauthorized)
		return
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, "body is no JSON event", http.StatusBadRequest)
		return
	}
	err = s.apply(e, r.Header.Get(standardwebhooks.HeaderWebhookID))
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, errUnknownAccount), errors.Is(err, errSamePassword),
		errors.Is(err, errPasswordLength), errors.Is(err, errUnknownEvent):
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	default:
		s.log.Printf("webhook %s of account %s: %v", e.Type, e.Data.Account, err)
		http.Error(w, "not applied; try again", http.StatusInternalServerError)
	}
}

var errUnknownEvent = errors.New("unknown event type")

func (s *Shop) apply(e event, deed string) error {
	var change Change
	revoke := e.Data.RevokeSessions
	switch e.Type {
	case "account.set_password":
		change = SetPassword(e.Data.Password)
	case "account.require_password_change":
		change = RequireChange
	case "account.revoke_sessions":
		change, revoke = func(*Account) error { return nil }, true
	default:
		return errUnknownEvent
	}
	done, err := s.accounts.Apply(e.Data.Account, deed, change, s.now())
	if done && revoke {
		s.sessions.revoke(e.Data.Account)
	}
	return err
}
