package health

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// outage is one replica's view of one circuit.
type outage struct {
	told   Told
	writes int
}

func (o *outage) fails(class message.ErrorClass, now time.Time) {
	var tell bool
	if o.told, tell = o.told.Fails(class, now.Add(time.Second), now); tell {
		o.writes++
	}
}

func (o *outage) recovers(now time.Time) {
	var tell bool
	if o.told, tell = o.told.Recovers(now); tell {
		o.writes++
	}
}

func (o *outage) failing(now time.Time) bool { return now.Before(o.told.Until) }

// An outage is told when it begins and then every five minutes, however many messages
// fail; its end is told once, and shows after two minutes.
func TestAnOutageIsToldRarely(t *testing.T) {
	o, now := &outage{}, noon
	for range 3600 { // an hour of messages
		o.fails(message.Unreachable, now)
		now = now.Add(time.Second)
	}
	if o.writes != 12 || !o.failing(now) {
		t.Errorf("told %d times within an hour, failing %v", o.writes, o.failing(now))
	}
	for range 3600 {
		o.recovers(now)
		now = now.Add(time.Second)
	}
	if o.writes != 13 {
		t.Errorf("told %d times", o.writes)
	}
	o = &outage{}
	o.fails(message.Temporary, noon)
	o.recovers(noon.Add(time.Hour))
	if o.writes != 1 || o.failing(noon.Add(Stands)) || !o.failing(noon.Add(Stands-1)) {
		t.Error("what nobody saw again must be forgotten by itself")
	}
}

func TestAWorseClassIsToldAtOnce(t *testing.T) {
	o := &outage{}
	o.fails(message.Temporary, noon)
	o.fails(message.Misconfigured, noon.Add(time.Second))
	if o.writes != 2 || o.told.Class != message.Misconfigured {
		t.Errorf("%+v", o)
	}
	o.fails(message.Temporary, noon.Add(2*time.Second))
	if o.writes != 2 || o.told.Class != message.Misconfigured {
		t.Errorf("classes take turns: %+v", o)
	}
	o.fails(message.Temporary, noon.Add(time.Second+renew))
	if o.told.Class != message.Temporary {
		t.Errorf("the class never betters: %+v", o)
	}
}

func TestAPauseThatAProviderAskedForStands(t *testing.T) {
	o := &outage{}
	o.told, _ = o.told.Fails(message.Temporary, noon.Add(time.Hour), noon)
	if !o.failing(noon.Add(time.Hour-1)) || o.failing(noon.Add(time.Hour)) {
		t.Errorf("until %v", o.told.Until)
	}
}

// A provider that comes and goes is told at most once a minute after the first word, but
// for worse classes, of which there are few.
func TestComingAndGoingIsToldRarely(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, now := &outage{}, noon
		for range rapid.IntRange(1, 400).Draw(t, "turns") {
			now = now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "seconds")) * time.Second)
			if rapid.Bool().Draw(t, "well") {
				o.recovers(now)
			} else {
				o.fails(message.Unreachable, now)
			}
		}
		if most := 2 + int(now.Sub(noon)/pause); o.writes > most {
			t.Fatalf("told %d times in %v", o.writes, now.Sub(noon))
		}
	})
}

// Whatever the order of reports, every reader sees the same: the worst class.
func TestTheWorstReportCounts(t *testing.T) {
	p := policy.Provider{Name: "texts", Type: "Twilio", Secret: "twilio", Channels: []contact.Channel{contact.SMS, contact.Voice}}
	report := func(replica string, channel contact.Channel, class message.ErrorClass, until time.Time) Report {
		return Report{Circuit: CircuitOf("shop", p, channel), Replica: replica, Class: class, Until: until}
	}
	other := report("a", contact.SMS, message.Misconfigured, noon.Add(1))
	other.Secret = "another"
	reports := []Report{
		report("a", contact.Voice, message.Temporary, noon.Add(1)),
		report("b", contact.Voice, message.Unreachable, noon.Add(1)),
		report("a", contact.SMS, message.Temporary, noon.Add(1)),
		report("c", contact.SMS, message.Misconfigured, noon), // it is over
		report("c", contact.Email, message.Misconfigured, noon.Add(1)),
		other,
	}
	for range len(reports) {
		reports = append(reports[1:], reports[0])
		class, channels := Failing(reports, "shop", p, noon)
		if class != message.Unreachable || !slices.Equal(channels, []contact.Channel{contact.SMS, contact.Voice}) {
			t.Errorf("%s %v", class, channels)
		}
	}
	if class, channels := Failing(reports, "other", p, noon); class != "" || channels != nil {
		t.Errorf("another tenant's: %s %v", class, channels)
	}
}

func TestRegions(t *testing.T) {
	for name, c := range map[string]struct {
		r             Region
		slowed, binds bool
	}{
		"an hour":     {Region{Reason: block.CompromisedTraffic, Start: noon, Until: noon.Add(time.Hour)}, true, true},
		"a day":       {Region{Reason: block.CompromisedTraffic, Start: noon, Until: noon.Add(24 * time.Hour)}, false, true},
		"for ever":    {Region{Reason: block.Administrative, Start: noon}, false, true},
		"over":        {Region{Reason: block.CompromisedTraffic, Start: noon.Add(-time.Hour), Until: noon}, true, false},
		"by hand":     {Region{Reason: block.Administrative, Start: noon, Until: noon.Add(time.Hour)}, false, true},
		"yet to come": {Region{Start: noon.Add(1)}, false, false},
	} {
		if c.r.Slowed() != c.slowed || c.r.Binds(noon) != c.binds {
			t.Errorf("%s: slowed %v, binds %v", name, c.r.Slowed(), c.r.Binds(noon))
		}
	}
}
