package admission_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
)

// law 1: with config/mutation an incarnation cannot end unseen, be it deleted before
// Holdfast has seen it. A namespace that Holdfast does not serve gets no finalizer, for
// nobody there would take it away.
func TestMutationGivesTheFinalizer(t *testing.T) {
	ctx, admin := t.Context(), as(t, "")
	for name, labels := range map[string]map[string]string{"served": {v1alpha1.LabelTenant: "true"}, "foreign": nil} {
		if err := admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}); err != nil {
			t.Fatal(err)
		}
	}
	// The foreign namespace comes last: by then the mutation is in effect.
	for _, c := range []struct{ name, namespace, before, want string }{
		{"a new block", "served", "", v1alpha1.Finalizer},
		{"beside another's", "served", "example.com/audit", "example.com/audit " + v1alpha1.Finalizer},
		{"not twice", "served", v1alpha1.Finalizer, v1alpha1.Finalizer},
		{"where nobody takes it", "foreign", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			var refusal error
			err := wait.PollUntilContextTimeout(ctx, pollGap, patience, true, func(ctx context.Context) (bool, error) {
				b := block("mutated")
				b.Namespace, b.Finalizers = c.namespace, strings.Fields(c.before)
				// The apiserver learns of a new kind a moment late.
				refusal = admin.Create(ctx, b, client.DryRunAll)
				got = b.Finalizers
				return refusal == nil && slices.Equal(got, strings.Fields(c.want)), nil
			})
			if err != nil {
				t.Fatalf("finalizers %v, want %q: %v", got, c.want, errors.Join(err, refusal))
			}
		})
	}
}
