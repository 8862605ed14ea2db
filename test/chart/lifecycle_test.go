package chart_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
)

// everything is the larger installation, but for the kinds that this apiserver lacks.
var everything = []string{"-f", most, "--set", "public.httpRoute.enabled=false,metrics.serviceMonitor.enabled=false"}

// law 1: nothing that a release does, its end included, ends a block. An older chart is
// installed, upgraded with its kinds, turned to PostgreSQL and back, taken away and
// installed again; the applied objects and the memory are the same all along.
func TestALifeOfTheRelease(t *testing.T) {
	for _, c := range []struct{ name, apply string }{
		{"applied by the server", "--server-side=true"},
		{"applied by the client, as Helm 3 does", "--server-side=false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := life{t: t, Client: admin(t)}
			l.namespaces(system, "shop", "staff", "import", "monitoring")
			l.forgetsBlocks()
			l.endsAtLast()
			notes := mustHelm(t, "install", release, older(t), "-n", system, "-f", least, c.apply)
			l.follows(notes)
			l.isAlone()
			block := l.block()
			data := l.uid(&corev1.PersistentVolumeClaim{}, system, "holdfast-data")
			deploy := l.uid(&appsv1.Deployment{}, system, "holdfast")
			if slices.Contains(l.shortNames(), "ab") {
				t.Fatal("the older chart has the newer kinds")
			}

			mustHelm(t, append([]string{"upgrade", release, chart, "-n", system, "--server-side=auto"}, everything...)...)
			if !slices.Contains(l.shortNames(), "ab") {
				t.Error("the upgrade left the kinds as they were")
			}
			l.same(block, data)
			if got := l.uid(&appsv1.Deployment{}, system, "holdfast"); got != deploy {
				t.Error("the upgrade made another Deployment")
			}
			l.allows("staff")

			mustHelm(t, "upgrade", release, chart, "-n", system, "--server-side=auto", "-f", least)
			var d appsv1.Deployment
			l.get(&d, system, "holdfast")
			if d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType || *d.Spec.Replicas != 1 {
				t.Errorf("back on SQLite: strategy %s, %d replicas", d.Spec.Strategy.Type, *d.Spec.Replicas)
			}
			l.same(block, data)
			l.refuses("staff")

			mustHelm(t, "uninstall", release, "-n", system)
			l.same(block, data)
			l.gone(&appsv1.Deployment{}, system, "holdfast")
			l.gone(&rbacv1.ClusterRole{}, "", "holdfast")
			l.refuses("shop")

			mustHelm(t, "install", release, chart, "-n", system, "-f", least, c.apply)
			l.same(block, data)
		})
	}
}

// older is a copy of the chart whose AccountBlock had no short name yet.
func older(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "holdfast")
	if err := os.CopyFS(dir, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	for file, change := range map[string][2]string{
		"Chart.yaml": {"\nversion: 0.1.0\n", "\nversion: 0.0.9\n"},
		"files/crd/holdfast.dev_accountblocks.yaml": {"    shortNames:\n    - ab\n", ""},
	} {
		path := filepath.Join(dir, file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), change[0], change[1], 1)
		if changed == string(text) {
			t.Fatalf("%s holds no %q", file, change[0])
		}
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// life is the cluster of one test.
type life struct {
	t *testing.T
	client.Client
}

func (l life) namespaces(names ...string) {
	l.t.Helper()
	for _, name := range names {
		err := l.Create(l.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			l.t.Fatal(err)
		}
	}
}

// endsAtLast takes the release away at the end of the test, whatever became of it.
func (l life) endsAtLast() {
	l.t.Cleanup(func() {
		if output, err := helmIn(context.Background(), l.t, "uninstall", release, "-n", system, "--ignore-not-found"); err != nil {
			l.t.Errorf("helm uninstall: %v\n%s", err, output)
		}
	})
}

// forgetsBlocks takes the kind AccountBlock away at the end of the test, which the chart
// never does: the next one begins with the older kind.
func (l life) forgetsBlocks() {
	l.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		b := &v1alpha1.AccountBlock{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "kept"}}
		released := l.Patch(ctx, b, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))
		deleted := l.Delete(ctx, blockKind())
		err := wait.PollUntilContextCancel(ctx, pollGap, true, func(ctx context.Context) (bool, error) {
			return apierrors.IsNotFound(l.Get(ctx, client.ObjectKeyFromObject(blockKind()), blockKind())), nil
		})
		if err := errors.Join(released, deleted, err); err != nil {
			l.t.Errorf("take the kind AccountBlock away: %v", err)
		}
	})
}

