package chart_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// What the chart grants and says is enough: the binary starts with the Deployment's
// arguments under the release's ServiceAccount, becomes ready, is refused nothing, makes
// its keys where they outlive the release, and ends within its grace.
func TestTheBinaryStartsAsTheChartSays(t *testing.T) {
	l := life{t: t, Client: admin(t)}
	l.namespaces(system, "trial-tenant")
	l.endsAtLast()
	mustHelm(t, "install", release, chart, "-n", system, "-f", least,
		"--set", "tenants[0].namespace=trial-tenant,keys.secretName=trial-keys")

	d := deployment(t, objects(t, mustHelm(t, "get", "manifest", release, "-n", system)))
	pod := d.Spec.Template.Spec
	l.knows("system:serviceaccount:"+system+":"+pod.ServiceAccountName, "trial-tenant")
	log := new(recorder)
	address := free(t)
	// As the kubelet starts it, but for what a machine has once.
	args := append(strings.Split(strings.ReplaceAll(strings.Join(pod.Containers[0].Args, "\n"), "$(POD_NAMESPACE)", system), "\n"),
		"--kubeconfig="+l.kubeconfig(system, pod.ServiceAccountName),
		"--store=sqlite:"+filepath.Join(t.TempDir(), "holdfast.db"),
		"--public-addr=127.0.0.1:0", "--service-addr=127.0.0.1:0", "--metrics-addr=127.0.0.1:0", "--probes-addr="+address)
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "holdfast"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("bin/holdfast (make build): %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	l.eventually(func(ctx context.Context) error {
		return probe(ctx, "http://"+address+pod.Containers[0].ReadinessProbe.HTTPGet.Path)
	})
	// The controllers have begun once they hold the Lease and started their workers.
	l.eventually(func(context.Context) error {
		if !strings.Contains(log.String(), "Starting workers") {
			return fmt.Errorf("no controller has started:\n%s", log)
		}
		return nil
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second):
		t.Error("it did not end within its grace")
	}
	if said := log.String(); strings.Contains(said, "forbidden") {
		t.Errorf("its roles are not enough:\n%s", said)
	}
	mustHelm(t, "uninstall", release, "-n", system)
	l.get(&corev1.Secret{}, system, "trial-keys")
}

// knows waits until the apiserver knows the roles of a user: it learns of them a moment
// late.
func (l life) knows(user, tenant string) {
	l.t.Helper()
	for _, a := range []authorizationv1.ResourceAttributes{
		{Verb: "list", Group: "holdfast.dev", Resource: "accountblocks"},
		{Verb: "get", Group: "coordination.k8s.io", Resource: "leases", Namespace: system},
		{Verb: "list", Resource: "secrets", Namespace: tenant},
	} {
		l.eventually(func(ctx context.Context) error {
			review := &authorizationv1.SubjectAccessReview{
				Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &a},
			}
			if err := l.Create(ctx, review); err != nil || review.Status.Allowed {
				return err
			}
			return fmt.Errorf("%s may not %s %s in %q: %s", user, a.Verb, a.Resource, a.Namespace, review.Status.Reason)
		})
	}
}

// kubeconfig is one of a ServiceAccount.
func (l life) kubeconfig(namespace, name string) string {
	l.t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := new(authenticationv1.TokenRequest)
	l.eventually(func(ctx context.Context) error {
		return l.SubResource("token").Create(ctx, account, request)
	})
	file := clientcmdapi.NewConfig()
	file.Clusters["it"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos["it"] = &clientcmdapi.AuthInfo{Token: request.Status.Token}
	file.Contexts["it"] = &clientcmdapi.Context{Cluster: "it", AuthInfo: "it"}
	file.CurrentContext = "it"
	path := filepath.Join(l.t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// free is an address that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func probe(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Timeout: 5 * time.Second}).Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

// recorder keeps what a process says.
type recorder struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
