package deliver

import (
	"encoding/json"
	"time"

	"holdfast.dev/holdfast/internal/outbound"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

// webhookReceipt is the type of the call by which a gateway tells what became of a
// message. No call of ours has it: nobody can send one of ours back to us.
const webhookReceipt = "message.receipt"

// readWebhook reads a receipt that the gateway signed with the secret by which our calls
// are signed. The signature does not cover the URL: the body names the message.
func readWebhook(data map[string][]byte, call receipt.Call, now time.Time) (receipt.Receipt, error) {
	signers, problem := outbound.NewSigners(string(data["secret"]))
	if problem != "" || !signers.Verified(call.Header, now, call.Body) {
		return receipt.Receipt{}, receipt.ErrUnproven
	}
	var told struct {
		Type string `json:"type"`
		Data struct {
			ID      string          `json:"id"`
			Outcome receipt.Outcome `json:"outcome"`
			Reason  receipt.Reason  `json:"reason"`
		} `json:"data"`
	}
	if err := json.Unmarshal(call.Body, &told); err != nil {
		return receipt.Receipt{}, receipt.ErrUnreadable
	}
	if told.Type != webhookReceipt {
		return receipt.Receipt{}, nil // theirs, but nothing that this version knows
	}
	r := receipt.Receipt{Message: told.Data.ID, Outcome: told.Data.Outcome, Reason: told.Data.Reason}
	if !r.Valid() {
		return receipt.Receipt{}, receipt.ErrUnreadable
	}
	return r, nil
}
