package admission_test

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
)

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: tenant, Name: name}
}

func create(ctx context.Context, object client.Object) func(client.Client) error {
	return func(c client.Client) error { return c.Create(ctx, object.DeepCopyObject().(client.Object)) }
}

// merge patches an object of that name.
func merge(ctx context.Context, object client.Object, patch string) func(client.Client) error {
	return func(c client.Client) error {
		return c.Patch(ctx, object.DeepCopyObject().(client.Object), client.RawPatch("application/merge-patch+json", []byte(patch)))
	}
}

func mergeStatus(ctx context.Context, object client.Object, patch string) func(client.Client) error {
	return func(c client.Client) error {
		return c.Status().Patch(ctx, object.DeepCopyObject().(client.Object), client.RawPatch("application/merge-patch+json", []byte(patch)))
	}
}

func block(name string) *v1alpha1.AccountBlock {
	return &v1alpha1.AccountBlock{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: name, Finalizers: []string{v1alpha1.Finalizer}},
		Spec:       v1alpha1.AccountBlockSpec{Account: "zoe", Reason: v1alpha1.BlockReasonAdministrative},
	}
}

func policy(name string) *v1alpha1.VerificationPolicy {
	return &v1alpha1.VerificationPolicy{
		ObjectMeta: meta(name),
		Spec: v1alpha1.VerificationPolicySpec{
			Accounts: v1alpha1.AccountSelector{Patterns: []v1alpha1.AccountPattern{"z*"}},
		},
	}
}

func change(name string, action v1alpha1.ChangeAction, requestedBy string) *v1alpha1.SecurityInfoChange {
	c := &v1alpha1.SecurityInfoChange{
		ObjectMeta: meta(name),
		Spec: v1alpha1.SecurityInfoChangeSpec{
			Account: "zoe", Action: action, RequestedBy: v1alpha1.Username(requestedBy),
		},
	}
	if action != v1alpha1.ActionClear {
		c.Spec.Contacts = []v1alpha1.ContactReference{{ID: "contact-1"}}
	}
	return c
}

func request(name, requestedBy string) *v1alpha1.RecoveryRequest {
	return &v1alpha1.RecoveryRequest{
		ObjectMeta: meta(name),
		Spec: v1alpha1.RecoveryRequestSpec{
			Account: "zoe", Contact: v1alpha1.ContactReference{ID: "contact-1"},
			RequestedBy: v1alpha1.Username(requestedBy),
		},
	}
}

// seed 44: deleting a block unblocks, so it takes a role of Holdfast's own.
func TestBuiltInRolesReadButDoNotUnblock(t *testing.T) {
	ctx, b := t.Context(), block("kept")
	must(t, "security", create(ctx, b))
	for _, user := range []string{"viewer", "editor", "help-desk", "reviewer", "developer"} {
		refused(t, user, "cannot delete resource", func(c client.Client) error { return c.Delete(ctx, block("kept")) })
		refused(t, user, "cannot create resource", create(ctx, block("other")))
	}
	must(t, "viewer", func(c client.Client) error { return c.Get(ctx, client.ObjectKeyFromObject(b), block("kept")) })
	must(t, "security", func(c client.Client) error { return c.Delete(ctx, block("kept")) })
}

// law 1: status only mirrors, and a deletion is seen, whatever RBAC alone would allow.
func TestOnlyHoldfastWritesStatusAndFinalizer(t *testing.T) {
	ctx, b := t.Context(), block("mirrored")
	must(t, "security", create(ctx, b))
	expired := `{"status":{"state":"Expired"}}`
	refused(t, "statuswriter", "needs the verb mirror on accountblocks", mergeStatus(ctx, b, expired))
	must(t, holdfast, mergeStatus(ctx, b, expired))

	free := `{"metadata":{"finalizers":null}}`
	refused(t, "security", "needs the verb mirror on accountblocks", merge(ctx, b, free))
	must(t, "security", merge(ctx, b, `{"metadata":{"labels":{"team":"a"}}}`))
	must(t, holdfast, merge(ctx, b, free))
}

// law 9: who names providers, identity, callers or reviewers is trusted with codes.
func TestTrustGuardsWhomAPolicyRelies(t *testing.T) {
	ctx, p := t.Context(), policy("trusted")
	provided := policy("provided")
	provided.Spec.Providers = []v1alpha1.Provider{{
		Name: "mail", Type: v1alpha1.ProviderSMTP, Channels: []v1alpha1.Channel{v1alpha1.ChannelEmail},
		SecretRef: v1alpha1.SecretReference{Name: "smtp"},
	}}
	refused(t, "editor", "spec.providers", create(ctx, provided))
	must(t, "trustee", create(ctx, provided))
	refused(t, "editor", "spec.providers", merge(ctx, provided, `{"spec":{"providers":null}}`))
	must(t, "editor", merge(ctx, provided, `{"spec":{"codes":{"length":8}}}`))

	shadow := policy("shadow")
	shadow.Spec.Mode = v1alpha1.ModeShadow
	refused(t, "editor", "spec.mode", create(ctx, shadow))

	must(t, "editor", create(ctx, p))
	for field, patch := range map[string]string{
		"spec.identity":           `{"spec":{"identity":{"callers":[{"name":"x","username":"eve"}]}}}`,
		"spec.recovery.reviewers": `{"spec":{"recovery":{"reviewers":["eve"]}}}`,
		"spec.recovery.approvals": `{"spec":{"recovery":{"approvals":1}}}`,
		"spec.securityInfo.clear": `{"spec":{"securityInfo":{"clear":{"delay":"24h"}}}}`,
		"spec.accounts":           `{"spec":{"accounts":{"patterns":["z*","ceo"]}}}`,
		"spec.mode":               `{"spec":{"mode":"Shadow"}}`,
		"codeTo AnyNumber":        `{"spec":{"blocks":{"reasons":[{"reason":"UnusualActivity","codeTo":"AnyNumber"}]}}}`,
		"spec.testing":            `{"spec":{"testing":{"numbers":["+12025550100"],"secretRef":{"name":"x"}}}}`,
	} {
		refused(t, "editor", field, merge(ctx, p, patch))
		must(t, "trustee", merge(ctx, p, patch))
	}
}

