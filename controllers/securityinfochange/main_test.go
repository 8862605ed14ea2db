package securityinfochange

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/controllers/controllertest"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/phone"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

const (
	month = change.DefaultHold
	day   = 24 * time.Hour

	isTrue  = metav1.ConditionTrue
	isFalse = metav1.ConditionFalse

	oldAddress = "old-anna@post.example"
	newAddress = "canary-of-anna@post.example"
)

var config *rest.Config

func TestMain(m *testing.M) {
	os.Exit(controllertest.Run(m, func(c *rest.Config) { config = c }))
}

// sealer seals nothing: what is sealed is tried with the store.
type sealer struct{}

func (sealer) Seal(plain []byte, _ string) ([]byte, error)  { return plain, nil }
func (sealer) Open(sealed []byte, _ string) ([]byte, error) { return sealed, nil }
func (sealer) Current([]byte) bool                          { return true }
func (sealer) Lookup(tenant, address string) string         { return tenant + address }
func (sealer) FormerLookups(string, string) []string        { return nil }
func (sealer) CodeKey() uint32                              { return 0 }

// memory is a real store whose database tells the test's time.
type memory struct {
	*store.Store
	now func() time.Time
	// down is what it answers instead of a record, crash what it says once a change is frozen.
	down, crash error
}

func (m *memory) FreezeChange(ctx context.Context, seen change.Sight) (change.Record, error) {
	r, err := m.Store.FreezeChange(ctx, seen)
	if m.crash != nil {
		return change.Record{}, m.crash
	}
	return r, err
}

func (m *memory) Clock(context.Context) (time.Time, error) { return m.now(), nil }

func (m *memory) Change(ctx context.Context, key change.Key) (change.Record, error) {
	if m.down != nil {
		return change.Record{}, m.down
	}
	return m.Store.Change(ctx, key)
}

// clockOf is the apiserver's.
type clockOf func() time.Time

func (c clockOf) Now(context.Context) (time.Time, error) { return c(), nil }

// fixture is a controller over a real apiserver and a real store, without a manager: the
// test says when it looks and what time it is.
type fixture struct {
	*testing.T
	client     client.WithWatch
	writes     *controllertest.Writes
	clock      *controllertest.Clock
	store      *memory
	policies   *kube.Policies
	events     *events.FakeRecorder
	namespace  string
	controller *Controller
	codes      int
	// skew is how far this process's clock is ahead of all others.
	skew time.Duration
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, clock: &controllertest.Clock{}, events: events.NewFakeRecorder(100), policies: kube.NewPolicies(nil)}
	f.clock.Set(time.Now())
	f.client, f.writes = controllertest.NewClient(t, config)
	f.namespace = controllertest.Namespace(t, f.client)
	now := func() time.Time { return f.clock.Now().Add(f.skew) }
	f.controller = &Controller{
		Client: f.client, Secrets: f.client, Policies: f.policies, Now: now, Recorder: f.events, APIServer: clockOf(f.clock.Now),
		Contacts: &flow.Desk{Policies: f.policies, Numbers: phone.Numbers{}, Random: rand.Reader, Now: now},
	}
	f.open()
	f.policy(func(*v1alpha1.VerificationPolicySpec) {})
	f.own("a-1")
	return f
}

// open gives the controller an empty store.
func (f *fixture) open() {
	f.Helper()
	s, err := sqlite.Open(f.Context(), filepath.Join(f.TempDir(), "store.db"), sqlite.Options{Sealer: sealer{}, Now: f.clock.Now})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	f.store = &memory{Store: s, now: f.clock.Now}
	f.controller.Store = f.store
}
