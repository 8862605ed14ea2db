package admission_test

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
)

// seed 44, law 9: whoever may lengthen a block does not unblock through the garbage
// collector.
func TestOwnersTakeTheVerbDelete(t *testing.T) {
	ctx, b := t.Context(), block("owned")
	must(t, "security", create(ctx, b))
	owned := `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"gone","uid":"0"}]}}`
	refused(t, "lengthener", "needs the verb delete on accountblocks", merge(ctx, b, owned))
	must(t, "lengthener", merge(ctx, b, `{"spec":{"duration":"48h"},"metadata":{"labels":{"team":"a"}}}`))
	must(t, "security", func(c client.Client) error { return merge(ctx, b, owned)(client.NewDryRunClient(c)) })
}

// Retention: what people apply is not marked as Holdfast's own, which goes by itself.
func TestOnlyHoldfastMarksWhatItCreates(t *testing.T) {
	ctx, b, marked := t.Context(), block("applied"), block("marked")
	marked.Labels = map[string]string{v1alpha1.LabelCreatedBy: v1alpha1.LabelCreatedByHoldfast}
	refused(t, "security", "needs the verb mirror on accountblocks", create(ctx, marked))
	must(t, holdfast, create(ctx, marked))
	refused(t, "security", "needs the verb mirror on accountblocks", merge(ctx, marked, `{"metadata":{"labels":null}}`))
	must(t, "security", create(ctx, b))
	refused(t, "security", "needs the verb mirror on accountblocks",
		merge(ctx, b, `{"metadata":{"labels":{"holdfast.dev/created-by":"holdfast"}}}`))
	must(t, "security", merge(ctx, b, `{"metadata":{"labels":{"team":"a"}}}`))
}
