package main

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"holdfast.dev/holdfast/internal/seal"
)

// loadKeys reads the sealing keys. New ones are made only where nothing was ever
// sealed: keys that are lost while sealed rows exist mean refusing to start
// (law 13).
func loadKeys(ctx context.Context, client kubernetes.Interface, s settings) (*seal.Keys, error) {
	secret, err := client.CoreV1().Secrets(s.namespace).Get(ctx, s.keysSecret, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		secret, err = makeKeys(ctx, client, s)
	}
	return parseKeys(secret, err, s)
}

// readKeys reads the sealing keys and never makes new ones.
func readKeys(ctx context.Context, client kubernetes.Interface, s settings) (*seal.Keys, error) {
	secret, err := client.CoreV1().Secrets(s.namespace).Get(ctx, s.keysSecret, metav1.GetOptions{})
	return parseKeys(secret, err, s)
}

func parseKeys(secret *corev1.Secret, err error, s settings) (*seal.Keys, error) {
	if err != nil {
		return nil, fmt.Errorf("keys in Secret %s/%s: %w", s.namespace, s.keysSecret, err)
	}
	keys, err := seal.Parse(secret.Data)
	if err != nil {
		return nil, fmt.Errorf("keys in Secret %s/%s: %w", s.namespace, s.keysSecret, err)
	}
	return keys, nil
}

func makeKeys(ctx context.Context, client kubernetes.Interface, s settings) (*corev1.Secret, error) {
	if err := refuseSealed(ctx, s); err != nil {
		return nil, err
	}
	keys, err := seal.Generate()
	if err != nil {
		return nil, err
	}
	immutable := false
	secret, err := client.CoreV1().Secrets(s.namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.keysSecret},
		Type:       corev1.SecretTypeOpaque, Immutable: &immutable, Data: keys.Marshal(),
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) { // another replica was faster
		return client.CoreV1().Secrets(s.namespace).Get(ctx, s.keysSecret, metav1.GetOptions{})
	}
	return secret, err
}

// refuseSealed fails where the store holds what only the lost keys open.
func refuseSealed(ctx context.Context, s settings) (err error) {
	memory, err := openStore(ctx, s, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	sealed, err := memory.HasSealedRows(ctx)
	if err == nil && sealed {
		err = errors.New("the keys are missing while the store (--store) holds contacts that only they open: restore the Secret from its backup")
	}
	return err
}
