package kube_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules"
)

// An apiserver that hangs holds up no caller known from before (law 4), and is asked
// again: a token that was revoked meanwhile ends when it answers.
func TestAHangingApiserverHoldsUpNoKnownCaller(t *testing.T) {
	var clock atomic.Int64
	now := func() time.Time { return time.Unix(clock.Load(), 0) }
	clock.Store(1_800_000_000)
	var hangs atomic.Bool
	let, asked := make(chan struct{}), make(chan struct{}, 10)
	client := (&reviewer{}).client()
	client.PrependReactor("create", "tokenreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		if !hangs.Load() {
			return false, nil, nil
		}
		asked <- struct{}{}
		<-let
		return true, &authenticationv1.TokenReview{}, nil
	})
	access := kube.NewAccess(client, now)
	ask := func() error { return access.Allow(t.Context(), "shop", "demo", "decisions") }
	if err := ask(); err != nil {
		t.Fatal(err)
	}

	hangs.Store(true)
	clock.Add(31)
	for range 100 {
		if err := ask(); err != nil {
			t.Fatalf("while the apiserver hangs: %v", err)
		}
	}
	if n := len(asked); n != 1 {
		t.Errorf("100 calls asked the hanging apiserver %d times, want once", n)
	}
	close(let)
	for end := time.Now().Add(10 * time.Second); ; {
		clock.Add(6)
		if err := ask(); errors.Is(err, rules.ErrUnauthenticated) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the apiserver answers that the token was revoked, and nobody hears it")
		}
	}
}
