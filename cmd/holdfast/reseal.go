package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store"
)

const (
	// rereadEvery is how often the Secret with the keys is read anew.
	rereadEvery = 10 * time.Second
	// resealBatch rows are moved to the present keys in one transaction, with a pause
	// after each, so that nobody waits long.
	resealBatch = 100
	resealPause = 20 * time.Millisecond
)

// keeper follows the Secret with the keys and moves the store to the present ones.
type keeper struct {
	secrets corev1client.SecretInterface
	name    string
	keys    *seal.Keys
	memory  interface {
		CheckSeal(ctx context.Context) error
		Reseal(ctx context.Context, batch int, now time.Time, between func() error) (store.Resealed, error)
	}
	log logr.Logger
	// refused is the version of the Secret that was told of last.
	refused string
	// due is when rows are moved next, zero for never.
	due time.Time
}

// run follows the Secret until ctx ends. Keys that are read anew are in use at once;
// a Secret that is lost, damaged or of another installation changes nothing.
func (k *keeper) run(ctx context.Context, now func() time.Time) error {
	if k.keys.Rotating() {
		k.due = now()
	}
	for ctx.Err() == nil {
		if k.reread(ctx) {
			k.due = now()
		}
		if !k.due.IsZero() && !now().Before(k.due) {
			k.reseal(ctx, now)
		}
		select {
		case <-ctx.Done():
		case <-time.After(rereadEvery):
		}
	}
	return nil
}

// reread takes over the Secret's keys and reports whether rows may be left to move.
func (k *keeper) reread(ctx context.Context) bool {
	reading, cancel := context.WithTimeout(ctx, rereadEvery)
	defer cancel()
	secret, err := k.secrets.Get(reading, k.name, metav1.GetOptions{})
	if err != nil {
		if apierrors.IsNotFound(err) {
			k.refuse(ctx, "missing", err)
		}
		return false // where the apiserver is away nothing is known to be lost
	}
	before := k.keys.Marshal()
	changed, err := k.keys.Replace(secret.Data)
	if err != nil {
		k.refuse(ctx, secret.ResourceVersion, err)
		return false
	}
	if !changed {
		k.refused = ""
		return false
	}
	if err := k.memory.CheckSeal(ctx); errors.Is(err, store.ErrOtherKeys) {
		_, back := k.keys.Replace(before)
		k.refuse(ctx, secret.ResourceVersion, errors.Join(err, back))
		return false
	}
	k.refused = ""
	k.log.Info("the keys were read anew and are in use", "rotating", k.keys.Rotating())
	return k.keys.Rotating()
}

// refuse tells once of a Secret that is not taken over.
func (k *keeper) refuse(ctx context.Context, version string, cause error) {
	if k.refused != version && ctx.Err() == nil {
		k.log.Error(cause, "the Secret with the keys is not taken over; the keys in memory stay in use: restore it before the next start", "secret", k.name)
	}
	k.refused = version
}

// reseal moves what it can and comes again for codes that still need a former key.
func (k *keeper) reseal(ctx context.Context, now func() time.Time) {
	done, err := k.memory.Reseal(ctx, resealBatch, now(), func() error { return pause(ctx, resealPause) })
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		k.log.Info("the re-seal broke off; going on later", "cause", err.Error())
		k.due = now().Add(rereadEvery)
		return
	case done.Open > 0:
		k.due = done.OpenUntil
	default:
		k.due = time.Time{}
	}
	k.log.Info("the store was re-sealed", "contacts", done.Contacts, "challenges", done.Challenges, "messages", done.Messages,
		"unreadable", done.Unreadable, "openCodes", done.Open, "formerKeysNeeded", !done.Complete())
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func resealCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "reseal", Short: "Move everything sealed or hashed with former keys to the present ones", Args: cobra.NoArgs,
		Long: "Moves everything in the store that former keys of the Secret have sealed or hashed to the present ones. " +
			"Running replicas do so themselves once the Secret has changed; on SQLite they hold the store alone, so stop them first.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := o.read()
			if err != nil {
				return err
			}
			done, err := resealOnce(cmd.Context(), s)
			if err != nil {
				return err
			}
			cmd.Printf("re-sealed: %d contacts, %d challenges, %d messages\n", done.Contacts, done.Challenges, done.Messages)
			return left(done)
		},
	}
	o.bind(cmd.Flags())
	return cmd
}

// left says what still needs a former key.
func left(done store.Resealed) error {
	switch {
	case done.Unreadable > 0:
		return fmt.Errorf("%d rows open with no key of the Secret: put the key back that sealed them, and do not retire any", done.Unreadable)
	case done.Open > 0:
		return fmt.Errorf("%d open codes still need a former key: run this again after %s", done.Open, done.OpenUntil.UTC().Format(time.RFC3339))
	default:
		return nil
	}
}

func resealOnce(ctx context.Context, s settings) (done store.Resealed, err error) {
	config, err := restConfig(s)
	if err != nil {
		return done, err
	}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return done, fmt.Errorf("clients for the apiserver: %w", err)
	}
	keys, err := readKeys(ctx, clients, s)
	if err != nil {
		return done, err
	}
	memory, err := openStore(ctx, s, keys)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	return memory.Reseal(ctx, resealBatch, clock.Wall(), func() error { return pause(ctx, resealPause) })
}
