package securityinfochange

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// invalidError is what only people can mend: the spec, or a Secret that it names.
type invalidError struct {
	reason string
	cause  error
}

func (e *invalidError) Error() string { return e.cause.Error() }

func (e *invalidError) Unwrap() error { return e.cause }

// secret reports whether a Secret is at fault, which may come or be mended while the spec
// stays.
func (e *invalidError) secret() bool { return e.reason != v1alpha1.ReasonInvalidSpec }

// unreadError is a new contact that cannot be read now.
type unreadError struct {
	at    int
	cause error
}

func (e *unreadError) Error() string { return fmt.Sprintf("spec.contacts[%d]: %v", e.at, e.cause) }

func (e *unreadError) Unwrap() error { return e.cause }

// says leaves out the cause: a provider may repeat the address in it (law 2).
func (e *unreadError) says() string {
	return fmt.Sprintf("The address of spec.contacts[%d] cannot be read or looked up now; it is tried again.", e.at)
}

// readContacts takes the addresses of the new contacts from their Secrets.
func (c *Controller) readContacts(ctx context.Context, s *scope) error {
	s.addresses = map[string]string{}
	for i := range s.spec.New {
		ref := s.object.Spec.Contacts[i]
		if ref.SecretKeyRef == nil {
			return &invalidError{v1alpha1.ReasonInvalidSpec,
				fmt.Errorf("spec.contacts[%d]: no contact %q of the account waits to be added; name the new address by secretKeyRef", i, ref.ID)}
		}
		address, err := c.readSecret(ctx, s.object.Namespace, i, *ref.SecretKeyRef)
		if err != nil {
			return err
		}
		language := string(ref.Language)
		if language == "" {
			language = s.policy.Messages.DefaultLanguage
		}
		read, refused, err := c.Contacts.ReadContact(ctx, flow.NewContact{
			Tenant: s.object.Namespace, Account: s.spec.Account, Channel: contact.Channel(ref.Channel), Address: address, Language: language,
		})
		switch {
		case err != nil:
			return &unreadError{i, err}
		case refused != "":
			s.refused = refused
			s.spec.New[i].ID = fmt.Sprintf("refused-%d", i)
		default:
			s.spec.New[i] = change.NewContact{ID: read.ID, Channel: read.Channel, Language: read.Language, Hint: read.Mask()}
			s.addresses[read.ID] = read.Address
			s.ownDomain = s.ownDomain || flow.OwnDomain(read, s.policy) != ""
		}
	}
	return nil
}

// readSecret reads one key of a Secret of contacts. No error tells its value.
func (c *Controller) readSecret(ctx context.Context, namespace string, at int, ref v1alpha1.SecretKeyReference) (string, error) {
	field := fmt.Sprintf("spec.contacts[%d].secretKeyRef", at)
	var secret corev1.Secret
	err := c.Secrets.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, &secret)
	value, ok := secret.Data[ref.Key]
	switch {
	case apierrors.IsNotFound(err):
		return "", &invalidError{v1alpha1.ReasonSecretNotFound,
			fmt.Errorf("%s: Secret %s/%s does not exist: create it with type %s", field, namespace, ref.Name, v1alpha1.SecretTypeContact)}
	case apierrors.IsForbidden(err):
		return "", &invalidError{v1alpha1.ReasonSecretNotFound,
			fmt.Errorf("%s: Secret %s/%s may not be read: grant the namespace to Holdfast (config/tenant)", field, namespace, ref.Name)}
	case err != nil:
		return "", &unreadError{at, fmt.Errorf("read Secret %s/%s: %w", namespace, ref.Name, err)}
	case secret.Type != v1alpha1.SecretTypeContact:
		return "", &invalidError{v1alpha1.ReasonSecretInvalid,
			fmt.Errorf("%s: Secret %s/%s is not of type %s: create it anew with that type", field, namespace, ref.Name, v1alpha1.SecretTypeContact)}
	case !ok:
		return "", &invalidError{v1alpha1.ReasonSecretInvalid, fmt.Errorf("%s: Secret %s/%s has no key %q", field, namespace, ref.Name, ref.Key)}
	}
	return strings.TrimSpace(string(value)), nil
}
