package kube_test

import (
	"errors"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules"
)

// reviewer answers reviews: it knows one token, for the audience holdfast, of a
// user who may create decisions in demo.
type reviewer struct {
	away    bool
	reviews int
}

func (r *reviewer) client() *fake.Clientset {
	c := fake.NewClientset()
	c.PrependReactor("create", "tokenreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		r.reviews++
		if r.away {
			return true, nil, errors.New("connection refused")
		}
		review, _ := action.(clienttesting.CreateAction).GetObject().(*authenticationv1.TokenReview)
		switch review.Spec.Token {
		case "shop":
			review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: []string{"holdfast"}}
			review.Status.User.Username = "system:serviceaccount:demo:shop"
		case "for-another-audience":
			review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: []string{"https://kubernetes.default.svc"}}
		}
		return true, review, nil
	})
	c.PrependReactor("create", "subjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review, _ := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview)
		a := review.Spec.ResourceAttributes
		review.Status.Allowed = a != nil && a.Verb == "create" && a.Group == "holdfast.dev" && a.Resource == "decisions" && a.Namespace == "demo"
		return true, review, nil
	})
	return c
}

func TestOnlyATokenForHoldfastOfAUserWithTheVerbMayCall(t *testing.T) {
	access := kube.NewAccess((&reviewer{}).client(), time.Now)
	for _, c := range []struct {
		token, namespace, resource string
		want                       error
	}{
		{"shop", "demo", "decisions", nil},
		{"shop", "other", "decisions", rules.ErrForbidden},
		{"shop", "demo", "signals", rules.ErrForbidden},
		{"forged", "demo", "decisions", rules.ErrUnauthenticated},
		{"for-another-audience", "demo", "decisions", rules.ErrUnauthenticated},
	} {
		if err := access.Allow(t.Context(), c.token, c.namespace, c.resource); !errors.Is(err, c.want) {
			t.Errorf("%s for %s in %s: got %v, want %v", c.token, c.resource, c.namespace, err, c.want)
		}
	}
}

func TestAYesIsRememberedAndReusedWhileTheApiserverIsAway(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := &reviewer{}
	access := kube.NewAccess(r.client(), func() time.Time { return now })
	ask := func() error { return access.Allow(t.Context(), "shop", "demo", "decisions") }
	for range 100 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if r.reviews != 1 {
		t.Errorf("100 calls asked the apiserver %d times, want once", r.reviews)
	}
	r.away = true
	// The last yes may be 30 s old when the apiserver goes away.
	now = now.Add(30*time.Second + 9*time.Minute + 59*time.Second)
	if err := ask(); err != nil {
		t.Errorf("away for just under 10 minutes: %v", err)
	}
	now = now.Add(time.Second)
	if err := ask(); !errors.Is(err, rules.ErrUnavailable) {
		t.Errorf("away for 10 minutes: got %v, want %v", err, rules.ErrUnavailable)
	}
	if err := access.Allow(t.Context(), "forged", "demo", "decisions"); !errors.Is(err, rules.ErrUnavailable) {
		t.Errorf("an unknown token while away: got %v", err)
	}
}

func TestANoIsNotAskedAgainAtOnce(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := &reviewer{}
	access := kube.NewAccess(r.client(), func() time.Time { return now })
	for range 50 {
		_ = access.Allow(t.Context(), "forged", "demo", "decisions")
	}
	if r.reviews != 1 {
		t.Errorf("50 forged calls asked the apiserver %d times, want once", r.reviews)
	}
	now = now.Add(6 * time.Second)
	_ = access.Allow(t.Context(), "forged", "demo", "decisions")
	if r.reviews != 2 {
		t.Errorf("asked %d times after 6 s, want twice", r.reviews)
	}
}
