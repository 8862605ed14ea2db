package securityinfochange

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// invalidError is a spec that only its author can mend.
type invalidError struct{ cause error }

func (e *invalidError) Error() string { return e.cause.Error() }

func (e *invalidError) Unwrap() error { return e.cause }

// gather reads the record; at the first sight also the Secrets with the new addresses.
func (c *Controller) gather(ctx context.Context, s *scope) error {
	s.spec = kube.ReadChange(s.object)
	s.policy = c.Policies.For(s.object.Namespace, s.spec.Account)
	record, err := c.Store.Change(ctx, s.key())
	switch {
	case errors.Is(err, rules.ErrNotFound):
	case err != nil:
		return fmt.Errorf("read the record of change %s: %w", s.key(), err)
	default:
		s.record = record
		s.known = !record.Deleted || record.UID == s.uid()
	}
	if s.known {
		return nil
	}
	if s.spec.Recovery != "" {
		return &invalidError{fmt.Errorf("spec.recoveryRequestName: no RecoveryRequest %q of this namespace was approved for this account", s.spec.Recovery)}
	}
	return c.readContacts(ctx, s)
}

// readContacts takes the addresses of the new contacts from their Secrets.
func (c *Controller) readContacts(ctx context.Context, s *scope) error {
	s.addresses = map[string]string{}
	for i := range s.spec.New {
		ref := s.object.Spec.Contacts[i]
		if ref.SecretKeyRef == nil {
			return &invalidError{fmt.Errorf("spec.contacts[%d]: no contact %q of the account waits to be added; name the new address by secretKeyRef", i, ref.ID)}
		}
		address, err := c.readSecret(ctx, s.object.Namespace, *ref.SecretKeyRef)
		if err != nil {
			return fmt.Errorf("spec.contacts[%d]: %w", i, err)
		}
		language := string(ref.Language)
		if language == "" {
			language = s.policy.Messages.DefaultLanguage
		}
		read, refused, err := c.Contacts.ReadContact(ctx, flow.NewContact{
			Tenant: s.object.Namespace, Account: s.spec.Account, Channel: channelOf(ref.Channel, address), Address: address, Language: language,
		})
		if err != nil {
			return fmt.Errorf("spec.contacts[%d]: %w", i, err)
		}
		if refused != "" {
			s.refused = refused
			read.ID = fmt.Sprintf("refused-%d", i)
		}
		s.spec.New[i] = change.NewContact{ID: read.ID, Channel: read.Channel, Language: read.Language}
		if refused == "" {
			s.spec.New[i].Hint = read.Mask()
			s.addresses[read.ID] = read.Address
		}
	}
	return nil
}

// channelOf is the channel that the spec names, else that of the address.
func channelOf(given v1alpha1.Channel, address string) contact.Channel {
	switch {
	case given != "":
		return contact.Channel(given)
	case strings.Contains(address, "@"):
		return contact.Email
	default:
		return contact.SMS
	}
}

// readSecret reads one key of a Secret of contacts. No error tells its value.
func (c *Controller) readSecret(ctx context.Context, namespace string, ref v1alpha1.SecretKeyReference) (string, error) {
	var secret corev1.Secret
	err := c.Secrets.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, &secret)
	value, ok := secret.Data[ref.Key]
	switch {
	case apierrors.IsNotFound(err):
		return "", &invalidError{fmt.Errorf("Secret %s/%s does not exist", namespace, ref.Name)}
	case apierrors.IsForbidden(err):
		return "", &invalidError{fmt.Errorf("Secret %s/%s may not be read: grant the namespace to Holdfast (config/tenant)", namespace, ref.Name)}
	case err != nil:
		return "", fmt.Errorf("read Secret %s/%s: %w", namespace, ref.Name, err)
	case secret.Type != v1alpha1.SecretTypeContact:
		return "", &invalidError{fmt.Errorf("Secret %s/%s is not of type %s", namespace, ref.Name, v1alpha1.SecretTypeContact)}
	case !ok:
		return "", &invalidError{fmt.Errorf("Secret %s/%s has no key %q", namespace, ref.Name, ref.Key)}
	}
	return strings.TrimSpace(string(value)), nil
}

// freeze records the change. What the status remembers and the store lost comes back
// with it (law 1).
func (c *Controller) freeze(ctx context.Context, s *scope) error {
	seen := change.Sight{
		Key: s.key(), UID: s.uid(), Spec: s.spec, Terms: s.policy.Changes, Addresses: s.addresses,
		Created: s.object.CreationTimestamp.UTC(), Now: s.now,
	}
	if s.known {
		seen.Spec, seen.Terms = s.record.Spec, s.record.Terms
	}
	remembered := kube.ReadChangeMemory(s.object.Status)
	var err error
	if lost := remembered.Remembers() && (!s.known || s.record.Memory().Merge(remembered) != s.record.Memory()) && !s.foreign(); lost {
		s.record, err = c.Store.AdoptChange(ctx, seen, remembered)
	} else {
		s.record, err = c.Store.FreezeChange(ctx, seen)
	}
	if err == nil && s.refused != "" && !s.record.State(s.now).Terminal() {
		s.record, err = c.Store.RejectChange(ctx, change.Visit{Key: s.key(), Now: s.now}, s.refused)
	}
	if err != nil && !errors.Is(err, change.ErrEnded) {
		return fmt.Errorf("record change %s: %w", s.key(), err)
	}
	return nil
}

