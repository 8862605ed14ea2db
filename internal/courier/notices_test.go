package courier

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/courier/words"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

var cancelLink = "https://account.shop.example:8443/c/m-1" + strings.Repeat("0", 40)

// notified is a notice with what it tells of.
type notified struct {
	notice, when string
	about        message.About
}

func (n notified) title() string { return strings.TrimSpace(n.notice + " " + n.when) }

func saying(n notified, channel contact.Channel) func(*message.Message) {
	return func(m *message.Message) {
		m.Kind, m.Notice, m.Channel, m.Challenge = message.Notice, n.notice, channel, code.Challenge{}
		m.About = n.about
	}
}

// told is everything that a contact can be told, of changes as their records say it.
func told() []notified {
	all := []notified{
		{notice: message.NoticeImported}, {notice: message.NoticeReleased}, {notice: message.NoticeReleasedEntered},
	}
	ended := start.Add(-time.Minute)
	done := change.End{State: change.Applied, At: ended}
	for _, c := range []struct {
		n      change.Number
		when   string
		record change.Record
	}{
		{change.Started, "all replaced", held(change.Replace, change.SignIn, 720*time.Hour)},
		{change.Started, "the last removed", held(change.Remove, change.SensitiveActions, 720*time.Hour)},
		{change.AfterTwoWeeks, "16 days before", held(change.Replace, change.SignIn, 16*24*time.Hour)},
		{change.LastDay, "the day before", held(change.Remove, change.SensitiveActions, 24*time.Hour)},
		{change.Done, "added at once", with(change.Record{Spec: fresh(change.Add)}, done)},
		{change.Done, "removed at once", with(change.Record{Spec: change.Spec{Action: change.Remove, Removed: []string{"phone"}}}, done)},
		{change.Done, "replaced after the hold", with(held(change.Replace, change.SignIn, 0), done)},
		{change.Done, "cleared, still restricted", with(held(change.Clear, change.SensitiveActions, 0), done)},
		{change.Stopped, "by a code", held(change.Replace, change.SignIn, 48*time.Hour).Cancel("mail", ended)},
		{change.Stopped, "by deletion", held(change.Replace, change.SignIn, 48*time.Hour).Erase("uid", ended)},
	} {
		all = append(all, notified{c.record.Notice(c.n, false), c.when, message.OfChange(c.record)})
	}
	rival := message.OfChange(held(change.Replace, change.SignIn, 720*time.Hour))
	all = append(all, notified{change.NoticeContested, "to an old contact", rival}, notified{change.NoticeContested, "to a new one", rival.ToBrought()})
	return append(all,
		notified{notice: message.NoticeContactDisabled, about: message.About{Contact: "•••• 89"}},
		notified{notice: message.NoticeContactDisowned, about: message.About{Contact: "•••• 89"}},
		notified{notice: message.NoticeRecoveryReceived, about: message.About{Until: start.Add(24 * time.Hour)}},
		notified{message.NoticeRecoveryDecided, "approved", message.About{Decision: message.Approved}},
		notified{message.NoticeRecoveryDecided, "denied", message.About{Decision: message.Denied}},
	)
}

func fresh(action change.Action) change.Spec {
	return change.Spec{Action: action, Removed: []string{"mail", "phone"}, New: []change.NewContact{{ID: "new", Hint: "•••• 42"}}}
}

// held is a change whose hold of 30 days has so much left.
func held(action change.Action, what change.Restriction, left time.Duration) change.Record {
	r := change.Record{
		Spec: fresh(action), HoldUntil: start.Add(left), Restricted: what, RestrictedUntil: start.Add(left),
		Snapshot: []change.OldContact{{ID: "mail", Hint: "an•••@•••"}, {ID: "phone", Hint: "•••• 89"}, {ID: "gone", Hint: "•••• 11", Gone: true}},
	}
	r.HoldStart = r.HoldUntil.Add(-720 * time.Hour)
	if action == change.Remove || action == change.Clear {
		r.Spec.New = nil
	}
	if action == change.Clear {
		r.RestrictedUntil = start.Add(29 * 24 * time.Hour)
	}
	return r
}

