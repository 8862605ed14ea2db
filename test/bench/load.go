package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// load asks one URL over kept connections for a bounded time.
type load struct {
	url, token string
	// bodies are sent one after the other, again and again.
	bodies [][]byte
	// clients ask at the same time.
	clients int
	// warm passes before lasts is measured.
	warm, lasts time.Duration
}

func (l load) run(ctx context.Context) (figures, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: l.clients, MaxConnsPerHost: l.clients, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	begin := time.Now().Add(l.warm)
	end := begin.Add(l.lasts)
	used := make(chan time.Duration, 1)
	time.AfterFunc(l.warm, func() { used <- cpuUsed() })

	took := make([][]time.Duration, l.clients)
	group, ctx := errgroup.WithContext(ctx)
	for worker := range l.clients {
		group.Go(func() error {
			// Workers start apart from each other, so that every kind is asked at any time.
			for i := worker * len(l.bodies) / l.clients; ; i++ {
				asked := time.Now()
				if asked.After(end) {
					return nil
				}
				if err := l.ask(ctx, client, l.bodies[i%len(l.bodies)]); err != nil {
					return err
				}
				if done := time.Now(); asked.After(begin) && done.Before(end) {
					took[worker] = append(took[worker], done.Sub(asked))
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return figures{}, err
	}
	f := figures{took: l.lasts, cpu: cpuUsed() - <-used}
	for _, t := range took {
		f.each = append(f.each, t...)
	}
	if f.ops = len(f.each); f.ops == 0 {
		return figures{}, fmt.Errorf("%s answered nothing in %s", l.url, l.lasts)
	}
	return f, nil
}

func (l load) ask(ctx context.Context, client *http.Client, body []byte) error {
	answer, err := l.post(ctx, client, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", l.url, answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func (l load) post(ctx context.Context, client *http.Client, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+l.token)
	r.Header.Set("Content-Type", "application/json")
	return client.Do(r)
}