// foreign reports whether the record is of another account by now: nothing of the status
// goes into it.
func (s *scope) foreign() bool { return s.known && s.record.Spec.Account != s.spec.Account }

// settle does what is due: notices, the end of a wait, the end of a hold.
func (c *Controller) settle(ctx context.Context, s *scope) error {
	if s.record.State(s.now).Terminal() && s.record.End.State != "" {
		return nil
	}
	var err error
	if s.record, err = c.Store.VisitChange(ctx, change.Visit{Key: s.key(), Now: s.now}); err != nil {
		return fmt.Errorf("visit change %s: %w", s.key(), err)
	}
	if s.record.State(s.now) != change.OnHold {
		return nil
	}
	others, err := c.Store.OpenChanges(ctx, s.object.Namespace, s.record.Spec.Account)
	if err != nil {
		return fmt.Errorf("read the other changes of the account of %s: %w", s.key(), err)
	}
	s.contested = s.record.Contested(others, s.now)
	if s.now.Before(s.record.HoldUntil) || s.contested || s.record.Joined != "" {
		return nil
	}
	return c.apply(ctx, s)
}

// apply ends a hold by the clocks of all three: none may be far from the others, and the
// earliest counts (law 11).
func (c *Controller) apply(ctx context.Context, s *scope) error {
	clocks := change.Clocks{Process: c.Now()}
	clocks.APIServer, _ = c.APIServer.Now(ctx) // a clock that does not answer counts as skewed
	clocks.Database, _ = c.Store.Clock(ctx)
	record, err := c.Store.ApplyChange(ctx, s.key(), clocks)
	switch {
	case errors.Is(err, change.ErrClockSkew):
		s.skewed = true
	case errors.Is(err, change.ErrContested):
		s.contested = true
	case errors.Is(err, change.ErrEarly), errors.Is(err, change.ErrEnded):
		// Another clock is behind by less than the bound, or somebody was first: the next look tells.
	case err != nil:
		return fmt.Errorf("apply change %s: %w", s.key(), err)
	default:
		s.record = record
	}
	return nil
}

// cancel records the deletion, which cancels an open change, and lets the object go. It
// needs the store alone.
func (c *Controller) cancel(ctx context.Context, sic *v1alpha1.SecurityInfoChange) error {
	before := sic.DeepCopy()
	if !controllerutil.RemoveFinalizer(sic, v1alpha1.Finalizer) {
		return nil
	}
	key, now := kube.KeyOfChange(sic), c.Now()
	if err := c.remember(ctx, sic); err != nil {
		return err
	}
	record, err := c.Store.DeleteChange(ctx, change.Visit{Key: key, Now: now}, string(sic.UID))
	if err != nil && !errors.Is(err, rules.ErrNotFound) {
		return fmt.Errorf("record the deletion of change %s: %w", key, err)
	}
	if err == nil && record.End.Reason == change.ByDeletion && record.End.At.Equal(now.Truncate(1e6)) {
		c.announceDeleted(sic, record)
	}
	return kube.PatchMeta(ctx, c.Client, before, sic)
}

// remember adopts a hold that only the status knows, so that its deletion keeps the
// restriction.
func (c *Controller) remember(ctx context.Context, sic *v1alpha1.SecurityInfoChange) error {
	key, remembered := kube.KeyOfChange(sic), kube.ReadChangeMemory(sic.Status)
	_, err := c.Store.Change(ctx, key)
	if !errors.Is(err, rules.ErrNotFound) || remembered.HoldStart.IsZero() {
		return unlessNotFound(err)
	}
	spec := kube.ReadChange(sic)
	spec.New = nil // their addresses are nobody's business any more
	_, err = c.Store.AdoptChange(ctx, change.Sight{
		Key: key, UID: string(sic.UID), Spec: spec, Terms: c.Policies.For(sic.Namespace, spec.Account).Changes,
		Created: sic.CreationTimestamp.UTC(), Now: c.Now(),
	}, remembered)
	return err
}

func unlessNotFound(err error) error {
	if errors.Is(err, rules.ErrNotFound) {
		return nil
	}
	return err
}

// ensureFinalizer makes sure that the change's deletion will be seen.
func (c *Controller) ensureFinalizer(ctx context.Context, sic *v1alpha1.SecurityInfoChange) error {
	before := sic.DeepCopy()
	if !controllerutil.AddFinalizer(sic, v1alpha1.Finalizer) {
		return nil
	}
	return kube.PatchMeta(ctx, c.Client, before, sic)
}

// report writes what was found into the object's status.
func (s *scope) report(err error) {
	old, generation := s.object.Status, s.object.Generation
	var invalid *invalidError
	switch {
	case errors.As(err, &invalid):
		s.object.Status = kube.StalledChange(old, v1alpha1.ReasonInvalidSpec, invalid, generation, s.now)
	case err != nil:
		s.object.Status = kube.WaitingChange(old, generation, s.now)
	default:
		status := kube.ChangeReport{
			Record: s.record, Spec: s.spec, Contested: s.contested, Skewed: s.skewed, Generation: generation, Now: s.now,
		}.Status(old)
		if !equality.Semantic.DeepEqual(old, status) {
			s.object.Status = status
		}
	}
}
