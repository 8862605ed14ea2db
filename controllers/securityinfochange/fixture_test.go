package securityinfochange

import (
	"crypto/sha256"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/session"
)

// policy replaces the namespace's policy in the controller's cache.
func (f *fixture) policy(edit func(*v1alpha1.VerificationPolicySpec)) {
	f.Helper()
	vp := &v1alpha1.VerificationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: "all"}}
	vp.Spec.Accounts.Patterns = []v1alpha1.AccountPattern{"*"}
	vp.Spec.Providers = []v1alpha1.Provider{{
		Name: "text", Type: v1alpha1.ProviderTwilio, SecretRef: v1alpha1.SecretReference{Name: "text"},
		Channels: []v1alpha1.Channel{v1alpha1.ChannelSMS, v1alpha1.ChannelVoice}, Countries: []v1alpha1.CountryCode{"DE", "GB"},
	}}
	edit(&vp.Spec)
	if err := f.policies.Apply(vp); err != nil {
		f.Fatal(err)
	}
}

// own gives an account one contact that the identity provider has vouched for.
func (f *fixture) own(account string) {
	f.Helper()
	contacts := []contact.Contact{{ID: "old", Channel: contact.Email, Address: oldAddress, Standing: contact.Full, Language: "en"}}
	if err := f.store.ImportContacts(f.Context(), f.namespace, account, contacts, nil, f.clock.Now()); err != nil {
		f.Fatal(err)
	}
}

// secret makes a Secret of contacts.
func (f *fixture) secret(name, value string, edits ...func(*corev1.Secret)) {
	f.Helper()
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name}, Type: v1alpha1.SecretTypeContact,
		Data: map[string][]byte{"address": []byte(value)},
	}
	for _, edit := range edits {
		edit(s)
	}
	if err := f.client.Create(f.Context(), s); err != nil {
		f.Fatal(err)
	}
}

// create creates a replacement by YAML, and sets the clock to its creation.
func (f *fixture) create(name string, edits ...func(*v1alpha1.SecurityInfoChange)) *v1alpha1.SecurityInfoChange {
	f.Helper()
	sic := &v1alpha1.SecurityInfoChange{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name},
		Spec: v1alpha1.SecurityInfoChangeSpec{
			Account: "a-1", Action: v1alpha1.ActionReplace, RequestedBy: "help-desk",
			Contacts: []v1alpha1.ContactReference{{
				SecretKeyRef: &v1alpha1.SecretKeyReference{Name: name, Key: "address"}, Channel: v1alpha1.ChannelEmail, Language: "de",
			}},
		},
	}
	for _, edit := range edits {
		edit(sic)
	}
	if err := f.client.Create(f.Context(), sic); err != nil {
		f.Fatal(err)
	}
	f.clock.Set(sic.CreationTimestamp.Time)
	return sic
}

// hold has a replacement on hold from its creation, which it returns.
func (f *fixture) hold(name string, edits ...func(*v1alpha1.SecurityInfoChange)) time.Time {
	f.Helper()
	f.secret(name, newAddress)
	start := f.create(name, edits...).CreationTimestamp.UTC()
	f.reconcile(name)
	f.prove(name)
	if sic, _ := f.reconcile(name); sic.Status.State != v1alpha1.ChangeOnHold {
		f.Fatalf("%s is %+v", name, sic.Status)
	}
	return start
}

// accepted has a code accepted now, and returns its challenge.
func (f *fixture) accepted(purpose code.Purpose, account, object, contactID, address string) string {
	f.Helper()
	f.codes++
	id, now := fmt.Sprintf("flow-%d-in-%s", f.codes, f.namespace), f.clock.Now()
	err := f.store.OpenFlow(f.Context(), session.Flow{
		ID: id, Tenant: f.namespace, Account: account, Purpose: purpose, Object: object, Stage: session.Opened,
		Secret: sha256.Sum256([]byte(id)), Ticket: "ticket-" + id, Opened: now, Expires: now.Add(session.Life),
	})
	if err != nil {
		f.Fatal(err)
	}
	c, err := f.store.IssueChallenge(f.Context(), code.Issue{
		Challenge: code.Challenge{
			ID: "challenge-" + id, Tenant: f.namespace, Account: account, Purpose: purpose, Object: object, Flow: id,
			ContactID: contactID, Channel: contact.Email, Digits: 6, MaxAttempts: 5, Created: now, Expires: now.Add(time.Hour),
			Destination: "hash-of-" + address,
		},
		Address: address, MaxWrongPerDay: 10, MessageID: "message-" + id, Now: now,
	})
	if err != nil {
		f.Fatal(err)
	}
	if err := f.store.AcceptCode(f.Context(), code.Accept{Challenge: c, NewSecret: sha256.Sum256([]byte("next " + id)), Now: now}); err != nil {
		f.Fatal(err)
	}
	return c.ID
}

// prove has the person's code to the new contact accepted.
func (f *fixture) prove(name string) {
	f.Helper()
	r := f.record(name)
	id := f.accepted(code.AddContact, r.Spec.Account, name, "", newAddress)
	_, err := f.store.ProveChange(f.Context(), change.Proving{Key: f.key(name), Proof: change.NewContactCode, ChallengeID: id, Now: f.clock.Now()})
	if err != nil {
		f.Fatal(err)
	}
}

