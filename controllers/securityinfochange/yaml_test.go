package securityinfochange

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
)

func secretOf(f *fixture, name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name}}
}

// reader answers with an error where there is one.
type reader struct {
	client.Reader
	err error
}

func (r reader) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if r.err != nil {
		return r.err
	}
	return r.Reader.Get(ctx, key, o, opts...)
}

// A Secret that is missing, forbidden, of another type or without the key stalls the
// change with what to do, and it goes on once the Secret is there, with nobody touching
// the change.
func TestSecretAtFault(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*fixture) client.Reader
		reason string
		says   []string
	}{
		"missing": {func(f *fixture) client.Reader { return f.client }, v1alpha1.ReasonSecretNotFound,
			[]string{"spec.contacts[0].secretKeyRef", "/r does not exist", v1alpha1.SecretTypeContact}},
		"forbidden": {func(f *fixture) client.Reader {
			return reader{err: apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "r", errors.New("rbac"))}
		}, v1alpha1.ReasonSecretNotFound, []string{"/r may not be read", "config/tenant"}},
		"of another type": {func(f *fixture) client.Reader {
			f.secret("r", newAddress, func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque })
			return f.client
		}, v1alpha1.ReasonSecretInvalid, []string{"/r is not of type " + v1alpha1.SecretTypeContact}},
		"without the key": {func(f *fixture) client.Reader {
			f.secret("r", newAddress, func(s *corev1.Secret) { s.Data = map[string][]byte{"other": []byte(newAddress)} })
			return f.client
		}, v1alpha1.ReasonSecretInvalid, []string{`/r has no key "address"`}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.controller.Secrets = c.spoil(f)
			f.create("r")
			sic, result := f.reconcile("r")
			f.state(sic, "", isFalse, c.reason)
			f.condition(sic, v1alpha1.ConditionStalled, isTrue, c.reason)
			stalled := meta.FindStatusCondition(sic.Status.Conditions, v1alpha1.ConditionStalled)
			for _, want := range c.says {
				if !strings.Contains(stalled.Message, want) {
					t.Errorf("says %q, want %q in it", stalled.Message, want)
				}
			}
			if result.RequeueAfter != secretAgain {
				t.Errorf("looks again after %v", result.RequeueAfter)
			}
			writes := f.writes.Status.Load()
			f.clock.Step(time.Minute)
			f.reconcile("r")
			if f.writes.Status.Load() != writes {
				t.Error("looking again in vain has written the status")
			}

			f.controller.Secrets = f.client
			if err := client.IgnoreNotFound(f.client.Delete(t.Context(), secretOf(f, "r"))); err != nil {
				t.Fatal(err)
			}
			f.secret("r", newAddress)
			sic, _ = f.reconcile("r")
			f.state(sic, v1alpha1.ChangeAwaitingCode, isTrue, v1alpha1.ReasonAwaitingCode)
			f.condition(sic, v1alpha1.ConditionStalled, isFalse, v1alpha1.ReasonNotStalled)
			f.silent(sic)
		})
	}
}

// silent fails where an address stands in object, Event or record (law 2).
func (f *fixture) silent(sic *v1alpha1.SecurityInfoChange, also ...string) {
	f.Helper()
	told, err := json.Marshal(sic)
	if err != nil {
		f.Fatal(err)
	}
	also = append(also, string(told))
	for _, text := range append(also, f.said()...) {
		for _, secret := range []string{newAddress, "canary", "15112345678", "9001234567"} {
			if strings.Contains(text, secret) {
				f.Errorf("law 2: %q stands in %s", secret, text)
			}
		}
	}
}

// seed 20, T1, T5: what may not be a contact is rejected with the reason.
func TestAddressIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		channel v1alpha1.Channel
		address string
		reason  string
	}{
		"no email address":                   {v1alpha1.ChannelEmail, "canary at post", v1alpha1.ReasonAddressInvalid},
		"internet number":                    {v1alpha1.ChannelSMS, "+445600123456", v1alpha1.ReasonVoIPRefused},
		"premium number":                     {v1alpha1.ChannelVoice, "+499001234567", v1alpha1.ReasonNumberRefused},
		"no number":                          {v1alpha1.ChannelSMS, "canary", v1alpha1.ReasonNumberRefused},
		"a country that no provider reaches": {v1alpha1.ChannelSMS, "+41791234567", v1alpha1.ReasonNumberRefused},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.secret("r", c.address)
			f.create("r", func(sic *v1alpha1.SecurityInfoChange) { sic.Spec.Contacts[0].Channel = c.channel })
			sic, result := f.reconcile("r")
			f.state(sic, v1alpha1.ChangeRejected, isFalse, c.reason)
			f.condition(sic, v1alpha1.ConditionStalled, isTrue, c.reason)
			if !result.IsZero() || sic.Status.FinishedTime == nil {
				t.Errorf("result %v, finished %v", result, sic.Status.FinishedTime)
			}
			f.silent(sic)
			writes := f.writes.Status.Load()
			f.clock.Step(day)
			f.reconcile("r")
			if f.writes.Status.Load() != writes {
				t.Error("looking again has written the status")
			}
		})
	}
}

