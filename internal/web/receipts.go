package web

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"holdfast.dev/holdfast/internal/problem"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

const (
	// receiptPath begins the address that providers are given; what follows names policy
	// and provider.
	receiptPath = "/v1/receipts/"
	// maxReceipt bounds a receipt's body, in bytes: Twilio's have less than 2 KiB.
	maxReceipt = 16 << 10
)

// isReceipt says whether a provider calls, in a form or in JSON.
func isReceipt(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, receiptPath) }

type receiptInput struct {
	Policy   string `path:"policy" maxLength:"253" doc:"Name of the VerificationPolicy."`
	Provider string `path:"provider" maxLength:"63" doc:"Name of the provider in it."`
	Message  string `query:"message" maxLength:"128" doc:"ID of the message, as the address says that the provider was given."`
	Twilio   string `header:"X-Twilio-Signature" maxLength:"128" doc:"Of a provider of type Twilio: over the address and the form."`
	Webhook  string `header:"webhook-signature" maxLength:"1024" doc:"Of a provider of type Webhook, with webhook-id and webhook-timestamp: as Standard Webhooks says."`
	RawBody  []byte `contentType:"application/x-www-form-urlencoded"`
}

// Receipt is what a gateway of type Webhook tells; Twilio sends its own form.
type Receipt struct {
	Type string      `json:"type" enum:"message.receipt" doc:"Other types are answered 204 and change nothing."`
	Data ReceiptData `json:"data"`
}

// ReceiptData says what became of one message.
type ReceiptData struct {
	ID      string          `json:"id" maxLength:"128" doc:"The message's, as the gateway was given it."`
	Outcome receipt.Outcome `json:"outcome" enum:"Delivered,Unreachable,Rejected,Failed"`
	Reason  receipt.Reason  `json:"reason,omitempty" enum:"Landline,VoIP,UnknownSubscriber,Blocked" doc:"With Rejected alone."`
}

// apiReceipt takes what a provider tells of a message. All whom no signature proves get
// the same answer, and all who are proved, whatever became of the message here.
func (s *site) apiReceipt(ctx context.Context, in *receiptInput) (*struct{}, error) {
	r := callOf(ctx).request
	err := s.Desk.TakeReceipt(ctx, s.host(r), in.Policy, in.Provider, receipt.Call{
		Message: in.Message, Header: r.Header.Get, Body: in.RawBody,
	})
	switch {
	case errors.Is(err, receipt.ErrUnproven):
		err = problem.New(http.StatusForbidden, "receipt-refused", "No signature proves that a provider of this policy tells this")
	case errors.Is(err, receipt.ErrUnreadable):
		err = problem.New(http.StatusUnprocessableEntity, "receipt-unreadable", "The receipt tells no outcome that is known")
	}
	if err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return nil, nil
}

func (s *site) registerReceipts(api huma.API) {
	o := operation("take-receipt", http.MethodPost, receiptPath+"{policy}/{provider}",
		"For providers: tell what became of a message. It is advice to the person who waits and changes nothing else", http.StatusNoContent, nil)
	o.MaxBodyBytes = maxReceipt
	huma.Register(api, o, s.apiReceipt)
	// Only described here: the signature is checked before anything is read.
	document := api.OpenAPI()
	document.Paths[o.Path].Post.RequestBody.Content["application/json"] = &huma.MediaType{
		Schema: document.Components.Schemas.Schema(reflect.TypeFor[Receipt](), true, ""),
	}
}
