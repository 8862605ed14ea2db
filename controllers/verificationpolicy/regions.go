package verificationpolicy

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/health"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// regions are the countries that the policy serves and whose codes are slowed or stopped
// (seed 16). In mode Shadow nothing is. old are the lines of before: one that says the same
// stays, with its conversion.
func (c *Controller) regions(ctx context.Context, p policy.Policy, all []health.Region, old []v1alpha1.RegionStatus) []v1alpha1.RegionStatus {
	if p.Mode == policy.Shadow {
		return nil
	}
	var lines []v1alpha1.RegionStatus
	now := c.Now()
	for _, r := range longest(all, now) {
		if !p.Reaches(contact.SMS, r.Country) && !p.Reaches(contact.Voice, r.Country) {
			continue
		}
		line := regionLine(r, old, now)
		if line.ConversionPercent == nil && r.Counted() {
			line.ConversionPercent = c.conversion(ctx, r)
		}
		lines = append(lines, line)
	}
	return lines
}

// longest keeps of each country's blocks the one that stops it longest, in their order.
func longest(all []health.Region, now time.Time) (kept []health.Region) {
	for _, r := range all {
		last := len(kept) - 1
		switch {
		case !r.Binds(now):
		case last < 0 || kept[last].Country != r.Country:
			kept = append(kept, r)
		case !kept[last].Until.IsZero() && (r.Until.IsZero() || r.Until.After(kept[last].Until)):
			kept[last] = r
		}
	}
	return kept
}

func regionLine(r health.Region, old []v1alpha1.RegionStatus, now time.Time) v1alpha1.RegionStatus {
	line := v1alpha1.RegionStatus{
		Country: v1alpha1.CountryCode(r.Country), State: v1alpha1.RegionStopped, Reason: v1alpha1.BlockReason(r.Reason),
		LastTransitionTime: second(now),
	}
	if r.Slowed() {
		line.State = v1alpha1.RegionSlowed
	}
	if !r.Until.IsZero() {
		until := second(r.Until)
		line.UntilTime = &until
	}
	for _, was := range old {
		if was.Country != line.Country || was.State != line.State {
			continue
		}
		line.LastTransitionTime = was.LastTransitionTime
		if was.Reason == line.Reason && was.UntilTime.Equal(line.UntilTime) {
			line.ConversionPercent = was.ConversionPercent
		}
	}
	return line
}

// conversion is nil where nothing was counted or the memory does not tell now.
func (c *Controller) conversion(ctx context.Context, r health.Region) *int32 {
	counted, err := c.Health.Conversion(ctx, r.Tenant, r.Country, r.Start)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "The codes of a country were not counted", "namespace", r.Tenant, "country", r.Country)
		return nil
	}
	if counted.Sent == 0 {
		return nil
	}
	percent := int32(min(counted.Percent(), 100))
	return &percent
}

// withRegions adds what keeps codes from countries to the condition Delivering. What was
// given up is the platform team's to mend and comes first.
func withRegions(c *metav1.Condition, regions []v1alpha1.RegionStatus) *metav1.Condition {
	if c == nil || len(regions) == 0 {
		return c
	}
	var parts []string
	reason := v1alpha1.ReasonRegionSlowed
	for _, r := range regions {
		if r.State == v1alpha1.RegionStopped {
			reason = v1alpha1.ReasonRegionStopped
		}
		if len(parts) < 20 { // status.regions has them all
			parts = append(parts, regionWords(r))
		}
	}
	told := *c
	told.Message = "Codes by text or call are held back for " + strings.Join(parts, ", ") + ". " + c.Message
	if c.Status == metav1.ConditionTrue {
		told.Status, told.Reason = metav1.ConditionFalse, reason
	}
	return &told
}

func regionWords(r v1alpha1.RegionStatus) string {
	if r.UntilTime == nil {
		return fmt.Sprintf("%s (%s)", r.Country, r.State)
	}
	return fmt.Sprintf("%s (%s until %s)", r.Country, r.State, r.UntilTime.UTC().Format(time.RFC3339))
}

func second(t time.Time) metav1.Time { return metav1.NewTime(t.UTC().Truncate(time.Second)) }
