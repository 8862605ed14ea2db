package kube_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"holdfast.dev/holdfast/internal/kube"
)

// A flood of bad tokens pushes no good caller out of memory.
func TestBadTokensDisplaceNoGoodOne(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := &reviewer{}
	access := kube.NewAccess(r.client(), func() time.Time { return now })
	ask := func() error { return access.Allow(t.Context(), "shop", "demo", "decisions") }
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		_ = access.Allow(t.Context(), fmt.Sprint("forged-", i), "demo", "decisions")
	}
	r.away = true
	if err := ask(); err != nil {
		t.Errorf("after a flood the good caller gets %v", err)
	}
}

// While the apiserver ponders bad tokens, a caller known from before is not kept
// waiting.
func TestBadTokensKeepNoKnownCallerWaiting(t *testing.T) {
	began, let := make(chan struct{}, 64), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var review authenticationv1.TokenReview
		if r.URL.Path != "/apis/authentication.k8s.io/v1/tokenreviews" {
			_ = json.NewEncoder(w).Encode(authorizationv1.SubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}})
			return
		}
		_ = json.NewDecoder(r.Body).Decode(&review)
		if review.Spec.Token != "shop" {
			began <- struct{}{}
			<-let
		}
		review.Status = authenticationv1.TokenReviewStatus{Authenticated: review.Spec.Token == "shop", Audiences: []string{kube.Audience}}
		_ = json.NewEncoder(w).Encode(review)
	}))
	defer server.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL, QPS: -1, ContentConfig: rest.ContentConfig{ContentType: "application/json"}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	access := kube.NewAccess(client, func() time.Time { return now })
	if err := access.Allow(t.Context(), "shop", "demo", "decisions"); err != nil {
		t.Fatal(err)
	}
	var flood sync.WaitGroup
	for i := range 16 {
		flood.Go(func() { _ = access.Allow(t.Context(), fmt.Sprint("forged-", i), "demo", "decisions") })
	}
	for range 16 {
		<-began
	}
	now = now.Add(time.Minute) // the answer is no longer fresh, and would be reused if none came
	asked := make(chan error, 1)
	go func() { asked <- access.Allow(t.Context(), "shop", "demo", "decisions") }()
	select {
	case err := <-asked:
		if err != nil {
			t.Errorf("the known caller gets %v", err)
		}
	case <-time.After(3 * time.Second):
		t.Error("the known caller waits behind bad tokens")
	}
	close(let)
	flood.Wait()
}
