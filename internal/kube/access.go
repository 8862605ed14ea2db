package kube

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/singleflight"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/lru"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules"
)

const (
	// accessFresh is how long a success is taken without asking again.
	accessFresh = 30 * time.Second
	// accessStale is how long a success is reused while the apiserver is away.
	accessStale = 10 * time.Minute
	// denialFresh keeps a caller with a bad token from being asked about at will.
	denialFresh = 5 * time.Second
	// accessEntries bounds the cache; the least recently used entry goes first.
	accessEntries = 4096
	// reviewsAtOnce bounds the reviews in flight towards the apiserver.
	reviewsAtOnce = 16
	reviewTimeout = 5 * time.Second
)

// Audience is the audience that a caller's ServiceAccount token must carry.
const Audience = "holdfast"

// Access asks the apiserver whether the bearer of a token may create one of the
// virtual resources (decisions, signals, securityinfo) in a tenant's namespace:
// a TokenReview, then a SubjectAccessReview, both cached as one answer.
type Access struct {
	client  kubernetes.Interface
	now     func() time.Time
	answers *lru.Cache
	group   singleflight.Group
	slots   chan struct{}
}

type question struct {
	token               [sha256.Size]byte
	namespace, resource string
}

type answer struct {
	err error
	at  time.Time
}

// NewAccess returns an Access that asks through client.
func NewAccess(client kubernetes.Interface, now func() time.Time) *Access {
	return &Access{client: client, now: now, answers: lru.New(accessEntries), slots: make(chan struct{}, reviewsAtOnce)}
}

// Allow returns nil where the token's bearer may create resource in namespace,
// rules.ErrUnauthenticated or rules.ErrForbidden where not, and
// rules.ErrUnavailable where the apiserver does not answer and no success of the
// last 10 minutes stands.
func (a *Access) Allow(ctx context.Context, token, namespace, resource string) error {
	q := question{sha256.Sum256([]byte(token)), namespace, resource}
	known, ok := a.recall(q)
	age := a.now().Sub(known.at)
	if ok && (known.err == nil && age < accessFresh || known.err != nil && age < denialFresh) {
		return known.err
	}
	_, err, _ := a.group.Do(fmt.Sprintf("%x/%s/%s", q.token, namespace, resource), func() (any, error) {
		return nil, a.review(context.WithoutCancel(ctx), token, namespace, resource)
	})
	if errors.Is(err, rules.ErrUnavailable) {
		if ok && known.err == nil && age < accessStale {
			return nil
		}
		return err
	}
	a.answers.Add(q, answer{err, a.now()})
	return err
}

func (a *Access) recall(q question) (answer, bool) {
	v, ok := a.answers.Get(q)
	if !ok {
		return answer{}, false
	}
	known, ok := v.(answer)
	return known, ok
}

func (a *Access) review(ctx context.Context, token, namespace, resource string) error {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return fmt.Errorf("review a token: too many reviews wait: %w", rules.ErrUnavailable)
	}
	user, err := a.authenticate(ctx, token)
	if err != nil {
		return err
	}
	return a.authorize(ctx, user, namespace, resource)
}

func (a *Access) authenticate(ctx context.Context, token string) (authenticationv1.UserInfo, error) {
	review, err := a.client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{Audience}},
	}, metav1.CreateOptions{})
	if err != nil {
		return authenticationv1.UserInfo{}, fmt.Errorf("review a token at the apiserver (%w): %w", rules.ErrUnavailable, err)
	}
	if !review.Status.Authenticated || !slices.Contains(review.Status.Audiences, Audience) {
		return authenticationv1.UserInfo{}, rules.ErrUnauthenticated
	}
	return review.Status.User, nil
}

func (a *Access) authorize(ctx context.Context, user authenticationv1.UserInfo, namespace, resource string) error {
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for k, v := range user.Extra {
		extra[k] = authorizationv1.ExtraValue(v)
	}
	review, err := a.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: "create", Resource: resource,
				Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version,
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("review access at the apiserver (%w): %w", rules.ErrUnavailable, err)
	}
	if !review.Status.Allowed {
		return fmt.Errorf("%s may not create %s.%s in namespace %s: %w",
			user.Username, resource, v1alpha1.GroupVersion.Group, namespace, rules.ErrForbidden)
	}
	return nil
}
