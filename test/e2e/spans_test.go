package e2e

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
)

const (
	// briefHold leaves a person time to look at it, on a busy machine too.
	briefHold = 45 * time.Second
	briefSkip = 8 * time.Second
	briefMust = 25 * time.Second

	hannaAddress = "hanna@example.test"
	hannaPhone   = "+12025550111"
	hannaNew     = "nova@second.example.test"
	rexAddress   = "rex@example.test"
)

// shortSpans has a policy whose spans run out for real. While they do, grace changes her
// contacts, and somebody else would like to.
func shortSpans(d *demo, t *testing.T) {
	d.policyLike("brief", func(s *v1alpha1.VerificationPolicySpec) {
		s.SecurityInfo.Hold, s.SecurityInfo.Restrict = "45s", v1alpha1.RestrictSensitiveActions
		s.SecurityInfo.Recheck = v1alpha1.RecheckPolicy{Skip: "8s", ProofAge: "1s", MustVerifyAfter: "25s"}
	}, "brief-*")
	d.imports("brief-hanna", map[string]string{"Email": hannaAddress, "SMS": hannaPhone})
	d.imports("brief-rex", map[string]string{"Email": rexAddress})
	proven := time.Now()

	var held onHold
	var mustBy time.Time
	t.Run("a hold restricts what is sensitive and tells the old contacts (seeds 32, 53)", d.chapter(func(d *demo, _ *testing.T) {
		held = d.holdBegins()
	}))
	t.Run("whether codes arrive is asked, and put off (seeds 38, 39)", d.chapter(func(d *demo, _ *testing.T) {
		mustBy = d.putsOff(proven)
	}))
	t.Run("a phone named by YAML is listed after its codes (seeds 51, 56)", d.chapter(finishedByCodes))
	t.Run("a contact is removed after a step-up and a second yes (seeds 31, 52)", d.chapter(removedAtLast))
	t.Run("a thief with the password gets nowhere (seeds 33, 34)", d.chapter(thiefGetsNowhere))
	t.Run("past its date the question takes a proof (seed 38)", d.chapter(func(d *demo, _ *testing.T) {
		d.mustProve(mustBy)
	}))
	t.Run("the hold applies at its second and not before (seeds 33, 54)", d.chapter(func(d *demo, _ *testing.T) {
		d.holdEnds(held)
	}))
}

// policyLike applies a policy as the demo's for other accounts, which nobody's rates hold
// up.
func (d *demo) policyLike(name string, differ func(*v1alpha1.VerificationPolicySpec), accounts ...v1alpha1.AccountPattern) {
	d.t.Helper()
	var like v1alpha1.VerificationPolicy
	if err := json.Unmarshal([]byte(d.mustKubectl("", "get", "vp", "default", "-n", "demo", "-o", "json")), &like); err != nil {
		d.t.Fatal(err)
	}
	like.ObjectMeta = metav1.ObjectMeta{Name: name, Namespace: like.Namespace}
	like.Status = v1alpha1.VerificationPolicyStatus{}
	like.Spec.Accounts.Patterns = accounts
	rate := &v1alpha1.Rate{Count: 3600, Per: "1h", Burst: 1000}
	like.Spec.Limits.Account, like.Spec.Limits.Contact, like.Spec.Limits.Network = rate, rate, rate
	differ(&like.Spec)
	written, err := json.Marshal(like)
	if err != nil {
		d.t.Fatal(err)
	}
	d.mustKubectl(string(written), "apply", "-f", "-")
	d.mustKubectl("", "wait", "vp/"+name, "-n", "demo", "--for=condition=Ready", "--timeout=30s")
}

// imports hands over contacts that an IdP has verified.
func (d *demo) imports(account string, addresses map[string]string) {
	d.t.Helper()
	var contacts []map[string]string
	for channel, address := range addresses {
		contacts = append(contacts, map[string]string{"channel": channel, "address": address})
	}
	url := d.env["HOLDFAST_SERVICE_URL"] + "/v1/namespaces/demo/accounts/" + account + "/security-info"
	if status := d.call("PUT", url, d.env["HOLDFAST_SERVICE_TOKEN"], map[string]any{"contacts": contacts}, nil); status != http.StatusNoContent {
		d.t.Fatalf("import the contacts of %s: status %d", account, status)
	}
	for _, address := range addresses {
		d.told(address, 0)
	}
}

