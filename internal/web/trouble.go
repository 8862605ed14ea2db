package web

import (
	"errors"
	"maps"
	"net/http"
	"path"
	"slices"

	"holdfast.dev/holdfast/internal/problem"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// trouble tells a form's error for the page that holds the form. It is nil where
// the error is not the form's: then another page takes its place. Headers of the
// answer are set, its status is returned.
func (s *site) trouble(w http.ResponseWriter, r *http.Request, err error, field string) (*trouble, int) {
	p := s.refusal(r, err)
	t := describe(p, field)
	var limit *rules.LimitError
	if errors.As(err, &limit) {
		t = slowedDown(limit.Subject, lasting(p.RetryAfter()))
	}
	if t != nil {
		maps.Copy(w.Header(), p.GetHeaders())
	}
	return t, p.Status
}

func describe(p *problem.Problem, field string) *trouble {
	name := path.Base(p.Type)
	e := explanations[name]
	switch name {
	case "code-wrong":
		return &trouble{"This code is not right", []string{"Enter the newest code. Use the digits in the body of the message, not those in its header or sender."}, field}
	case "code-unreadable":
		return &trouble{"This is not a code", []string{"A security code has digits only."}, field}
	case "code-expired":
		return &trouble{e.Heading, []string{e.Text}, ""}
	case "code-spent":
		return &trouble{e.Heading, []string{e.Text}, ""}
	case "destination-refused":
		return &trouble{"We cannot send a code there", []string{sentence(p.Detail, "Choose another contact or another number.")}, field}
	case "no-route":
		return &trouble{"We cannot send a code that way now", []string{sentence(p.Detail, "Choose another contact or another way.")}, field}
	case "password-weak":
		return &trouble{"Choose another password", p.Suggestions, field}
	case "password-refused":
		return &trouble{"Choose another password", []string{"The service that keeps your password did not take this one. Perhaps you used it before."}, field}
	case "identity-unavailable":
		return &trouble{e.Heading, []string{e.Text}, ""}
	default:
		return nil
	}
}

// takenNumbers says which numbers get a code on one of the channels.
func takenNumbers(channels []contact.Channel) string {
	switch {
	case !slices.Contains(channels, contact.Voice):
		return "Codes go to mobile phones, by text message."
	case !slices.Contains(channels, contact.SMS):
		return "Codes go to mobile phones and landlines, by automated call."
	default:
		return "Codes go to mobile phones, and by automated call to landlines too."
	}
}

// slowedDown tells a wait. It speaks of what the person sees and of nobody else's doing.
func slowedDown(subject, wait string) *trouble {
	switch subject {
	case "resend":
		return &trouble{"Please wait a little", []string{"The next code can be sent in " + wait + ". Trying earlier does not help."}, ""}
	case "method":
		return &trouble{"This way is paused", []string{"To protect your account, no codes go this way for another " + wait + ". Choose another way."}, ""}
	case "disowned":
		return &trouble{"Codes do not go there now", []string{"Somebody who gets messages there says that your account is not theirs. Check it for typing errors, or choose another way; it rests for " + wait + ", or until you have shown with another contact that it is you."}, ""}
	case "country", "prefix", "spend", "spend-country":
		return &trouble{"Codes are slow there", []string{"Texts and calls to this number are held back at the moment. Please try again in " + wait + ", or choose another way."}, ""}
	case "network":
		return &trouble{"That was too often", []string{"Many codes were asked for from your network. Please try again in " + wait + ", or use another network, such as mobile data."}, ""}
	default:
		return &trouble{"That was too often", []string{"Please try again in " + wait + ". Trying earlier does not help and can make the block longer."}, ""}
	}
}

// sentence writes a reason as a sentence, or another one where there is no reason.
func sentence(reason, otherwise string) string {
	if reason == "" {
		return otherwise
	}
	return upper(reason) + "."
}
