package flow_test

import (
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// kitchen is where anna is; attackers sit in the network of the other visits.
var kitchen = netip.MustParseAddr("203.0.113.80")

// metered is a desk with anna blocked and a meter.
func metered(t *testing.T) (*desk, *tally) {
	d := blocked(t)
	meter := &tally{escalated: map[escalation.Result]int{}, denied: map[decision.Action]int{}}
	d.Meter = meter
	return d, meter
}

// token is what the link in the message with a code carries.
func (d *desk) token(challengeID string) string {
	d.t.Helper()
	link, err := d.NotMeLink(d.letter(challengeID).Challenge, *d.policies[shop])
	is(d.t, err, nil)
	page, err := url.Parse(link)
	is(d.t, err, nil)
	if page.Scheme != "https" || page.Host != host || page.Path != "/not-me" {
		d.t.Fatalf("the link leads to %s", link)
	}
	return page.Query().Get("token")
}

func (d *desk) notMe(at, token string) {
	d.t.Helper()
	is(d.t, d.ReportCode(d.t.Context(), at, token, code.NotMe), nil)
}

// seed 41, 42: the report ends the code and its flow and refuses the network that asked;
// the person's own way stays open, and the block is as it was.
func TestNotMeThrottlesTheRequesterAndNotTheVictim(t *testing.T) {
	d, meter := metered(t)
	attacker := d.open(anna)
	view := d.request(attacker, toMail)
	before := d.record(theKey)
	d.notMe(host, d.token(view.ID))

	d.refused(attacker, view.ID, rules.ErrNoFlow)
	again := d.open(anna)
	_, err := d.RequestCode(t.Context(), again, toMail)
	if wait := limited(t, err, "network"); wait != code.ReportPause {
		t.Errorf("the network waits %v, want %v", wait, code.ReportPause)
	}
	if after := d.record(theKey); !after.Expires.Equal(before.Expires) || after.Extensions != before.Extensions || d.state(theKey) != block.Active {
		t.Errorf("the block was %+v and is %+v", before, after)
	}
	own := d.open(anna)
	own.Network = kitchen
	own = d.prove(own, toMail)
	is(t, d.SetPassword(t.Context(), own, strong), nil)
	if meter.reported != 1 {
		t.Errorf("%d reports are counted, want 1", meter.reported)
	}
}

// seed 41: it is used once, however many presses there are at once.
func TestOneOfManyReportsCounts(t *testing.T) {
	d, _ := metered(t)
	var counted counter
	d.Meter = &counted
	token := d.token(d.request(d.open(anna), toMail).ID)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if err := d.ReportCode(t.Context(), host, token, code.NotMe); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if counted.n != 1 {
		t.Errorf("%d reports count, want 1", counted.n)
	}
}

// counter is a meter that many may use at once.
type counter struct {
	tally
	mu sync.Mutex
	n  int
}

func (c *counter) CodeReported(string, code.ReportKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
}

// law 6: whatever is no link of this host's, or no longer, is answered alike and changes
// nothing.
func TestReportsOfOtherTokensChangeNothing(t *testing.T) {
	d, meter := metered(t)
	attacker := d.open(anna)
	view := d.request(attacker, toMail)
	good := d.token(view.ID)
	// Its last character has bits that stand for nothing: change one before it.
	forged := "A" + good[1:]
	if forged == good {
		forged = "B" + good[1:]
	}
	for _, other := range []struct{ at, token string }{
		{host, ""}, {host, "nonsense"}, {host, forged}, {host, strings.Repeat("A", 1<<16)},
		{host, d.ticket(anna)}, {wwwHost, good}, {"help.bank.example", good}, {"nobody.example", good},
	} {
		d.notMe(other.at, other.token)
	}
	d.clock.step(d.policies[shop].Codes.TTLFor(mail.Channel) + code.ReportLife)
	d.notMe(host, good)
	d.clock.step(-d.policies[shop].Codes.TTLFor(mail.Channel) - code.ReportLife)
	if meter.reported != 0 {
		t.Errorf("%d reports count, want none", meter.reported)
	}
	is(t, d.submit(attacker, view.ID, d.code(view.ID)), nil)
}

// The link outlives its code by a day, for mail is read late.
func TestNotMeWorksUntilADayAfterTheCode(t *testing.T) {
	d, meter := metered(t)
	view := d.request(d.open(anna), toMail)
	token := d.token(view.ID)
	d.clock.step(d.policies[shop].Codes.TTLFor(mail.Channel) + code.ReportLife - time.Millisecond)
	d.notMe(host, token)
	if meter.reported != 1 {
		t.Errorf("%d reports count, want 1", meter.reported)
	}
}

// The link is no ticket: it opens no flow and stands for none.
func TestNotMeIsNoTicket(t *testing.T) {
	d, _ := metered(t)
	token := d.token(d.request(d.open(anna), toMail).ID)
	_, err := d.Peek(t.Context(), host, token)
	is(t, err, ticket.ErrInvalid)
	_, err = d.Open(t.Context(), host, token, true)
	is(t, err, ticket.ErrInvalid)
	_, err = d.Overview(t.Context(), flow.Visit{Host: host, Ticket: token, Network: network})
	is(t, err, rules.ErrNoFlow)
}

// law 2: whoever sees the link learns neither account nor address nor code from it.
func TestNotMeShowsNothing(t *testing.T) {
	d, _ := metered(t)
	view := d.request(d.open(anna), toMail)
	link, err := d.NotMeLink(d.letter(view.ID).Challenge, *d.policies[shop])
	is(t, err, nil)
	for _, secret := range []string{anna, annaMail, view.ID, d.code(view.ID), shop + `"`} {
		if strings.Contains(link, secret) {
			t.Errorf("the link %s shows %q", link, secret)
		}
	}
	none := *d.policies[shop]
	none.Hosts = nil
	if link, err := d.NotMeLink(d.letter(view.ID).Challenge, none); link != "" || err != nil {
		t.Errorf("without hosts the link is %q, %v", link, err)
	}
}
