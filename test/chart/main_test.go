// Package chart_test tries charts/holdfast: that it says what config/ says, refuses what
// cannot work, and that a real apiserver takes it, its upgrade and its end.
package chart_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"holdfast.dev/holdfast/api/v1alpha1"
)

const (
	root     = "../.."
	chart    = root + "/charts/holdfast"
	least    = chart + "/ci/sqlite-values.yaml"
	most     = chart + "/ci/postgres-values.yaml"
	release  = "holdfast"
	system   = "holdfast-system"
	patience = time.Minute
	pollGap  = 100 * time.Millisecond
)

var (
	config *rest.Config
	// home is where the administrator's kubeconfig and the files of helm are.
	home  string
	kinds = runtime.NewScheme()
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	log.SetLogger(logr.Discard())
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
	if home, err = os.MkdirTemp("", "chart"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(home) }()
	if err := os.WriteFile(filepath.Join(home, "kubeconfig"), env.KubeConfig, 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// assets is the folder of kube-apiserver, etcd and kubectl.
func assets() string { return cmp.Or(os.Getenv("KUBEBUILDER_ASSETS"), filepath.Join(root, "bin")) }

// admin connects as the administrator.
func admin(t *testing.T) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{Scheme: kinds})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
