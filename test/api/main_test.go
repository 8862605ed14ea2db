// Package api_test tries the kinds' schemas, samples and must-fail manifests against a
// real apiserver.
package api_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
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
	root      = "../.."
	namespace = "demo"
)

var (
	config    *rest.Config
	apiClient client.Client
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	assets, err := assetsDir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	env := &envtest.Environment{
		CRDDirectoryPaths:        []string{filepath.Join(root, "config/crd")},
		ErrorIfCRDPathMissing:    true,
		BinaryAssetsDirectory:    assets,
		ControlPlaneStartTimeout: time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	config, err = env.Start()
	if err != nil {
		fmt.Fprintf(os.Stderr, "start the apiserver from %s with config/crd: %v\n", assets, err)
		return 1
	}
	defer func() {
		if err := env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the apiserver:", err)
		}
	}()
	if err := connect(); err != nil {
		fmt.Fprintln(os.Stderr, "connect to the apiserver:", err)
		return 1
	}
	return m.Run()
}

// assetsDir finds the binaries of kube-apiserver and etcd.
func assetsDir() (string, error) {
	dir := os.Getenv("KUBEBUILDER_ASSETS")
	if dir == "" {
		dir = filepath.Join(root, "bin")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"kube-apiserver", "etcd"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("%s is missing in %s: run make tools first", name, dir)
		}
	}
	return dir, nil
}

func connect() error {
	s := runtime.NewScheme()
	utilruntime.Must(scheme.AddToScheme(s))
	utilruntime.Must(v1alpha1.AddToScheme(s))
	c, err := client.New(config, client.Options{Scheme: s})
	if err != nil {
		return err
	}
	apiClient = client.WithFieldValidation(c, metav1.FieldValidationStrict)
	return apiClient.Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
}
