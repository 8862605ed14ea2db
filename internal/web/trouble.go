package web

import (
	"maps"
	"net/http"
	"path"

	"holdfast.dev/holdfast/internal/problem"
)

// trouble tells a form's error for the page that holds the form. It is nil where
// the error is not the form's: then another page takes its place. Headers of the
// answer are set, its status is returned.
func (s *site) trouble(w http.ResponseWriter, r *http.Request, err error, field string) (*trouble, int) {
	p := s.refusal(r, err)
	t := describe(p, field)
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
	case "too-many-requests":
		return &trouble{"That was too often", []string{"Please try again in " + lasting(p.RetryAfter()) + ". Trying earlier does not help."}, ""}
	case "destination-refused":
		return &trouble{"We cannot send a code there", []string{sentence(p.Detail, "Choose another contact or another number.")}, field}
	case "no-route":
		return &trouble{"We cannot send a code that way now", []string{"Choose another contact or another way."}, field}
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

// sentence writes a reason as a sentence, or another one where there is no reason.
func sentence(reason, otherwise string) string {
	if reason == "" {
		return otherwise
	}
	return upper(reason) + "."
}
