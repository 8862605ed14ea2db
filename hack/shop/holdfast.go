package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// Holdfast calls the service listener.
type Holdfast struct {
	// URL of the service listener and the tenant's namespace.
	URL, Namespace string
	// TokenFile holds a ServiceAccount token of the audience holdfast; it is read anew
	// when the token is refused.
	TokenFile string
	// Client has a timeout: a person is waiting.
	Client *http.Client

	mu    sync.Mutex
	token string
}

// Decision is Holdfast's answer.
type Decision struct {
	// Decision is Allow, Deny or Challenge.
	Decision string            `json:"decision"`
	Reasons  []string          `json:"reasons"`
	Until    *time.Time        `json:"until"`
	Links    map[string]string `json:"links"`
	// Prompt is what the person is asked at this sign-in, PromptBy when it can no longer
	// be put off.
	Prompt   string     `json:"prompt"`
	PromptBy *time.Time `json:"promptBy"`
}

// statusError is an answer that was not hoped for. The body is not kept: it is not for
// logs.
type statusError struct {
	what   string
	status int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s: Holdfast answered %d %s", e.what, e.status, http.StatusText(e.status))
}

// Decide asks whether an account may do something now. network is the person's address.
func (h *Holdfast) Decide(ctx context.Context, account, action, network string) (Decision, error) {
	var d Decision
	err := h.call(ctx, http.MethodPost, "decisions", map[string]string{"account": account, "action": action, "network": network}, &d)
	return d, err
}

// Signal reports what the shop saw. A wrong password names the method, which tells
// Holdfast that any stranger can cause it.
func (h *Holdfast) Signal(ctx context.Context, account, signal, network, method string) error {
	body := map[string]string{"account": account, "type": signal, "network": network}
	if method != "" {
		body["method"] = method
	}
	return h.call(ctx, http.MethodPost, "signals", body, nil)
}

// Import hands over the contacts that the shop has verified.
func (h *Holdfast) Import(ctx context.Context, account Account) error {
	contacts := []map[string]string{{"channel": "Email", "address": account.Email}}
	if account.Phone != "" {
		channel := "SMS"
		if account.Landline {
			channel = "Voice"
		}
		contacts = append(contacts, map[string]string{"channel": channel, "address": account.Phone})
	}
	body := map[string]any{"contacts": contacts, "language": "en"}
	return h.call(ctx, http.MethodPut, "accounts/"+url.PathEscape(account.ID)+"/security-info", body, nil)
}

func (h *Holdfast) call(ctx context.Context, method, path string, in, out any) error {
	status, body, err := h.send(ctx, method, path, in, false)
	if err == nil && status == http.StatusUnauthorized {
		status, body, err = h.send(ctx, method, path, in, true)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if status < 200 || status > 299 {
		return &statusError{method + " " + path, status}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s %s: Holdfast's answer is not the JSON expected: %w", method, path, err)
	}
	return nil
}

func (h *Holdfast) send(ctx context.Context, method, path string, in any, freshToken bool) (int, []byte, error) {
	token, err := h.readToken(freshToken)
	if err != nil {
		return 0, nil, err
	}
	content, err := json.Marshal(in)
	if err != nil {
		return 0, nil, err
	}
	address := fmt.Sprintf("%s/v1/namespaces/%s/%s", h.URL, h.Namespace, path)
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(content))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := h.Client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	return response.StatusCode, body, err
}

func (h *Holdfast) readToken(fresh bool) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.token == "" || fresh {
		content, err := os.ReadFile(h.TokenFile)
		if err != nil {
			return "", fmt.Errorf("read service token: %w", err)
		}
		h.token = strings.TrimSpace(string(content))
	}
	return h.token, nil
}
