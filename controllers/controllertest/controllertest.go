// Package controllertest gives the controllers' tests a real apiserver and a clock that
// they step.
package controllertest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"holdfast.dev/holdfast/internal/kube"
)

// Run starts an apiserver with Holdfast's kinds, hands it to use, runs the tests and
// returns their exit code. It is called from a package two folders below the root.
func Run(m *testing.M, use func(*rest.Config)) int {
	ctrl.SetLogger(logr.Discard())
	env := &envtest.Environment{
		CRDDirectoryPaths:        []string{"../../config/crd"},
		ErrorIfCRDPathMissing:    true,
		BinaryAssetsDirectory:    "../../bin",
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	config, err := env.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the apiserver from bin (make tools builds it) with config/crd:", err)
		return 1
	}
	defer func() {
		if err := env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the apiserver:", err)
		}
	}()
	config.QPS = -1
	use(config)
	return m.Run()
}

// Writes counts what a client writes.
type Writes struct{ Status, Meta, Deletes atomic.Int64 }

// NewClient returns an uncached client that counts what it writes.
func NewClient(t *testing.T, config *rest.Config) (client.WithWatch, *Writes) {
	t.Helper()
	scheme, err := kube.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	direct, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	writes := &Writes{}
	return interceptor.NewClient(direct, interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			writes.Status.Add(1)
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			writes.Meta.Add(1)
			return c.Patch(ctx, o, p, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			writes.Deletes.Add(1)
			return c.Delete(ctx, o, opts...)
		},
	}), writes
}

// Namespace creates a namespace of the test's own and returns its name.
func Namespace(t *testing.T, c client.Client) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "tenant-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

// Eventually polls until done says so, and fails with what it was waiting for after a
// minute.
func Eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true,
		func(context.Context) (bool, error) { return done(), nil })
	if err != nil {
		t.Fatalf("not within a minute: %s", what)
	}
}

// Clock is stepped by hand.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the time to which the clock was set.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set sets the clock.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now.UTC()
}

// Step moves the clock on.
func (c *Clock) Step(by time.Duration) { c.Set(c.Now().Add(by)) }
