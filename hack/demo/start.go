package main

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"

	"golang.org/x/crypto/bcrypt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"holdfast.dev/holdfast/hack/inbox"
	"holdfast.dev/holdfast/hack/shop"
)

const (
	systemNamespace = "holdfast-system"
	tenant          = "demo"
	providerSecret  = "holdfast.dev/provider"
	smtpUser        = "holdfast"
	twilioAccount   = "AC00000000000000000000000000000000"
)

//go:embed policy.yaml
var policyTemplate string

// start brings everything up, one part after the other, each on what stands before it.
func (d *demo) start(ctx context.Context) error {
	// A run that was killed left it; whoever waits for it waits for this run.
	if err := os.RemoveAll(d.envFile()); err != nil {
		return fmt.Errorf("remove the last run's env: %w", err)
	}
	fmt.Println("starting etcd and kube-apiserver")
	if err := d.startCluster(); err != nil {
		return err
	}
	if err := d.cluster.waitReady(ctx); err != nil {
		return err
	}
	fmt.Println("applying config/ and the demo's namespace")
	if err := d.applyManifests(ctx); err != nil {
		return err
	}
	box, err := d.startInbox(ctx)
	if err != nil {
		return err
	}
	webhookSecret, err := d.applyTenant(ctx, box.CA)
	if err != nil {
		return err
	}
	fmt.Println("starting Holdfast, the shop and an OpenID Connect provider")
	if err := d.startIssuer(ctx); err != nil {
		return err
	}
	if err := d.startHoldfast(ctx); err != nil {
		return err
	}
	if err := d.startShop(ctx, webhookSecret); err != nil {
		return err
	}
	if err := d.writeEnv(); err != nil {
		return err
	}
	d.printSummary(ctx)
	return nil
}

// applyManifests applies config/ and the tenant, as a pipeline would.
func (d *demo) applyManifests(ctx context.Context) error {
	for _, folder := range []string{"config/default", "config/mutation", "hack/demo/manifests"} {
		if err := d.kubectl(ctx, apply("-k", filepath.Join(d.root, folder))...); err != nil {
			return err
		}
	}
	return d.cluster.waitKinds(ctx)
}

func apply(args ...string) []string {
	return append([]string{"apply", "--server-side", "--force-conflicts", "--field-manager=holdfast-demo"}, args...)
}

func (d *demo) startInbox(ctx context.Context) (*inbox.Inbox, error) {
	credentials, err := d.inboxCredentials()
	if err != nil {
		return nil, err
	}
	logs, err := d.logFile("inbox")
	if err != nil {
		return nil, err
	}
	box, err := inbox.New(d.path("inbox"), credentials, log.New(logs, "", log.LstdFlags), time.Now)
	if err != nil {
		return nil, err
	}
	d.onStop(box.Close)
	if err := d.serve("the inbox page", d.ports.Inbox, box.Handler()); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", local(d.ports.SMTP))
	if err != nil {
		return nil, fmt.Errorf("listen for SMTP: %w", err)
	}
	serving, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := box.ServeSMTP(serving, listener); err != nil {
			d.fail(fmt.Errorf("the inbox's SMTP server stopped on its own: %w", err))
		}
	}()
	d.onStop(func() error { stop(); <-done; return nil })
	return box, waitHTTP(ctx, "the inbox", web(d.ports.Inbox)+"/healthz")
}

// applyTenant writes the provider Secrets and the policy, and returns the webhook's
// secret.
func (d *demo) applyTenant(ctx context.Context, ca []byte) (webhookSecret string, err error) {
	credentials, err := d.inboxCredentials()
	if err != nil {
		return "", err
	}
	key, err := d.keptSecret("webhook-key")
	if err != nil {
		return "", err
	}
	webhookSecret = signingSecret(key)
	secrets := map[string]map[string][]byte{
		"smtp": {
			"host": []byte("localhost"), "port": []byte(strconv.Itoa(d.ports.SMTP)), "tls": []byte("starttls"),
			"username": []byte(credentials.Username), "password": []byte(credentials.Password), "ca": ca,
		},
		"gateway": {
			"url": []byte(web(d.ports.Inbox) + "/webhook"), "secret": []byte(credentials.WebhookSecret),
		},
		"twilio": {
			"endpoint": []byte(web(d.ports.Inbox)), "from": []byte("+15005550006"),
			"accountSid": []byte(credentials.TwilioAccount), "authToken": []byte(credentials.TwilioToken),
			"lookup": []byte("line-type"),
		},
		"oidc": {"clientSecret": []byte(clientSecret)},
		"shop-webhook": {
			"url": []byte(web(d.ports.Shop) + "/holdfast-webhook"), "secret": []byte(webhookSecret),
		},
	}
	for name, data := range secrets {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: name}}
		_, err := controllerutil.CreateOrUpdate(ctx, d.cluster.client, secret, func() error {
			secret.Type, secret.Data = providerSecret, data
			return nil
		})
		if err != nil {
			return "", fmt.Errorf("write Secret %s/%s: %w", tenant, name, err)
		}
	}
	policy, err := d.renderPolicy()
	if err != nil {
		return "", err
	}
	return webhookSecret, d.kubectl(ctx, apply("-f", policy)...)
}

