// Package admission_test tries the manifests of config/ against a real apiserver: that
// they apply, and that nobody overrides a protection (law 9).
package admission_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"holdfast.dev/holdfast/api/v1alpha1"
)

const (
	root     = "../.."
	tenant   = "demo"
	holdfast = "system:serviceaccount:holdfast-system:holdfast"
	robot    = "system:serviceaccount:demo:robot"
	patience = 30 * time.Second
	pollGap  = 100 * time.Millisecond
)

var (
	config *rest.Config
	kinds  = runtime.NewScheme()
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	utilruntime.Must(scheme.AddToScheme(kinds))
	utilruntime.Must(v1alpha1.AddToScheme(kinds))
	env := &envtest.Environment{
		BinaryAssetsDirectory:    assets(),
		ControlPlaneStartTimeout: time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	var err error
	if config, err = env.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "start the apiserver from %s (make tools): %v\n", assets(), err)
		return 1
	}
	defer func() {
		if err := env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the apiserver:", err)
		}
	}()
	if err := prepare(env.KubeConfig, filepath.Join(assets(), "kubectl")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// assets is the folder of kube-apiserver, etcd and kubectl.
func assets() string { return cmp.Or(os.Getenv("KUBEBUILDER_ASSETS"), filepath.Join(root, "bin")) }

// prepare applies config/ as a pipeline does and gives each role to a user of its name.
func prepare(kubeconfig []byte, kubectl string) error {
	dir, err := os.MkdirTemp("", "admission")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		return err
	}
	for _, folder := range []string{"config/default", "config/mutation"} {
		output, err := exec.Command(kubectl, "--kubeconfig", file, "--cache-dir", dir,
			"apply", "--server-side", "-k", filepath.Join(root, folder)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("apply %s: %w\n%s", folder, err, output)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	admin, err := client.New(config, client.Options{Scheme: kinds})
	if err != nil {
		return err
	}
	if err := admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenant}}); err != nil {
		return err
	}
	for _, role := range extraRoles {
		if err := admin.Create(ctx, role.DeepCopy()); err != nil {
			return err
		}
	}
	for user, roles := range users {
		for _, role := range roles {
			if err := admin.Create(ctx, binding(user, role)); err != nil {
				return err
			}
		}
	}
	return nil
}

// users and the roles of config/rbac that they hold; edit is the cluster's own.
var users = map[string][]string{
	"viewer":    {"holdfast-viewer"},
	"editor":    {"holdfast-policy-editor"},
	"trustee":   {"holdfast-policy-trustee"},
	"security":  {"holdfast-security"},
	"reviewer":  {"holdfast-reviewer"},
	"colleague": {"holdfast-reviewer"},
	"help-desk": {"holdfast-help-desk"},
	"developer": {"edit", "admin"},
	robot:       {"holdfast-reviewer", "holdfast-help-desk"},

	"statuswriter":  {"status-writer"},
	"lengthener":    {"lengthener"},
	"changer":       {"changer"},
	"changepatcher": {"change-patcher"},
	"asker":         {"asker"},
	"patcher":       {"asker"},
}

// extraRoles are what a careless administrator might give.
var extraRoles = []*rbacv1.ClusterRole{
	role("status-writer", "accountblocks/status", "get", "patch"),
	role("lengthener", "accountblocks", "get", "patch"),
	role("changer", "securityinfochanges", "create", "change"),
	roleOver("change-patcher", []string{"securityinfochanges", "securityinfochanges/status"}, "get", "patch"),
	role("asker", "recoveryrequests", "create", "patch"),
}

func role(name, resource string, verbs ...string) *rbacv1.ClusterRole {
	return roleOver(name, []string{resource}, verbs...)
}

func roleOver(name string, resources []string, verbs ...string) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"holdfast.dev"}, Resources: resources, Verbs: verbs}},
	}
}

func binding(user, role string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, GenerateName: role + "-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}
}

// as connects as a user.
func as(t *testing.T, user string) client.Client {
	t.Helper()
	impersonated := rest.CopyConfig(config)
	impersonated.Impersonate = rest.ImpersonationConfig{UserName: user}
	c, err := client.New(impersonated, client.Options{Scheme: kinds})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// must does a deed that is allowed. The apiserver may learn of a role a moment late.
func must(t *testing.T, user string, do func(client.Client) error) {
	t.Helper()
	try(t, user, as(t, user), do, func(err error) bool { return err == nil })
}

// refused tries a deed that changes nothing even where it is let through, until it is
// refused for the reason given.
func refused(t *testing.T, user, reason string, do func(client.Client) error) {
	t.Helper()
	try(t, user, client.NewDryRunClient(as(t, user)), do, func(err error) bool {
		return err != nil && strings.Contains(err.Error(), reason)
	})
}

func try(t *testing.T, user string, c client.Client, do func(client.Client) error, wanted func(error) bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := do(c)
		if wanted(err) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s got: %v", user, err)
		}
		<-time.After(pollGap)
	}
}
