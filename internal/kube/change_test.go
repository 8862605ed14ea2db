package kube

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
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

// In each state Ready says in words what is awaited, until when and what helps; of several
// things to tell, the one that people must mend first.
func TestReadyOfAChangeSaysWhatIsAwaited(t *testing.T) {
	waits := change.Record{
		Spec:    change.Spec{Account: "a-1", Action: change.Add, New: []change.NewContact{{ID: "n-1"}}},
		Created: holdStart, Deadline: holdStart.Add(change.ProveWithin), Snapshot: []change.OldContact{{ID: "old", Standing: contact.Full}},
	}
	held := change.Record{
		Spec: change.Spec{Account: "a-1", Action: change.Replace}, HoldStart: holdStart, HoldUntil: holdEnd,
		Restricted: change.SignIn, RestrictedUntil: holdEnd,
	}
	clearing := held
	clearing.Spec.Action, clearing.Restricted = change.Clear, change.SensitiveActions
	cleared := clearing
	cleared.End = change.End{State: change.Applied, At: holdStart.Add(24 * time.Hour)}
	joined := held
	joined.Joined = "first"
	for name, c := range map[string]struct {
		report ChangeReport
		reason string
		says   []string
	}{
		"awaiting": {ChangeReport{Record: waits}, v1alpha1.ReasonAwaitingCode,
			[]string{at(waits.Deadline), "a code to each new contact, a code to a full contact of the account."}},
		"frozen": {ChangeReport{Record: waits, Frozen: &change.FrozenError{Until: holdEnd}}, v1alpha1.ReasonAwaitingCode,
			[]string{at(waits.Deadline), "Another change of this account restricts it until " + at(holdEnd) + ": nothing can be proven before."}},
		"frozen by one that waits for others": {ChangeReport{Record: waits, Frozen: &change.FrozenError{}}, v1alpha1.ReasonAwaitingCode,
			[]string{"restricts it: nothing can be proven before it has ended."}},
		"on hold":               {ChangeReport{Record: held}, v1alpha1.ReasonOnHold, []string{at(holdEnd), "a code to an old contact cancels it."}},
		"seconding":             {ChangeReport{Record: joined}, v1alpha1.ReasonOnHold, []string{"It seconds first and ends with it."}},
		"in Shadow":             {ChangeReport{Record: held, Shadow: true}, v1alpha1.ReasonShadow, []string{at(holdEnd), "mode is Shadow", "decisions only tell of it"}},
		"contested":             {ChangeReport{Record: held, Shadow: true, Contested: true}, v1alpha1.ReasonCompetingChange, []string{at(holdEnd), "neither applies before"}},
		"by clocks that differ": {ChangeReport{Record: held, Shadow: true, Skewed: true}, v1alpha1.ReasonClockSkew, []string{"set them"}},
		"clearing":              {ChangeReport{Record: clearing}, v1alpha1.ReasonOnHold, []string{"Agreed", "when all contacts go"}},
		"cleared":               {ChangeReport{Record: cleared}, v1alpha1.ReasonApplied, []string{"What is sensitive stays restricted until " + at(holdEnd) + "."}},
		"deleted": {ChangeReport{Record: held.Erase("uid", holdStart)}, v1alpha1.ReasonCancelled,
			[]string{"because it was deleted", "What it restricted stays so until " + at(holdEnd) + "."}},
		"cancelled": {ChangeReport{Record: held.Cancel("old", holdStart)}, v1alpha1.ReasonCancelled, []string{"by a code to an old contact."}},
	} {
		c.report.Now, c.report.Spec = holdStart, c.report.Record.Spec
		status := c.report.Status(v1alpha1.SecurityInfoChangeStatus{})
		ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
		if (ready.Status == metav1.ConditionTrue) != (c.reason != v1alpha1.ReasonClockSkew) || ready.Reason != c.reason {
			t.Errorf("%s: Ready is %s %s", name, ready.Status, ready.Reason)
		}
		for _, want := range c.says {
			if !strings.Contains(ready.Message, want) {
				t.Errorf("%s: %q, want %q in it", name, ready.Message, want)
			}
		}
	}
}

// seed 51: the status tells the standing with which a contact came in, also where the store
// lost the record and the status is adopted (law 1).
func TestStatusTellsTheStandingOfNewContacts(t *testing.T) {
	r := change.Record{Spec: change.Spec{Account: "a-1", Action: change.Add, New: []change.NewContact{{ID: "n-1", Channel: contact.SMS}}}}
	standing := func(r change.Record, old v1alpha1.SecurityInfoChangeStatus) v1alpha1.SecurityInfoChangeStatus {
		return ChangeReport{Record: r, Spec: r.Spec, Now: holdStart}.Status(old)
	}
	waits := standing(r, v1alpha1.SecurityInfoChangeStatus{})
	applied := r
	applied.Standing = contact.Junior
	applied = applied.Finish(change.Applied, "", holdStart)
	mirrored := standing(applied, waits)
	applied.Standing = ""
	adopted := standing(applied, mirrored)
	for name, c := range map[string]struct {
		status v1alpha1.SecurityInfoChangeStatus
		want   contact.Standing
	}{
		"waiting": {waits, contact.Pending}, "applied": {mirrored, contact.Junior}, "adopted": {adopted, contact.Junior},
		"stopped": {standing(r.Cancel("", holdStart), waits), contact.Pending},
	} {
		if got := c.status.Contacts[0].Standing; got != v1alpha1.ContactStanding(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// law 1: a rejection comes back from its status with its reason; a status that lost it can
// still be written.
func TestARejectionComesBackWithItsReason(t *testing.T) {
	r := change.Record{Spec: change.Spec{Account: "a-1", Action: change.Add}, Created: holdStart, Deadline: holdEnd}
	r = r.Finish(change.Rejected, change.VoIPRefused, holdStart)
	status := ChangeReport{Record: r, Spec: r.Spec, Now: holdStart}.Status(v1alpha1.SecurityInfoChangeStatus{})
	if got := ReadChangeMemory(status).End; got != r.End {
		t.Errorf("remembered %+v, want %+v", got, r.End)
	}
	r.End.Reason = ""
	status = ChangeReport{Record: r, Spec: r.Spec, Now: holdStart}.Status(status)
	if stalled := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionStalled); stalled.Reason == "" || stalled.Message == "" {
		t.Errorf("Stalled without a reason: %+v", stalled)
	}
}
