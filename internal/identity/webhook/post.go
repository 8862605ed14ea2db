package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"holdfast.dev/holdfast/internal/outbound"
	"holdfast.dev/holdfast/internal/rules"
)

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
	if err := c.target.signers.Sign(request.Header, key, w.options.Now(), body); err != nil {
		return fmt.Errorf("%s cannot be signed: %w", deed, rules.ErrIdentity)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return &passing{problem: "no answer to " + deed + ", or no secure connection"}
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, outbound.MaxAnswer) // keeps the connection
	return w.judge(deed, response)
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
		return &passing{problem, outbound.RetryAfter(response.Header, w.options.Now())}
	case status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooEarly:
		return &passing{problem, 0}
	default:
		return fmt.Errorf("%s: %w", problem, rules.ErrIdentity)
	}
}