// renderPolicy writes the policy with this run's ports where people can read it.
func (d *demo) renderPolicy() (path string, err error) {
	rendered := new(bytes.Buffer)
	if err := template.Must(template.New("policy").Parse(policyTemplate)).Execute(rendered, d.ports); err != nil {
		return "", fmt.Errorf("render policy: %w", err)
	}
	path = d.path("policy.yaml")
	if err := os.WriteFile(path, rendered.Bytes(), 0o600); err != nil {
		return "", fmt.Errorf("write policy: %w", err)
	}
	return path, nil
}

// startHoldfast runs the binary under its own ServiceAccount, so that what is missing in
// its roles shows here.
func (d *demo) startHoldfast(ctx context.Context) error {
	tokenFile, err := d.keepToken(ctx, systemNamespace, "holdfast", "", time.Hour)
	if err != nil {
		return err
	}
	kubeconfig, err := d.writeKubeconfig("holdfast", tokenFile)
	if err != nil {
		return err
	}
	command := exec.Command(filepath.Join(d.root, "bin", "holdfast"), "serve",
		"--kubeconfig", kubeconfig,
		"--namespace", systemNamespace,
		"--tenant", fmt.Sprintf("%s=localhost:%d", tenant, d.ports.Public),
		"--store", "sqlite:"+d.path("holdfast.db"),
		"--keys-secret", "holdfast-keys",
		"--public-addr", local(d.ports.Public),
		"--service-addr", local(d.ports.Service),
		"--probes-addr", local(d.ports.Probes),
		"--metrics-addr", local(d.ports.Metrics),
		"--public-scheme", "http",
		"--provider-endpoints", "localhost:*,127.0.0.1:*",
		"--leader-election=true",
	)
	if err := d.startProcess("holdfast", command); err != nil {
		return err
	}
	return waitHTTP(ctx, "Holdfast", "http://"+local(d.ports.Probes)+"/readyz")
}

func (d *demo) startShop(ctx context.Context, webhookSecret string) error {
	tokenFile, err := d.keepToken(ctx, tenant, "shop", "holdfast", 24*time.Hour)
	if err != nil {
		return err
	}
	logs, err := d.logFile("shop")
	if err != nil {
		return err
	}
	accounts, err := shop.OpenAccounts(d.path("shop.json"), bcrypt.DefaultCost)
	if err != nil {
		return err
	}
	store, err := shop.New(shop.Config{
		Accounts: accounts,
		Holdfast: &shop.Holdfast{
			URL: "http://" + local(d.ports.Service), Namespace: tenant, TokenFile: tokenFile,
			Client: &http.Client{Timeout: 10 * time.Second},
		},
		WebhookSecret: webhookSecret,
		InboxURL:      web(d.ports.Inbox),
		Log:           log.New(logs, "", log.LstdFlags),
		Now:           time.Now,
	})
	if err != nil {
		return err
	}
	if err := d.serve("the shop", d.ports.Shop, store.Handler()); err != nil {
		return err
	}
	imported := make(chan struct{})
	go func() { defer close(imported); store.ImportContacts(ctx, time.Second) }()
	d.onStop(func() error { <-imported; return nil })
	return waitHTTP(ctx, "the shop", web(d.ports.Shop)+"/healthz")
}

// inboxCredentials are what the inbox asks of providers, kept from run to run.
func (d *demo) inboxCredentials() (inbox.Credentials, error) {
	password, passwordErr := d.keptSecret("smtp-password")
	key, keyErr := d.keptSecret("gateway-key")
	token, tokenErr := d.keptSecret("twilio-token")
	return inbox.Credentials{
		Username: smtpUser, Password: password, WebhookSecret: signingSecret(key),
		TwilioAccount: twilioAccount, TwilioToken: token,
	}, errors.Join(passwordErr, keyErr, tokenErr)
}

// signingSecret writes a key as Standard Webhooks does.
func signingSecret(key string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(key))
}

// keptSecret is a random text that stays the same in every run.
func (d *demo) keptSecret(name string) (string, error) {
	path := d.path(name)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		secret := rand.Text()
		if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
			return "", fmt.Errorf("write %s: %w", name, err)
		}
		return secret, nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return strings.TrimSpace(string(content)), nil
}