// A crash right after the freeze: what was refused is rejected all the same, for its reason,
// though the Secret is gone by the next look.
func TestCrashAfterTheFreezeOfWhatIsRefused(t *testing.T) {
	f := newFixture(t)
	f.secret("r", "+445600123456")
	f.create("r", func(sic *v1alpha1.SecurityInfoChange) { sic.Spec.Contacts[0].Channel = v1alpha1.ChannelSMS })
	f.store.crash = rules.ErrUnavailable
	if _, err := f.try("r"); err == nil {
		t.Fatal("it did not crash")
	}
	f.store.crash = nil
	if err := f.client.Delete(t.Context(), secretOf(f, "r")); err != nil {
		t.Fatal(err)
	}
	sic, _ := f.reconcile("r")
	f.state(sic, v1alpha1.ChangeRejected, isFalse, v1alpha1.ReasonVoIPRefused)
	f.silent(sic)
}

// law 9: who asks by YAML proves nothing about the person, whose codes stay needed.
func TestByYAMLTheCodesStayNeeded(t *testing.T) {
	f := newFixture(t)
	f.secret("r", newAddress)
	start := f.create("r", func(sic *v1alpha1.SecurityInfoChange) {
		sic.Spec.Action, sic.Spec.RequestedBy = v1alpha1.ActionAdd, "system:admin"
	}).CreationTimestamp.UTC()
	sic, result := f.reconcile("r")
	f.state(sic, v1alpha1.ChangeAwaitingCode, isTrue, v1alpha1.ReasonAwaitingCode)
	if got := sic.Status.RemainingProofs; len(got) != 2 || result.RequeueAfter != change.ProveWithin {
		t.Errorf("proofs %v, wakes after %v", got, result.RequeueAfter)
	}
	if c := sic.Status.Contacts; len(c) != 1 || c[0].Standing != v1alpha1.ContactPending || c[0].Language != "de" || !strings.HasPrefix(c[0].Mask, "ca") {
		t.Errorf("contacts %+v", c)
	}
	f.silent(sic)
	f.prove("r") // a code to the new contact alone is not enough either
	sic, _ = f.reconcile("r")
	f.state(sic, v1alpha1.ChangeAwaitingCode, isTrue, v1alpha1.ReasonAwaitingCode)
	f.clock.Set(start.Add(change.ProveWithin))
	sic, result = f.reconcile("r")
	f.state(sic, v1alpha1.ChangeExpired, isTrue, v1alpha1.ReasonExpired)
	if got := f.contacts("a-1"); len(got) != 1 || !result.IsZero() {
		t.Errorf("contacts %v, result %v", got, result)
	}
}

// A spec that only its author can mend is not tried again.
func TestInvalidSpecs(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*v1alpha1.SecurityInfoChange)
		says string
	}{
		"a recovery that nobody approved": {func(sic *v1alpha1.SecurityInfoChange) { sic.Spec.RecoveryRequestName = "lost" }, "spec.recoveryRequestName"},
		"a contact that the store does not know": {func(sic *v1alpha1.SecurityInfoChange) {
			sic.Spec.Contacts = []v1alpha1.ContactReference{{ID: "unknown"}}
		}, "spec.contacts[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.secret("r", newAddress)
			f.create("r", c.edit)
			if _, err := f.try("r"); !errors.Is(err, reconcile.TerminalError(nil)) {
				t.Errorf("it is tried again: %v", err)
			}
			sic := f.get("r")
			f.state(sic, "", isFalse, v1alpha1.ReasonInvalidSpec)
			stalled := meta.FindStatusCondition(sic.Status.Conditions, v1alpha1.ConditionStalled)
			if stalled == nil || !strings.Contains(stalled.Message, c.says) {
				t.Errorf("Stalled: %+v", stalled)
			}
		})
	}
}

// An object that came back with another spec drifts: the one recorded first stays.
func TestDriftIsShown(t *testing.T) {
	f := newFixture(t)
	start := f.hold("r")
	was := f.vanish("r")
	was.Spec.RequestedBy = "somebody-else"
	f.restore(was, false)
	sic, _ := f.reconcile("r")
	f.state(sic, v1alpha1.ChangeOnHold, isFalse, v1alpha1.ReasonSpecDrifted)
	f.condition(sic, v1alpha1.ConditionStalled, isTrue, v1alpha1.ReasonSpecDrifted)
	f.clock.Set(start.Add(month))
	f.reconcile("r")
	if got := f.record("r"); got.End.State != change.Applied || got.Spec.RequestedBy != "help-desk" {
		t.Errorf("%+v of %+v", got.End, got.Spec)
	}
}

// lookups fail as a provider's may, with the number in the error.
type lookups struct{ err error }

func (l lookups) ReadContact(context.Context, flow.NewContact) (contact.Contact, change.Reason, error) {
	return contact.Contact{}, "", l.err
}

// law 2: a look-up that fails is tried again, and its error stays out of status and Events.
func TestLookupFails(t *testing.T) {
	f := newFixture(t)
	f.secret("r", newAddress)
	f.create("r")
	reads := f.controller.Contacts
	f.controller.Contacts = lookups{errors.New("502 for " + newAddress)}
	if _, err := f.try("r"); err == nil || errors.Is(err, reconcile.TerminalError(nil)) {
		t.Errorf("got %v", err)
	}
	sic := f.get("r")
	f.state(sic, "", isFalse, v1alpha1.ReasonReconciling)
	f.silent(sic)
	f.controller.Contacts = reads
	sic, _ = f.reconcile("r")
	f.state(sic, v1alpha1.ChangeAwaitingCode, isTrue, v1alpha1.ReasonAwaitingCode)
}
