package verificationpolicy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/message"
)

// deadLetters is an Outbox.
type deadLetters struct {
	dead []message.DeadLetters
	err  error
}

func (o deadLetters) DeadLetters(_ context.Context, tenant string, since time.Time) ([]message.DeadLetters, error) {
	if tenant != "shop" || !since.Equal(noon.Add(-24*time.Hour)) {
		return nil, errors.New("asked for something else")
	}
	return o.dead, o.err
}

func TestDeadLettersShow(t *testing.T) {
	refused := message.DeadLetters{Class: message.Rejected, Count: 2, Last: noon.Add(-time.Minute)}
	silent := message.DeadLetters{Class: message.Unreachable, Count: 999, Last: noon.Add(-time.Hour)}
	for name, test := range map[string]struct {
		dead   []message.DeadLetters
		status metav1.ConditionStatus
		reason string
		says   []string
	}{
		"none":                  {nil, metav1.ConditionTrue, v1alpha1.ReasonDelivering, []string{"No message"}},
		"refused destinations":  {[]message.DeadLetters{refused}, metav1.ConditionTrue, v1alpha1.ReasonDelivering, []string{"fewer than 10 Rejected."}},
		"a provider that hangs": {[]message.DeadLetters{refused, silent}, metav1.ConditionFalse, v1alpha1.ReasonMessagesGivenUp, []string{"fewer than 10 Rejected, 100 or more Unreachable."}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &Controller{Outbox: deadLetters{dead: test.dead}, Now: func() time.Time { return noon }}
			f := findings{delivering: c.delivering(t.Context(), "shop")}
			s := f.status(v1alpha1.VerificationPolicyStatus{}, 1, noon)
			got := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionDelivering)
			if got == nil || got.Status != test.status || got.Reason != test.reason {
				t.Fatalf("got %+v, want %s %s", got, test.status, test.reason)
			}
			for _, want := range test.says {
				if !strings.Contains(got.Message, want) {
					t.Errorf("%q lacks %q", got.Message, want)
				}
			}
			if ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady); ready.Status != metav1.ConditionTrue {
				t.Error("dead letters must not change Ready: the policy is enforced")
			}
		})
	}
}

// While the memory is away the condition stays as it was.
func TestDeadLettersUnknown(t *testing.T) {
	c := &Controller{Outbox: deadLetters{err: rules.ErrUnavailable}, Now: func() time.Time { return noon }}
	before := findings{delivering: delivering([]message.DeadLetters{{Class: message.Unknown, Count: 1, Last: noon}})}.
		status(v1alpha1.VerificationPolicyStatus{}, 1, noon)
	after := findings{delivering: c.delivering(t.Context(), "shop")}.status(before, 1, noon.Add(time.Hour))
	if meta.IsStatusConditionTrue(after.Conditions, v1alpha1.ConditionDelivering) ||
		meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionDelivering) == nil {
		t.Errorf("conditions %+v", after.Conditions)
	}
}

// law 10: not each message that is given up writes the status.
func TestDeadLettersAreToldByMagnitude(t *testing.T) {
	writes, last := 0, ""
	for count := 1; count <= 10_000; count++ {
		if told := delivering([]message.DeadLetters{{Class: message.Unreachable, Count: count, Last: noon}}).Message; told != last {
			writes, last = writes+1, told
		}
	}
	if writes != 5 || !strings.Contains(last, "10000 or more") {
		t.Errorf("10,000 messages wrote %d times, the last: %s", writes, last)
	}
}
