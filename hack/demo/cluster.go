package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/keyutil"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// kindsVersion and kinds are what config/crd defines.
const kindsVersion = "holdfast.dev/v1alpha1"

var kinds = []string{"verificationpolicies", "accountblocks", "securityinfochanges", "recoveryrequests"}

// cluster is the Kubernetes API and its administrator.
type cluster struct {
	config *rest.Config
	client client.Client
	// discovery tells which kinds are served.
	discovery *discovery.DiscoveryClient
	// kubeconfig is the administrator's.
	kubeconfig string
}

// startCluster starts etcd and kube-apiserver. Certificates are new each time; what is
// stored and what signs tokens stays.
func (d *demo) startCluster() error {
	plane, err := d.controlPlane()
	if err != nil {
		return err
	}
	d.onStop(plane.Stop)
	if err := plane.Start(); err != nil {
		return fmt.Errorf("%w; its log is in %s", err, d.path("logs"))
	}
	stopped := make(chan struct{})
	d.onStop(func() error { close(stopped); return nil })
	go d.watchPort("etcd", d.ports.Etcd, stopped)
	go d.watchPort("kube-apiserver", d.ports.APIServer, stopped)

	admin, err := plane.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, &rest.Config{QPS: -1})
	if err != nil {
		return fmt.Errorf("make administrator: %w", err)
	}
	kubeconfig, err := admin.KubeConfig()
	if err != nil {
		return fmt.Errorf("make kubeconfig: %w", err)
	}
	d.cluster.kubeconfig = d.path("kubeconfig")
	if err := os.WriteFile(d.cluster.kubeconfig, kubeconfig, 0o600); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	d.cluster.config = admin.Config()
	if d.cluster.discovery, err = discovery.NewDiscoveryClientForConfig(d.cluster.config); err != nil {
		return err
	}
	d.cluster.client, err = client.New(d.cluster.config, client.Options{})
	return err
}

func (d *demo) controlPlane() (*envtest.ControlPlane, error) {
	logs := map[string]*os.File{}
	for _, name := range []string{"etcd", "kube-apiserver"} {
		file, err := d.logFile(name)
		if err != nil {
			return nil, err
		}
		logs[name] = file
	}
	certificates := d.path("apiserver")
	if err := errors.Join(os.RemoveAll(certificates), os.Mkdir(certificates, 0o700)); err != nil {
		return nil, fmt.Errorf("clear certificates of the last run: %w", err)
	}
	signer := d.path("service-account.key")
	if _, _, err := keyutil.LoadOrGenerateKeyFile(signer); err != nil {
		return nil, fmt.Errorf("make key of ServiceAccount tokens: %w", err)
	}

	bin := filepath.Join(d.root, "bin")
	plane := &envtest.ControlPlane{
		KubectlPath: filepath.Join(bin, "kubectl"),
		Etcd: &envtest.Etcd{
			Path: filepath.Join(bin, "etcd"), DataDir: d.path("etcd"),
			URL:          &url.URL{Scheme: "http", Host: local(d.ports.Etcd)},
			StartTimeout: patience, StopTimeout: grace,
			Out: logs["etcd"], Err: logs["etcd"],
		},
		APIServer: &envtest.APIServer{
			Path: filepath.Join(bin, "kube-apiserver"), CertDir: certificates,
			StartTimeout: patience, StopTimeout: grace,
			Out: logs["kube-apiserver"], Err: logs["kube-apiserver"],
		},
	}
	plane.APIServer.Address = "127.0.0.1"
	plane.APIServer.Port = strconv.Itoa(d.ports.APIServer)
	// One issuer and one key, whatever the port, so that tokens outlive a run.
	plane.APIServer.Configure().
		Set("service-account-issuer", "https://kubernetes.default.svc").
		Set("service-account-signing-key-file", signer).
		Set("service-account-key-file", signer).
		// As a cluster has it; envtest turns it off.
		Disable("disable-admission-plugins")
	return plane, nil
}

// watchPort notices that a process is gone, which envtest does not tell.
func (d *demo) watchPort(name string, number int, stopped <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stopped:
			return
		case <-tick.C:
		}
		connection, err := net.DialTimeout("tcp", local(number), grace)
		if err == nil {
			_ = connection.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			d.fail(fmt.Errorf("%s stopped on its own; its log is %s", name, d.path("logs", name+".log")))
			return
		}
	}
}

// waitReady waits until the API server has finished starting.
func (c cluster) waitReady(ctx context.Context) error {
	return poll(ctx, "kube-apiserver", func(ctx context.Context) error {
		return c.discovery.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

// waitKinds waits until the API serves Holdfast's kinds, config/mutation included; that
// a definition is accepted is not enough.
func (c cluster) waitKinds(ctx context.Context) error {
	return poll(ctx, "API of "+kindsVersion, func(ctx context.Context) error {
		served, err := c.discovery.ServerResourcesForGroupVersion(kindsVersion)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			if !slices.ContainsFunc(served.APIResources, func(r metav1.APIResource) bool { return r.Name == kind }) {
				return fmt.Errorf("%s are not served yet", kind)
			}
		}
		trial := trialBlock()
		if err := c.client.Create(ctx, trial, client.DryRunAll); err != nil {
			return err
		}
		if len(trial.GetFinalizers()) == 0 { // once it takes effect it may refuse for a while
			return errors.New("config/mutation does not take effect yet")
		}
		return nil
	})
}

// trialBlock is what config/mutation refuses for the first seconds of a kind's life.
func trialBlock() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": kindsVersion, "kind": "AccountBlock",
		"metadata": map[string]any{"name": "trial", "namespace": tenant},
		"spec":     map[string]any{"account": "trial", "reason": "Administrative"},
	}}
}

// kubectl runs a command as the administrator.
func (d *demo) kubectl(ctx context.Context, args ...string) error {
	args = append([]string{"--kubeconfig", d.cluster.kubeconfig, "--cache-dir", d.path("kubectl-cache")}, args...)
	output, err := exec.CommandContext(ctx, filepath.Join(d.root, "bin", "kubectl"), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args[4:], " "), err, output)
	}
	return nil
}