// law 9, seeds 32, 33, 53: who may shorten a hold is trusted with all security info; who
// edits policies may only make it harder. Left out, it is the seeds' numbers.
func TestTrustGuardsHolds(t *testing.T) {
	ctx := t.Context()
	for field, spec := range map[string]v1alpha1.SecurityInfoPolicy{
		"spec.securityInfo.hold":      {Hold: "1s"},
		"spec.securityInfo.juniorFor": {JuniorFor: "719h"},
		"spec.securityInfo.restrict":  {Restrict: v1alpha1.RestrictSensitiveActions},
	} {
		lenient := policy("lenient")
		lenient.Spec.SecurityInfo = spec
		refused(t, "editor", field, create(ctx, lenient))
	}
	p := policy("strict")
	p.Spec.SecurityInfo = v1alpha1.SecurityInfoPolicy{Hold: "43200m", JuniorFor: "720h"}
	must(t, "editor", create(ctx, p))
	for _, harder := range []string{
		`{"spec":{"securityInfo":{"hold":"721h","juniorFor":"800h"}}}`,
		`{"spec":{"securityInfo":{"restrict":"SignIn"}}}`,
	} {
		must(t, "editor", merge(ctx, p, harder))
	}
	for _, easier := range []struct{ field, patch string }{
		{"spec.securityInfo.hold", `{"spec":{"securityInfo":{"hold":"720h"}}}`},
		{"spec.securityInfo.hold", `{"spec":{"securityInfo":{"hold":null,"maxContacts":5}}}`},
		{"spec.securityInfo.juniorFor", `{"spec":{"securityInfo":{"juniorFor":"799h59m"}}}`},
		{"spec.securityInfo.restrict", `{"spec":{"securityInfo":{"restrict":null}}}`},
		{"spec.securityInfo.restrict", `{"spec":{"securityInfo":{"restrict":"SensitiveActions"}}}`},
		{"spec.securityInfo", `{"spec":{"securityInfo":null}}`},
	} {
		refused(t, "editor", easier.field, merge(ctx, p, easier.patch))
		must(t, "trustee", func(c client.Client) error { return merge(ctx, p, easier.patch)(client.NewDryRunClient(c)) })
	}
	must(t, "trustee", merge(ctx, p, `{"spec":{"securityInfo":{"hold":"1h","restrict":"SensitiveActions"}}}`))
	must(t, "editor", merge(ctx, p, `{"spec":{"securityInfo":{"maxContacts":5}}}`))
	must(t, "editor", merge(ctx, p, `{"spec":{"securityInfo":{"hold":"2h","restrict":null}}}`))
}

// law 9: a change stands under its requester's name; seed 44: support may only ask for Clear.
func TestChangesNameTheirRequester(t *testing.T) {
	ctx := t.Context()
	refused(t, "help-desk", "must be the user who asks: help-desk", create(ctx, change("c", v1alpha1.ActionClear, "other")))
	refused(t, "help-desk", "needs the verb change", create(ctx, change("c", v1alpha1.ActionRemove, "help-desk")))
	must(t, "help-desk", create(ctx, change("clear", v1alpha1.ActionClear, "help-desk")))
	// seed 45: two people ask for a Clear; the ServiceAccount of one is no second one.
	refused(t, robot, "a ServiceAccount never asks for Clear", create(ctx, change("c", v1alpha1.ActionClear, robot)))

	recovered := change("recovered", v1alpha1.ActionReplace, "")
	recovered.Spec.RecoveryRequestName = "r"
	refused(t, "changer", "set by Holdfast alone", create(ctx, recovered))
	refused(t, "changer", "needs the verb clear", create(ctx, change("c", v1alpha1.ActionClear, "changer")))
	must(t, "changer", create(ctx, change("removed", v1alpha1.ActionRemove, "changer")))
	must(t, holdfast, create(ctx, recovered))
}

// law 9: nobody approves their own request, for another, or without the verb.
func TestReviewsAreAPersonsOwn(t *testing.T) {
	ctx, r := t.Context(), request("claim", "asker")
	refused(t, "asker", "spec.requestedBy is required", create(ctx, request("claim", "")))
	refused(t, "asker", "must be the user who asks: asker", create(ctx, request("claim", "other")))
	must(t, "asker", create(ctx, r))

	refused(t, "reviewer", "must be the user who gives it: reviewer", merge(ctx, r, reviews("colleague")))
	refused(t, robot, "never review", merge(ctx, r, reviews(robot)))
	refused(t, robot, "must be the user who gives it", merge(ctx, r, reviews("robot")))
	refused(t, "patcher", "needs the verb approve", merge(ctx, r, reviews("patcher")))
	refused(t, "asker", "nobody reviews a request of their own", merge(ctx, r, reviews("asker")))
	must(t, "reviewer", merge(ctx, r, reviews("reviewer")))
	must(t, "colleague", merge(ctx, r, reviews("reviewer", "colleague")))
	must(t, "asker", merge(ctx, r, `{"metadata":{"labels":{"team":"a"}}}`))
}

func reviews(reviewers ...string) string {
	list := ""
	for i, reviewer := range reviewers {
		if i > 0 {
			list += ","
		}
		list += `{"reviewer":"` + reviewer + `","decision":"Approve"}`
	}
	return `{"spec":{"reviews":[` + list + `]}}`
}
