package api_test

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// transition is one update of a spec. want is the message of its refusal; empty where
// the update goes through.
type transition struct {
	name, from, to, want string
}

func tryTransitions(t *testing.T, kind string, cases []transition) {
	t.Helper()
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			object := func(spec string) []byte {
				return fmt.Appendf(nil, "apiVersion: holdfast.dev/v1alpha1\nkind: %s\nmetadata: {name: %s-%d, namespace: demo}\nspec: %s\n",
					kind, strings.ToLower(kind), i, spec)
			}
			old := decode(t, object(c.from))[0]
			if err := apiClient.Create(t.Context(), old); err != nil {
				t.Fatalf("create: %v", err)
			}
			t.Cleanup(func() { _ = apiClient.Delete(t.Context(), old, client.GracePeriodSeconds(0)) })
			changed := decode(t, object(c.to))[0]
			changed.SetResourceVersion(old.GetResourceVersion())
			err := apiClient.Update(t.Context(), changed)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && err == nil:
				t.Errorf("was accepted, want %q", c.want)
			case c.want != "" && !strings.Contains(err.Error(), c.want):
				t.Errorf("refused with\n  %v\nwant\n  %s", err, c.want)
			}
		})
	}
}

// TestAccountBlockTransitions: a block can be lengthened or made permanent and nothing
// else (law 1, seed 30).
func TestAccountBlockTransitions(t *testing.T) {
	const shortened = "a block can be lengthened or made permanent, never shortened: delete it to unblock"
	tryTransitions(t, "AccountBlock", []transition{
		{"lengthen", `{account: a, reason: Administrative, duration: 24h}`, `{account: a, reason: Administrative, duration: 48h}`, ""},
		{"same length in other words", `{account: a, reason: Administrative, duration: 24h}`, `{account: a, reason: Administrative, duration: 1440m}`, ""},
		{"make permanent", `{account: a, reason: Administrative, duration: 24h}`, `{account: a, reason: Administrative, permanent: true}`, ""},
		{"make the policy's permanent", `{account: a, reason: Administrative}`, `{account: a, reason: Administrative, permanent: true}`, ""},
		{"lengthen the policy's", `{account: a, reason: Administrative}`, `{account: a, reason: Administrative, duration: 48h}`, ""},
		{"name the default scope", `{account: a, reason: Administrative}`, `{account: a, reason: Administrative, scope: Account}`, ""},
		{"shorten", `{account: a, reason: Administrative, duration: 24h}`, `{account: a, reason: Administrative, duration: 23h}`, shortened},
		{"lengthen in small units", `{account: a, reason: Administrative, duration: 24h}`, `{account: a, reason: Administrative, duration: 99999s1h}`, ""},
		{"shorten by a second", `{account: a, reason: Administrative, duration: 24h}`, `{account: a, reason: Administrative, duration: 86399s}`, shortened},
		{"shorten by leaving out", `{account: a, reason: Administrative, duration: 48h}`, `{account: a, reason: Administrative}`, shortened},
		{"shorten the policy's", `{account: a, reason: Administrative}`, `{account: a, reason: Administrative, duration: 1h}`, "a block that took the policy's duration can be set to 24h or more, never shortened: delete it to unblock"},
		{"end a permanent one", `{account: a, reason: Administrative, permanent: true}`, `{account: a, reason: Administrative, duration: 168h}`, "a permanent block stays permanent: delete it to unblock"},
		{"end a permanent one by leaving out", `{account: a, reason: Administrative, permanent: true}`, `{account: a, reason: Administrative}`, "a permanent block stays permanent: delete it to unblock"},
		{"longer than a week", `{account: a, reason: Administrative, duration: 24h}`, `{account: a, reason: Administrative, duration: 169h}`, "a timed block lasts at most 168h (seed 30)"},
		{"another account", `{account: a, reason: Administrative}`, `{account: b, reason: Administrative}`, "account cannot change"},
		{"another reason", `{account: a, reason: Administrative}`, `{account: a, reason: TermsOfService}`, "reason cannot change"},
		{"another scope", `{account: a, reason: Administrative}`, `{account: a, reason: Administrative, scope: Method, value: SMS}`, "scope cannot change"},
		{"another value", `{account: a, reason: Administrative, scope: Method, value: SMS}`, `{account: a, reason: Administrative, scope: Method, value: Voice}`, "value cannot change"},
		{"easier release", `{account: a, reason: Administrative, release: {steps: []}}`, `{account: a, reason: Administrative, release: {steps: [VerifyCode]}}`, "release cannot change"},
		{"release added", `{account: a, reason: Administrative}`, `{account: a, reason: Administrative, release: {steps: [VerifyCode]}}`, "release cannot change"},
		{"another destination", `{account: a, reason: Administrative, codeTo: SecurityInfo}`, `{account: a, reason: Administrative, codeTo: AnyNumber}`, "codeTo cannot change"},
		{"an earlier start", `{account: a, reason: Administrative, startTime: "2026-01-02T00:00:00Z"}`, `{account: a, reason: Administrative, startTime: "2026-01-01T00:00:00Z"}`, "startTime cannot change"},
		{"a start added", `{account: a, reason: Administrative}`, `{account: a, reason: Administrative, startTime: "2026-01-01T00:00:00Z"}`, "startTime cannot change"},
	})
}

