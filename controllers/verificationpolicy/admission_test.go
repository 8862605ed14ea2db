package verificationpolicy

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/controllers/controllertest"
	"holdfast.dev/holdfast/internal/kube"
)

// What a policy may say is judged at admission: what the apiserver takes can be used, and
// of texts it refuses none that could be.
func TestAdmissionTakesWhatCanBeUsed(t *testing.T) {
	direct, _ := controllertest.NewClient(t, config)
	namespace := controllertest.Namespace(t, direct)
	bodies := []string{"Hello", "{{.Code}", "{{ .Code }}", "{{{.Code}}", "{.Code}} {{.Code}}", "a { b {{.Code}} }} {", "{{.Code}}{{", "{{.Co\nde}} {{.Code}}"}
	for _, field := range []string{"Code", "Product", "Purpose", "Life", "Minutes", "Warning", "When", "HelpURL", "NotMeURL", "Account"} {
		bodies = append(bodies, "Line\n{{."+field+"}}", "{{.Code}}{{."+field+"}}")
	}
	for _, kind := range []v1alpha1.MessageKind{v1alpha1.MessageSecurityCode, v1alpha1.MessageAccountReleased} {
		for _, channel := range []v1alpha1.Channel{v1alpha1.ChannelEmail, v1alpha1.ChannelSMS, v1alpha1.ChannelVoice, v1alpha1.ChannelApp} {
			for i, body := range bodies {
				o := v1alpha1.MessageOverride{Language: "en", Channel: channel, Message: kind, Body: body}
				agree(t, direct, namespace, o)
				o.Subject, o.Body = body, "Hello"
				if kind == v1alpha1.MessageSecurityCode {
					o.Body = "{{.Code}}"
				}
				if i%2 == 0 || channel == v1alpha1.ChannelEmail {
					agree(t, direct, namespace, o)
				}
			}
		}
	}
}

func agree(t *testing.T, direct client.Client, namespace string, o v1alpha1.MessageOverride) {
	t.Helper()
	vp := &v1alpha1.VerificationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "texts"}}
	vp.Spec.Accounts.Patterns = []v1alpha1.AccountPattern{"*"}
	vp.Spec.Messages.Overrides = []v1alpha1.MessageOverride{o}
	refused := direct.Create(t.Context(), vp.DeepCopy(), client.DryRunAll)
	_, unusable := kube.Policy(vp, nil)
	if (refused == nil) != (unusable == nil) {
		t.Error(fmt.Sprintf("%s %s, subject %q, body %q:", o.Message, o.Channel, o.Subject, o.Body), "admission says", refused, "and the resolver", unusable)
	}
}
