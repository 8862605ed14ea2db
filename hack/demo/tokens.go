package main

import (
	"context"
	"fmt"
	"os"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// keepToken writes a token of a ServiceAccount to a file and renews it at half its life.
// No audience means the API server's own.
func (d *demo) keepToken(ctx context.Context, namespace, name, audience string, life time.Duration) (file string, err error) {
	file = d.path(name + ".token")
	renew := func(ctx context.Context) error {
		token, err := d.requestToken(ctx, namespace, name, audience, life)
		if err != nil {
			return err
		}
		// Replaced as a whole: a reader never meets half a token.
		if err := os.WriteFile(file+".new", []byte(token), 0o600); err != nil {
			return fmt.Errorf("write token of %s: %w", name, err)
		}
		return os.Rename(file+".new", file)
	}
	if err := renew(ctx); err != nil {
		return "", err
	}
	go func() {
		tick := time.NewTicker(life / 2)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := poll(ctx, "token of "+name, renew); err != nil && ctx.Err() == nil {
					d.fail(err)
				}
			}
		}
	}()
	return file, nil
}

func (d *demo) requestToken(ctx context.Context, namespace, name, audience string, life time.Duration) (string, error) {
	seconds := int64(life.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	if audience != "" {
		request.Spec.Audiences = []string{audience}
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := d.cluster.client.SubResource("token").Create(ctx, account, request); err != nil {
		return "", fmt.Errorf("request token of ServiceAccount %s/%s: %w", namespace, name, err)
	}
	return request.Status.Token, nil
}

// writeKubeconfig lets a program speak to the API server with the token of a file.
func (d *demo) writeKubeconfig(name, tokenFile string) (path string, err error) {
	config := clientcmdapi.NewConfig()
	config.Clusters["demo"] = &clientcmdapi.Cluster{
		Server: d.cluster.config.Host, CertificateAuthorityData: d.cluster.config.CAData,
	}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{TokenFile: tokenFile}
	config.Contexts["demo"] = &clientcmdapi.Context{Cluster: "demo", AuthInfo: name}
	config.CurrentContext = "demo"
	path = d.path(name + ".kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return "", fmt.Errorf("write kubeconfig of %s: %w", name, err)
	}
	return path, nil
}
