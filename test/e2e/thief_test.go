package e2e

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"holdfast.dev/holdfast/api/v1alpha1"
)

const (
	graceMail    = "grace@example.test"
	graceReturns = "marble-thistle-anchor-poem-6"
	// graceByYAML stands in the Secret of hack/demo/examples/add-phone.yaml.
	graceByYAML = "+12025550106"

	thiefPhone   = "+12025550177"
	thiefAddress = "trudy@elsewhere.example.test"
)

// madeAtPages leaves out what YAML asked for.
var madeAtPages = []string{"-l", v1alpha1.LabelCreatedBy + "=" + v1alpha1.LabelCreatedByHoldfast}

// finishedByCodes finishes what the README's YAML asks for: a code to the phone that it
// names, and one to a contact from before. The YAML alone has listed nothing.
func finishedByCodes(d *demo, t *testing.T) {
	d.mustKubectl("", "apply", "-f", filepath.Join(root, "hack", "demo", "examples", "add-phone.yaml"))
	asked := d.changeFor("grace", v1alpha1.ActionAdd, v1alpha1.ChangeAwaitingCode)
	b := d.enter("grace")
	d.listed(b, 2)
	if texts := d.inbox(graceByYAML); len(texts) > 0 {
		t.Errorf("nobody has asked for a code, and %d messages went to a stranger", len(texts))
	}

	b.step(goOnWithChange, 200, sendCode)
	d.proves(b, graceByYAML, choiceOfContact)
	m := d.inbox(graceByYAML)[0]
	if m.Channel != "SMS" || m.From != twilioSender || m.code() == "" {
		t.Errorf("not a text with a code of the phones' provider: %+v", m)
	}
	half := d.changeFor("grace", v1alpha1.ActionAdd, v1alpha1.ChangeAwaitingCode)
	d.await(patience, "one proof to be left", func() bool {
		half = d.changeFor("grace", v1alpha1.ActionAdd, v1alpha1.ChangeAwaitingCode)
		return slices.Equal(half.Status.RemainingProofs, []v1alpha1.RequiredProof{v1alpha1.ProofFullContactCode})
	})
	before := len(d.inbox(graceMail))
	d.proves(b, graceMail, "a[href='/security-info']")
	d.told(graceMail, before)

	done := d.changeFor("grace", v1alpha1.ActionAdd, v1alpha1.ChangeApplied)
	if done.UID != asked.UID || len(done.Status.Contacts) != 1 || done.Status.Contacts[0].Standing != v1alpha1.ContactFull ||
		!strings.HasSuffix(done.Status.Contacts[0].Mask, "06") {
		t.Errorf("the object %s became %s with %+v", asked.Name, done.Name, done.Status.Contacts)
	}
	d.listed(b, 3, "06")
}

// removedAtLast removes that phone in another session: a code to a full contact, and a
// second yes. It is told a last time.
func removedAtLast(d *demo, t *testing.T) {
	told := len(d.inbox(graceByYAML))
	b := d.enter("grace")
	b.reach(d.removalOf(b, "06"), "form[action='/security-info/remove']")
	b.step("form[action='/security-info/remove'] button", 200, choiceOfContact)
	const secondYes = "form:has(input[name=proof][value=Confirmation]) button"
	d.proves(b, graceMail, secondYes)
	d.await(patience, "the second yes to be all that is left", func() bool {
		left := d.changeFor("grace", v1alpha1.ActionRemove, v1alpha1.ChangeAwaitingCode).Status.RemainingProofs
		return slices.Equal(left, []v1alpha1.RequiredProof{v1alpha1.ProofConfirmation})
	})
	d.listed(b, 3, "06")
	b.step(goOnWithChange, 200, secondYes)
	b.step(secondYes, 200, "a[href='/security-info']")

	d.changeFor("grace", v1alpha1.ActionRemove, v1alpha1.ChangeApplied)
	d.told(graceByYAML, told)
	d.listed(b, 2)
	if hints := strings.Join(b.hints(), "\n"); strings.Contains(hints, "06") {
		t.Errorf("the removed contact is still among %q", hints)
	}
}

