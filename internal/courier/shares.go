package courier

import (
	"sync"

	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

// shares divides the slots among tenants and their channels, so that a provider that
// hangs holds up its own messages only. A lane gets another slot while it and its
// tenant together hold fewer slots than are free: one lane alone ends at a third of
// all, one tenant at half, and whoever comes next finds some free.
type shares struct {
	mu sync.Mutex
	// free is how many slots nobody holds; lanes are the holders of the others.
	free  int
	lanes map[message.Lane]int
	// tenants sums up their lanes.
	tenants map[string]int
	// crowded says that somebody was kept out and wants to know of a freed slot.
	crowded bool
}

func newShares(slots int) *shares {
	return &shares{free: slots, lanes: map[message.Lane]int{}, tenants: map[string]int{}}
}

var everyChannel = []contact.Channel{contact.Email, contact.SMS, contact.Voice, contact.App}

// plan says how many messages there is room for now, whichever lanes they are of, and
// which lanes get none. A lane without a channel is all of its tenant.
func (s *shares) plan() (n int, full []message.Lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = (s.free + 2) / 3 // each one adds to its lane and tenant and takes a free slot
	for tenant, held := range s.tenants {
		if held >= s.free {
			full = append(full, message.Lane{Tenant: tenant})
			continue
		}
		for _, channel := range everyChannel {
			lane := message.Lane{Tenant: tenant, Channel: channel}
			if room := s.free - held - s.lanes[lane]; room > 0 {
				n = min(n, (room+2)/3)
			} else {
				full = append(full, lane)
			}
		}
	}
	s.crowded = n == 0 || len(full) > 0
	return n, full
}

func (s *shares) take(l message.Lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free--
	s.lanes[l]++
	s.tenants[l.Tenant]++
}

// give frees a slot and says whether somebody was kept out.
func (s *shares) give(l message.Lane) (crowded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	if s.lanes[l]--; s.lanes[l] == 0 {
		delete(s.lanes, l)
	}
	if s.tenants[l.Tenant]--; s.tenants[l.Tenant] == 0 {
		delete(s.tenants, l.Tenant)
	}
	return s.crowded
}
