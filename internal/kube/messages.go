package kube

import (
	"cmp"
	"fmt"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

// texts are the messages that have another name in the outbox than in a policy.
var texts = map[v1alpha1.MessageKind]string{
	v1alpha1.MessageSecurityCode:    string(message.Code),
	v1alpha1.MessageChangeOnHold:    change.NoticeHeld,
	v1alpha1.MessageChangeReminder:  change.NoticeReminder,
	v1alpha1.MessageChangeApplied:   change.NoticeApplied,
	v1alpha1.MessageChangeHoldEnded: change.NoticeHoldEnded,
	v1alpha1.MessageChangeCancelled: change.NoticeCancelled,
	v1alpha1.MessageChangeContested: change.NoticeContested,
}

// messages reads how the product speaks. A text that people must not get is left out,
// with the reason: the built-in one stands.
func (r *resolver) messages(given v1alpha1.MessagePolicy) {
	r.Messages.DefaultLanguage = string(given.DefaultLanguage)
	if r.usable("messages.sender", message.CheckSender(given.Sender)) {
		r.Messages.Sender = given.Sender
	}
	if r.usable("messages.productName", message.CheckSender(given.ProductName)) {
		r.Messages.ProductName = cmp.Or(given.ProductName, r.Messages.ProductName)
	}
	r.Messages.ProductURL = given.ProductURL
	for _, o := range given.Overrides {
		slot := message.Slot{
			Language: string(o.Language), Channel: contact.Channel(o.Channel),
			Name: cmp.Or(texts[o.Message], string(o.Message)),
		}
		text, err := message.ParseText(slot, o.Subject, o.Body)
		if !r.usable(fmt.Sprintf("messages.overrides[%s %s %s]", o.Language, o.Channel, o.Message), err) {
			continue
		}
		if r.Messages.Overrides == nil {
			r.Messages.Overrides = map[message.Slot]message.Text{}
		}
		r.Messages.Overrides[slot] = text
	}
}

// usable keeps the first field that cannot be used.
func (r *resolver) usable(field string, err error) bool {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("spec.%s: %w", field, err)
	}
	return err == nil
}