// thiefGetsNowhere is told from both sides: who has grace's password, and grace.
func thiefGetsNowhere(d *demo, t *testing.T) {
	told := len(d.inbox(graceMail))
	thief := browse(t)
	d.openSecurityInfo(thief, "grace", phonePassword)
	const without = "form:has(input[name=proof][value=WithoutFullContact]) button"
	d.brings(thief, "/security-info/add", thiefPhone, without)
	thief.click("details:has(input[value=WithoutFullContact]) summary")
	thief.step(without, 200, "a[href='/security-info']")
	junior := d.changeFor("grace", v1alpha1.ActionAdd, v1alpha1.ChangeApplied, madeAtPages...).Status.Contacts[0]
	if junior.Standing != v1alpha1.ContactJunior {
		t.Errorf("a phone that no full contact stands for is %s", junior.Standing)
	}
	d.told(graceMail, told)

	d.triesToRemove(thief, string(junior.ID))
	told = len(d.inbox(graceMail))
	thief.enterBy(d.env["HOLDFAST_SHOP_URL"] + "/security-info") // where he has asked for a code, the next one waits
	d.brings(thief, "/security-info/replace", thiefAddress, linkToCancel)
	link := noticed.FindString(d.told(graceMail, told).Text)
	d.opensOnly("grace", link)
	// What is on hold freezes the rest (seed 53).
	if status := thief.post("/security-info/add", "channel=Email&email="+thiefAddress); status != http.StatusConflict {
		t.Errorf("on hold another contact can be added: %d", status)
	}
	removal := d.changeFor("grace", v1alpha1.ActionRemove, v1alpha1.ChangeAwaitingCode)
	if status := thief.post("/security-info/change/"+removal.Name+"/send", ""); status != http.StatusConflict {
		t.Errorf("on hold a removal goes on: %d", status)
	}

	owner := browse(t)
	owner.reach(link, cancelByLink)
	d.changeFor("grace", v1alpha1.ActionReplace, v1alpha1.ChangeOnHold)
	owner.step(cancelByLink, 200, choiceOfContact)
	if owner.count(valueOf(junior.ID)) > 0 {
		t.Error("the thief can cancel by his phone")
	}
	d.proves(owner, graceMail, "main")
	d.asBefore(thief)
}

func valueOf(id v1alpha1.ContactID) string {
	return "input[name=contact][value$=':" + string(id) + "']"
}

// triesToRemove is refused where it takes a code to a contact of the owner's: the thief's
// own phone is none, even where he writes it into the form, and he can but guess.
func (d *demo) triesToRemove(thief *tab, junior string) {
	d.t.Helper()
	thief.reach(d.removalOf(thief, "gr•••"), "form[action='/security-info/remove']")
	thief.step("form[action='/security-info/remove'] button", 200, choiceOfContact)
	if thief.count(valueOf(v1alpha1.ContactID(junior))) > 0 {
		d.t.Error("a junior contact is offered for the step-up")
	}
	texts := len(d.inbox(thiefPhone))
	thief.set(choiceOfContact+":checked", "SMS:"+junior)
	thief.step(sendCode, 422, choiceOfContact)
	before := len(d.inbox(graceMail))
	thief.step(sendCode, 200, codeField)
	thief.fill(codeField, wrongOf(d.code(graceMail, before)))
	thief.step(submitCode, 422, codeField)
	left := d.changeFor("grace", v1alpha1.ActionRemove, v1alpha1.ChangeAwaitingCode).Status.RemainingProofs
	if want := []v1alpha1.RequiredProof{v1alpha1.ProofFullContactCode, v1alpha1.ProofConfirmation}; !slices.Equal(left, want) {
		d.t.Errorf("the removal waits for %v, want %v", left, want)
	}
	for _, m := range d.inbox(thiefPhone)[:len(d.inbox(thiefPhone))-texts] {
		if m.code() != "" {
			d.t.Error("a code of the step-up went to the thief")
		}
	}
}

// asBefore: the hold is gone, the thief is signed out, and grace has her contacts.
func (d *demo) asBefore(thief *tab) {
	d.t.Helper()
	d.changeFor("grace", v1alpha1.ActionReplace, v1alpha1.ChangeCancelled)
	d.await(patience, "the shop to end its sessions", func() bool {
		now := d.changeFor("grace", v1alpha1.ActionReplace, v1alpha1.ChangeCancelled).Status
		return now.Restricted == "" && meta.IsStatusConditionTrue(now.Conditions, v1alpha1.ConditionIdentityTold)
	})
	thief.reach(d.env["HOLDFAST_SHOP_URL"], "form[action='/signin']")
	d.comesBackIn("grace", phonePassword, graceMail, graceReturns)
	b := d.enter("grace")
	d.listed(b, 3, "gr•••", "03", "77")
}

// comesBackIn is the next sign-in after a hold was cancelled: until a code and a new
// password the account is blocked, whoever knows the old one.
func (d *demo) comesBackIn(account, password, address, newPassword string) {
	d.t.Helper()
	var denied signIn
	d.await(patience, "the block that follows a cancelled hold", func() bool {
		if denied = d.signIn(account, password); denied.SignedIn {
			d.t.Fatalf("the old password signs %s in", account)
		}
		return slices.Equal(denied.Reasons, []string{"UnusualActivity"})
	})
	b := browse(d.t)
	b.reach(denied.UnblockURL, "form[action='/unblock']")
	b.step("form[action='/unblock'] button", 200, "form[action='/unblock/contact']")
	before := len(d.inbox(address))
	b.step("form[action='/unblock/contact'] button[type=submit]", 200, codeField)
	b.fill(codeField, d.code(address, before))
	b.step("form[action='/unblock/code'] button[type=submit]", 200, "#password")
	b.fill("#password", newPassword)
	b.step("form[action='/unblock/password'] button[type=submit]", 200, "main")
	if in := d.signIn(account, newPassword); !in.SignedIn {
		d.t.Errorf("with the new password: %+v", in)
	}
	if in := d.signIn(account, password); in.Status != http.StatusUnauthorized {
		d.t.Errorf("the old password still opens something: %+v", in)
	}
	if got := d.decide(map[string]string{"account": account, "action": "Payment"}); got.Decision != "Allow" {
		d.t.Errorf("payments after all that: %+v", got)
	}
}
