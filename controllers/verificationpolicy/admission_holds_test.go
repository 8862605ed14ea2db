package verificationpolicy

import (
	"testing"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/controllers/controllertest"
)

// Law 8: the text of a hold that keeps from its reader until when it lasts, or how to
// cancel, is refused at admission as by the resolver.
func TestAdmissionRefusesTextsThatHideAHold(t *testing.T) {
	direct, _ := controllertest.NewClient(t, config)
	namespace := controllertest.Namespace(t, direct)
	for _, kind := range []v1alpha1.MessageKind{v1alpha1.MessageChangeOnHold, v1alpha1.MessageChangeReminder} {
		for _, channel := range []v1alpha1.Channel{v1alpha1.ChannelEmail, v1alpha1.ChannelSMS, v1alpha1.ChannelVoice} {
			for body, usable := range map[string]bool{
				"{{.Product}}":                   false,
				"{{.NotMeURL}}":                  false,
				"{{.Until}}":                     channel == v1alpha1.ChannelVoice,
				"{{.Until}} {{.NotMeURL}}":       true,
				"{{.Left}} {{.Added}} {{.Code}}": false,
				"{{.Until}} {{.Left}} {{.Added}} {{.Removed}} {{.Meanwhile}} {{.NotMeURL}}": true,
			} {
				o := v1alpha1.MessageOverride{Language: "en", Channel: channel, Message: kind, Body: body}
				if refused, unusable := judged(t, direct, namespace, o); refused == usable || unusable == usable {
					t.Errorf("%s %s %q: refused %v, unusable %v, want usable %v", kind, channel, body, refused, unusable, usable)
				}
			}
		}
	}
}
