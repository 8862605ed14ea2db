package kube

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// KeyOfChange is the key of an object's change.
func KeyOfChange(sic *v1alpha1.SecurityInfoChange) change.Key {
	return change.Key{Tenant: sic.Namespace, Name: sic.Name}
}

// ReadChange reads the spec. The new contacts are those of the Secrets, without what
// only the Secrets tell.
func ReadChange(sic *v1alpha1.SecurityInfoChange) change.Spec {
	s := change.Spec{
		Account: string(sic.Spec.Account), Action: change.Action(sic.Spec.Action),
		RequestedBy: string(sic.Spec.RequestedBy), Recovery: sic.Spec.RecoveryRequestName,
	}
	for _, c := range sic.Spec.Contacts {
		if s.Action == change.Remove {
			s.Removed = append(s.Removed, string(c.ID))
		} else {
			s.New = append(s.New, change.NewContact{ID: string(c.ID), Channel: contact.Channel(c.Channel), Language: string(c.Language)})
		}
	}
	return s
}

// ReadChangeMemory reads what a status remembers of a record.
func ReadChangeMemory(s v1alpha1.SecurityInfoChangeStatus) change.Memory {
	m := change.Memory{
		Created: instant(s.StartTime), HoldStart: instant(s.HoldStartTime), HoldUntil: instant(s.HoldUntilTime),
		Restricted: change.Restriction(s.Restricted), NoticesSent: int(s.NoticesSent),
	}
	if s.State.Finished() {
		m.End = change.End{State: change.State(s.State), At: instant(s.FinishedTime)}
	}
	if stalled := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionStalled); m.End.State == change.Rejected && stalled != nil {
		m.End.Reason = change.Reason(stalled.Reason)
	}
	return m
}

// RememberedContacts are the new contacts of a change as its status tells of them.
func RememberedContacts(sic *v1alpha1.SecurityInfoChange) []change.NewContact {
	fresh := ReadChange(sic).New
	for i := range fresh {
		if i < len(sic.Status.Contacts) { // the new ones come first
			c := sic.Status.Contacts[i]
			fresh[i] = change.NewContact{ID: string(c.ID), Channel: contact.Channel(c.Channel), Hint: c.Mask, Language: string(c.Language)}
		}
	}
	return fresh
}

// OwnChange is the object of a change that a person made at the pages: its contacts are
// those that the store knows by their IDs.
func OwnChange(r change.Record) *v1alpha1.SecurityInfoChange {
	sic := &v1alpha1.SecurityInfoChange{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: r.Key.Tenant, Name: r.Key.Name, Finalizers: []string{v1alpha1.Finalizer},
			Labels: map[string]string{v1alpha1.LabelCreatedBy: v1alpha1.LabelCreatedByHoldfast},
		},
		Spec: v1alpha1.SecurityInfoChangeSpec{
			Account: v1alpha1.AccountID(r.Spec.Account), Action: v1alpha1.ChangeAction(r.Spec.Action),
			RequestedBy: v1alpha1.Username(r.Spec.RequestedBy), RecoveryRequestName: r.Spec.Recovery,
		},
	}
	for _, c := range r.Spec.New {
		sic.Spec.Contacts = append(sic.Spec.Contacts, v1alpha1.ContactReference{ID: v1alpha1.ContactID(c.ID)})
	}
	for _, id := range r.Spec.Removed {
		sic.Spec.Contacts = append(sic.Spec.Contacts, v1alpha1.ContactReference{ID: v1alpha1.ContactID(id)})
	}
	return sic
}

// ChangeReport is all that a SecurityInfoChange's status is made of.
type ChangeReport struct {
	Record change.Record
	// Spec is the object's spec as it reads now.
	Spec change.Spec
	// Contested says that another replacement of the account is open; Skewed that the
	// hold would end, were the clocks not apart.
	Contested, Skewed bool
	// Shadow says that the policy's mode is Shadow: the hold runs, and decisions only tell
	// of it.
	Shadow bool
	// Frozen says that another change of the account keeps this one from being proven; nil
	// where none does.
	Frozen *change.FrozenError
	// OwnDomain says that a new address lies with the account's own provider; it is known
	// at the first sight and stays.
	OwnDomain bool
	// Told is the reason of IdentityTold; empty where nothing is told now.
	Told       string
	Generation int64
	Now        time.Time
}

