package admission_test

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
)

// law 9: nobody makes, ends or edits a change of security info by a role that was not
// given for it, and support least of all.
func TestNobodyOverridesAChange(t *testing.T) {
	ctx, c := t.Context(), change("held", v1alpha1.ActionReplace, "changer")
	c.Finalizers = []string{v1alpha1.Finalizer}
	must(t, "changer", create(ctx, c))
	for _, user := range []string{"developer", "viewer", "editor", "security", "reviewer"} {
		refused(t, user, "cannot create resource", create(ctx, change("other", v1alpha1.ActionAdd, user)))
	}
	for _, user := range []string{"developer", "viewer", "editor", "security", "reviewer", "help-desk"} {
		refused(t, user, "cannot delete resource", func(on client.Client) error { return on.Delete(ctx, change("held", v1alpha1.ActionReplace, "")) })
		refused(t, user, "cannot patch resource", merge(ctx, c, `{"spec":{"action":"Add"}}`))
	}
	for _, action := range []v1alpha1.ChangeAction{v1alpha1.ActionAdd, v1alpha1.ActionRemove, v1alpha1.ActionReplace} {
		refused(t, "help-desk", "needs the verb change", create(ctx, change("other", action, "help-desk")))
		refused(t, "changer", "must be the user who asks: changer", create(ctx, change("other", action, "help-desk")))
	}
	nameless := change("other", v1alpha1.ActionClear, "")
	refused(t, "help-desk", "Clear needs requestedBy", create(ctx, nameless))
}

// A change cannot be changed, not even by who may patch it: neither its account, nor
// where the new address stands, nor who asks.
func TestAChangeCannotBeChanged(t *testing.T) {
	ctx, c := t.Context(), change("fixed", v1alpha1.ActionAdd, "changer")
	must(t, "changer", create(ctx, c))
	for _, patch := range []string{
		`{"spec":{"account":"eve"}}`,
		`{"spec":{"action":"Remove"}}`,
		`{"spec":{"contacts":[{"id":"contact-2"}]}}`,
		`{"spec":{"contacts":[{"secretKeyRef":{"name":"eve","key":"phone"},"channel":"SMS"}]}}`,
		`{"spec":{"requestedBy":"eve"}}`,
		`{"spec":{"requestedBy":null}}`,
	} {
		for _, user := range []string{"changepatcher", holdfast} {
			refused(t, user, "a change cannot be changed", merge(ctx, c, patch))
		}
	}
	must(t, "changepatcher", merge(ctx, c, `{"metadata":{"labels":{"team":"a"}}}`))
}

// law 1: who could write a status would begin or end a hold; who could take the
// finalizer away would end one unseen, and who could set Holdfast's label would have it
// deleted.
func TestOnlyHoldfastMirrorsChanges(t *testing.T) {
	ctx, c := t.Context(), change("mirrored", v1alpha1.ActionReplace, "changer")
	c.Finalizers = []string{v1alpha1.Finalizer}
	must(t, "changer", create(ctx, c))
	for _, status := range []string{`{"status":{"state":"Applied"}}`, `{"status":{"holdStartTime":"2020-01-01T00:00:00Z"}}`} {
		refused(t, "changepatcher", "needs the verb mirror on securityinfochanges", mergeStatus(ctx, c, status))
	}
	must(t, holdfast, mergeStatus(ctx, c, `{"status":{"state":"OnHold"}}`))
	free := `{"metadata":{"finalizers":null}}`
	refused(t, "changepatcher", "needs the verb mirror on securityinfochanges", merge(ctx, c, free))
	refused(t, "changepatcher", "holdfast.dev/created-by", merge(ctx, c, `{"metadata":{"labels":{"holdfast.dev/created-by":"holdfast"}}}`))
	labelled := change("other", v1alpha1.ActionReplace, "changer")
	labelled.Labels = map[string]string{v1alpha1.LabelCreatedBy: v1alpha1.LabelCreatedByHoldfast}
	refused(t, "changer", "holdfast.dev/created-by", create(ctx, labelled))
	must(t, holdfast, merge(ctx, c, free))
}

// law 2: an address fits nowhere into a change.
func TestNoAddressInAChange(t *testing.T) {
	ctx := t.Context()
	for name, contacts := range map[string][]v1alpha1.ContactReference{
		"a number as ID":         {{ID: "4915112345678"}},
		"an email address as ID": {{ID: "anna@post.example"}},
		"neither":                {{}},
		"both": {{ID: "contact-1", Channel: v1alpha1.ChannelSMS,
			SecretKeyRef: &v1alpha1.SecretKeyReference{Name: "s", Key: "k"}}},
		"a Secret without its channel": {{SecretKeyRef: &v1alpha1.SecretKeyReference{Name: "s", Key: "k"}}},
		"two at once":                  {{ID: "contact-1"}, {ID: "contact-2"}},
	} {
		c := change("addressed", v1alpha1.ActionAdd, "changer")
		c.Spec.Contacts = contacts
		t.Run(name, func(t *testing.T) { refused(t, "changer", "spec", create(ctx, c)) })
	}
}