func with(r change.Record, end change.End) change.Record {
	if len(r.Snapshot) == 0 {
		r.Snapshot = []change.OldContact{{ID: "mail", Hint: "an•••@•••"}, {ID: "phone", Hint: "•••• 89"}}
	}
	if r.Spec.Action == change.Add {
		r.Spec.Removed = nil
	}
	return r.Finish(end.State, end.Reason, end.At)
}

// law 8: every notice of a hold says in every language which contacts come and go, until
// when, what works meanwhile (seed 33, 53), how to cancel, and where help is.
func TestNoticesOfAHoldSayWhatTheyMust(t *testing.T) {
	until := start.Add(720 * time.Hour)
	for _, language := range words.Languages() {
		_, w := words.Choose(language)
		for _, name := range []string{change.NoticeHeld, change.NoticeReminder} {
			for _, what := range []change.Restriction{change.SensitiveActions, change.SignIn} {
				about := message.OfChange(held(change.Replace, what, 720*time.Hour))
				r := rendered(t, func(m *message.Message) {
					saying(notified{notice: name, about: about}, contact.Email)(m)
					m.Language = language
				})
				plain, visible := oneLine(unisolated(r.Text)), oneLine(visibleText(t, r.HTML))
				for _, want := range []string{
					w.Until(contact.Email, until), w.Left(720 * time.Hour), "•••• 42", "an•••@•••, •••• 89", w.Meanwhile(what),
					cancelLink, "https://shop.example/help?a=b&c=d",
				} {
					if !strings.Contains(plain, oneLine(want)) || !strings.Contains(visible, oneLine(want)) {
						t.Errorf("%s %s: %q is missing in the text or the HTML: %s", language, name, want, r.Text)
					}
				}
				if strings.Count(r.HTML, `href="`+cancelLink+`"`) != 1 || strings.Contains(plain, "•••• 11") {
					t.Errorf("%s %s: %s", language, name, r.HTML)
				}
			}
		}
	}
}

func unisolated(s string) string { return strings.NewReplacer("\u2068", "", "\u2069", "").Replace(s) }

// law 8: an SMS tells the date and the link; a call the date, and no link that nobody types.
func TestNoticesOfAHoldCanBeCancelledFromEveryChannel(t *testing.T) {
	until := start.Add(720 * time.Hour)
	about := message.OfChange(held(change.Replace, change.SignIn, 720*time.Hour))
	for _, language := range words.Languages() {
		_, w := words.Choose(language)
		for _, name := range []string{change.NoticeHeld, change.NoticeReminder} {
			for channel, links := range map[contact.Channel]int{contact.SMS: 1, contact.Voice: 0} {
				r := rendered(t, func(m *message.Message) {
					saying(notified{notice: name, about: about}, channel)(m)
					m.Language = language
				})
				if !strings.Contains(r.Text, w.Until(channel, until)) || strings.Count(r.Text, cancelLink) != links {
					t.Errorf("%s %s %s: %q", language, name, channel, r.Text)
				}
			}
		}
	}
}

// Only a hold can be cancelled, by those whom it takes away: no other notice carries the
// link, and none is made for a policy without hosts.
func TestOtherNoticesCarryNoCancelLink(t *testing.T) {
	for _, n := range notices {
		cancellable := message.Cancels(n.notice) && !n.about.Brought
		for _, channel := range channels {
			r := rendered(t, saying(n, channel))
			want := cancellable && channel != contact.Voice
			if got := strings.Contains(r.Text+r.HTML, cancelLink); got != want {
				t.Errorf("%s by %s: link %v, want %v", n.title(), channel, got, want)
			}
		}
	}
	f := newFixture(t, nil)
	p := f.Policies.For("", "")
	p.Hosts = nil
	m := codeMessage("m-1")
	saying(notified{notice: change.NoticeHeld, about: message.OfChange(held(change.Remove, change.SignIn, time.Hour))}, contact.Email)(&m)
	if r, err := f.render(m, p, start); err != nil || strings.Contains(r.Text, "cancel it") {
		t.Errorf("without hosts: %v, %s", err, r.Text)
	}
}

