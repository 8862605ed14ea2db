// Package problem turns errors into answers: one map from the use cases' errors to
// RFC 9457 problems, for pages, JSON and the service listener alike.
package problem

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// base precedes every problem type; the page behind it explains the problem.
const base = "https://holdfast.dev/problems/"

// Problem is an answer that says what went wrong, to whom and what to do. It never
// repeats what was submitted.
type Problem struct {
	Type   string   `json:"type" format:"uri" doc:"Stable name of the problem."`
	Title  string   `json:"title" doc:"The problem in a few words; the same every time."`
	Status int      `json:"status" doc:"HTTP status code."`
	Detail string   `json:"detail,omitempty" doc:"What happened here and what to do."`
	Errors []Detail `json:"errors,omitempty" doc:"What is wrong where in the request."`
	// Reasons and Suggestions explain a refused password.
	Reasons     []string `json:"reasons,omitempty" doc:"Why a password was refused."`
	Suggestions []string `json:"suggestions,omitempty" doc:"What makes a password acceptable."`

	retryAfter time.Duration
}

// Detail is one fault of a request, without the faulty value.
type Detail struct {
	Location string `json:"location" doc:"Where: body.account, path.namespace."`
	Message  string `json:"message" doc:"What is wrong with it."`
}

func (p *Problem) Error() string { return p.Title }

// GetStatus is the HTTP status code.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is application/problem+json.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders carries Retry-After, in whole seconds rounded up.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	return h
}

// RetryAfter is how long to wait; zero if it does not matter.
func (p *Problem) RetryAfter() time.Duration { return p.retryAfter }

// known lists the errors in the order in which they are looked for.
var known = []struct {
	err    error
	status int
	name   string
	title  string
	retry  time.Duration
}{
	{rules.ErrUnauthenticated, 401, "unauthenticated", "The token is missing, expired or not for the audience holdfast", 0},
	{rules.ErrForbidden, 403, "forbidden", "The caller may not do this in this namespace", 0},
	{ticket.ErrInvalid, 410, "link-expired", "This link no longer works; sign in again to get a new one", 0},
	{rules.ErrTicketUsed, 410, "link-expired", "This link no longer works; sign in again to get a new one", 0},
	{rules.ErrNoFlow, 401, "no-flow", "This page has expired or was opened elsewhere; sign in again", 0},
	{rules.ErrNotFound, 404, "not-found", "There is no such thing here", 0},
	{rules.ErrGone, 410, "code-expired", "This code has expired or was replaced; ask for a new one", 0},
	{rules.ErrSpent, 410, "code-spent", "Too many wrong codes; sign in again to start over", 0},
	{rules.ErrWrongCode, 422, "code-wrong", "The code is not right", 0},
	{rules.ErrOrder, 409, "step-missing", "Another step comes first", 0},
	{rules.ErrOver, 410, "already-open", "The block has already ended; sign in", 0},
	{rules.ErrNoRoute, 422, "no-route", "No message can be sent this way at present; choose another", 0},
	{rules.ErrDestination, 422, "destination-refused", "A code cannot be sent there", 0},
	{rules.ErrRecorded, 409, "already-recorded", "The account already has security info", 0},
	{change.ErrEnded, 410, "change-ended", "The change has already ended; there is nothing left to do", 0},
	{change.ErrFirstFactor, 403, "first-factor", "This contact has cancelled a change before; sign in with the password first", 0},
	{change.ErrNotFull, 422, "destination-refused", "A code cannot be sent there", 0},
	{change.ErrProof, 409, "step-missing", "Another step comes first", 0},
	{rules.ErrOpenMatter, 409, "open-matter", "The account has an open block, change or recovery", 0},
	{rules.ErrKeyReused, 422, "idempotency-key-reused", "This Idempotency-Key was used for another request; use a new key for each", 0},
	{rules.ErrIdentityRefused, 422, "password-refused", "The service refused this password; choose another", 0},
	{rules.ErrIdentity, 502, "identity-unavailable", "The service that keeps the password did not answer; nothing was changed", 10 * time.Second},
	{rules.ErrIssuer, 503, "sign-in-unavailable", "The service at which people sign in did not answer; nothing was changed", 10 * time.Second},
	{rules.ErrSignIn, 403, "sign-in-unfinished", "This sign-in was not finished; start again", 0},
	{rules.ErrBlocked, 403, "account-blocked", "The account is blocked; sign in where you always do to get a link that opens it", 0},
	{rules.ErrUnavailable, 503, "unavailable", "Holdfast cannot answer right now; nothing was changed", 2 * time.Second},
}

// From is the answer to an error. What it does not know becomes a 500 that says
// nothing about its cause.
func From(err error) *Problem {
	var done *Problem
	if errors.As(err, &done) {
		return done
	}
	var limit *rules.LimitError
	if errors.As(err, &limit) {
		return &Problem{
			Type: base + "too-many-requests", Title: "Too many requests", Status: http.StatusTooManyRequests,
			Detail:     "Wait before you try again; trying earlier does not help.",
			retryAfter: max(limit.RetryAfter, time.Second),
		}
	}
	var frozen *change.FrozenError
	if errors.As(err, &frozen) {
		return &Problem{
			Type: base + "security-info-frozen", Title: "A change of the security info is on hold; until it ends none is added or removed",
			Detail: frozen.Error(), Status: http.StatusConflict,
		}
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return &Problem{Type: base + k.name, Title: k.title, Status: k.status, retryAfter: k.retry}
		}
	}
	return New(http.StatusInternalServerError, "internal", "Holdfast could not answer; its log says why")
}

// New is a problem of a given type name.
func New(status int, name, title string) *Problem {
	return &Problem{Type: base + name, Title: title, Status: status}
}

// Config is a huma configuration whose errors are problems and whose schema is
// served at openapi (a path without extension; empty serves none).
func Config(title, version, openapi string) huma.Config {
	huma.NewError = newError
	config := huma.DefaultConfig(title, version)
	config.CreateHooks = nil // they add $schema, built from the Host header
	config.DocsPath, config.SchemasPath = "", ""
	config.OpenAPIPath = openapi
	return config
}

// newError replaces huma's own, which echoes submitted values.
func newError(status int, message string, errs ...error) huma.StatusError {
	p := New(status, names[status], http.StatusText(status))
	p.Detail = message
	for _, err := range errs {
		var detailer huma.ErrorDetailer
		if errors.As(err, &detailer) {
			d := detailer.ErrorDetail()
			p.Errors = append(p.Errors, Detail{Location: d.Location, Message: d.Message})
		}
	}
	return p
}

var names = map[int]string{
	http.StatusBadRequest:            "bad-request",
	http.StatusNotFound:              "not-found",
	http.StatusMethodNotAllowed:      "method-not-allowed",
	http.StatusNotAcceptable:         "not-acceptable",
	http.StatusRequestTimeout:        "request-timeout",
	http.StatusRequestEntityTooLarge: "too-large",
	http.StatusUnsupportedMediaType:  "media-type",
	http.StatusUnprocessableEntity:   "invalid-request",
	http.StatusMisdirectedRequest:    "unknown-host",
	http.StatusInternalServerError:   "internal",
}
