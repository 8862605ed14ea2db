package kube

import (
	"cmp"
	"fmt"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

// messages reads how the product speaks. A text that people must not get makes the
// policy unusable, with the reason.
func (r *resolver) messages(given v1alpha1.MessagePolicy) {
	r.Messages.ProductName = cmp.Or(given.ProductName, r.Messages.ProductName)
	r.Messages.Sender = given.Sender
	r.Messages.DefaultLanguage = string(given.DefaultLanguage)
	r.refuse("messages.sender", message.CheckSender(given.Sender))
	r.refuse("messages.productName", message.CheckSender(given.ProductName))
	for _, o := range given.Overrides {
		slot := message.Slot{Language: string(o.Language), Channel: contact.Channel(o.Channel), Name: string(o.Message)}
		if o.Message == v1alpha1.MessageSecurityCode {
			slot.Name = string(message.Code)
		}
		text, err := message.ParseText(slot, o.Subject, o.Body)
		r.refuse(fmt.Sprintf("messages.overrides[%s %s %s]", o.Language, o.Channel, o.Message), err)
		if r.Messages.Overrides == nil {
			r.Messages.Overrides = map[message.Slot]message.Text{}
		}
		r.Messages.Overrides[slot] = text
	}
}

// refuse keeps the first field that cannot be used.
func (r *resolver) refuse(field string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("spec.%s: %w", field, err)
	}
}
