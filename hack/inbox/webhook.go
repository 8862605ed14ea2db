package inbox

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// webhookCall is what a provider of type Webhook posts (docs/providers.md).
type webhookCall struct {
	Type string `json:"type"`
	Data struct {
		ID         string `json:"id"`
		Channel    string `json:"channel"`
		To         string `json:"to"`
		From       string `json:"from"`
		FromName   string `json:"fromName"`
		Subject    string `json:"subject"`
		Text       string `json:"text"`
		HTML       string `json:"html"`
		ReceiptURL string `json:"receiptUrl"`
	} `json:"data"`
}

// seen are the IDs of webhooks that were taken: a copy is answered and dropped.
type seen struct{ ids sync.Map }

func (s *seen) first(id string) bool {
	_, before := s.ids.LoadOrStore(id, true)
	return !before
}

func (s *seen) forget(id string) { s.ids.Delete(id) }

// takeWebhook verifies the signature and keeps the message.
func (i *Inbox) takeWebhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessageBytes))
	if err != nil {
		http.Error(w, "the call is too big or broke off", http.StatusBadRequest)
		return
	}
	verifier, err := standardwebhooks.NewWebhook(i.credentials.WebhookSecret)
	if err != nil || i.credentials.WebhookSecret == "" || verifier.Verify(body, r.Header) != nil {
		http.Error(w, "the signature does not match", http.StatusUnauthorized)
		return
	}
	var call webhookCall
	if err := json.Unmarshal(body, &call); err != nil {
		http.Error(w, "the body is no JSON", http.StatusUnsupportedMediaType)
		return
	}
	switch id := r.Header.Get(standardwebhooks.HeaderWebhookID); {
	case call.Type != "message.send": // a check, or what a later version tells
	case call.Data.To == "":
		http.Error(w, "there is nobody to send it to", http.StatusUnprocessableEntity)
		return
	case i.taken.first(id):
		if err := i.box.Add(call.message(i)); err != nil {
			i.taken.forget(id)
			http.Error(w, "the message cannot be kept", http.StatusInternalServerError)
			return
		}
		defer i.tellWebhook(call.Data.ReceiptURL, call.Data.ID, call.Data.To)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (c webhookCall) message(i *Inbox) Message {
	from := c.Data.From
	if from == "" {
		from = c.Data.FromName
	}
	return Message{
		Channel: c.Data.Channel, To: c.Data.To, From: from, Subject: c.Data.Subject,
		Text: c.Data.Text, HTML: c.Data.HTML, ReceivedAt: i.now().UTC(),
	}
}
