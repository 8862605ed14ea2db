package kube

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
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
	// accessStale is how long a success is reused: the apiserver may be away for 10
	// minutes, and a success was fresh when that began.
	accessStale = 10*time.Minute + accessFresh
	// denialFresh keeps a caller with a bad token from being asked about at will.
	denialFresh = 5 * time.Second
	// accessEntries bounds each cache; the least recently used entry goes first.
	accessEntries = 4096
	// reviewsAtOnce bounds the reviews in flight towards the apiserver: so many of
	// callers known from before, and so many of others.
	reviewsAtOnce = 16
	reviewTimeout = 5 * time.Second
	// knownWait is how long a caller known from before waits for a review, and accessAway
	// for how long it waits for none after one that was not answered: an apiserver that
	// hangs holds up no decision (law 4).
	knownWait  = time.Second
	accessAway = 5 * time.Second
)

// Audience is the audience that a caller's ServiceAccount token must carry.
const Audience = "holdfast"

// Access asks the apiserver whether the bearer of a token may create one of the
// virtual resources (decisions, signals, securityinfo) in a tenant's namespace:
// a TokenReview, then a SubjectAccessReview, both cached as one answer.
type Access struct {
	client kubernetes.Interface
	now    func() time.Time
	// Successes and denials are kept apart, and so are the slots of those who had a
	// success and of all others: a flood of bad tokens displaces no good caller.
	granted, denied *lru.Cache
	known, others   chan struct{}
	group           singleflight.Group
	// away is when the apiserver last left a known caller without an answer, in
	// nanoseconds since 1970.
	away atomic.Int64
}

// question is what is asked about a token: a resource in a namespace, or a path.
type question struct {
	token                     [sha256.Size]byte
	namespace, resource, path string
}

type answer struct {
	err error
	at  time.Time
}

// NewAccess returns an Access that asks through client.
func NewAccess(client kubernetes.Interface, now func() time.Time) *Access {
	return &Access{
		client: client, now: now, granted: lru.New(accessEntries), denied: lru.New(accessEntries),
		known: make(chan struct{}, reviewsAtOnce), others: make(chan struct{}, reviewsAtOnce),
	}
}

// Allow returns nil where the token's bearer may create resource in namespace,
// rules.ErrUnauthenticated or rules.ErrForbidden where not, and
// rules.ErrUnavailable where the apiserver has not answered for 10 minutes, or has never
// said yes. The token must be for Audience.
func (a *Access) Allow(ctx context.Context, token, namespace, resource string) error {
	return a.ask(ctx, token, question{namespace: namespace, resource: resource})
}

// AllowPath does the same for getting a path, such as /metrics. The token must be
// for the apiserver itself, as a scraper's is.
func (a *Access) AllowPath(ctx context.Context, token, path string) error {
	return a.ask(ctx, token, question{path: path})
}

func (a *Access) ask(ctx context.Context, token string, q question) error {
	q.token = sha256.Sum256([]byte(token))
	granted, ok := recall(a.granted, q)
	age := a.now().Sub(granted.at)
	if ok && age < accessFresh {
		return nil
	}
	if denial, ok := recall(a.denied, q); ok && a.now().Sub(denial.at) < denialFresh {
		return denial.err
	}
	slots, reusable := a.others, ok && age < accessStale
	if ok {
		slots = a.known
	}
	if reusable && a.now().UnixNano()-a.away.Load() < int64(accessAway) {
		return nil
	}
	reviewed := a.group.DoChan(fmt.Sprintf("%x/%s/%s/%s", q.token, q.namespace, q.resource, q.path), func() (any, error) {
		err := a.review(context.WithoutCancel(ctx), token, q, slots)
		if !errors.Is(err, rules.ErrUnavailable) {
			a.remember(q, answer{err, a.now()})
		}
		return nil, err
	})
	if !reusable {
		return (<-reviewed).Err
	}
	return a.orReuse(ctx, reviewed)
}

// orReuse is what a review says, or yes again where it does not come.
func (a *Access) orReuse(ctx context.Context, reviewed <-chan singleflight.Result) error {
	waiting, stop := context.WithTimeout(context.WithoutCancel(ctx), knownWait)
	defer stop()
	select {
	case review := <-reviewed:
		if !errors.Is(review.Err, rules.ErrUnavailable) {
			return review.Err
		}
	case <-waiting.Done():
	}
	a.away.Store(a.now().UnixNano())
	return nil
}

// remember keeps the latest answer alone.
func (a *Access) remember(q question, is answer) {
	keep, forget := a.granted, a.denied
	if is.err != nil {
		keep, forget = forget, keep
	}
	keep.Add(q, is)
	forget.Remove(q)
}

func recall(from *lru.Cache, q question) (answer, bool) {
	v, ok := from.Get(q)
	if !ok {
		return answer{}, false
	}
	known, ok := v.(answer)
	return known, ok
}

func (a *Access) review(ctx context.Context, token string, q question, slots chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return fmt.Errorf("review a token: too many reviews wait: %w", rules.ErrUnavailable)
	}
	user, err := a.authenticate(ctx, token, q)
	if err != nil {
		return err
	}
	return a.authorize(ctx, user, q)
}

func (a *Access) authenticate(ctx context.Context, token string, q question) (authenticationv1.UserInfo, error) {
	var audiences []string
	if q.path == "" {
		audiences = []string{Audience}
	}
	review, err := a.client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: audiences},
	}, metav1.CreateOptions{})
	if err != nil {
		return authenticationv1.UserInfo{}, fmt.Errorf("review a token at the apiserver (%w): %w", rules.ErrUnavailable, err)
	}
	// An authenticator that knows no audiences answers with none.
	if !review.Status.Authenticated || len(audiences) > 0 && !slices.Contains(review.Status.Audiences, Audience) {
		return authenticationv1.UserInfo{}, rules.ErrUnauthenticated
	}
	return review.Status.User, nil
}

func (a *Access) authorize(ctx context.Context, user authenticationv1.UserInfo, q question) error {
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for k, v := range user.Extra {
		extra[k] = authorizationv1.ExtraValue(v)
	}
	spec := authorizationv1.SubjectAccessReviewSpec{User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra}
	if q.path != "" {
		spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: q.path, Verb: "get"}
	} else {
		spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Namespace: q.namespace, Verb: "create", Resource: q.resource,
			Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version,
		}
	}
	review, err := a.client.AuthorizationV1().SubjectAccessReviews().Create(ctx,
		&authorizationv1.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("review access at the apiserver (%w): %w", rules.ErrUnavailable, err)
	}
	if !review.Status.Allowed {
		return fmt.Errorf("%s may not %s: %w", user.Username, q, rules.ErrForbidden)
	}
	return nil
}

func (q question) String() string {
	if q.path != "" {
		return "get " + q.path
	}
	return fmt.Sprintf("create %s.%s in namespace %s", q.resource, v1alpha1.GroupVersion.Group, q.namespace)
}
