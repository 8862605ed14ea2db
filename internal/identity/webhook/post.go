package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"holdfast.dev/holdfast/internal/rules"
)

// maxAnswer is how much of an answer is read, in bytes, to keep the connection;
// nothing of it is looked at.
const maxAnswer = 16 << 10

// newClient follows no redirect: a password goes to the named endpoint only.
func newClient(t target) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:        t.tls,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// passing is a failure that may pass; after is what the IdP asked to wait, 0 if
// it asked nothing.
type passing struct {
	problem string
	after   time.Duration
}

func (e *passing) Error() string { return e.problem }
func (e *passing) Unwrap() error { return rules.ErrIdentity }

// insist makes tries until one succeeds, fails for good, or the budget is spent.
func (w *Webhook) insist(ctx context.Context, try func(context.Context) error) error {
	o := w.options
	retry := retrypolicy.NewBuilder[any]().
		WithMaxAttempts(o.Tries).
		WithBackoff(o.Pause, max(o.Budget, 2*o.Pause)).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[any]) time.Duration {
			var p *passing
			if errors.As(e.LastError(), &p) && p.after > 0 {
				return p.after
			}
			return -1 // the backoff
		}).
		AbortIf(func(_ any, err error) bool {
			var p *passing
			return !errors.As(err, &p) || p.after > o.Budget
		}).
		ReturnLastFailure().
		Build()
	err := failsafe.With(retry).WithContext(ctx).RunWithExecution(func(e failsafe.Execution[any]) error {
		ctx, cancel := context.WithTimeout(e.Context(), o.Timeout)
		defer cancel()
		return try(ctx)
	})
	if err != nil && !errors.Is(err, rules.ErrIdentity) && !errors.Is(err, rules.ErrIdentityRefused) {
		return fmt.Errorf("the request's time is over: %w", rules.ErrIdentity)
	}
	return err
}

// post makes one signed call. Its errors carry neither the URL nor the answer.
func (w *Webhook) post(ctx context.Context, c *caller, key, deed string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.target.url.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s cannot be asked: %w", deed, rules.ErrIdentity)
	}
	if err := sign(request, c.target, key, w.options.Now(), body); err != nil {
		return err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return &passing{problem: "no answer to " + deed + ", or no secure connection"}
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
	return w.judge(deed, response)
}

func sign(request *http.Request, t target, key string, now time.Time, body []byte) error {
	signatures := make([]string, 0, maxSecrets)
	for _, signer := range t.signers {
		signature, err := signer.Sign(key, now, body)
		if err != nil {
			return fmt.Errorf("the call cannot be signed: %w", rules.ErrIdentity)
		}
		signatures = append(signatures, signature)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "holdfast")
	request.Header.Set(standardwebhooks.HeaderWebhookID, key)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}

// judge turns a status into an outcome. What another try cannot change is not
// tried again.
func (w *Webhook) judge(deed string, response *http.Response) error {
	status := response.StatusCode
	problem := fmt.Sprintf("it answered %d to %s", status, deed)
	switch {
	case status/100 == 2:
		return nil
	case deed == setPassword && (status == http.StatusBadRequest || status == http.StatusConflict || status == http.StatusUnprocessableEntity):
		return rules.ErrIdentityRefused
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return &passing{problem, retryAfter(response.Header.Get("Retry-After"), w.options.Now())}
	case status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooEarly:
		return &passing{problem, 0}
	default:
		return fmt.Errorf("%s: %w", problem, rules.ErrIdentity)
	}
}

// retryAfter reads seconds or an HTTP date; 0 where there is neither.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
