package verificationpolicy

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/controllers/controllertest"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/message"
)

// What a policy may say is judged at admission: it refuses no text that can be used, and of
// those that cannot it refuses all but the fields of another kind of notice.
func TestAdmissionTakesWhatCanBeUsed(t *testing.T) {
	direct, _ := controllertest.NewClient(t, config)
	namespace := controllertest.Namespace(t, direct)
	odd := []string{"Hello", "{{.Code}", "{{ .Code }}", "{{{.Code}}", "{.Code}} {{.Code}}", "a { b {{.Code}} }} {", "{{.Code}}{{", "{{.Co\nde}} {{.Code}}", "{{.Account}}"}
	var fields []string
	for _, field := range []message.Field{
		message.FieldCode, message.FieldProduct, message.FieldPurpose, message.FieldLife, message.FieldMinutes, message.FieldWarning,
		message.FieldWhen, message.FieldHelpURL, message.FieldNotMeURL,
	} {
		fields = append(fields, "Line\n{{."+string(field)+"}}", "{{.Code}}{{."+string(field)+"}}")
	}
	for _, kind := range []v1alpha1.MessageKind{v1alpha1.MessageSecurityCode, v1alpha1.MessageAccountReleased} {
		for _, channel := range []v1alpha1.Channel{v1alpha1.ChannelEmail, v1alpha1.ChannelVoice, v1alpha1.ChannelApp} {
			for _, text := range append(odd, fields...) {
				o := v1alpha1.MessageOverride{Language: "en", Channel: channel, Message: kind, Body: text}
				if refused, unusable := judged(t, direct, namespace, o); refused != unusable {
					t.Errorf("%s %s, body %q: refused %v, unusable %v", kind, channel, text, refused, unusable)
				}
				o.Subject, o.Body = text, "Hello"
				if kind == v1alpha1.MessageSecurityCode {
					o.Body = "{{.Code}}"
				}
				if refused, unusable := judged(t, direct, namespace, o); refused != unusable {
					t.Errorf("%s %s, subject %q: refused %v, unusable %v", kind, channel, text, refused, unusable)
				}
			}
		}
	}
}

// judged says whether admission refuses a text, and whether the resolver does.
func judged(t *testing.T, direct client.Client, namespace string, o v1alpha1.MessageOverride) (refused, unusable bool) {
	t.Helper()
	vp := &v1alpha1.VerificationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "texts"}}
	vp.Spec.Accounts.Patterns = []v1alpha1.AccountPattern{"*"}
	vp.Spec.Messages.Overrides = []v1alpha1.MessageOverride{o}
	err := direct.Create(t.Context(), vp.DeepCopy(), client.DryRunAll)
	if err != nil && !apierrors.IsInvalid(err) {
		t.Fatal(err)
	}
	_, reason := kube.Policy(vp, nil)
	return err != nil, reason != nil
}
