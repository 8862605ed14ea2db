package api_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
)

// TestStatusRoundTrip: a full status of each kind goes through the apiserver unchanged
// and takes no part of the spec with it.
func TestStatusRoundTrip(t *testing.T) {
	at := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Local())
	ready := []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, ObservedGeneration: 1,
		Reason: v1alpha1.ReasonEnforced, Message: "held until 2026-01-02T03:04:05Z", LastTransitionTime: at,
	}}
	block := &v1alpha1.AccountBlock{
		ObjectMeta: metav1.ObjectMeta{Name: "typed", Namespace: namespace},
		Spec: v1alpha1.AccountBlockSpec{
			Account: "typed", Reason: v1alpha1.BlockReasonUnusualActivity,
			Release: &v1alpha1.ReleaseSpec{Steps: []v1alpha1.ReleaseStep{}},
		},
	}
	create(t, block)
	block.Status = v1alpha1.AccountBlockStatus{
		State: v1alpha1.BlockReleasing, ObservedGeneration: 1, Conditions: ready,
		StartTime: &at, ExpiresTime: &at, Extensions: 3,
		RemainingSteps: []v1alpha1.ReleaseStep{v1alpha1.StepChangePassword}, FinishedTime: &at,
	}
	patchStatus(t, block, &v1alpha1.AccountBlock{})

	policy := &v1alpha1.VerificationPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "typed", Namespace: namespace},
		Spec: v1alpha1.VerificationPolicySpec{Accounts: v1alpha1.AccountSelector{
			Patterns: []v1alpha1.AccountPattern{"typed-*"},
		}},
	}
	create(t, policy)
	conversion := int32(0)
	policy.Status = v1alpha1.VerificationPolicyStatus{
		State: v1alpha1.PolicyDegraded, ObservedGeneration: 1, Conditions: ready,
		ConflictsWith: []v1alpha1.PolicyConflict{{Pattern: "typed-*", Policy: "a"}},
		Providers:     []v1alpha1.ProviderStatus{{Name: "mail", LastErrorClass: v1alpha1.ErrorUnreachable, LastTransitionTime: at}},
		Regions:       []v1alpha1.RegionStatus{{Country: "DE", State: v1alpha1.RegionSlowed, Reason: v1alpha1.BlockReasonCompromisedTraffic, ConversionPercent: &conversion, UntilTime: &at, LastTransitionTime: at}},
	}
	patchStatus(t, policy, &v1alpha1.VerificationPolicy{})

	change := &v1alpha1.SecurityInfoChange{
		ObjectMeta: metav1.ObjectMeta{Name: "typed", Namespace: namespace},
		Spec: v1alpha1.SecurityInfoChangeSpec{
			Account: "typed", Action: v1alpha1.ActionReplace, RecoveryRequestName: "typed",
			Contacts: []v1alpha1.ContactReference{{ID: "c-1"}},
		},
	}
	create(t, change)
	change.Status = v1alpha1.SecurityInfoChangeStatus{
		State: v1alpha1.ChangeOnHold, ObservedGeneration: 1, Conditions: ready, StartTime: &at,
		HoldStartTime: &at, HoldUntilTime: &at, Restricted: v1alpha1.RestrictSignIn,
		RemainingProofs: []v1alpha1.RequiredProof{v1alpha1.ProofConfirmation}, NoticesSent: 2, FinishedTime: &at,
		Contacts: []v1alpha1.ContactStatus{{
			ID: "c-1", Mask: "•••• 56", Channel: v1alpha1.ChannelVoice,
			Standing: v1alpha1.ContactJunior, Language: "zh-Hant",
		}},
	}
	patchStatus(t, change, &v1alpha1.SecurityInfoChange{})

	request := &v1alpha1.RecoveryRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "typed", Namespace: namespace},
		Spec: v1alpha1.RecoveryRequestSpec{
			Account: "typed", Contact: v1alpha1.ContactReference{ID: "c-1"},
			Evidence: &v1alpha1.EvidenceReference{ID: "e-1"},
		},
	}
	create(t, request)
	request.Status = v1alpha1.RecoveryRequestStatus{
		State: v1alpha1.RecoveryOnHold, ObservedGeneration: 1, Conditions: ready, SubmittedTime: &at,
		RespondByTime: &at, Approvals: 2, ChangeName: "typed", HoldUntilTime: &at, FinishedTime: &at,
	}
	patchStatus(t, request, &v1alpha1.RecoveryRequest{})
}

func create(t *testing.T, object client.Object) {
	t.Helper()
	if err := apiClient.Create(t.Context(), object); err != nil {
		t.Fatalf("create %T: %v", object, err)
	}
}

// patchStatus patches the status of object and expects to read object again into read.
func patchStatus(t *testing.T, object, read client.Object) {
	t.Helper()
	key := client.ObjectKeyFromObject(object)
	if err := apiClient.Get(t.Context(), key, read); err != nil {
		t.Fatal(err)
	}
	want := object.DeepCopyObject().(client.Object)
	if err := apiClient.Status().Patch(t.Context(), object, client.MergeFrom(read)); err != nil {
		t.Fatalf("patch status of %T: %v", object, err)
	}
	if err := apiClient.Get(t.Context(), key, read); err != nil {
		t.Fatal(err)
	}
	want.SetResourceVersion(read.GetResourceVersion())
	want.SetManagedFields(read.GetManagedFields())
	want.GetObjectKind().SetGroupVersionKind(read.GetObjectKind().GroupVersionKind())
	if diff := cmp.Diff(want, read); diff != "" {
		t.Errorf("%T came back changed (-want +got):\n%s", object, diff)
	}
}

// TestSelectableFields: kubectl get ab --field-selector spec.account=... finds one
// person's blocks.
func TestSelectableFields(t *testing.T) {
	for _, account := range []v1alpha1.AccountID{"selected", "other"} {
		create(t, &v1alpha1.AccountBlock{
			ObjectMeta: metav1.ObjectMeta{Name: "field-" + string(account), Namespace: namespace},
			Spec:       v1alpha1.AccountBlockSpec{Account: account, Reason: v1alpha1.BlockReasonAdministrative},
		})
	}
	var blocks v1alpha1.AccountBlockList
	if err := apiClient.List(t.Context(), &blocks, client.InNamespace(namespace), client.MatchingFields{"spec.account": "selected"}); err != nil {
		t.Fatal(err)
	}
	if len(blocks.Items) != 1 || blocks.Items[0].Name != "field-selected" {
		t.Errorf("found %d blocks, want field-selected alone", len(blocks.Items))
	}
}
