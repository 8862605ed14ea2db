package web

import (
	"errors"
	"maps"
	"net/http"
	"path"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/problem"
	"holdfast.dev/holdfast/internal/rules"
)

// answer is the problem behind an error, for pages and JSON alike.
func answer(err error) *problem.Problem {
	p := problem.From(err)
	var weak *flow.WeakPasswordError
	var refused *rules.RefusalError
	switch {
	case errors.As(err, &weak):
		p = problem.New(http.StatusUnprocessableEntity, "password-weak", "The password is refused")
		p.Reasons, p.Suggestions = texts(weak.Strength.Reasons), weak.Strength.English()
	case errors.As(err, &refused):
		p.Detail = refused.Detail()
	}
	return p
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
	v, name := s.voice(r), path.Base(p.Type)
	if !v.Has("error." + name + ".heading") {
		name = "unknown"
	}
	s.render(w, r, p.Status, "error", page{
		Title: "error." + name + ".heading",
		Data:  errorPage{v.Say("error." + name + ".text"), resumable[name], p.RetryAfter()},
	})
}

// errorPage is what the page of a failure shows: what happened and what to do.
type errorPage struct {
	Text string
	// Resume offers the way back into a flow that may still live.
	Resume     bool
	RetryAfter time.Duration
}

// resumable are the problems, by the last part of their type, after which a flow that was
// open may go on.
var resumable = map[string]bool{
	"link-expired": true, "step-missing": true, "code-expired": true, "too-many-requests": true, "cross-origin": true, "too-large": true,
	"media-type": true, "bad-request": true, "internal": true, "unavailable": true, "identity-unavailable": true,
}

func texts[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
