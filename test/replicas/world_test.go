package replicas_test

import (
	"cmp"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/hack/inbox"
	"holdfast.dev/holdfast/internal/store/postgres/pgtest"
)

const (
	system = "holdfast-system"
	tenant = "demo"
	// host is the one name of all replicas' pages.
	host = "account.shop.test"
	// smtpPassword and webhookKey must stand in no log.
	smtpPassword = "copper-violet-harbor"
	webhookKey   = "whsec_bWVhZG93LWNyaW1zb24tYm9uZC1tZWFkb3c="
)

// world is what the replicas share.
type world struct {
	// t is the chapter's.
	t        *testing.T
	env      *envtest.Environment
	admin    client.Client
	database *pgtest.Server
	mail     *inbox.Inbox
	// caller and scraper are tokens of the shop and of Prometheus.
	caller, scraper string
	replicas        [2]*replica
	// expected counts by address the messages that the test has caused.
	expected map[string]int
}

func build(t *testing.T) *world {
	t.Helper()
	binary := filepath.Join(root, "bin", "holdfast")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("bin/holdfast is not built: run the tests with `make test` (%v)", err)
	}
	w := &world{t: t, expected: map[string]int{}}
	url := w.startDatabase()
	w.startCluster()
	w.applyTenant(w.startMail(), w.startIDP())
	w.caller, w.scraper = w.tokenOf(tenant, "shop", "holdfast"), w.tokenOf(tenant, "prometheus", "")
	kubeconfig := w.kubeconfigOf(w.tokenOf(system, "holdfast", ""))
	file := filepath.Join(t.TempDir(), "store-url")
	w.must(os.WriteFile(file, []byte(url), 0o600))
	for i, name := range []string{"east", "west"} {
		w.replicas[i] = w.newReplica(name, binary, kubeconfig, file)
	}
	for _, r := range w.replicas { // at once, as a Deployment does
		w.start(r)
	}
	for _, r := range w.replicas {
		w.awaitReady(r)
	}
	return w
}

// startDatabase starts a server whose commits survive its own death.
func (w *world) startDatabase() (url string) {
	w.t.Helper()
	var err error
	w.database, err = pgtest.Start(w.t.Context(), pgtest.Options{Settings: []string{"synchronous_commit=on"}})
	w.must(err)
	w.t.Cleanup(func() {
		if err := w.database.Stop(); err != nil {
			w.t.Error(err)
		}
	})
	w.must(w.database.Exec(w.t.Context(), "CREATE DATABASE holdfast"))
	return w.database.URL("holdfast")
}

func (w *world) startCluster() {
	w.t.Helper()
	w.env = &envtest.Environment{
		BinaryAssetsDirectory: assets(), ControlPlaneStartTimeout: time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	config, err := w.env.Start()
	if err != nil {
		w.t.Fatalf("start the apiserver from %s (make tools): %v", assets(), err)
	}
	w.t.Cleanup(func() {
		if err := w.env.Stop(); err != nil {
			w.t.Error(err)
		}
	})
	kinds := runtime.NewScheme()
	w.must(scheme.AddToScheme(kinds))
	w.must(v1alpha1.AddToScheme(kinds))
	w.admin, err = client.New(config, client.Options{Scheme: kinds})
	w.must(err)
	w.kubectl("-k", filepath.Join(root, "config", "default"))
	w.kubectl("-k", filepath.Join(root, "hack", "demo", "manifests"))
	w.kubectl("-f", filepath.Join("testdata", "tenant.yaml"))
}

// assets is the folder of kube-apiserver, etcd and kubectl.
func assets() string { return cmp.Or(os.Getenv("KUBEBUILDER_ASSETS"), filepath.Join(root, "bin")) }

// kubectl applies manifests as a pipeline does. A kind that was just defined is served a
// moment later.
func (w *world) kubectl(manifests ...string) {
	w.t.Helper()
	dir := w.t.TempDir()
	file := filepath.Join(dir, "kubeconfig")
	w.must(os.WriteFile(file, w.env.KubeConfig, 0o600))
	args := append([]string{"--kubeconfig", file, "--cache-dir", dir, "apply", "--server-side"}, manifests...)
	var output []byte
	var err error
	w.await(patience, strings.Join(manifests, " "), func() bool {
		output, err = exec.Command(filepath.Join(assets(), "kubectl"), args...).CombinedOutput()
		if err != nil {
			w.t.Logf("kubectl: %s", output)
		}
		return err == nil
	})
}

// startMail starts a real SMTP server and returns the provider Secret that leads to it.
func (w *world) startMail() map[string]string {
	w.t.Helper()
	box, err := inbox.New(filepath.Join(w.t.TempDir(), "inbox"), inbox.Credentials{Username: "holdfast", Password: smtpPassword},
		log.New(io.Discard, "", 0), time.Now)
	w.must(err)
	w.mail = box
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- box.ServeSMTP(ctx, listener) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			w.t.Error(err)
		}
		if err := box.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return map[string]string{
		"host": "localhost", "port": port, "tls": "starttls",
		"username": "holdfast", "password": smtpPassword, "ca": string(box.CA),
	}
}

// startIDP takes every password and returns the Secret that leads to it.
func (w *world) startIDP() map[string]string {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNoContent) }))
	w.t.Cleanup(server.Close)
	return map[string]string{"url": server.URL, "secret": webhookKey}
}

func (w *world) applyTenant(smtp, idp map[string]string) {
	w.t.Helper()
	for name, data := range map[string]map[string]string{"smtp": smtp, "idp": idp} {
		w.must(w.admin.Create(w.t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: name},
			Type:       v1alpha1.SecretTypeProvider, StringData: data,
		}))
	}
}

// tokenOf asks for a token of a ServiceAccount. No audience means the apiserver's own.
func (w *world) tokenOf(namespace, name, audience string) string {
	w.t.Helper()
	hour := int64(3600)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hour}}
	if audience != "" {
		request.Spec.Audiences = []string{audience}
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	w.must(w.admin.SubResource("token").Create(w.t.Context(), account, request))
	return request.Status.Token
}

func (w *world) kubeconfigOf(token string) (path string) {
	w.t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: w.env.Config.Host, CertificateAuthorityData: w.env.Config.CAData}
	config.AuthInfos["holdfast"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "holdfast"}
	config.CurrentContext = "c"
	path = filepath.Join(w.t.TempDir(), "kubeconfig")
	w.must(clientcmd.WriteToFile(*config, path))
	return path
}

// pidOf finds a child of this process by its program.
func (w *world) pidOf(program string) int {
	w.t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	w.must(err)
	for _, path := range found {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		before, after, _ := strings.Cut(string(stat), ") ")
		pid, name, _ := strings.Cut(before, " (")
		if fields := strings.Fields(after); strings.HasPrefix(program, name) && fields[1] == strconv.Itoa(os.Getpid()) {
			n, err := strconv.Atoi(pid)
			w.must(err)
			return n
		}
	}
	w.t.Fatalf("no process %s belongs to the test", program)
	return 0
}
