package kube

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

func TestOverridesAreResolved(t *testing.T) {
	in := vp("shop", "all", "*")
	in.Spec.Messages = v1alpha1.MessagePolicy{ProductName: "Shop", ProductURL: "https://shop.example/", DefaultLanguage: "de", Overrides: []v1alpha1.MessageOverride{
		{
			Language: "de", Channel: v1alpha1.ChannelEmail, Message: v1alpha1.MessageSecurityCode,
			Subject: "Ihr Code", Body: "{{.Code}} {{.Warning}}",
		},
		{Language: "pt-BR", Channel: v1alpha1.ChannelSMS, Message: v1alpha1.MessageAccountReleased, Body: "{{.Product}}"},
	}}
	got, err := Policy(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Messages{ProductName: "Shop", ProductURL: "https://shop.example/", DefaultLanguage: "de", Overrides: map[message.Slot]message.Text{
		{Language: "de", Channel: contact.Email, Name: string(message.Code)}: {
			Subject: message.Template{{{Text: "Ihr Code"}}},
			Body:    message.Template{{{Field: message.FieldCode}, {Text: " "}, {Field: message.FieldWarning}}},
		},
		{Language: "pt-BR", Channel: contact.SMS, Name: message.NoticeReleased}: {
			Body: message.Template{{{Field: message.FieldProduct}}},
		},
	}}
	if diff := cmp.Diff(want, got.Messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// Every kind of the API is a message that is sent, and takes the placeholders of its own.
func TestEveryKindOfOverrideIsAMessage(t *testing.T) {
	for kind, name := range map[v1alpha1.MessageKind]string{
		v1alpha1.MessageSecurityInfoImported: message.NoticeImported, v1alpha1.MessageAccountReleased: message.NoticeReleased,
		v1alpha1.MessageAccountReleasedByEnteredNumber: message.NoticeReleasedEntered,
		v1alpha1.MessageSecurityInfoDisabled:           message.NoticeContactDisabled,
		v1alpha1.MessageSecurityInfoDisowned:           message.NoticeContactDisowned,
		v1alpha1.MessageChangeOnHold:                   change.NoticeHeld, v1alpha1.MessageChangeReminder: change.NoticeReminder,
		v1alpha1.MessageChangeApplied: change.NoticeApplied, v1alpha1.MessageChangeHoldEnded: change.NoticeHoldEnded,
		v1alpha1.MessageChangeContested: change.NoticeContested,
		v1alpha1.MessageChangeCancelled: change.NoticeCancelled, v1alpha1.MessageRecoveryReceived: message.NoticeRecoveryReceived,
		v1alpha1.MessageRecoveryDecided: message.NoticeRecoveryDecided,
	} {
		body := map[v1alpha1.MessageKind]string{
			v1alpha1.MessageChangeOnHold: "{{.Until}} {{.NotMeURL}}", v1alpha1.MessageChangeContested: "{{.NotMeURL}}", v1alpha1.MessageChangeReminder: "{{.Left}} {{.Until}} {{.NotMeURL}}",
			v1alpha1.MessageChangeCancelled: "{{.Contact}}", v1alpha1.MessageRecoveryDecided: "{{.Decision}}",
		}[kind] + "{{.Product}}"
		in := vp("shop", "all", "*")
		in.Spec.Messages.Overrides = []v1alpha1.MessageOverride{{
			Language: "de", Channel: v1alpha1.ChannelEmail, Message: kind, Body: body,
		}}
		got, err := Policy(in, nil)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if _, given := got.Messages.Overrides[message.Slot{Language: "de", Channel: contact.Email, Name: name}]; !given {
			t.Errorf("%s replaces no %s: %v", kind, name, got.Messages.Overrides)
		}
	}
}

// Seed 8: a text that omits the code or puts it elsewhere is nobody's: the built-in one
// stands, and the policy's condition says which one and why.
func TestAPolicyNamesTheTextThatCannotBeSent(t *testing.T) {
	code := func(subject, body string) v1alpha1.MessagePolicy {
		return v1alpha1.MessagePolicy{Overrides: []v1alpha1.MessageOverride{{
			Language: "de", Channel: v1alpha1.ChannelEmail, Message: v1alpha1.MessageSecurityCode, Subject: subject, Body: body,
		}}}
	}
	for want, given := range map[string]v1alpha1.MessagePolicy{
		"spec.messages.overrides[de Email SecurityCode]: body: it omits the code": code("", "Hello"),
		"spec.messages.overrides[de Email SecurityCode]: subject: a code never":   code("{{.Code}}", "{{.Code}}"),
		"spec.messages.overrides[de Email SecurityCode]: body: {{.Acc}} is no":    code("", "{{.Code}} {{.Acc}}"),
		"spec.messages.overrides[de Email ChangeOnHold]: body: it omits when the hold ends": {Overrides: []v1alpha1.MessageOverride{{
			Language: "de", Channel: v1alpha1.ChannelEmail, Message: v1alpha1.MessageChangeOnHold, Body: "{{.NotMeURL}}",
		}}},
		"spec.messages.overrides[de SMS ChangeReminder]: body: it omits the link that cancels": {Overrides: []v1alpha1.MessageOverride{{
			Language: "de", Channel: v1alpha1.ChannelSMS, Message: v1alpha1.MessageChangeReminder, Body: "{{.Until}}",
		}}},
		"spec.messages.sender: nothing is filled in here":                             {Sender: "{{.Code}}@shop.example"},
		"spec.messages.productName: nothing is filled in here, and a code never stan": {ProductName: "{{.Code}}"},
	} {
		in := vp("shop", "all", "*")
		in.Spec.Messages = given
		got, err := Policy(in, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if diff := cmp.Diff(policy.Default().Messages, got.Messages); diff != "" {
			t.Errorf("%s (-built-in +got):\n%s", want, diff)
		}
	}
}
