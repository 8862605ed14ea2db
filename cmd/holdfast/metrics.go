package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"holdfast.dev/holdfast/internal/problem"
	"holdfast.dev/holdfast/internal/rules"
)

// serveMetrics serves /metrics over HTTPS to bearers whose RBAC lets them get it.
func (r *replica) serveMetrics(ctx context.Context, group *errgroup.Group) error {
	if r.metricsAddr == "0" {
		return nil
	}
	server, err := metricsserver.NewServer(metricsserver.Options{
		BindAddress: r.metricsAddr, SecureServing: true,
		FilterProvider: func(*rest.Config, *http.Client) (metricsserver.Filter, error) { return r.scrapers, nil },
	}, r.leader.config, &http.Client{Timeout: answerTimeout})
	if err != nil {
		return fmt.Errorf("open the metrics listener at %s (--metrics-addr): %w", r.metricsAddr, err)
	}
	group.Go(func() error { return server.Start(ctx) })
	return nil
}

// scrapers lets those through who may get the path.
func (r *replica) scrapers(_ logr.Logger, next http.Handler) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
		err := rules.ErrUnauthenticated
		if ok && token != "" {
			err = r.access.AllowPath(req.Context(), token, req.URL.Path)
		}
		if err != nil {
			problem.Write(w, problem.From(err))
			return
		}
		next.ServeHTTP(w, req)
	}), nil
}
