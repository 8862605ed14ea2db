package kube

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// law 1: what comes back from a status, which tells whole seconds, holds no shorter.
func TestAStatusNeverShortensAHold(t *testing.T) {
	begun := holdStart.Add(300 * time.Millisecond)
	r := change.Record{
		Spec: change.Spec{Account: "a-1", Action: change.Replace}, Created: holdStart, Deadline: holdStart.Add(time.Hour),
		HoldStart: begun, HoldUntil: begun.Add(change.DefaultHold), Restricted: change.SignIn,
	}
	status := ChangeReport{Record: r, Spec: r.Spec, Generation: 1, Now: begun}.Status(v1alpha1.SecurityInfoChangeStatus{})
	got := ReadChangeMemory(status)
	want := change.Memory{Created: holdStart, HoldStart: holdStart, HoldUntil: holdEnd.Add(time.Second), Restricted: change.SignIn}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("remembered (-want +got):\n%s", diff)
	}
	again := ChangeReport{Record: r, Spec: r.Spec, Generation: 1, Now: begun.Add(10 * 24 * time.Hour)}.Status(status)
	if diff := cmp.Diff(status, again); diff != "" {
		t.Errorf("time alone has changed the status (-then +now):\n%s", diff)
	}
}

// The object of a page's change reads as the record, without an address (law 2).
func TestOwnChangeReadsAsItsRecord(t *testing.T) {
	for _, spec := range []change.Spec{
		{Account: "a-1", Action: change.Replace, New: []change.NewContact{{ID: "n-1", Channel: contact.Email, Hint: "an•••@•••", Language: "fr"}}},
		{Account: "a-1", Action: change.Remove, Removed: []string{"c-1", "c-2"}},
		{Account: "a-1", Action: change.Clear, RequestedBy: "help-desk"},
	} {
		r := change.Record{Key: change.Key{Tenant: "shop", Name: change.OwnPrefix + "1"}, Spec: spec}
		object := OwnChange(r)
		if r.Drifted(ReadChange(object)) {
			t.Errorf("%s drifts: %+v", spec.Action, object.Spec)
		}
		if object.Labels[v1alpha1.LabelCreatedBy] != v1alpha1.LabelCreatedByHoldfast || KeyOfChange(object) != r.Key {
			t.Errorf("%s: %+v", spec.Action, object.ObjectMeta)
		}
	}
}

// law 1: where the store lost a change, its status still tells IDs, masks and languages.
func TestRememberedContacts(t *testing.T) {
	sic := &v1alpha1.SecurityInfoChange{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "r"}}
	sic.Spec.Action = v1alpha1.ActionReplace
	sic.Spec.Contacts = []v1alpha1.ContactReference{{SecretKeyRef: &v1alpha1.SecretKeyReference{Name: "s", Key: "k"}, Channel: v1alpha1.ChannelEmail}, {ID: "n-2"}}
	sic.Status.Contacts = []v1alpha1.ContactStatus{{ID: "n-1", Mask: "an•••@•••", Channel: v1alpha1.ChannelEmail, Language: "fr"}}
	want := []change.NewContact{{ID: "n-1", Channel: contact.Email, Hint: "an•••@•••", Language: "fr"}, {ID: "n-2"}}
	if diff := cmp.Diff(want, RememberedContacts(sic)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	sic.Spec.Action = v1alpha1.ActionRemove
	if got := RememberedContacts(sic); got != nil {
		t.Errorf("a removal brings %+v", got)
	}
}