// follows does what the notes of the installation say next, as far as one can without
// pods.
func (l life) follows(notes string) {
	l.t.Helper()
	for _, command := range []string{
		"kubectl -n holdfast-system rollout status deployment/holdfast",
		"kubectl -n holdfast-system get secret holdfast-keys -o yaml > holdfast-keys.yaml",
		"kubectl apply -f - <<'YAML'",
	} {
		if !strings.Contains(notes, command) {
			l.t.Errorf("the notes lack %q:\n%s", command, notes)
		}
	}
	found := regexp.MustCompile(`(?s)<<'YAML'\n(.*)\nYAML\n`).FindStringSubmatch(notes)
	if found == nil {
		l.t.Fatalf("the notes apply nothing:\n%s", notes)
	}
	l.eventually(func(ctx context.Context) error {
		policy := objects(l.t, found[1])[0]
		return l.Create(ctx, &policy, client.DryRunAll)
	})
}

// isAlone tries a second installation, which would answer for the same objects from
// another memory.
func (l life) isAlone() {
	l.t.Helper()
	output, err := helm(l.t, "install", "other", chart, "-n", "staff", "-f", least)
	if err == nil || !strings.Contains(output, "cannot be imported into the current release") {
		l.t.Errorf("a second installation: %v\n%s", err, output)
	}
}

// block is one that Holdfast has seen. The apiserver serves a new kind a moment late.
func (l life) block() types.UID {
	l.t.Helper()
	b := &v1alpha1.AccountBlock{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "kept", Finalizers: []string{v1alpha1.Finalizer}},
		Spec:       v1alpha1.AccountBlockSpec{Account: "alice", Reason: v1alpha1.BlockReasonUnusualActivity},
	}
	l.eventually(func(ctx context.Context) error { return client.IgnoreAlreadyExists(l.Create(ctx, b)) })
	return l.uid(&v1alpha1.AccountBlock{}, "shop", "kept")
}

func (l life) get(object client.Object, namespace, name string) {
	l.t.Helper()
	l.eventually(func(ctx context.Context) error {
		return l.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
	})
}

func (l life) uid(object client.Object, namespace, name string) types.UID {
	l.t.Helper()
	l.get(object, namespace, name)
	return object.GetUID()
}

// same checks that the block and the memory are those that they were.
func (l life) same(block, data types.UID) {
	l.t.Helper()
	var b v1alpha1.AccountBlock
	l.get(&b, "shop", "kept")
	var c corev1.PersistentVolumeClaim
	l.get(&c, system, "holdfast-data")
	if b.UID != block || b.DeletionTimestamp != nil || c.UID != data || c.DeletionTimestamp != nil {
		l.t.Errorf("block %s (deleted %v), was %s; claim %s (deleted %v), was %s",
			b.UID, b.DeletionTimestamp, block, c.UID, c.DeletionTimestamp, data)
	}
}

func (l life) gone(object client.Object, namespace, name string) {
	l.t.Helper()
	err := l.Get(l.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object)
	if !apierrors.IsNotFound(err) {
		l.t.Errorf("%T %s is still there: %v", object, name, err)
	}
}

func (l life) shortNames() []string {
	l.t.Helper()
	crd := blockKind()
	l.get(crd, "", crd.GetName())
	names, _, err := unstructured.NestedStringSlice(crd.Object, "spec", "names", "shortNames")
	if err != nil {
		l.t.Fatal(err)
	}
	return names
}

func blockKind() *unstructured.Unstructured {
	crd := new(unstructured.Unstructured)
	crd.SetAPIVersion("apiextensions.k8s.io/v1")
	crd.SetKind("CustomResourceDefinition")
	crd.SetName("accountblocks.holdfast.dev")
	return crd
}

// allows and refuses: whether the tenant's Secrets are Holdfast's to read.
func (l life) allows(tenant string) {
	l.t.Helper()
	l.get(&rbacv1.Role{}, tenant, "holdfast-secrets")
	l.get(&rbacv1.RoleBinding{}, tenant, "holdfast-secrets")
}

func (l life) refuses(tenant string) {
	l.t.Helper()
	l.gone(&rbacv1.Role{}, tenant, "holdfast-secrets")
	l.gone(&rbacv1.RoleBinding{}, tenant, "holdfast-secrets")
}

// eventually repeats what the apiserver may refuse a moment long.
func (l life) eventually(do func(context.Context) error) {
	l.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(l.t.Context(), pollGap, patience, true, func(ctx context.Context) (bool, error) {
		last = do(ctx)
		return last == nil, nil
	})
	if err != nil {
		l.t.Fatalf("%v: %v", err, last)
	}
}
