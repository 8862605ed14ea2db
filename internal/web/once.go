package web

import (
	"net/http"
	"strings"

	"holdfast.dev/holdfast/internal/problem"
)

// maxKey bounds an Idempotency-Key, in bytes.
const maxKey = 255

// Once is what a POST that sends may carry
// (draft-ietf-httpapi-idempotency-key-header).
type Once struct {
	Key string `header:"Idempotency-Key" doc:"Names the request, such as a UUID: repeated under it in the same flow, it sends one message and gets one answer, for as long as the flow lives. 1 to 255 visible ASCII characters, in quotation marks or without."`
}

// key is what the header says, empty without one. It is set apart from the keys that
// forms make.
func (h Once) key() (string, error) {
	if h.Key == "" {
		return "", nil
	}
	key, quoted := h.Key, false
	if inner, ok := strings.CutPrefix(key, `"`); ok {
		key, quoted = strings.CutSuffix(inner, `"`)
		if !quoted {
			return "", badKey()
		}
	}
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, odd) {
		return "", badKey()
	}
	return "header " + key, nil
}

func badKey() error {
	p := problem.New(http.StatusBadRequest, "idempotency-key-invalid", "The Idempotency-Key cannot be used")
	p.Detail = "Give 1 to 255 visible ASCII characters without quotation marks and backslashes inside, such as a UUID."
	return p
}

// formKey names the sending of a form by what it asks for and by the code that it
// would replace: a double click is one deed, the same wish at a newer code another.
func formKey(parts ...string) string { return "form " + strings.Join(parts, "\x00") }