// law 2, seed 22: a notice shows masks and never an address, a code or a placeholder; its
// subject, which shows on locked screens, not even a mask.
func TestNoticesShowMasksAlone(t *testing.T) {
	address := regexp.MustCompile(`[\pL\d]@[\pL\d]|\+\d|\d{6}`)
	for _, language := range words.Languages() {
		for _, n := range notices {
			for _, channel := range channels {
				r := rendered(t, func(m *message.Message) { saying(n, channel)(m); m.Language = language })
				said := strings.ReplaceAll(r.Subject+" "+r.Text+" "+visibleText(t, r.HTML), cancelLink, "")
				if found := address.FindString(said); found != "" {
					t.Errorf("%s %s %s: it shows %q", language, n.title(), channel, found)
				}
				if strings.Contains(r.Text+r.HTML+r.Subject, "{{") || strings.TrimSpace(r.Text) == "" || strings.Contains(r.Subject, "•") {
					t.Errorf("%s %s %s: %q %q", language, n.title(), channel, r.Subject, r.Text)
				}
			}
		}
	}
}

// A text is kept to what it tells: lines about nothing are left out.
func TestNoticesLeaveOutWhatDidNotHappen(t *testing.T) {
	for _, n := range notices {
		r := rendered(t, saying(n, contact.Email))
		for line, tells := range map[string]bool{
			"\nNew: ":                      len(n.about.Added) > 0 && n.notice != change.NoticeCancelled,
			"\nRemoved: ":                  len(n.about.Removed) > 0 && n.notice != change.NoticeCancelled,
			"cancelled with a code":        n.about.Contact != "" && n.notice == change.NoticeCancelled,
			"Some things stay restricted ": n.about.Restricted != "" && !message.Cancels(n.notice),
		} {
			if strings.Contains(r.Text, line) != tells {
				t.Errorf("%s: %q said %v: %s", n.title(), line, !tells, r.Text)
			}
		}
	}
}

// A notice without what it tells of is not sent empty.
func TestNothingIsNeverSaid(t *testing.T) {
	f := newFixture(t, nil)
	m := codeMessage("m-1")
	saying(notified{notice: message.NoticeRecoveryDecided}, contact.SMS)(&m)
	if r, err := f.render(m, f.Policies.For("", ""), start); err == nil || !strings.Contains(err.Error(), "says nothing") {
		t.Errorf("got %q, %v", r.Text, err)
	}
}

// Every notice that a change can name has a text, also one that is yet to come.
func TestEveryNoticeOfAChangeHasATextForEveryChannel(t *testing.T) {
	_, w := words.Choose("en")
	for n := change.Started; n <= change.Contest; n++ {
		for _, r := range []change.Record{{}, {HoldStart: start}} {
			for _, channel := range channels {
				if len(w.Texts(channel, r.Notice(n, false))) == 0 {
					t.Errorf("notice %d is named %s, which has no text for %s", n, r.Notice(n, false), channel)
				}
			}
		}
	}
}

func TestMasksAreIsolatedInRightToLeftMail(t *testing.T) {
	about := message.OfChange(held(change.Replace, change.SignIn, 720*time.Hour))
	r := rendered(t, func(m *message.Message) {
		saying(notified{notice: change.NoticeHeld, about: about}, contact.Email)(m)
		m.Language = "ar"
	})
	if !strings.Contains(r.Text, "\u2068•••• 42\u2069") || !strings.Contains(r.HTML, "<bdi>•••• 42</bdi>") || !strings.Contains(r.HTML, `dir="rtl"`) {
		t.Errorf("got %s, %s", r.Text, r.HTML)
	}
}
