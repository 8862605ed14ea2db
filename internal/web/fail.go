package web

import (
	"errors"
	"maps"
	"net/http"
	"path"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/problem"
	"holdfast.dev/holdfast/internal/rules"
)

// answer is the problem behind an error, for pages and JSON alike.
func answer(err error) *problem.Problem {
	p := problem.From(err)
	var weak *flow.WeakPasswordError
	switch {
	case errors.As(err, &weak):
		p = problem.New(http.StatusUnprocessableEntity, "password-weak", "The password is refused")
		p.Reasons, p.Suggestions = texts(weak.Strength.Reasons), weak.Strength.English()
	case errors.Is(err, rules.ErrDestination):
		p.Detail = reason(err, rules.ErrDestination)
	case errors.Is(err, rules.ErrNoRoute):
		p.Detail = reason(err, rules.ErrNoRoute)
	}
	return p
}

// reason is what follows a sentinel: words for the person, without any address.
func reason(err, sentinel error) string {
	_, words, _ := strings.Cut(err.Error(), sentinel.Error()+": ")
	return words
}

// refusal answers an error and logs the cause of what the caller is not told.
func (s *site) refusal(r *http.Request, err error) *problem.Problem {
	p := answer(err)
	if p.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		s.Log.Info("request failed", "route", r.Pattern, "status", p.Status, "type", p.Type, "cause", err.Error())
	}
	return p
}

// fail answers a request with an error: a problem for the API, a page otherwise.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := s.refusal(r, err)
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="holdfast"`)
	}
	if isAPI(r) {
		problem.Write(w, p)
		return
	}
	maps.Copy(w.Header(), p.GetHeaders())
	e, known := explanations[path.Base(p.Type)]
	if !known {
		e = explanation{Heading: p.Title}
	}
	s.render(w, p.Status, "error", page{Title: e.Heading, Data: errorPage{e, p.RetryAfter()}})
}

// errorPage is what the page of a failure shows.
type errorPage struct {
	explanation
	RetryAfter time.Duration
}

func texts[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
