package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
)

// clockPatience bounds one reading of the apiserver's clock.
const clockPatience = 10 * time.Second

// APIServerClock reads the apiserver's clock, which is compared before a hold ends (law
// 11).
type APIServerClock struct {
	client *http.Client
	url    string
}

// NewAPIServerClock returns the clock of the apiserver that a configuration leads to.
func NewAPIServerClock(config *rest.Config) (*APIServerClock, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("read the apiserver's clock: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("read the apiserver's clock: %w", err)
	}
	return &APIServerClock{client, base.JoinPath("version").String()}, nil
}

// Now is the date of the apiserver's answer, to the second.
func (c *APIServerClock) Now(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, clockPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the apiserver's clock: %w", err)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the apiserver's clock: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)) // so that the connection is used again
	at, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("read the apiserver's clock: its answer has no date: %w", err)
	}
	return at, nil
}
