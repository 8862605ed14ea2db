package kube

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

func TestOverridesAreResolved(t *testing.T) {
	in := vp("shop", "all", "*")
	in.Spec.Messages = v1alpha1.MessagePolicy{ProductName: "Shop", DefaultLanguage: "de", Overrides: []v1alpha1.MessageOverride{
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
	want := policy.Messages{ProductName: "Shop", DefaultLanguage: "de", Overrides: map[message.Slot]message.Text{
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

// Seed 8: a text that omits the code or puts it elsewhere is nobody's: the built-in one
// stands, and the policy's condition says which one and why.
func TestAPolicyNamesTheTextThatCannotBeSent(t *testing.T) {
	code := func(subject, body string) v1alpha1.MessagePolicy {
		return v1alpha1.MessagePolicy{Overrides: []v1alpha1.MessageOverride{{
			Language: "de", Channel: v1alpha1.ChannelEmail, Message: v1alpha1.MessageSecurityCode, Subject: subject, Body: body,
		}}}
	}
	for want, given := range map[string]v1alpha1.MessagePolicy{
		"spec.messages.overrides[de Email SecurityCode]: body: it omits the code":     code("", "Hello"),
		"spec.messages.overrides[de Email SecurityCode]: subject: a code never":       code("{{.Code}}", "{{.Code}}"),
		"spec.messages.overrides[de Email SecurityCode]: body: {{.Acc}} is no":        code("", "{{.Code}} {{.Acc}}"),
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