// onHold is a change on hold, until the exact instant that decisions tell, with the link
// that an old contact was told.
type onHold struct {
	v1alpha1.SecurityInfoChange
	until time.Time
	link  string
}

// holdBegins replaces all contacts of hanna. Under this policy it restricts no sign-in.
func (d *demo) holdBegins() onHold {
	d.t.Helper()
	before := map[string]int{hannaAddress: len(d.inbox(hannaAddress)), hannaPhone: len(d.inbox(hannaPhone))}
	d.brings(d.enter("brief-hanna"), "/security-info/replace", hannaNew, linkToCancel)

	held := onHold{SecurityInfoChange: d.changeFor("brief-hanna", v1alpha1.ActionReplace, v1alpha1.ChangeOnHold)}
	begun, ends := held.Status.HoldStartTime, held.Status.HoldUntilTime
	if length := ends.Sub(begun.Time); length < briefHold || length > briefHold+time.Second {
		d.t.Errorf("on hold for %s, want %s", length, briefHold)
	}
	row := regexp.MustCompile(`(?m)^` + held.Name + ` +brief-hanna +Replace +OnHold +OnHold +` + ends.UTC().Format(time.RFC3339) + ` +SensitiveActions`)
	if table := d.mustKubectl("", "get", "sic", "-n", "demo", "-o", "wide"); !row.MatchString(table) {
		d.t.Errorf("no row reads %s:\n%s", row, table)
	}
	for action, want := range map[string]string{"SignIn": "Allow", "Read": "Allow", "Payment": "Deny", "ChangeSecurityInfo": "Challenge"} {
		got := d.decide(map[string]string{"account": "brief-hanna", "action": action})
		if got.Decision != want {
			d.t.Errorf("%s on hold: %s, want %s", action, got.Decision, want)
		}
		if want == "Allow" {
			continue
		}
		if !slices.Equal(got.Reasons, []string{"SecurityInfoHold"}) || got.Until == nil || ends.Sub(*got.Until).Abs() > time.Second {
			d.t.Fatalf("%s: %+v, want a SecurityInfoHold until %s", action, got, ends)
		}
		held.until = *got.Until
	}
	links := map[string]bool{}
	for address, n := range before {
		held.link = noticed.FindString(d.told(address, n).Text)
		links[held.link] = true
	}
	if len(links) != 2 || links[""] {
		d.t.Errorf("the old contacts got the links %v, want one each (law 8)", links)
	}
	for _, m := range d.inbox(hannaNew) {
		if noticed.MatchString(m.Text) {
			d.t.Error("the new contact can cancel what the old ones are told of")
		}
	}
	return held
}

// holdEnds polls until payments pass, which they may not before the second of the hold.
func (d *demo) holdEnds(held onHold) {
	d.t.Helper()
	waited := map[string]int{hannaAddress: 2, hannaPhone: 2, hannaNew: 1} // the import's and the start's; a code
	d.await(max(time.Until(held.until), 0)+patience, "the hold to end", func() bool {
		verdict, answered := d.decide(map[string]string{"account": "brief-hanna", "action": "Payment"}).Decision, time.Now()
		if verdict == "Allow" && answered.Before(held.until) {
			d.t.Errorf("payments pass %s before the hold ends", held.until.Sub(answered))
		}
		return verdict == "Allow"
	})
	done := d.changeFor("brief-hanna", v1alpha1.ActionReplace, v1alpha1.ChangeApplied)
	s := done.Status
	ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionTrue || ready.Reason != "Applied" || meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionStalled) {
		d.t.Errorf("the conditions are %+v", s.Conditions)
	}
	if s.Restricted != "" || !s.HoldUntilTime.Equal(held.Status.HoldUntilTime) || s.FinishedTime.Time.Before(held.until.Truncate(time.Second)) ||
		s.FinishedTime.Sub(held.until) > patience {
		d.t.Errorf("applied at %s, restricted %q, the hold until %s; want it at %s", s.FinishedTime, s.Restricted, s.HoldUntilTime, held.until)
	}
	if len(s.Contacts) != 1 || s.Contacts[0].Standing != v1alpha1.ContactFull {
		d.t.Errorf("the contacts are %+v, want a full one", s.Contacts)
	}
	for address, n := range waited {
		d.told(address, n)
	}
	b := d.enter("brief-hanna")
	d.listed(b, 1, "no•••@•••")
	b.reach(held.link, "main")
	if b.count(cancelByLink) > 0 {
		d.t.Error("an applied change can be cancelled")
	}
}

