package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

const (
	// drain is how long requests under way may finish at the end.
	drain = 10 * time.Second
	// headerTimeout and the others keep slow clients from holding connections.
	headerTimeout = 5 * time.Second
	bodyTimeout   = 15 * time.Second
	answerTimeout = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	headerBytes   = 32 << 10
)

// listener is one of the binary's surfaces.
type listener struct {
	name, addr string
	handler    http.Handler
	// cert and key make it HTTPS; both empty leave it HTTP.
	cert, key string
}

// start opens the listener and serves it in the group until ctx ends. A taken
// address fails at once and is named.
func (l listener) start(ctx context.Context, group *errgroup.Group) error {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.addr)
	if err != nil {
		return fmt.Errorf("open the %s listener at %s (--%s-addr): %w", l.name, l.addr, l.name, err)
	}
	server := &http.Server{
		Handler: l.handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout,
		WriteTimeout: answerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes,
	}
	if l.cert != "" {
		watcher, err := certwatcher.New(l.cert, l.key)
		if err != nil {
			return fmt.Errorf("certificate of the %s listener: %w", l.name, err)
		}
		group.Go(func() error { return watcher.Start(ctx) })
		socket = tls.NewListener(socket, &tls.Config{
			MinVersion: tls.VersionTLS12, GetCertificate: watcher.GetCertificate, NextProtos: []string{"http/1.1"},
		})
	}
	group.Go(func() error {
		if err := server.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("the %s listener at %s broke off: %w", l.name, l.addr, err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		return server.Shutdown(ending)
	})
	return nil
}

// probes answers the kubelet: alive as long as it runs, ready once it may answer.
func probes(ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}