// cancelling is the owner's code to the old contact.
func (f *fixture) cancelling(name string) change.Cancelling {
	f.Helper()
	account := f.record(name).Spec.Account
	return change.Cancelling{
		Key: f.key(name), Account: account, ChallengeID: f.accepted(code.Cancel, account, name, "old", oldAddress),
		FirstFactor: true, Now: f.clock.Now(),
	}
}

func (f *fixture) cancelled(name string) {
	f.Helper()
	if _, err := f.store.CancelChange(f.Context(), f.cancelling(name), block.Spec{}); err != nil {
		f.Fatal(err)
	}
}

// reconcile looks at the change once and returns it as it is then.
func (f *fixture) reconcile(name string) (*v1alpha1.SecurityInfoChange, reconcile.Result) {
	f.Helper()
	result, err := f.try(name)
	if err != nil {
		f.Fatal(err)
	}
	return f.get(name), result
}

func (f *fixture) try(name string) (reconcile.Result, error) {
	return f.controller.Reconcile(f.Context(), request(f.key(name)))
}

// get reads the change; nil where it is gone.
func (f *fixture) get(name string) *v1alpha1.SecurityInfoChange {
	f.Helper()
	sic := &v1alpha1.SecurityInfoChange{}
	err := f.client.Get(f.Context(), client.ObjectKey{Namespace: f.namespace, Name: name}, sic)
	if client.IgnoreNotFound(err) != nil {
		f.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return sic
}

func (f *fixture) delete(name string) {
	f.Helper()
	if err := f.client.Delete(f.Context(), f.get(name)); err != nil {
		f.Fatal(err)
	}
}

// vanish removes the object behind the controller's back, as the loss of etcd would.
func (f *fixture) vanish(name string) *v1alpha1.SecurityInfoChange {
	f.Helper()
	sic := f.get(name)
	before := sic.DeepCopy()
	sic.Finalizers = nil
	if err := f.client.Patch(f.Context(), sic, client.MergeFrom(before)); err != nil {
		f.Fatal(err)
	}
	if err := f.client.Delete(f.Context(), sic); err != nil {
		f.Fatal(err)
	}
	return before
}

// restore creates an object again as it was, with its status or without.
func (f *fixture) restore(was *v1alpha1.SecurityInfoChange, withStatus bool) {
	f.Helper()
	again := &v1alpha1.SecurityInfoChange{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: was.Name, Labels: was.Labels}, Spec: was.Spec}
	if err := f.client.Create(f.Context(), again); err != nil {
		f.Fatal(err)
	}
	if again.UID == was.UID {
		f.Fatal("the same UID: nothing is tried here")
	}
	if !withStatus {
		return
	}
	before := again.DeepCopy()
	again.Status = was.Status
	if err := f.client.Status().Patch(f.Context(), again, client.MergeFrom(before)); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) wipeStatus(name string) {
	f.Helper()
	sic := f.get(name)
	before := sic.DeepCopy()
	sic.Status = v1alpha1.SecurityInfoChangeStatus{}
	if err := f.client.Status().Patch(f.Context(), sic, client.MergeFrom(before)); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) key(name string) change.Key { return change.Key{Tenant: f.namespace, Name: name} }

func (f *fixture) record(name string) change.Record {
	f.Helper()
	r, err := f.store.Store.Change(f.Context(), f.key(name))
	if err != nil {
		f.Fatal(err)
	}
	return r
}

// contacts are the addresses of an account.
func (f *fixture) contacts(account string) (addresses []string) {
	f.Helper()
	book, err := f.store.Book(f.Context(), f.namespace, account)
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range book.Contacts {
		addresses = append(addresses, c.Address)
	}
	return addresses
}

// state fails unless the change is in a state and its conditions say ready.
func (f *fixture) state(sic *v1alpha1.SecurityInfoChange, want v1alpha1.ChangeState, ready metav1.ConditionStatus, reason string) {
	f.Helper()
	if sic == nil {
		f.Fatalf("the change is gone, want %s", want)
	}
	if sic.Status.State != want || sic.Status.ObservedGeneration != sic.Generation {
		f.Fatalf("state %q of generation %d, want %s of %d: %+v", sic.Status.State, sic.Status.ObservedGeneration, want, sic.Generation, sic.Status.Conditions)
	}
	f.condition(sic, v1alpha1.ConditionReady, ready, reason)
}

func (f *fixture) condition(sic *v1alpha1.SecurityInfoChange, kind string, status metav1.ConditionStatus, reason string) {
	f.Helper()
	c := meta.FindStatusCondition(sic.Status.Conditions, kind)
	if c == nil || c.Status != status || c.Reason != reason {
		f.Errorf("%s is %+v, want %s %s", kind, c, status, reason)
	}
}

// said are the Events so far.
func (f *fixture) said() (out []string) {
	for {
		select {
		case e := <-f.events.Events:
			out = append(out, e)
		default:
			return out
		}
	}
}
