package verificationpolicy

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/message"
)

// Outbox counts the messages of a tenant that were given up after since.
type Outbox interface {
	DeadLetters(ctx context.Context, tenant string, since time.Time) ([]message.DeadLetters, error)
}

// deadLetterWindow is how long a dead letter shows in status.
const deadLetterWindow = 24 * time.Hour

// delivering is the condition of the namespace's messages; nil where the memory does
// not tell, and then the one before stays.
func (c *Controller) delivering(ctx context.Context, tenant string) *metav1.Condition {
	if c.Outbox == nil {
		return nil
	}
	dead, err := c.Outbox.DeadLetters(ctx, tenant, c.Now().Add(-deadLetterWindow))
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Dead letters were not counted", "namespace", tenant)
		return nil
	}
	return delivering(dead)
}

// delivering tells classes and how many they are about, so that not each message changes
// it. What a destination refused is the person's to mend; every other class is the platform
// team's.
func delivering(dead []message.DeadLetters) *metav1.Condition {
	c := &metav1.Condition{
		Type: v1alpha1.ConditionDelivering, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonDelivering,
		Message: "No message of the namespace was given up within 24 hours.",
	}
	if len(dead) == 0 {
		return c
	}
	var counts []string
	for _, d := range dead {
		counts = append(counts, about(d.Count)+" "+string(d.Class))
		if d.Class != message.Rejected {
			c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonMessagesGivenUp
		}
	}
	c.Message = fmt.Sprintf("Messages of the namespace given up within 24 hours: %s.", strings.Join(counts, ", "))
	return c
}

// about is a count by its order of magnitude; the metric holdfast_dead_letters has the
// number.
func about(count int) string {
	if count < 10 {
		return "fewer than 10"
	}
	floor := 10
	for floor*10 <= count {
		floor *= 10
	}
	return fmt.Sprintf("%d or more", floor)
}
