package deliver

import (
	"context"
	"net/http"

	lookups "github.com/twilio/twilio-go/rest/lookups/v2"

	"holdfast.dev/holdfast/internal/outbound"
	"holdfast.dev/holdfast/internal/rules/line"
	"holdfast.dev/holdfast/internal/rules/message"
)

// twilioLines are the types of Twilio's line type intelligence
// (https://www.twilio.com/docs/lookup/v2-api/line-type-intelligence).
var twilioLines = map[string]line.Kind{
	"mobile": line.Mobile, "landline": line.Landline, "fixedVoip": line.VoIP, "nonFixedVoip": line.VoIP,
	"premium": line.Premium, "sharedCost": line.SharedCost, "tollFree": line.TollFree, "pager": line.Pager,
	"personal": line.Personal, "uan": line.Company, "voicemail": line.Voicemail,
}

// LooksUp implements looker.
func (s *twilioSender) LooksUp() bool { return s.secret.looksUp }

// Line implements looker by one call of Twilio's Lookup v2.
func (s *twilioSender) Line(ctx context.Context, number string) (line.Kind, error) {
	if !numberShape.MatchString(number) {
		return line.Invalid, nil
	}
	if !s.allow.Allows(outbound.Address(s.secret.lookups)) {
		return line.Unasked, failure(message.Misconfigured, "endpoint")
	}
	e := &exchange{ctx: ctx, base: endpoint{s.transport, s.secret.lookups}}
	found, err := lookups.NewApiService(s.handler(e)).
		FetchPhoneNumber(number, new(lookups.FetchPhoneNumberParams).SetFields("line_type_intelligence"))
	switch {
	case e.status == 0:
		return line.Unasked, e.unanswered(err)
	case e.status != http.StatusOK:
		return line.Unasked, e.answered(message.Misconfigured)
	case err != nil || found.PhoneNumber == nil:
		return line.Unasked, failure(message.Misconfigured, "answer") // not Twilio's API
	case !found.Valid:
		return line.Invalid, nil
	}
	if kind, ok := twilioLines[found.LineTypeIntelligence.Type]; ok {
		return kind, nil
	}
	return line.Unknown, nil // also where the country's carriers tell nothing
}
