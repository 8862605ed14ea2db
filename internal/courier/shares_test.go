package courier

import (
	"context"
	"fmt"
	"testing"

	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// One tenant's provider hangs: another tenant, and another channel of the same one,
// are served at once.
func TestAHangingProviderHoldsUpItsOwnMessagesOnly(t *testing.T) {
	hang := make(chan struct{})
	f := newFixture(t, func(_ context.Context, tenant string, p policy.Provider, m message.Rendered) error {
		if tenant == "hangs" && m.Channel == contact.Email {
			<-hang
		}
		return nil
	})
	for i := range 200 {
		m := codeMessage(fmt.Sprint("stuck-", i))
		m.Tenant = "hangs"
		f.outbox.put(m)
	}
	f.run(t)
	f.clock.untilWaiting(t, longestWait) // as many are stuck as may be
	text, other := codeMessage("text"), codeMessage("other")
	text.Tenant, text.Channel, text.Challenge.Channel = "hangs", contact.SMS, contact.SMS
	text.Address = "+4915112345678"
	f.outbox.put(text)
	f.expect(t, "sent text")
	f.outbox.put(other)
	f.expect(t, "sent other")
	close(hang)
	for range 200 {
		<-f.outbox.events
	}
}

// However many tenants hang, there is room for the next one.
func TestSharesAlwaysLeaveRoom(t *testing.T) {
	s := newShares(128)
	var lanes []message.Lane
	for i := range 6 {
		for _, channel := range everyChannel {
			lane := message.Lane{Tenant: fmt.Sprint("tenant-", i), Channel: channel}
			before := s.free
			for fits(s, lane) {
				s.take(lane)
				lanes = append(lanes, lane)
			}
			if i == 0 && channel == contact.Email && before-s.free != 43 {
				t.Errorf("one lane alone got %d slots of 128, want a third", before-s.free)
			}
		}
		if i == 0 && s.free < 64 {
			t.Errorf("one tenant left %d slots of 128, want half", s.free)
		}
		if s.free == 0 {
			t.Fatalf("after %d tenants no slot is free", i+1)
		}
	}
	for _, lane := range lanes {
		s.give(lane)
	}
	if n, full := s.plan(); s.free != 128 || len(s.tenants)+len(s.lanes)+len(full) != 0 || n != 43 {
		t.Errorf("after all were given back: %+v, room %d, full %v", s, n, full)
	}
}

// fits asks the plan whether a lane may take a slot.
func fits(s *shares, lane message.Lane) bool {
	n, full := s.plan()
	return n > 0 && !in(full, message.Message{Tenant: lane.Tenant, Channel: lane.Channel})
}

// Whatever lanes the planned messages are of, none oversteps its share.
func TestAPlanFitsAnyMix(t *testing.T) {
	for slots := 1; slots <= 40; slots++ {
		s := newShares(slots)
		lane := message.Lane{Tenant: "t", Channel: contact.Email}
		for {
			n, full := s.plan()
			if n == 0 || in(full, message.Message{Tenant: "t", Channel: contact.Email}) {
				break
			}
			for range n {
				if !fits(s, lane) {
					t.Fatalf("%d slots: a plan for %d messages oversteps at %d free", slots, n, s.free)
				}
				s.take(lane)
			}
		}
		if slots >= 4 && s.free < slots/2 {
			t.Errorf("%d slots: one lane left %d free", slots, s.free)
		}
	}
}