// Status mirrors the record into a status. Messages tell absolute times only, so that
// time alone writes nothing.
func (r ChangeReport) Status(old v1alpha1.SecurityInfoChangeStatus) v1alpha1.SecurityInfoChangeStatus {
	state := r.Record.State(r.Now)
	s := v1alpha1.SecurityInfoChangeStatus{
		State: v1alpha1.ChangeState(state), ObservedGeneration: r.Generation, Conditions: copyOf(old.Conditions),
		StartTime: timestamp(r.Record.Created), HoldStartTime: timestamp(r.Record.HoldStart), HoldUntilTime: timestamp(ceiling(r.Record.HoldUntil)),
		NoticesSent: int32(r.Record.NoticesSent), Contacts: r.contacts(old.Contacts),
	}
	if state.Terminal() {
		s.FinishedTime = timestamp(r.finished())
	}
	if what, _ := r.Record.Restricts(r.Now); what != "" {
		s.Restricted = v1alpha1.Restriction(what)
	}
	for _, proof := range r.Record.Missing() {
		switch proof {
		case change.NewContactCode, change.FullContactCode, change.Confirmation:
			s.RemainingProofs = append(s.RemainingProofs, v1alpha1.RequiredProof(proof))
		}
	}
	ready, stalled := r.ready(state), r.stalled(state)
	if stalled.Status == metav1.ConditionTrue {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, stalled.Reason, stalled.Message
	}
	setConditions(&s.Conditions, r.Generation, r.Now, ready, stalled, r.contested(state))
	if r.OwnDomain {
		setConditions(&s.Conditions, r.Generation, r.Now, condition(v1alpha1.ConditionOwnDomain, metav1.ConditionTrue, v1alpha1.ReasonSameProvider,
			"The new address lies with the provider whose accounts these are: it works, another provider is safer."))
	}
	if r.Told != "" {
		setConditions(&s.Conditions, r.Generation, r.Now, identityTold(r.Told))
	}
	return s
}

func (r ChangeReport) finished() time.Time {
	if r.Record.End.State == "" {
		return r.Record.Deadline
	}
	return r.Record.End.At
}

// contacts are those that the change brings or removes, by ID and mask (law 2). With which
// standing they came in the status still tells where the store has lost it.
func (r ChangeReport) contacts(old []v1alpha1.ContactStatus) []v1alpha1.ContactStatus {
	was := map[v1alpha1.ContactID]contact.Standing{}
	for _, c := range old {
		was[c.ID] = contact.Standing(c.Standing)
	}
	var list []v1alpha1.ContactStatus
	for _, c := range r.Record.Spec.New {
		standing := contact.Pending
		if r.Record.End.State == change.Applied {
			standing = cmp.Or(r.Record.Standing, was[v1alpha1.ContactID(c.ID)], contact.Pending)
		}
		list = append(list, contactStatus(c.ID, c.Hint, c.Channel, standing, c.Language))
	}
	for _, c := range r.Record.Snapshot {
		for _, id := range r.Record.Spec.Removed {
			if c.ID == id {
				list = append(list, contactStatus(c.ID, c.Hint, c.Channel, c.Standing, c.Language))
			}
		}
	}
	return list
}

func contactStatus(id, mask string, channel contact.Channel, standing contact.Standing, language string) v1alpha1.ContactStatus {
	return v1alpha1.ContactStatus{
		ID: v1alpha1.ContactID(id), Mask: mask, Channel: v1alpha1.Channel(channel),
		Standing: v1alpha1.ContactStanding(standing), Language: v1alpha1.LanguageTag(language),
	}
}

// StalledChange is the status of a change whose spec cannot be enforced.
func StalledChange(old v1alpha1.SecurityInfoChangeStatus, reason string, cause error, generation int64, now time.Time) v1alpha1.SecurityInfoChangeStatus {
	old.ObservedGeneration, old.Conditions = generation, copyOf(old.Conditions)
	setConditions(&old.Conditions, generation, now,
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, cause.Error()),
		condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, cause.Error()))
	return old
}

// WaitingChange is the status of a change about which nothing can be recorded now.
func WaitingChange(old v1alpha1.SecurityInfoChangeStatus, reason, message string, generation int64, now time.Time) v1alpha1.SecurityInfoChangeStatus {
	old.ObservedGeneration, old.Conditions = generation, copyOf(old.Conditions)
	setConditions(&old.Conditions, generation, now,
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, message),
		condition(v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNotStalled, ""))
	return old
}

// ceiling is an instant in whole seconds that is not before t: a hold that comes back
// from its status is never shorter.
func ceiling(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); !whole.Equal(t) {
		return whole.Add(time.Second)
	}
	return t
}