// TestSecurityInfoChangeTransitions: the spec is frozen (law 1).
func TestSecurityInfoChangeTransitions(t *testing.T) {
	const frozen = "a change cannot be changed: delete it, which cancels it, and create another"
	tryTransitions(t, "SecurityInfoChange", []transition{
		{"the same", `{account: a, action: Remove, contacts: [{id: c-1}]}`, `{account: a, action: Remove, contacts: [{id: c-1}]}`, ""},
		{"another account", `{account: a, action: Remove, contacts: [{id: c-1}]}`, `{account: b, action: Remove, contacts: [{id: c-1}]}`, frozen},
		{"another action", `{account: a, action: Add, contacts: [{id: c-1}]}`, `{account: a, action: Remove, contacts: [{id: c-1}]}`, frozen},
		{"another contact", `{account: a, action: Add, contacts: [{id: c-1}]}`, `{account: a, action: Add, contacts: [{id: c-2}]}`, frozen},
		{"a requester added", `{account: a, action: Add, contacts: [{id: c-1}]}`, `{account: a, action: Add, contacts: [{id: c-1}], requestedBy: eve}`, frozen},
	})
}

// TestRecoveryRequestTransitions: the claim is frozen and reviews are append-only, one an
// update (law 9).
func TestRecoveryRequestTransitions(t *testing.T) {
	const claim = `account: a, contact: {id: c-1}, requestedBy: eve`
	tryTransitions(t, "RecoveryRequest", []transition{
		{"a first review", `{` + claim + `}`, `{` + claim + `, reviews: [{reviewer: jane, decision: Approve}]}`, ""},
		{"evidence given once", `{` + claim + `}`, `{` + claim + `, evidence: {id: e-1}}`, ""},
		{"evidence changed", `{` + claim + `, evidence: {id: e-1}}`, `{` + claim + `, evidence: {id: e-2}}`, "evidence is given once and cannot change"},
		{"evidence taken away", `{` + claim + `, evidence: {id: e-1}}`, `{` + claim + `}`, "evidence is given once and cannot change"},
		{"two reviews at once", `{` + claim + `}`, `{` + claim + `, reviews: [{reviewer: jane, decision: Approve}, {reviewer: kim, decision: Approve}]}`, "add one review at a time: each reviewer adds their own"},
		{"self-approval", `{` + claim + `}`, `{` + claim + `, reviews: [{reviewer: eve, decision: Approve}]}`, "nobody reviews a request of their own"},
		{"a robot", `{` + claim + `}`, `{` + claim + `, reviews: [{reviewer: "system:serviceaccount:demo:bot", decision: Approve}]}`, "a reviewer is a person"},
		{"another account", `{` + claim + `}`, `{account: b, contact: {id: c-1}, requestedBy: eve}`, "account cannot change"},
		{"another contact", `{` + claim + `}`, `{account: a, contact: {id: c-2}, requestedBy: eve}`, "contact cannot change"},
		{"another requester", `{` + claim + `}`, `{account: a, contact: {id: c-1}}`, "requestedBy cannot change"},
	})
}

// TestReviewsAreAppendOnly: a review once given is neither changed nor removed.
func TestReviewsAreAppendOnly(t *testing.T) {
	object := func(reviews string) []byte {
		return []byte("apiVersion: holdfast.dev/v1alpha1\nkind: RecoveryRequest\nmetadata: {name: reviewed, namespace: demo}\n" +
			"spec: {account: a, contact: {id: c-1}" + reviews + "}\n")
	}
	current := decode(t, object(""))[0]
	if err := apiClient.Create(t.Context(), current); err != nil {
		t.Fatal(err)
	}
	version := current.GetResourceVersion()
	const unchanged = "a review cannot be changed or removed"
	for _, step := range []struct{ name, reviews, want string }{
		{"jane", `, reviews: [{reviewer: jane, decision: Approve}]`, ""},
		{"jane changes her mind", `, reviews: [{reviewer: jane, decision: Deny}]`, unchanged},
		{"all removed", ``, unchanged},
		{"emptied", `, reviews: []`, unchanged},
		{"jane replaced by kim", `, reviews: [{reviewer: kim, decision: Approve}]`, unchanged},
		{"jane twice", `, reviews: [{reviewer: jane, decision: Approve}, {reviewer: jane, decision: Approve}]`, "Duplicate value"},
		{"kim beside jane", `, reviews: [{reviewer: kim, decision: Deny}, {reviewer: jane, decision: Approve}]`, ""},
	} {
		next := decode(t, object(step.reviews))[0]
		next.SetResourceVersion(version)
		err := apiClient.Update(t.Context(), next)
		switch {
		case step.want == "" && err != nil:
			t.Fatalf("%s: %v", step.name, err)
		case step.want == "":
			version = next.GetResourceVersion()
		case err == nil || !strings.Contains(err.Error(), step.want):
			t.Errorf("%s: got %v, want %q", step.name, err, step.want)
		}
	}
}
