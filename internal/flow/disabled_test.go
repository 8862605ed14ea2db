package flow_test

import (
	"testing"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/message"
)

// N4: all contacts are told, once, that wrong codes have disabled one of them; a right
// code as the last of the row disables none.
func TestADisabledContactIsTold(t *testing.T) {
	for name, right := range map[string]bool{"a wrong code": false, "a right one": true} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.policies[shop].Codes.DisableAfter = 2
			d.has(anna, mail, cell)
			d.block("b1")
			v := d.open(anna)
			view := d.request(v, toMail)
			is(t, d.submit(v, view.ID, d.wrong(view.ID)), rules.ErrWrongCode)
			d.told(message.NoticeContactDisabled)
			if right {
				is(t, d.submit(v, view.ID, d.code(view.ID)), nil)
				d.told(message.NoticeContactDisabled)
				return
			}
			is(t, d.submit(v, view.ID, d.wrong(view.ID)), rules.ErrWrongCode)
			is(t, d.submit(v, view.ID, d.code(view.ID)), rules.ErrGone)
			d.told(message.NoticeContactDisabled, annaMail, annaCell)
			for _, m := range d.mail {
				if m.Notice == message.NoticeContactDisabled && m.About.Contact != mail.Mask() {
					t.Errorf("the notice names %q", m.About.Contact)
				}
			}
		})
	}
}
