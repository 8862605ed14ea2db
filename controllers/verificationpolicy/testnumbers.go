package verificationpolicy

import (
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// testNumbers marks a policy that lists test numbers: whoever reads its status or Events
// knows that some codes are not sent. Nil where it lists none.
func (c *Controller) testNumbers(vp *v1alpha1.VerificationPolicy, p policy.Policy) *metav1.Condition {
	t := vp.Spec.Testing
	if t == nil || len(t.Numbers) == 0 {
		return nil
	}
	mark := &metav1.Condition{Type: v1alpha1.ConditionTestNumbers, Status: metav1.ConditionFalse}
	if len(p.Testing.Numbers) == 0 {
		mark.Reason = v1alpha1.ReasonTestNumbersIgnored
		mark.Message = "The test numbers are numbers like any other: beside real providers in mode Enforce they are in use only with testing.inEnforce."
		return mark
	}
	who := "test numbers"
	if f := c.secret(who, p.Tenant, p.Testing.Secret, who, seedsOf(p.Testing.Numbers)); f.reason != "" {
		mark.Reason, mark.Message = f.reason, sentence([]finding{f})+" No code is right for a number without its seed."
		return mark
	}
	mark.Status, mark.Reason = metav1.ConditionTrue, v1alpha1.ReasonTestNumbersListed
	mark.Message = fmt.Sprintf("No message leaves to %d test numbers: their codes are those of authenticators with the seeds in Secret %s.", len(t.Numbers), p.Testing.Secret)
	if p.Mode == policy.Enforce && len(p.Providers) > 0 {
		mark.Message += " They stand beside real providers in mode Enforce, as testing.inEnforce asks for."
	}
	return mark
}

// seedsOf judges a Secret by the numbers that need a seed in it.
func seedsOf(numbers []string) Validate {
	return func(_ string, data map[string][]byte) error {
		var wrong []string
		for _, number := range numbers {
			key := code.SeedKey(number)
			if _, err := code.ParseSeed(data[key]); err != nil {
				wrong = append(wrong, key)
			}
		}
		if len(wrong) == 0 {
			return nil
		}
		return errors.New("key " + strings.Join(wrong, ", ") + " " + code.ErrSeed.Error())
	}
}
