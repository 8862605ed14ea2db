package web

import (
	"errors"
	"maps"
	"net/http"
	"path"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// trouble tells a form's error for the page that holds the form. It is nil where
// the error is not the form's: then another page takes its place. Headers of the
// answer are set, its status is returned.
func (s *site) trouble(w http.ResponseWriter, r *http.Request, err error, field string) (*trouble, int) {
	p := s.refusal(r, err)
	v := s.voice(r)
	t := v.describe(path.Base(p.Type), err, field)
	var limit *rules.LimitError
	if errors.As(err, &limit) {
		t = v.slowedDown(limit.Subject, p.RetryAfter())
	}
	if t != nil {
		maps.Copy(w.Header(), p.GetHeaders())
	}
	return t, p.Status
}

// describe tells a problem of a form by the last part of its type.
func (v *voice) describe(problem string, err error, field string) *trouble {
	switch problem {
	case "code-wrong":
		return &trouble{v.Say("trouble.codeWrong"), []string{v.Say("trouble.codeWrongHow")}, field}
	case "code-unreadable":
		return &trouble{v.Say("trouble.codeUnreadable"), []string{v.Say("trouble.codeUnreadableHow")}, field}
	case "code-expired", "code-spent", "identity-unavailable":
		return &trouble{v.Say("error." + problem + ".heading"), []string{v.Say("error." + problem + ".text")}, ""}
	case "destination-refused":
		return &trouble{v.Say("trouble.refused"), []string{v.reason(err, "trouble.refusedHow")}, field}
	case "no-route":
		return &trouble{v.Say("trouble.noRoute"), []string{v.reason(err, "trouble.noRouteHow")}, field}
	case "password-weak":
		var weak *flow.WeakPasswordError
		errors.As(err, &weak)
		return &trouble{v.Say("trouble.password"), v.hints(weak.Strength), field}
	case "password-refused":
		return &trouble{v.Say("trouble.password"), []string{v.Say("trouble.passwordRefused")}, field}
	default:
		return nil
	}
}

// reason says why no code goes somewhere, or what to do where that is not known.
func (v *voice) reason(err error, otherwise string) string {
	var refusal *rules.RefusalError
	if !errors.As(err, &refusal) {
		return v.Say(otherwise)
	}
	return v.Say(v.known("refused."+string(refusal.Reason), otherwise), "n", refusal.Count)
}

// takenNumbers says which numbers get a code on one of the channels.
func (v *voice) takenNumbers(channels []contact.Channel) string {
	switch {
	case !slices.Contains(channels, contact.Voice):
		return v.Say("trouble.takesMobiles")
	case !slices.Contains(channels, contact.SMS):
		return v.Say("trouble.takesCalls")
	default:
		return v.Say("trouble.takesBoth")
	}
}

// slowedDown tells a wait. It speaks of what the person sees and of nobody else's doing.
func (v *voice) slowedDown(subject string, wait time.Duration) *trouble {
	heading, how := "slow.often", "slow.oftenHow"
	switch subject {
	case "resend":
		heading, how = "slow.resend", "slow.resendHow"
	case "method":
		heading, how = "slow.method", "slow.methodHow"
	case "disowned":
		heading, how = "slow.disowned", "slow.disownedHow"
	case "country", "prefix", "spend", "spend-country":
		heading, how = "slow.number", "slow.numberHow"
	case "network":
		how = "slow.networkHow"
	}
	return &trouble{v.Say(heading), []string{v.Say(how, "in", v.In(wait), "wait", v.Lasting(wait))}, ""}
}