// asks is what a sign-in of rex gets.
func (d *demo) asks() decision {
	d.t.Helper()
	return d.decide(map[string]string{"account": "brief-rex", "action": "SignIn"})
}

// putsOff signs rex in, whose contact was proven long ago by this policy's measure, and
// says when he can put off the question no longer.
func (d *demo) putsOff(proven time.Time) (mustBy time.Time) {
	d.t.Helper()
	d.await(patience, "the proof to be old", func() bool { return time.Since(proven) > briefSkip })
	if got := d.asks(); got.Decision != "Allow" || got.Prompt != "" {
		d.t.Errorf("before the sign-in: %+v", got)
	}
	before := time.Now()
	url := d.env["HOLDFAST_SERVICE_URL"] + "/v1/namespaces/demo/signals"
	if status := d.call("POST", url, d.env["HOLDFAST_SERVICE_TOKEN"], map[string]string{"account": "brief-rex", "type": "SignIn"}, nil); status != http.StatusAccepted {
		d.t.Fatalf("the signal of a sign-in: status %d", status)
	}
	after := time.Now()
	var got decision
	d.await(patience, "the question in the decision", func() bool { got = d.asks(); return got.Prompt != "" })
	if got.Decision != "Allow" || got.Prompt != "VerifySecurityInfo" || got.PromptBy == nil || got.Links["securityInfo"] == "" ||
		got.PromptBy.Before(before.Add(briefMust).Truncate(time.Millisecond)) || got.PromptBy.After(after.Add(briefMust)) {
		d.t.Fatalf("%+v, want the question, %s from %s", got, briefMust, before)
	}
	b := browse(d.t)
	b.enterBy(got.Links["securityInfo"])
	b.step("a[href='/security-info/recheck']", 200, skipRecheck)
	b.step(skipRecheck, 200, "a[href='/security-info']")
	if b.count(skipRecheck)+b.count(sendCode) > 0 {
		d.t.Error("what was put off is asked still")
	}
	d.await(briefSkip, "the decision to ask nothing", func() bool { return d.asks().Prompt == "" })
	d.await(patience, "the question again", func() bool { got = d.asks(); return got.Prompt != "" })
	if got.PromptBy == nil || !got.PromptBy.After(before.Add(briefMust-time.Second)) || got.PromptBy.After(after.Add(briefMust)) {
		d.t.Errorf("putting off has moved the end of the round: %+v", got)
	}
	return *got.PromptBy
}

// mustProve waits for the end of the round; then only a code lets rex in.
func (d *demo) mustProve(mustBy time.Time) {
	d.t.Helper()
	var got decision
	d.await(max(time.Until(mustBy), 0)+patience, "the end of putting off", func() bool {
		got = d.asks()
		if got.Decision != "Allow" && time.Now().Before(mustBy) {
			d.t.Errorf("%s before it must be proven: %+v", time.Until(mustBy), got)
		}
		return got.Decision != "Allow"
	})
	if got.Decision != "Challenge" || got.Prompt != "MustVerifySecurityInfo" || got.PromptBy == nil || !got.PromptBy.Equal(mustBy) {
		d.t.Errorf("past %s: %+v", mustBy, got)
	}
	b := browse(d.t)
	b.enterBy(got.Links["securityInfo"])
	b.step("a[href='/security-info/recheck']", 200, choiceOfContact)
	if b.count(skipRecheck) > 0 {
		d.t.Error("it can be put off still")
	}
	d.proves(b, rexAddress, "a[href='/security-info']")
	d.await(patience, "the sign-in to pass", func() bool { got = d.asks(); return got.Decision == "Allow" && got.Prompt == "" })
}
