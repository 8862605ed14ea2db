package deliver_test

import (
	"strings"
	"testing"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/deliver"
)

// What a policy may name has a driver: a provider that is listed and never sends would
// count as a way to the person.
func TestEveryTypeOfThePolicyHasADriver(t *testing.T) {
	for _, kind := range []v1alpha1.ProviderType{v1alpha1.ProviderSMTP, v1alpha1.ProviderTwilio, v1alpha1.ProviderWebhook} {
		if err := deliver.Validate(string(kind), nil); err == nil || !strings.Contains(err.Error(), "is missing") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
