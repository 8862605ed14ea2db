package flow

import (
	"net/url"

	"holdfast.dev/holdfast/internal/rules/policy"
)

// NoticeURL is the page to which the notice of a change leads: opening it changes nothing
// (law 7); there a fresh code to an old contact cancels. Empty where the policy has no
// host.
func (d *Desk) NoticeURL(p policy.Policy, messageID string) string {
	if len(p.Hosts) == 0 {
		return ""
	}
	to := url.URL{Scheme: d.Scheme, Host: p.Hosts[0], Path: "/c/" + messageID}
	return to.String()
}
